"""Examples of every layer, a file per family; the laws run over all of them.

A new kind of layer is entered in the list of its family; a new family is a new file.
"""

from importlib import import_module
from pkgutil import iter_modules

from tests.laws.examples.example import Example

EXAMPLES: list[Example] = [
    example
    for module in sorted(iter_modules(__path__), key=lambda module: module.name)
    if module.name != "example"
    for example in import_module(f"{__name__}.{module.name}").EXAMPLES
]
