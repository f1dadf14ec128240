"""`describe`: a network file in, a table, a document or a drawing out."""

from __future__ import annotations

import pytest

from ranvier.cli.describe import read_shape
from ranvier.core.errors import ConfigError

pytest.importorskip("ranvier.spec")


@pytest.fixture
def network_file(tmp_path):
    from ranvier.spec import Dense, Network

    path = tmp_path / "net.json"
    path.write_text(Network(Dense(4, activation="relu"), Dense(2)).to_json())
    return path


def test_a_network_is_described_layer_by_layer(run_command, network_file):
    outcome = run_command("describe", network_file, "--input", "8")
    assert outcome.code == 0
    assert "dense_0" in outcome.out
    assert str(8 * 4 + 4) in outcome.out


def test_a_network_is_described_in_a_document(run_command, network_file):
    assert isinstance(
        run_command("describe", network_file, "--input", "8", "--json").document, dict
    )


def test_a_runs_folder_is_a_network_too(run_command, network_file):
    network_file.rename(network_file.with_name("network.json"))
    outcome = run_command("describe", network_file.parent, "--input", "8")
    assert "dense_0" in outcome.out


def test_a_network_that_says_what_it_takes_needs_no_shape(run_command, network_file):
    from ranvier.spec import Dense, Network, TableFeatures

    network_file.write_text(
        Network(TableFeatures(numeric=2, cardinalities=(4,)), Dense(1)).to_json()
    )
    assert "(3,) → (1,)" in run_command("describe", network_file).out


def test_a_network_that_fits_many_shapes_asks_for_one(run_command, network_file):
    outcome = run_command("describe", network_file)
    assert outcome.code == 2
    assert "no shape was given and the first layer fits many" in outcome.err


def test_the_drawing_goes_to_its_file(run_command, network_file, tmp_path):
    svg = tmp_path / "net.svg"
    assert run_command("describe", network_file, "--input", "8", "--svg", svg).code == 0
    assert svg.read_text(encoding="utf-8").lstrip().startswith("<svg")


def test_a_drawing_that_cannot_be_written_is_the_callers_to_mend(
    run_command, network_file, tmp_path
):
    svg = tmp_path / "no" / "net.svg"
    outcome = run_command("describe", network_file, "--input", "8", "--svg", svg)
    assert outcome.code == 2
    assert "cannot be written (No such file or directory)" in outcome.err


def test_a_file_that_is_not_there_is_named(run_command, tmp_path):
    outcome = run_command("describe", tmp_path / "no.json", "--input", "8")
    assert outcome.code == 2
    assert f"{tmp_path / 'no.json'}: this network cannot be read (No such file" in outcome.err


def test_a_text_that_is_no_network_is_refused_with_its_file(run_command, network_file):
    network_file.write_text('{"layers": [{"kind": "dens", "units": 3}]}')
    outcome = run_command("describe", network_file, "--input", "8")
    assert outcome.code == 2
    assert outcome.err.startswith(f"ranvier: {network_file}: ")


@pytest.mark.parametrize("text", ["", "28,,1", "0", "-3", "1.5", "(a)", "²"])
def test_what_is_no_shape_is_refused(text):
    with pytest.raises(ConfigError, match="expected the shape of one input, without the batch"):
        read_shape(text)


def test_a_ready_architecture_is_described_by_its_name(run_command):
    outcome = run_command("describe", "lenet5", "--input", "28,28,1")
    assert outcome.code == 0
    assert "(28, 28, 1) → (10,)" in outcome.out
    assert "61,706 parameters" in outcome.out


def test_an_architecture_that_is_not_known_is_answered_with_the_nearest(run_command):
    outcome = run_command("describe", "resnet5")
    assert outcome.code != 0
    assert "no ready architecture of that name. Did you mean 'resnet" in outcome.err


def test_several_inputs_have_their_shapes_in_order(run_command):
    outcome = run_command("describe", "transformer", "--input", "12", "--input", "10")
    assert "(12,) and (10,) → (10, 37000)" in outcome.out
