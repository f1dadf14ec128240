"""The doctor's suite: trainings as people write them, healthy and with one fault, and a verdict.

    python -m benchmarks.doctor [--jobs 2]          records what is missing, then judges all
    python -m benchmarks.doctor record [--half calibration] [--seeds 5] [--only NAME] [--again]
    python -m benchmarks.doctor judge [--half calibration] [--misses] [--json]

Recording is slow and judging is not, so they are apart: `record` runs each program with
`rv.Recorder` round it and keeps the history, `judge` asks `rv.diagnose` of every history kept.
What a history holds depends on the recorder and on preflight: after a change there, `--again`.

**Halves.** The sha256 of its name puts a program, with all of its faults and seeds, into the
calibration half, on which thresholds are set, or the test half, which is looked at once they are.

**What counts.** A fault of outcome (a rate, a scale, a decay, a start, a dropout, a length) is one
only where it spoils the outcome: a run whose score on rows held out comes within 2 points of its
healthy twin's (the same program and seed) is recorded and left out. A structural fault (a leak, a
loss that does not fit the head, gradients never cleared, rows that see each other) counts always:
the code is wrong even where the data forgive it.

**Found** is a run of a fault with a finding of a warning or an error, **right** one whose first
finding is such and lies in a category that an experienced engineer would accept as the cause. A
**false alarm** is a healthy run with an error; warnings are counted besides. Intervals are Wilson's
at 95 %; they take runs for independent, which the seeds of one program are not wholly.
"""
