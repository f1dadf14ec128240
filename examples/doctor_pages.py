"""Write a page for every symptom that the doctor looks for, out of the rules' own words.

Run it: python examples/doctor_pages.py docs/doctor

The pictures in docs/doctor/pictures come from examples/doctor_pictures.py.
"""

from __future__ import annotations

import re
import sys
from itertools import groupby
from pathlib import Path

from ranvier.diagnose import Stage, Symptom
from ranvier.diagnose.catalogue import stage_words, symptoms
from ranvier.diagnose.cures import CURES, PRESCRIBED

HEAD = """\
# The doctor

Training seldom fails with a message. The loss is flat, or falls and comes back, or everything \
looks fine and the network is useless on new rows; and there are fifty reasons why. The doctor \
reads what a training recorded and says which of them it is: what, where, on what grounds, what to \
do about it, and whether Ranvier can do it for you.

## How to ask it

**After a training**, or while it goes on, or after it died:

```console
$ ranvier doctor runs/demo
```

It changes nothing in the run. `ranvier doctor RUN --json` gives one document for programs: \
`run`, `status`, `findings` in their order, `interventions`. The exit code is 3 if there is an \
error among the findings, 2 if RUN is no run, else 0. `ranvier doctor --list` names every symptom, \
and `ranvier doctor --explain 6` says what one is, how it is measured and what to do.

**Before a training.** `ranvier train` looks at data, loss, head, first weights and optimiser \
before the first update, in seconds: what is broken there stops it, what is doubtful is said. \
`--no-preflight` leaves that out.

**During a training.** Findings are said as soon as they show, and written into the run, its \
summary and its report. With `--heal` Ranvier goes further: on an error it goes back to the last \
good checkpoint, or to the start where what was learnt means nothing under the change, changes one \
thing, goes on, keeps what helped, undoes what did not, and writes down what it did.

**Round a loop of your own**, whatever it trains: three lines, here marked.

```python
import torch
import ranvier as rv

torch.manual_seed(0)
inputs = torch.randn(600, 8)
targets = (inputs[:, 0] * inputs[:, 1] > 0).long()
model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
loss_of = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-7)

recorder = rv.Recorder(  # 1
    model,
    optimizer,
    loss=loss_of,
    train=(inputs[:500], targets[:500]),
    validation=(inputs[500:], targets[500:]),
)
for epoch in range(10):
    for rows in torch.randperm(500).split(20):
        optimizer.zero_grad()
        loss = loss_of(model(inputs[rows]), targets[rows])
        loss.backward()
        optimizer.step()
        recorder.step(loss)  # 2
    recorder.epoch()  # 3

first = recorder.findings()[0]
print(first.severity, first.number, first.symptom)
```

```text
error 7 learning rate too low
```

`train` and `validation` are pairs of tensors; each may be left out, and then what needs it is not \
looked for. Scores of your own go into `recorder.epoch(val_loss=…, val=…)`. With \
`rv.Recorder(…, out="runs/mine")` the records are written as well, and `ranvier doctor runs/mine` \
reads them, even if the loop died. `rv.diagnose(run.history)` asks the same of a run of Ranvier's.

## What a finding means

| | |
| --- | --- |
| ✗ error | the training is spoilt by this: stop and mend it |
| ! warning | it costs quality, or is a risk |
| · information | good to know |

What costs a healthy training an error is a defect of the doctor; please report it.

## In what order it judges

One fault has many symptoms: unscaled inputs make the first loss huge, the gradient explode, units \
die and the loss stand still. So causes are looked for in the order in which they bring each other \
about: **{order}**. The error that comes first in it is the primary cause and stands first; what \
may only follow from it is folded under it as “because of that”. Mend the first, train again, and \
ask again.

A symptom says that something is wrong, and only a change says why. So where a training ends \
with much left to learn, the doctor tries what would have helped: copies of the network, from \
the weights that it began with, are trained for some hundred updates on the same batches, each \
with one thing changed: the rate a tenth, a hundredth, ten or a hundred times as high, Adam with \
its usual rate, inputs standardised, weights drawn anew, ReLU inside, leaky ReLU inside, no last \
activation, no weight decay and dropout; and one as it is. A change that comes clearly further \
than the whole training did is the cause. Where the one without a change does, the loop around \
it is at fault. That takes about two seconds of the processor, and is done only where it is \
called for.

## What it looks for

‖·‖ is the Euclidean norm, w a parameter, w₀ the same before training, Δw one update of it, g its \
gradient, a what a layer gives, L the loss, t a slope over its standard error. A *look* is a \
closer view of one update every so many.
"""
SEEN = "pictures"


def slug(symptom: Symptom) -> str:
    """The name of a symptom's page, without its ending."""
    return f"{symptom.number}-{re.sub('[^a-z0-9]+', '-', symptom.name.lower()).strip('-')}"


def pages(pictures: Path) -> dict[str, str]:
    """By name every page; `pictures` is the folder in which pictures stand by number."""
    known = symptoms()
    found = {f"{slug(each)}.md": page(each, pictures) for each in known}
    return {"README.md": index(known), **found}


def index(known: tuple[Symptom, ...]) -> str:
    """The first page: how to ask, how it judges, and all symptoms by where their cause lies."""
    order = " → ".join(stage.name.lower().replace("_", " ") for stage in Stage)
    parts = [HEAD.format(order=order)]
    ordered = sorted(known, key=lambda symptom: (symptom.stage, symptom.number))
    for stage, members in groupby(ordered, key=lambda symptom: symptom.stage):
        parts.append(f"### {_capital(stage.name.lower().replace('_', ' '))}\n")
        parts.append("| number | symptom | means |\n| ---: | --- | --- |")
        parts += [
            f"| {each.number} | [{each.name}]({slug(each)}.md) | {_cell(each.sentence)} |"
            for each in members
        ]
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def page(symptom: Symptom, pictures: Path) -> str:
    """What one symptom is, how it is measured, how it looks, what to do."""
    parts = [
        f"# {symptom.number} · {_capital(symptom.name)}",
        symptom.meaning,
        f"Looked for among causes of the {stage_words(symptom)} stage "
        f"({int(symptom.stage)} of {len(Stage)}); category `{symptom.category}`.",
        "## How it is measured",
        f"> {symptom.statistic}",
        "## How it looks",
        symptom.looks,
    ]
    if (pictures / f"{symptom.number}.svg").exists():
        parts.append(f"![A healthy training, and one with: {symptom.name}]"
                     f"({SEEN}/{symptom.number}.svg)")  # fmt: skip
        parts.append("Two small trainings, of which the doctor finds this in the second.")
    parts += ["## What to do", symptom.remedy]
    cures = PRESCRIBED.get(symptom.number, ())
    if cures:
        parts.append("Where this is an error, `ranvier train SOURCE --heal` tries what follows, "
                     "one at a time and in this order, and keeps what helps:")  # fmt: skip
        parts.append("\n".join(f"- `{name}`: {CURES[name].words}" for name in cures))
    if symptom.references:
        parts += ["## References", "\n".join(f"- {reference}" for reference in symptom.references)]
    parts.append("[All symptoms](README.md)")
    return "\n\n".join(parts) + "\n"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(folder: str) -> None:
    """Write every page into `folder`, and take away those of symptoms that are no more."""
    place = Path(folder)
    for old in place.glob("*.md"):
        old.unlink()
    for name, text in pages(place / SEEN).items():
        (place / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
