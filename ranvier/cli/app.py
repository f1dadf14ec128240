"""The program `ranvier`: its verbs by name, and what becomes of what they raise.

A verb is imported when it is called, and it imports the heavy tiers when it runs, so that
`ranvier --help` opens at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, Group, Parameter

from ranvier.cli.failures import exit_code_of, print_failure
from ranvier.core.version import VERSION

VERBS = {
    "train": "Train a network on a table, end to end, and write a report.",
    "resume": "Go on with a run exactly where it stopped.",
    "evaluate": "Measure a trained network on other rows.",
    "predict": "Predict with a trained network: one row out per row in.",
    "explain": "Show which pixels a picture network's answers rest on.",
    "describe": "Show a network: layers, shapes, sizes, equations, drawing.",
    "report": "Write a run's report anew from its files.",
    "doctor": "Say what is wrong with a training, and what to do about it.",
    "verify": "Check that a run is whole, and that its resume is exact.",
    "data": "List the known real data sets, or get one.",
}


app = App(
    name="ranvier",
    help="Neural networks, from raw data to a trained, measured, explained network.",
    version=VERSION,
    help_format="plaintext",
    group_parameters=Group("Options", sort_key=5),
    default_parameter=Parameter(negative="", show_default=False),
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
for position, (verb, sentence) in enumerate(VERBS.items()):
    target = "app" if verb == "data" else verb
    app.command(f"ranvier.cli.{verb}:{target}", name=verb, help=sentence, sort_key=position)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the program's exit code.

    0 done; 1 our fault; 2 the caller's, with what to mend; 130 and 143 after a signal; 141 when the
    reader of standard output left.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a letter shows another; it does not end a run.
            stream.reconfigure(errors="replace")
    try:
        code = app(words, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        print_failure(error, words)
        return exit_code_of(error)
    return code if isinstance(code, int) else 0
