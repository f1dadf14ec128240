"""All that prediction, serving and export need of a run, in one folder with a manifest.

`weights.safetensors`, `network.json` (absent for a module of the user's own), `encoder.json`, and
`manifest.json`, which holds the digest of every tensor and file. The folder appears whole, so a
new model never mixes with an old one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranvier.core.errors import DamagedError, RunError
from ranvier.runs.documents import (
    parse_document,
    read_bytes,
    read_document,
    render_document,
    write_document,
)
from ranvier.runs.durable import new_folder, read_published, write_file
from ranvier.runs.layout import RunFolder
from ranvier.runs.tensors import check_tensors, read_tensors, write_tensors

if TYPE_CHECKING:
    from torch import Tensor

_WEIGHTS, _NETWORK, _ENCODER = "weights.safetensors", "network.json", "encoder.json"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class SavedModel:
    """A model as its files hold it; `network_json` is None for a module of the user's own."""

    tensors: dict[str, Tensor]
    network_json: str | None
    encoder_json: dict[str, Any] | None


def save_model(
    run: RunFolder,
    tensors: Mapping[str, Tensor],
    network_json: str | Mapping[str, Any] | None,
    encoder_json: str | Mapping[str, Any] | None,
) -> None:
    """Keep a trained model in `run.model`, in place of one that was there.

    Raises:
        RunError: the disk is full, or the place may not be written; what was there is untouched.
    """
    documents = {_NETWORK: network_json, _ENCODER: encoder_json}
    with new_folder(run.model) as building:
        digests = write_tensors(building / _WEIGHTS, tensors)
        files = {}
        for name, content in documents.items():
            if content is not None:
                mapping = json.loads(content) if isinstance(content, str) else content
                data = render_document(mapping)
                write_file(building / name, [data])
                files[name] = hashlib.sha256(data).hexdigest()
        write_document(building / _MANIFEST, {"files": files, "tensors": digests})


def load_model(run: RunFolder) -> SavedModel:
    """The trained model of `run`, every byte of it checked.

    Raises:
        RunError: there is none yet.
        DamagedError: a file of it is damaged or missing.
        FormatError: a newer Ranvier wrote it.
    """
    return read_published(run.model, _load)


def _load(folder: Path) -> SavedModel:
    digests, documents = _documents(folder)
    network = documents.get(_NETWORK)
    return SavedModel(
        tensors=read_tensors(folder / _WEIGHTS, digests),
        network_json=None if network is None else json.dumps(network, ensure_ascii=False),
        encoder_json=documents.get(_ENCODER),
    )


def check_model(run: RunFolder) -> None:
    """Read the model's files through and raise as `load_model` does, without torch."""
    read_published(run.model, _check)


def _check(folder: Path) -> None:
    digests, _ = _documents(folder)
    check_tensors(folder / _WEIGHTS, digests)


def _documents(folder: Path) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
    """The tensors' digests, and the documents by name, as the manifest has them."""
    if not folder.is_dir():
        raise RunError(
            f"{folder}: this run has no trained model yet. "
            f"Let it finish, or go on with it: ranvier resume {folder.parent}."
        )
    manifest = read_document(folder / _MANIFEST)
    digests, files = manifest.get("tensors"), manifest.get("files")
    if not isinstance(digests, dict) or not isinstance(files, dict):
        raise DamagedError(f"{folder / _MANIFEST}: this is not the manifest of a model.")
    documents = {}
    for name in (_NETWORK, _ENCODER):
        if name not in files:
            continue
        data = read_bytes(folder / name)
        documents[name] = parse_document(folder / name, data)
        if hashlib.sha256(data).hexdigest() != files[name]:
            raise DamagedError(
                f"{folder / name}: this is another model's file. Restore it from a copy."
            )
    return digests, documents
