"""Examples of every layer, a file per family; the laws run over all of them.

A new kind of layer is entered in the list of its family, and a new family here.
"""

from tests.laws.examples import attention, basic, joining, regularisation, tables
from tests.laws.examples.example import Example

EXAMPLES: list[Example] = [
    *attention.EXAMPLES,
    *basic.EXAMPLES,
    *joining.EXAMPLES,
    *regularisation.EXAMPLES,
    *tables.EXAMPLES,
]
