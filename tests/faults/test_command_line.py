"""Every bad input at the command line: a message that says what to mend, exit code 2, no harm."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ranvier as rv
from ranvier.cli.app import VERBS
from ranvier.runs.layout import RunFolder
from tests.faults.conftest import Ask

QUICK = ["--epochs", "2", "--threads", "1", "--quiet"]


Write = Callable[..., str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here: Path) -> Write:
    def write_bytes(content: str | bytes, name: str = "people.csv") -> str:
        (here / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    return write_bytes


def people(rows: int = 120, **columns: Any) -> pl.DataFrame:
    random = np.random.default_rng(0)
    healthy = {
        "age": random.integers(18, 90, rows).tolist(),
        "income": random.lognormal(10, 1, rows).round(2).tolist(),
        "city": random.choice(["Ulm", "Bonn", "Kiel"], rows).tolist(),
        "bought": random.choice(["yes", "no"], rows).tolist(),
    }
    return pl.DataFrame({**healthy, **columns}, strict=False)


def csv(rows: int = 120, **columns: Any) -> str:
    return people(rows, **columns).write_csv()


def whole(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run, its table and its network."""
    folder = tmp_path_factory.mktemp("made")
    network = rv.Network(rv.Dense(4, activation="relu"), rv.Dense(2))
    (folder / "net.json").write_text(network.to_json())
    people().write_csv(folder / "people.csv")
    rv.train(network, folder / "people.csv", out=folder / "run", epochs=2, threads=1)
    return folder


@pytest.fixture
def run(made: Path, here: Path) -> Path:
    """A copy of the finished run that a test may damage."""
    import shutil

    return Path(shutil.copytree(made / "run", here / "run"))


