"""A network's description: from the file that a command names, or a ready one by its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ranvier.core.errors import ConfigError, NetworkError, suggestion
from ranvier.runs.documents import read_document

if TYPE_CHECKING:
    from ranvier.spec import Network


def read_network(path: str | Path) -> Network:
    """The network described in the JSON file or the run `path`, or the ready one of that name.

    Raises:
        ConfigError: where there is no such text, and no architecture of that name.
        NetworkError: where the text describes no network.
        DamagedError: where a run's network is not the one that was written.
    """
    from ranvier.runs.layout import RunFolder
    from ranvier.spec import Network

    path, run = Path(path), RunFolder(Path(path))
    if path.name == str(path) and not path.suffix and not path.exists():
        return ready_network(path.name)
    if run.run.is_file():
        return Network.from_json(json.dumps(read_document(run.network)))
    if path.is_dir():
        path = run.network
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(
            f"{path}: this network cannot be read ({reason}). Give the JSON file that "
            "Network.to_json() made, or the folder of a run."
        ) from error
    try:
        return Network.from_json(text)
    except NetworkError as error:
        raise type(error)(f"{path}: {error}") from error


def ready_network(name: str) -> Network:
    """The ready architecture of that name, in its paper's dimensions.

    Raises:
        ConfigError: where there is neither an architecture nor a file of that name.
    """
    from ranvier.spec.architectures import ARCHITECTURES

    if name in ARCHITECTURES:
        return ARCHITECTURES[name]()
    raise ConfigError(
        f"{name}: there is no such file, and no ready architecture of that name. "
        f"{suggestion(name, ARCHITECTURES)}"
    )
