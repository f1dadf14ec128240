"""A contender's process, seen from the race: commands go in, answers come out, one at a time."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any


class Failed(Exception):
    """A contender could not do what it was told; the message says why in one line."""


class Process:
    """Keeps a child alive between its turns.

    with Process(["python", "-m", "benchmarks.peers.child", "…"], …) as process:
        answer = process.ask({"do": "block"}, seconds=180)
    """

    def __init__(
        self, command: list[str], *, folder: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        self.log = log
        self._answers: SimpleQueue[str] = SimpleQueue()
        with log.open("wb") as errors:
            self._child = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def ask(self, command: Mapping[str, Any], *, seconds: float) -> dict[str, Any]:
        """The answer to a command.

        Raises:
            Failed: the child died or did not answer in time; it is ended then.
        """
        assert self._child.stdin is not None
        with suppress(OSError):  # It has died: there will be no answer either.
            self._child.stdin.write(json.dumps(command) + "\n")
            self._child.stdin.flush()
        return self.answer(seconds=seconds)

    def answer(self, *, seconds: float) -> dict[str, Any]:
        """The next answer; the first comes by itself, once the child has imported."""
        try:
            line = self._answers.get(timeout=seconds)
        except Empty:
            self.close()
            raise Failed(f"stopped: no answer in {seconds:.0f} s") from None
        if not line:
            raise Failed(f"failed: {last_words(self.log)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _listen(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self._answers.put(line)
        self._answers.put("")

    def close(self) -> None:
        """End the child, which has nothing to lose."""
        self._child.kill()
        self._child.wait()
        self._listener.join()
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            with suppress(OSError):  # What was not sent any more.
                pipe.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def last_words(log: Path) -> str:
    """The last line that says something, as tracebacks end with what happened."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    spoken = [line for line in lines if line]
    return spoken[-1][:300] if spoken else "it ended without a word"
