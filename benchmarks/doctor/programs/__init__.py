"""Healthy programs: networks of four families as people write them, on small data of all kinds."""

from benchmarks.doctor.programs import attention, convolutional, dense, recurrent, tiny

PROGRAMS = {
    program.name: program
    for module in (dense, tiny, convolutional, recurrent, attention)
    for program in module.PROGRAMS
}

__all__ = ["PROGRAMS"]
