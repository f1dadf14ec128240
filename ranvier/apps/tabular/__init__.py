"""Tables: rows with named columns, one of them to be predicted from the others."""

from ranvier.apps.tabular.model import TableModel, load_model
from ranvier.apps.tabular.train import NAME, PreparedTable, again, choose

__all__ = ["NAME", "PreparedTable", "TableModel", "again", "choose", "load_model"]
