"""The run directory: what is in it, written so that a crash or a flipped bit is always noticed."""

from ranvier.runs.documents import read_document, write_document
from ranvier.runs.events import EventWriter, read_events
from ranvier.runs.history import History
from ranvier.runs.layout import RunFolder
from ranvier.runs.seal import seal_report, write_report
from ranvier.runs.settings import TrainSettings
from ranvier.runs.verify import damaged_files

__all__ = [
    "EventWriter",
    "History",
    "RunFolder",
    "TrainSettings",
    "damaged_files",
    "read_document",
    "read_events",
    "seal_report",
    "write_document",
    "write_report",
]
