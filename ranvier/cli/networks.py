"""A network's description, read from the file that a command names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ranvier.core.errors import ConfigError, NetworkError

if TYPE_CHECKING:
    from ranvier.spec import Network


def read_network(path: str | Path) -> Network:
    """The network described in the JSON file `path`, or in the network.json of the run `path`.

    Raises:
        ConfigError: where there is no such text.
        NetworkError: where the text describes no network.
    """
    from ranvier.spec import Network

    path = Path(path)
    if path.is_dir():
        path = path / "network.json"
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
