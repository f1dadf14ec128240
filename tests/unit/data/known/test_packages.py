"""Getting a package's file with an ordinary client, and reading a member of it."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from ranvier.core.errors import SourceError
from ranvier.data.known import DataSet, catalogue
from ranvier.data.known.entry import PackageRegistry
from ranvier.data.known.packages import CLIENTS, download, member_reader

CONTENT = b"the package file"


def entry(registry: PackageRegistry = "npm", content: bytes = CONTENT) -> DataSet:
    return DataSet(
        name="made-up",
        task="regression",
        target="y",
        rows=1,
        columns=2,
        package="some-package",
        version="1.2.3",
        registry=registry,
        sha256=hashlib.sha256(content).hexdigest(),
        license="MIT",
        source="made",
        reference="none",
    )


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a shell script in a client's place: the only one that is found."""

    def put(name: str, script: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
        empty = tmp_path / "download"
        empty.mkdir()
        return empty

    return put


@pytest.mark.parametrize(
    ("registry", "name", "words"),
    [
        ("npm", "npm", "pack --silent some-package@1.2.3"),
        (
            "Debian",
            "apt-get",
            "download --quiet --option APT::Sandbox::User=root some-package=1.2.3",
        ),
    ],
)
def test_a_client_is_asked_for_the_pinned_version_alone(
    client, tmp_path: Path, registry: PackageRegistry, name: str, words: str
) -> None:
    asked = tmp_path / "asked"
    folder = client(name, f"printf '%s' \"$*\" > {asked}; printf 'the package file' > it.bin")
    path = download(entry(registry), folder)
    assert asked.read_text() == words
    assert path.parent == folder and path.read_bytes() == CONTENT


def test_other_bytes_than_were_pinned_are_refused_unread(client) -> None:
    folder = client("npm", "printf 'the package fi1e' > it.tgz")
    found = hashlib.sha256(b"the package fi1e").hexdigest()
    with pytest.raises(SourceError) as caught:
        download(entry(), folder)
    assert str(caught.value).startswith(
        f"made-up: it.tgz has SHA-256 {found}; expected {entry().sha256}. "
    )
    assert "nothing in them was read" in str(caught.value)


def test_without_a_network_the_package_and_the_client_are_named(client) -> None:
    folder = client("npm", "echo 'getting it'; echo 'no answer.' >&2; exit 7")
    with pytest.raises(SourceError) as caught:
        download(entry(), folder)
    assert str(caught.value) == (
        "made-up: wanted some-package 1.2.3 (npm) by `npm pack`, which brought 0 files "
        "and exited 7: no answer. Check that this machine reaches the registry; try again."
    )


def test_a_missing_client_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError) as caught:
        download(entry("Debian"), tmp_path)
    assert str(caught.value) == (
        "made-up: wanted some-package 1.2.3 (Debian) by `apt-get download`, which is not on this "
        "machine. Install that client."
    )


def test_a_pip_that_finds_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing outside is asked: there is no index, and the only place to look is empty.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(SourceError) as caught:
        download(entry("PyPI"), tmp_path)
    assert "made-up: wanted some-package 1.2.3 (PyPI) by `pip download`, " in str(caught.value)
    assert "No matching distribution found for some-package==1.2.3" in str(caught.value)


def test_a_member_is_read_out_of_a_wheel_a_tarball_and_a_debian_package(tmp_path: Path) -> None:
    inside, content = "folder/table.csv", b"a,b\n1,2\n"
    with zipfile.ZipFile(tmp_path / "p.whl", "w") as archive:
        archive.writestr(inside, content)
    with tarfile.open(tmp_path / "p.tgz", "w:gz") as archive:
        information = tarfile.TarInfo(inside)
        information.size = len(content)
        archive.addfile(information, io.BytesIO(content))
    names = ["p.whl", "p.tgz"]
    if shutil.which("dpkg-deb"):
        names.append("p.deb")
        control = tmp_path / "deb" / "DEBIAN" / "control"
        control.parent.mkdir(parents=True)
        control.write_text(
            "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: m <m@m.m>\nDescription: d\n"
        )
        (tmp_path / "deb" / "folder").mkdir()
        (tmp_path / "deb" / inside).write_bytes(content)
        build = ["dpkg-deb", "--build", "deb", "p.deb"]
        subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    for name in names:
        assert member_reader(entry(), tmp_path / name)(inside) == content


@pytest.mark.parametrize("name", ["p.whl", "p.tgz", "p.deb"])
def test_a_member_that_is_not_there_and_a_broken_archive_are_refused(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"no archive at all")
    with pytest.raises(SourceError, match=f"made-up: {name} gives no member 'table.csv' "):
        member_reader(entry(), tmp_path / name)("table.csv")
    with zipfile.ZipFile(tmp_path / "q.whl", "w") as archive:
        archive.writestr("other.csv", b"")
    with pytest.raises(SourceError, match=r"q\.whl gives no member 'table\.csv'"):
        member_reader(entry(), tmp_path / "q.whl")("table.csv")


def test_a_member_named_to_reach_outside_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    with zipfile.ZipFile(folder / "p.whl", "w") as archive:
        archive.writestr("../outside.csv", b"a\n1\n")
        archive.writestr("table.csv", b"b\n2\n")
    assert member_reader(entry(), folder / "p.whl")("table.csv") == b"b\n2\n"
    assert [path.name for path in tmp_path.rglob("*.csv")] == []


def test_a_link_in_a_tarball_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    with tarfile.open(tmp_path / "p.tgz", "w:gz") as archive:
        information = tarfile.TarInfo("table.csv")
        information.type, information.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        archive.addfile(information)
    with pytest.raises(SourceError, match="gives no member"):
        member_reader(entry(), tmp_path / "p.tgz")("table.csv")


def test_where_apt_knows_no_packages_the_update_is_named(client) -> None:
    folder = client("apt-get", "echo 'E: Unable to locate package some-package' >&2; exit 100")
    with pytest.raises(SourceError) as caught:
        download(entry("Debian"), folder)
    assert str(caught.value).endswith(
        "exited 100: E: Unable to locate package some-package. Check that this machine reaches "
        "the registry and run `apt-get update`; try again."
    )


def test_every_registry_of_the_catalogue_has_its_client() -> None:
    assert {known.registry for known in catalogue()} - {"installed"} <= set(CLIENTS)


def test_pip_brings_a_wheel_alone_so_that_nothing_of_the_package_runs() -> None:
    command = CLIENTS["PyPI"].command("some-package", "1.2.3")
    assert "--no-deps" in command and "--only-binary=:all:" in command
    assert command[-1] == "some-package==1.2.3"
