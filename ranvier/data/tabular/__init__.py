"""Tables: from any source to encoded rows, and the encoder that does the same for new rows."""

from ranvier.data.tabular.encode import Layout, TableEncoder
from ranvier.data.tabular.fingerprint import fingerprint
from ranvier.data.tabular.prepare import labelled_rows, prepare
from ranvier.data.tabular.read import read_table
from ranvier.data.tabular.scaling import SCALING_METHODS
from ranvier.data.tabular.schema import Column, TableSchema
from ranvier.data.tabular.table_data import Rows, TableData

__all__ = [
    "SCALING_METHODS",
    "Column",
    "Layout",
    "Rows",
    "TableData",
    "TableEncoder",
    "TableSchema",
    "fingerprint",
    "labelled_rows",
    "prepare",
    "read_table",
]
