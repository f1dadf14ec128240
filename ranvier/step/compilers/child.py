"""What the other process does: `python -m ranvier.step.compilers.child FOLDER`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

import torch

from ranvier.step.capture import CaptureError
from ranvier.step.compilers.documents import module_from
from ranvier.step.compilers.elsewhere import GRAPHS, REASON
from ranvier.step.compilers.inductor import inductor_function

NICENESS = 10


def main(folder: Path) -> int:
    """Compile the graphs that lie there; the kernels stay in the machine's cache."""
    threading.Thread(target=_end_with_the_other, daemon=True).start()
    os.nice(NICENESS)
    content = json.loads((folder / GRAPHS).read_text(encoding="utf-8"))
    # Kernels are made for a number of threads.
    torch.set_num_threads(content["threads"])
    try:
        for document in content["graphs"]:
            inductor_function(module_from(document))
    except CaptureError as error:
        (folder / REASON).write_text(str(error), encoding="utf-8")
        return 1
    return 0


def _end_with_the_other() -> None:
    # Of the bare file: Python's own reader would hold a lock that the end of this process wants.
    while os.read(0, 1):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
