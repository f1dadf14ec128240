"""What runs a job is settled once, by rule or by measurement, and told in its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from ranvier.core.errors import ConfigError
from ranvier.train.execution import looks_every, settle
from ranvier.train.plan import LOOK_EVERY
from tests.unit.train.conftest import MakeJob


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path / "cache"))


def test_a_short_training_runs_eagerly_and_says_so(make_job: MakeJob) -> None:
    said: list[str] = []
    job, choice = settle(make_job(), report=said.append)
    assert said == ["runs as eager in float32, 1 thread: by rule, as it takes little time"]
    assert (job.settings.executor, job.settings.number_format) == ("eager", "float32")
    assert job.settings.threads == 1
    assert choice.tried == ()


def test_a_longer_training_of_a_small_network_runs_natively(make_job: MakeJob) -> None:
    job, _ = settle(make_job(epochs=1900, statistics_every=None))
    assert job.settings.executor == "native"
    assert job.settings.statistics_every > LOOK_EVERY


def test_exact_bits_leave_the_replay(make_job: MakeJob) -> None:
    job, choice = settle(make_job(epochs=1900, exact=True, statistics_every=None))
    assert job.settings.executor == "replay"
    assert job.settings.statistics_every == LOOK_EVERY
    assert choice.variant.is_plain


def test_what_was_settled_stays_so(make_job: MakeJob) -> None:
    job, first = settle(make_job(epochs=1900, executor="replay"))
    again, second = settle(job)
    assert again.settings == job.settings
    assert second.chosen == first.chosen


def test_the_network_is_left_as_it_is(make_job: MakeJob) -> None:
    job = make_job(executor="native")
    before = {name: tensor.clone() for name, tensor in job.module.state_dict().items()}
    settle(job)
    assert all(before[name].equal(tensor) for name, tensor in job.module.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"exact": True, "executor": "native"}, "exact: got executor=native, which changes bits"),
        ({"exact": True, "number_format": "bfloat16"}, "exact: got bfloat16"),
        ({"kernels": {"attention": "fussed"}}, "unknown attention 'fussed'. Did you mean 'fused'"),
        ({"kernels": {"attentoin": "fused"}}, "attentoin cannot be forced"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    make_job: MakeJob, changes: dict, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settle(make_job(**changes))
    assert words in str(caught.value)


def test_the_smaller_the_update_the_rarer_the_look() -> None:
    every = [looks_every("native", operations) for operations in (10**3, 10**6, 10**8, 10**10)]
    assert every == sorted(every, reverse=True)
    assert every[0] > every[-1] == LOOK_EVERY
    assert looks_every("eager", 10**3) == LOOK_EVERY
