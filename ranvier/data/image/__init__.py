"""Pictures: listed from folders, tables and arrays, decoded once, and divided into parts."""

from ranvier.data.image.divide import divide_pictures
from ranvier.data.image.encode import PictureEncoder, PictureForm
from ranvier.data.image.is_pictures import is_pictures
from ranvier.data.image.list_pictures import list_pictures
from ranvier.data.image.listing import Listing, Problem
from ranvier.data.image.picture_data import PictureData, Pictures
from ranvier.data.image.prepare import prepare
from ranvier.data.image.problems import summary
from ranvier.data.image.read import Readable, labelled_pictures, read_pictures
from ranvier.data.image.targets import picture_target, target_weights

__all__ = [
    "Listing",
    "PictureData",
    "PictureEncoder",
    "PictureForm",
    "Pictures",
    "Problem",
    "Readable",
    "divide_pictures",
    "is_pictures",
    "labelled_pictures",
    "list_pictures",
    "picture_target",
    "prepare",
    "read_pictures",
    "summary",
    "target_weights",
]
