"""Pictures: classes, any number of classes, or a number predicted from what is seen."""

from ranvier.apps.image.model import PictureModel, load_model
from ranvier.apps.image.train import NAME, PreparedPictures, again, choose, takes

__all__ = [
    "NAME",
    "PictureModel",
    "PreparedPictures",
    "again",
    "choose",
    "load_model",
    "takes",
]
