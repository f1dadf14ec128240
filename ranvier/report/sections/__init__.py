"""The report's sections: pure functions from what is known of a run to HTML, top to bottom."""

from __future__ import annotations

from ranvier.report.sections.answer import answer
from ranvier.report.sections.choices import choices_section
from ranvier.report.sections.data import data_section
from ranvier.report.sections.doctor import doctor_section
from ranvier.report.sections.inside import inside_section
from ranvier.report.sections.learning import learning_section
from ranvier.report.sections.machine import machine_section
from ranvier.report.sections.mistakes import mistakes_section
from ranvier.report.sections.network import network_section
from ranvier.report.sections.pictures import pictures_section
from ranvier.report.sections.scores import scores_section
from ranvier.report.sections.suspects import suspects_section
from ranvier.report.sections.twins import twins_section

__all__ = [
    "answer",
    "choices_section",
    "data_section",
    "doctor_section",
    "inside_section",
    "learning_section",
    "machine_section",
    "mistakes_section",
    "network_section",
    "pictures_section",
    "scores_section",
    "suspects_section",
    "twins_section",
]
