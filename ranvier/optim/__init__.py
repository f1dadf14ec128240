"""How parameters move: optimisers, learning-rate schedules, clipping, penalties, groups."""

from ranvier.optim.adam import Adam, AdamW
from ranvier.optim.clipping import (
    clip_by_global_norm_,
    clip_by_norm_,
    clip_by_value_,
    global_norm,
    norms,
)
from ranvier.optim.groups import decay_groups, decays
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer
from ranvier.optim.penalties import penalty
from ranvier.optim.plateau import ReduceOnPlateau
from ranvier.optim.read import optimizer_from, schedule_from
from ranvier.optim.rmsprop import RMSprop
from ranvier.optim.schedule import SCHEDULES, Schedule
from ranvier.optim.schedules import Constant, Cosine, CosineLog, OneCycle
from ranvier.optim.sgd import SGD

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "CosineLog",
    "OneCycle",
    "Optimizer",
    "RMSprop",
    "ReduceOnPlateau",
    "Schedule",
    "clip_by_global_norm_",
    "clip_by_norm_",
    "clip_by_value_",
    "decay_groups",
    "decays",
    "global_norm",
    "norms",
    "optimizer_from",
    "penalty",
    "schedule_from",
]
