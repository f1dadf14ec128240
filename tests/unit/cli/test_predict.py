"""`predict` and `evaluate`: where the rows go, and what is never overwritten."""

from __future__ import annotations

import io

import polars as pl
import pytest

from ranvier.cli.predict import WRITERS

READERS = {
    ".arrow": pl.read_ipc,
    ".csv": pl.read_csv,
    ".feather": pl.read_ipc,
    ".json": pl.read_json,
    ".jsonl": pl.read_ndjson,
    ".ndjson": pl.read_ndjson,
    ".parquet": pl.read_parquet,
    ".tsv": lambda path: pl.read_csv(path, separator="\t"),
}


def test_predictions_are_csv_on_standard_output(run_command, api):
    outcome = run_command("predict", "run", "rows.csv")
    assert outcome.code == 0
    assert pl.read_csv(io.StringIO(outcome.out)).equals(api.run.predict_table(""))


def test_predictions_are_rows_of_the_document(run_command, api):
    document = run_command("predict", "run", "rows.csv", "--json").document
    assert document == {
        "run": "run",
        "source": "rows.csv",
        "rows": 2,
        "predictions": [
            {"prediction": "yes", "probability_no": 0.25, "probability_yes": 0.75},
            {"prediction": "no", "probability_no": 0.875, "probability_yes": 0.125},
        ],
    }


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_that_is_written_reads_back(run_command, api, tmp_path, suffix):
    out = tmp_path / f"predictions{suffix}"
    outcome = run_command("predict", "run", "rows.csv", "--out", out, "--json")
    assert outcome.document == {"run": "run", "source": "rows.csv", "rows": 2, "out": str(out)}
    assert READERS[suffix](out).equals(api.run.predict_table(""))
    assert list(tmp_path.iterdir()) == [out]


def test_an_unknown_format_is_refused_before_anything_is_predicted(run_command, api):
    outcome = run_command("predict", "run", "rows.csv", "--out", "predictions.parqet")
    assert outcome.code == 2
    assert outcome.err == (
        "ranvier: --out predictions.parqet: predictions are not written as '.parqet'. "
        "Did you mean '.parquet'?\n"
    )
    assert api.calls == []


def test_the_source_is_never_overwritten(run_command, api, tmp_path):
    source = tmp_path / "rows.csv"
    source.write_text("a\n1\n")
    outcome = run_command("predict", "run", source, "--out", source)
    assert outcome.code == 2
    assert "this is the source itself; name another file" in outcome.err
    assert source.read_text() == "a\n1\n"


def test_a_folder_that_is_not_there_is_the_callers_to_mend(run_command, api, tmp_path):
    outcome = run_command("predict", "run", "rows.csv", "--out", tmp_path / "no" / "p.csv")
    assert outcome.code == 2
    assert "cannot be written (No such file or directory). Name a file in a folder" in outcome.err


def test_a_failed_write_leaves_the_older_file_and_no_litter(
    run_command, api, tmp_path, monkeypatch
):
    def fail(frame, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(WRITERS, ".csv", fail)
    out = tmp_path / "p.csv"
    out.write_text("older")
    outcome = run_command("predict", "run", "rows.csv", "--out", out)
    assert outcome.code == 2
    assert "No space left on device" in outcome.err
    assert out.read_text() == "older"
    assert list(tmp_path.iterdir()) == [out]


def test_evaluate_reports_the_source_as_test(run_command, api):
    document = run_command("evaluate", "run", "rows.csv", "--json").document
    assert document == {
        "run": "run",
        "source": "rows.csv",
        "metrics": {"test": {"accuracy": 0.5, "log_loss": 0.7}},
    }
    words = run_command("evaluate", "run", "rows.csv").out.split()
    assert words == ["metric", "test", "accuracy", "0.5000", "log_loss", "0.7000"]
