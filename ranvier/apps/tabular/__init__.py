"""Tables: rows with named columns, one of them to be predicted from the others."""

from ranvier.apps.tabular.model import TableModel, load_model
from ranvier.apps.tabular.train import Prepared, begin, choose, restore, resume

__all__ = ["Prepared", "TableModel", "begin", "choose", "load_model", "restore", "resume"]
