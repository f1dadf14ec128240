from __future__ import annotations

import json
import os

import pytest
import torch

from ranvier.core.errors import DamagedError, FormatError, RunError
from ranvier.runs.documents import read_document, write_document
from ranvier.runs.layout import RunFolder
from ranvier.runs.model import check_model, load_model, save_model

NETWORK = '{"format": 1, "kind": "network", "layers": [{"kind": "dense", "units": 3}]}'
ENCODER = {"numeric": ["age"], "mean": [38.5]}
FILES = ["weights.safetensors", "network.json", "encoder.json", "manifest.json"]


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "r")


def weights(value=1.0):
    return {"dense_0.weight": torch.full((2, 3), value)}


def test_a_model_comes_back_as_it_was_saved(run):
    save_model(run, weights(), NETWORK, ENCODER)
    model = load_model(run)
    assert torch.equal(model.tensors["dense_0.weight"], weights()["dense_0.weight"])
    assert model.network_json is not None
    assert json.loads(model.network_json)["layers"] == [{"kind": "dense", "units": 3}]
    assert model.encoder_json == ENCODER
    assert sorted(os.listdir(run.model)) == sorted(FILES)
    check_model(run)


def test_a_module_of_the_users_own_has_no_description(run):
    save_model(run, weights(), None, None)
    assert load_model(run).network_json is None
    assert load_model(run).encoder_json is None
    assert sorted(os.listdir(run.model)) == ["manifest.json", "weights.safetensors"]


def test_a_new_model_takes_the_olds_place_whole(run):
    save_model(run, weights(1.0), NETWORK, ENCODER)
    save_model(run, weights(2.0), None, None)
    assert load_model(run).network_json is None
    assert load_model(run).tensors["dense_0.weight"][0, 0] == 2
    assert "model.replaced" not in os.listdir(run.path)


def test_a_model_that_a_crash_left_aside_is_still_read(run):
    save_model(run, weights(), NETWORK, ENCODER)
    run.model.rename(run.model.with_name("model.replaced"))
    assert load_model(run).encoder_json == ENCODER


def test_a_run_without_a_model_says_what_to_do(run):
    for read in (load_model, check_model):
        with pytest.raises(RunError) as caught:
            read(run)
        assert str(caught.value) == (
            f"{run.model}: this run has no trained model yet. "
            f"Let it finish, or go on with it: ranvier resume {run.path}."
        )


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_and_a_missing_file_are_named(run, name):
    save_model(run, weights(), NETWORK, ENCODER)
    path = run.model / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    for read in (load_model, check_model):
        with pytest.raises(DamagedError) as caught:
            read(run)
        assert str(caught.value).startswith(f"{path}: ")
    path.unlink()
    for read in (load_model, check_model):
        with pytest.raises(RunError) as caught:
            read(run)
        assert str(caught.value).startswith(f"{path}: this file of the run is missing")


def test_a_whole_file_of_another_model_is_refused(run):
    save_model(run, weights(), NETWORK, ENCODER)
    write_document(run.model / "encoder.json", {**ENCODER, "mean": [0.0]})
    with pytest.raises(DamagedError, match="encoder.json: this is another model's file"):
        load_model(run)


def test_a_newer_format_says_so(run):
    save_model(run, weights(), NETWORK, ENCODER)
    (run.model / "manifest.json").write_text('{"format": 9}')
    with pytest.raises(FormatError, match="was written by a newer Ranvier"):
        load_model(run)


def test_a_manifest_made_up_by_somebody_is_refused(run):
    save_model(run, weights(), NETWORK, ENCODER)
    write_document(run.model / "manifest.json", {"files": ["../../etc/passwd"], "tensors": 3})
    with pytest.raises(DamagedError, match="this is not the manifest of a model"):
        load_model(run)


def test_the_documents_beside_the_weights_are_documents(run):
    save_model(run, weights(), NETWORK, json.dumps(ENCODER))
    assert read_document(run.model / "encoder.json") == ENCODER
    assert read_document(run.model / "network.json")["kind"] == "network"
