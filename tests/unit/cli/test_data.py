"""`data list` and `data get`."""

from __future__ import annotations

import pytest

known = pytest.importorskip("ranvier.data.known")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "cache"))


def test_every_known_data_set_is_listed(run_command):
    listed = run_command("data", "list", "--json").document["data"]
    assert [row["name"] for row in listed] == [entry.name for entry in known.catalogue()]
    assert not any(row["cached"] for row in listed)
    lines = run_command("data", "list").out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [row["name"] for row in listed]


def test_what_was_got_is_printed_and_listed_as_here(run_command):
    outcome = run_command("data", "get", "iris")
    assert outcome.out == f"{known.get('iris')}\n"
    listed = run_command("data", "list", "--json").document["data"]
    assert [row["name"] for row in listed if row["cached"]] == ["iris"]


def test_an_unknown_name_is_answered_with_the_nearest(run_command):
    outcome = run_command("data", "get", "iriss")
    assert outcome.code == 2
    assert "Did you mean 'iris'?" in outcome.err
