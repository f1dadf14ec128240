"""How parameters move: optimisers, learning-rate schedules, clipping, penalties, groups."""

from ranvier.optim.adadelta import Adadelta
from ranvier.optim.adafactor import Adafactor
from ranvier.optim.adagrad import Adagrad
from ranvier.optim.adam import Adam, AdamW
from ranvier.optim.adamax import Adamax
from ranvier.optim.asgd import ASGD
from ranvier.optim.clipping import (
    clip_adaptively_,
    clip_by_global_norm_,
    clip_by_norm_,
    clip_by_value_,
    global_norm,
    norms,
)
from ranvier.optim.cycles import CosineRestarts, Cyclic
from ranvier.optim.decays import (
    Exponential,
    InverseTime,
    Piecewise,
    Polynomial,
    StepDecay,
    WarmupStableDecay,
)
from ranvier.optim.ftrl import FTRL
from ranvier.optim.groups import decays, freeze, groups_for, patterns_from
from ranvier.optim.lamb import LAMB
from ranvier.optim.lbfgs import LBFGS
from ranvier.optim.lion import Lion
from ranvier.optim.lookahead import Lookahead
from ranvier.optim.muon import Muon
from ranvier.optim.nadam import NAdam
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer
from ranvier.optim.penalties import distance_from_orthogonal, penalty, penalty_of_groups
from ranvier.optim.plateau import ReduceOnPlateau
from ranvier.optim.radam import RAdam
from ranvier.optim.read import optimizer_from, schedule_from
from ranvier.optim.rmsprop import RMSprop
from ranvier.optim.rprop import Rprop
from ranvier.optim.schedule import SCHEDULES, Schedule
from ranvier.optim.schedule_free import ScheduleFreeAdamW
from ranvier.optim.schedules import Constant, Cosine, CosineLog, OneCycle
from ranvier.optim.sgd import SGD
from ranvier.optim.sharpness import SAM

__all__ = [
    "ASGD",
    "FTRL",
    "LAMB",
    "LBFGS",
    "OPTIMIZERS",
    "SAM",
    "SCHEDULES",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Constant",
    "Cosine",
    "CosineLog",
    "CosineRestarts",
    "Cyclic",
    "Exponential",
    "InverseTime",
    "Lion",
    "Lookahead",
    "Muon",
    "NAdam",
    "OneCycle",
    "Optimizer",
    "Piecewise",
    "Polynomial",
    "RAdam",
    "RMSprop",
    "ReduceOnPlateau",
    "Rprop",
    "Schedule",
    "ScheduleFreeAdamW",
    "StepDecay",
    "WarmupStableDecay",
    "clip_adaptively_",
    "clip_by_global_norm_",
    "clip_by_norm_",
    "clip_by_value_",
    "decays",
    "distance_from_orthogonal",
    "freeze",
    "global_norm",
    "groups_for",
    "norms",
    "optimizer_from",
    "patterns_from",
    "penalty",
    "penalty_of_groups",
    "schedule_from",
]