NO = ["no"] * 60
BAD_TABLES: dict[str, tuple[str | bytes, list[str], str]] = {
    "an unknown column": (csv(), ["--target", "bougth"], "no column 'bougth' (target). Did you mean 'bought'?"),
    "an empty file": (b"", [], "people.csv: the file is empty"),
    "a header only": ("age,bought\n", [], "a header and no rows; expected at least one row"),
    "one row": (csv(1), [], "1 row with a target; expected at least 2"),
    "one class": (csv(60, bought=NO), [], "every row is of one class, 'no'; expected at least 2 classes"),
    "a constant target": (csv(60, price=[2.5] * 60), ["--target", "price", "--task", "regression"], "every row has the same value, 2.5"),
    "NaN in the target": (csv(60, price=[*range(59), "NaN"]), ["--target", "price"], "target 'price': row 60 is NaN; expected finite numbers"),
    "Inf in the target": (csv(60, price=["inf", *range(59)]), ["--target", "price"], "target 'price': row 1 is Inf; expected finite numbers"),
    "a target all missing": (csv(60, bought=[None] * 60), [], "all 60 values are missing"),
    "features all constant": ("a,bought\n" + "1,yes\n1,no\n" * 30, [], "no column is left to learn from: 'a' is constant"),
    "a ragged file": ("a,b,bought\n1,2,yes\n1,2\n", [], "line 3: 2 fields where the header has 3"),
    "a wrong delimiter": ("a^bought\n1^yes\n2^no\n", [], "'^' stands between columns"),
    "a wrong encoding": (b"name,bought\nJos\xe9,yes\n", [], "byte 0xe9 at offset 15 (line 2) is not UTF-8"),
    "words among numbers": (csv(60, age=[*range(20, 79), "old"]), [], "column 'age': 1 of 60 cells are no number: row 60 says 'old'"),
    "columns of one name": ("a,a,bought\n1,2,yes\n", [], "more than one column is called 'a'"),
    "a date that does not parse": (csv(60, day=["2024-01-05"] * 59 + ["2024-13-05"]), ["--target", "bought"], "column 'day': 1 of 60 dates do not parse: row 60 says '2024-13-05'"),
    "an unknown weight": (csv(), ["--weight", "agee"], "no column 'agee' (weight). Did you mean 'age'?"),
    "a negative share": (csv(), ["--test-fraction", "-0.1"], "test_fraction=-0.1: expected two shares"),
    "no epochs": (csv(), ["--epochs", "0"], "--epochs 0: expected a number of at least 1."),
    "an unknown optimiser": (csv(), ["--optimizer", "adamm"], "unknown optimizer 'adamm'. Did you mean 'adam'?"),
    "an unknown setting": (csv(), ["--set", "lerning_rate=1"], "--set: unknown setting 'lerning_rate'. Did you mean 'learning_rate'?"),
    "a network for other classes": (csv(), ["--network", "three.json"], "the network gives (3,) per row; expected (2,) for 2 classes of 'bought'"),
    "a network that is not there": (csv(), ["--network", "nine.json"], "nine.json: this network cannot be read (No such file or directory)"),
    "a metric of another task": (csv(), ["--metric", "r2"], "metric 'r2': it does not fit 'bought'"),
    "a device that is not there": (csv(), ["--device", "cuda:77"], "device=cuda:77: this machine has"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_refused_with_its_reason_and_leaves_nothing(
    ask: Ask, write: Write, here: Path, name: str
) -> None:
    content, options, message = BAD_TABLES[name]
    source = write(content)
    write(rv.Network(rv.Dense(3)).to_json(), "three.json")
    options = options if "--target" in options else [*options, "--target", "bought"]
    before = whole(here)
    said = ask("train", source, "--set", "epochs=2", "--threads", "1", *options)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert whole(here) == before
    assert not (here / "runs").exists()


@pytest.mark.parametrize("name", ["an empty file", "an unknown column", "an unknown setting"])
def test_under_json_a_refusal_is_one_document_on_standard_output(
    ask: Ask, write: Write, name: str
) -> None:
    content, options, message = BAD_TABLES[name]
    said = ask("train", write(content), *options, "--json")
    assert said.code == 2
    document = json.loads(said.out)
    assert document.keys() == {"error"}
    assert message in document["error"]["message"]
    assert document["error"]["kind"].endswith("Error")
    assert document["error"]["message"] in said.err


def test_a_file_that_is_not_there_offers_the_nearest(ask: Ask, write: Write) -> None:
    write(csv())
    said = ask("train", "poeple.csv")
    assert (said.code, said.out) == (2, "")
    assert "poeple.csv: no such file" in said.err and "Did you mean 'people.csv'?" in said.err


def test_an_unknown_verb_and_an_unknown_option_are_answered(ask: Ask) -> None:
    assert ask("trian", "x.csv").code == 2
    said = ask("train", "x.csv", "--epocs", "3")
    assert said.code == 2
    assert "--epocs" in said.err and "Traceback" not in said.err


def test_ten_thousand_categories_train_and_are_said(ask: Ask, write: Write, made: Path) -> None:
    names = [f"shop {place % 10_000}" for place in range(20_000)]
    source = write(csv(20_000, shop=names))
    said = ask("train", source, "--target", "bought", "--network", made / "net.json", "--out", "run",
               "--epochs", "1", "--batch-size", "1024", "--json")  # fmt: skip
    assert said.code == 0, said.err
    document = json.loads(said.out)
    assert document["status"] == "finished"
    columns = {c["name"]: c for c in rv.load("run").document["data"]["columns"]}
    assert columns["shop"]["kind"] in ("category", "identifier", "text")
    assert columns["shop"]["why"]


class TestFoldersInTheWay:
    def test_a_file_in_the_way_is_named(self, ask: Ask, write: Write, here: Path) -> None:
        write("precious", "results")
        said = ask("train", write(csv()), "--out", "results/run", *QUICK)
        assert said.code == 2
        assert "results is a file. Choose another --out." in said.err
        assert (here / "results").read_text() == "precious"

    def test_a_folder_that_may_not_be_written_is_named(
        self, ask: Ask, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The tests may run as root, who may write everywhere.
        allowed = os.access
        monkeypatch.setattr(os, "access", lambda p, m: "locked" not in str(p) and allowed(p, m))
        said = ask("train", write(csv()), "--out", "locked", *QUICK)
        assert said.code == 2
        assert "locked: cannot write" in said.err
        assert "Traceback" not in said.err

    def test_a_place_where_no_folder_can_be_made_is_named(self, ask: Ask, write: Write) -> None:
        said = ask("train", write(csv()), "--out", "/proc/ranvier", *QUICK)
        assert said.code == 2
        assert "/proc/ranvier: cannot write" in said.err

    def test_a_run_that_is_there_is_left_as_it_is(self, ask: Ask, write: Write, run: Path) -> None:
        before = whole(run)
        said = ask("train", write(csv()), "--out", "run", *QUICK)
        assert said.code == 2
        assert "run: there is a run here already. Go on with it (ranvier resume run)" in said.err
        assert whole(run) == before

    def test_a_folder_of_other_things_is_left_as_it_is(
        self, ask: Ask, write: Write, here: Path
    ) -> None:
        (here / "thesis").mkdir()
        write("words", "thesis/chapter.txt")
        said = ask("train", write(csv()), "--out", "thesis", *QUICK)
        assert said.code == 2
        assert (
            "thesis: this folder is not empty (it holds chapter.txt) and is not a run" in said.err
        )
        assert whole(here / "thesis") == {str(here / "thesis/chapter.txt"): b"words"}


class TestPredict:
    def test_a_missing_column_is_named(self, ask: Ask, write: Write, run: Path) -> None:
        said = ask("predict", run, write(people().drop("age").write_csv(), "new.csv"))
        assert (said.code, said.out) == (2, "")
        assert "column 'age' is missing" in said.err

    def test_a_column_of_another_kind_is_named(self, ask: Ask, write: Write, run: Path) -> None:
        said = ask("predict", run, write(csv(3, age=["old", "young", "30"]), "new.csv"))
        assert (said.code, said.out) == (2, "")
        assert "'age'" in said.err and "'old'" in said.err

    def test_further_columns_change_nothing(self, ask: Ask, write: Write, run: Path) -> None:
        wanted = ask("predict", run, write(csv(9), "new.csv"))
        more = ask("predict", run, write(csv(9, shoe=list(range(9))), "more.csv"))
        assert (more.code, more.out) == (0, wanted.out)

    def test_one_row_out_per_row_in_and_in_order(self, ask: Ask, write: Write, run: Path) -> None:
        said = ask("predict", run, write(people(9).drop("bought").write_csv(), "new.csv"))
        assert said.code == 0
        lines = said.out.splitlines()
        assert lines[0] == "prediction,probability_no,probability_yes"
        assert len(lines) == 10
        backwards = people(9).drop("bought").reverse().write_csv()
        assert (
            ask("predict", run, write(backwards, "back.csv")).out.splitlines()[1:] == lines[:0:-1]
        )

    @pytest.mark.parametrize(
        ("name", "read"),
        [
            ("out.csv", pl.read_csv),
            ("out.tsv", lambda path: pl.read_csv(path, separator="\t")),
            ("out.parquet", pl.read_parquet),
            ("out.feather", pl.read_ipc),
            ("out.json", pl.read_json),
            ("out.jsonl", pl.read_ndjson),
        ],
    )
    def test_every_format_holds_the_same_numbers(
        self, ask: Ask, write: Write, run: Path, name: str, read: Callable[..., pl.DataFrame]
    ) -> None:
        source = write(csv(9), "new.csv")
        said = ask("predict", run, source, "--out", name)
        assert said.code == 0
        assert said.out == f"9 predictions in {name}\n"
        wanted = rv.load(run).predict_table(source)
        assert read(name).equals(wanted)
        assert json.loads(ask("predict", run, source, "--json").out)["predictions"] == (
            wanted.to_dicts()
        )

    def test_a_file_that_is_there_stays_if_predicting_fails(
        self, ask: Ask, write: Write, run: Path, here: Path
    ) -> None:
        write("old predictions", "out.csv")
        said = ask("predict", run, "nothing.csv", "--out", "out.csv")
        assert said.code == 2
        assert (here / "out.csv").read_text() == "old predictions"


class TestRuns:
    @pytest.mark.parametrize("verb", ["predict", "evaluate", "resume", "report", "verify"])
    def test_a_run_that_is_not_there_offers_the_nearest(
        self, ask: Ask, run: Path, made: Path, verb: str
    ) -> None:
        source = [made / "people.csv"] if verb in ("predict", "evaluate") else []
        said = ask(verb, "rnu", *source)
        assert (said.code, said.out) == (2, "")
        assert "there is no such folder. Did you mean run?" in said.err

    @pytest.mark.parametrize("verb", ["predict", "evaluate", "resume", "report", "verify"])
    def test_a_run_of_a_newer_format_is_refused(
        self, ask: Ask, run: Path, made: Path, verb: str
    ) -> None:
        path = RunFolder(run).run
        path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
        before = whole(run)
        source = [made / "people.csv"] if verb in ("predict", "evaluate") else []
        said = ask(verb, run, *source)
        assert said.code == 2
        assert (
            "written by a newer Ranvier (format 2; this one reads up to 1)" in said.err + said.out
        )
        assert "Traceback" not in said.err
        assert whole(run) == before

    def test_evaluate_gives_the_metrics_as_the_test(self, ask: Ask, run: Path, made: Path) -> None:
        said = ask("evaluate", run, made / "people.csv", "--json")
        assert said.code == 0
        metrics = json.loads(said.out)["metrics"]
        assert metrics == {"test": rv.load(run).evaluate(made / "people.csv")}

    def test_evaluate_without_the_target_says_what_is_missing(
        self, ask: Ask, write: Write, run: Path
    ) -> None:
        said = ask("evaluate", run, write(people().drop("bought").write_csv(), "new.csv"))
        assert said.code == 2
        assert "no target column 'bought'" in said.err

    def test_train_prints_one_document_and_nothing_else(
        self, ask: Ask, made: Path, here: Path
    ) -> None:
        said = ask("train", made / "people.csv", "--network", made / "net.json", "--out", "new",
                   "--epochs", "2", "--threads", "1", "--json")  # fmt: skip
        assert said.code == 0
        document = json.loads(said.out)
        assert document["run"] == "new"
        assert document["report"] == "new/report.html"
        assert document["metrics"].keys() == {"train", "validation", "test"}
        assert "training on 84 rows" in said.err

    @pytest.mark.parametrize("verb", [*VERBS, "data list", "data get"])
    def test_every_verb_explains_itself(self, ask: Ask, verb: str) -> None:
        said = ask(*verb.split(), "--help")
        assert said.code == 0
        assert f"Usage: ranvier {verb}" in said.out
        assert said.err == ""
