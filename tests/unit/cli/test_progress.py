"""Training as a terminal shows it, and as a log file keeps it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ranvier.cli.output import Words
from ranvier.cli.progress import LINES_WITHOUT_A_TERMINAL, TerminalProgress


def record(epoch, *, best=False, **validation):
    return {"epoch": epoch, "train": {"loss": 0.5}, "validation": validation, "best": best}


def train(progress, *, epochs, stop_after=None):
    with progress:
        progress.say("width 256: the table is small")
        progress.start(epochs=epochs, steps_per_epoch=4, rows=1000)
        for epoch in range(stop_after or epochs):
            for step in range(1, 5):
                progress.step(epoch, step, 0.25, 12345.0)
            progress.epoch(record(epoch + 1, loss=0.4, accuracy=0.875, best=epoch == 0))
        progress.finish({})


def test_a_log_gets_a_line_an_epoch():
    file = io.StringIO()
    train(TerminalProgress(Console(file=file, width=100)), epochs=3)
    assert file.getvalue().splitlines() == [
        "width 256: the table is small",
        "training on 1,000 rows, 4 steps an epoch",
        "epoch 1/3  loss 0.5000  validation loss 0.4000  accuracy 0.8750  best so far",
        "epoch 2/3  loss 0.5000  validation loss 0.4000  accuracy 0.8750",
        "epoch 3/3  loss 0.5000  validation loss 0.4000  accuracy 0.8750",
    ]


@pytest.mark.parametrize("stop_after", [1000, 777])
def test_a_log_of_many_epochs_stays_short_and_ends_with_the_last(stop_after):
    file = io.StringIO()
    train(TerminalProgress(Console(file=file, width=100)), epochs=1000, stop_after=stop_after)
    lines = [line for line in file.getvalue().splitlines() if line.startswith("epoch")]
    assert len(lines) <= LINES_WITHOUT_A_TERMINAL + 2
    assert lines[0].startswith("epoch 1/")
    assert lines[-1].startswith(f"epoch {stop_after}/")


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_the_bar_fits_any_terminal(width):
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    train(TerminalProgress(console), epochs=2)
    shown = file.getvalue()
    assert "epoch 1/2" in shown
    assert ("loss 0.2500" in shown) == (width >= 50)
    assert ("12,345 rows/s" in shown) == (width >= 90)


def test_an_error_finds_the_terminal_as_it_was():
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True)

    def fail():
        with TerminalProgress(console) as progress:
            progress.start(epochs=2, steps_per_epoch=4, rows=10)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    show_cursor = "\x1b[?25h"
    assert show_cursor in file.getvalue()


def test_training_goes_on_when_its_reader_leaves(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Closed())
    train(TerminalProgress(Words(stderr=True)), epochs=3)


@pytest.mark.parametrize("validation", [{}, {"loss": 0.25}])
def test_without_a_metric_the_loss_is_shown_and_without_rows_nothing(validation):
    file = io.StringIO()
    progress = TerminalProgress(Console(file=file, width=100))
    progress.start(epochs=1, steps_per_epoch=1, rows=10)
    progress.epoch(record(1, **validation))
    last = file.getvalue().splitlines()[-1]
    assert ("validation loss 0.2500" in last) == bool(validation)
