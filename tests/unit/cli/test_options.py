"""A schema as options: what is shown, what is given, what is refused."""

from __future__ import annotations

import dataclasses

import pytest

from ranvier.cli.options import given_settings, options_of
from ranvier.core.config import resolve
from ranvier.core.errors import ConfigError
from ranvier.runs.settings import TrainSettings

Options = options_of(TrainSettings)


def given(config=None, assignments=(), **options):
    return given_settings(TrainSettings, Options(**options), config=config, assignments=assignments)


@pytest.mark.parametrize("field", dataclasses.fields(TrainSettings), ids=lambda field: field.name)
def test_every_setting_is_an_option_with_its_help(run_command, field):
    shown = " ".join(run_command("train", "--help").out.replace("│", " ").split())
    assert f" --{field.name.replace('_', '-')} " in shown
    assert field.metadata["help"] in shown


def test_nothing_given_is_nothing_asked():
    assert given() == {}


def test_words_become_values_of_the_settings_type():
    options = {
        "epochs": "3",
        "learning_rate": "1e-3",
        "ignore": ("id", "name,address"),
        "optimizer": '{"kind": "sgd", "momentum": 0.9}',
        "target": "1",
    }
    assert given(**options) == {
        "epochs": 3,
        "learning_rate": 0.001,
        "ignore": ("id", "name", "address"),
        "optimizer": {"kind": "sgd", "momentum": 0.9},
        "target": "1",
    }


def test_options_go_before_assignments_and_assignments_before_the_file(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("epochs = 1\nseed = 1\nbatch_size = 1\n")
    values = given(file, ("epochs=2", "seed=2"), epochs="3")
    assert values == {"epochs": 3, "seed": 2, "batch_size": 1}
    assert resolve(TrainSettings, ("given", values)).patience is None


def test_an_assignment_reaches_inside_a_setting():
    values = given(
        assignments=("optimizer=sgd", "optimizer.momentum=0.9", "optimizer.nesterov=true")
    )
    assert values == {"optimizer": {"kind": "sgd", "momentum": 0.9, "nesterov": True}}


def test_an_assignment_inside_an_option_adds_to_it_whichever_stands_first():
    values = given(assignments=("optimizer.momentum=0.9", "epochs=2"), optimizer="sgd", epochs="3")
    assert values == {"optimizer": {"kind": "sgd", "momentum": 0.9}, "epochs": 3}


def test_a_list_can_be_assigned_as_json():
    assert given(assignments=('ignore=["a,b", "c"]',)) == {"ignore": ("a,b", "c")}


def test_all_that_is_wrong_is_said_at_once_and_where(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('learning_rte = 0.1\nexecutor = "egaer"\n')
    with pytest.raises(ConfigError) as caught:
        given(file, ("seed=x", "optimiser=adam"), epochs="many")
    assert str(caught.value).splitlines() == [
        f"{file}: unknown setting 'learning_rte'. Did you mean 'learning_rate'?",
        f"{file}: executor=\"egaer\": expected one of auto, eager, replay, native, inductor, inductor-beside, cudagraph. Did you mean 'eager'?",
        '--set: seed="x": expected a whole number.',
        "--set: unknown setting 'optimiser'. Did you mean 'optimizer'?",
        "--epochs many: expected a whole number.",
    ]


def test_an_assignment_without_a_value_is_refused():
    with pytest.raises(ConfigError, match=r"--set epochs: expected key=value, as in --set"):
        given(assignments=("epochs",))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.toml", None, "cannot be read"),
        ("bad.toml", "epochs = ", "not valid TOML"),
        ("bad.json", "{", "not valid JSON"),
        ("list.json", "[1]", "expected a mapping of settings, got list"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused(tmp_path, name, text, message):
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        given(file)


def test_what_is_true_or_false_is_a_flag(run_command, tmp_path):
    told = run_command(
        "train", "iris", "--exact", "--executor", "native", "--out", str(tmp_path / "run")
    )
    assert told.code == 2
    assert "got executor=native, which changes bits" in told.err
    assert given(exact=True) == {"exact": True}


def test_what_is_done_unless_it_is_forbidden_can_be_forbidden(run_command):
    said = " ".join(run_command("train", "--help").out.split())
    assert "--no-preflight" in said
    assert "--no-heal" not in said
