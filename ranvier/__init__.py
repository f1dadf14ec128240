"""Ranvier: neural networks, from raw data to a trained, measured, explained network.

>>> import ranvier as rv
>>> network = rv.Network(rv.Dense(64, activation="relu"), rv.Dense(10))
>>> network.output_shape(20)
(10,)

`rv.architectures` has ready ones: `rv.architectures.resnet(depth=50)`.

`rv.train(None, "table.csv", target="column")` trains the default network on a table and returns a
`Run`; `help(rv.train)` says what else it takes. `rv.NetworkClassifier` and `rv.NetworkRegressor`
are scikit-learn estimators.

Names are imported when they are first used, so that what needs no torch never waits for it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ranvier.api import Run as Run
    from ranvier.api import load as load
    from ranvier.api import resume as resume
    from ranvier.api import train as train
    from ranvier.api import verify as verify
    from ranvier.core.errors import RanvierError as RanvierError
    from ranvier.core.finding import Finding as Finding
    from ranvier.core.text import encode_text as encode_text
    from ranvier.diagnose.diagnosis import diagnose as diagnose
    from ranvier.diagnose.recorder import Recorder as Recorder
    from ranvier.estimators import NetworkClassifier as NetworkClassifier
    from ranvier.estimators import NetworkRegressor as NetworkRegressor
    from ranvier.nn import build as build
    from ranvier.nn import cutmix as cutmix
    from ranvier.nn import generate as generate
    from ranvier.nn import load_weights as load_weights
    from ranvier.nn import lsuv_ as lsuv_
    from ranvier.nn import mixup as mixup
    from ranvier.nn import prior_bias as prior_bias
    from ranvier.nn import start_at_prior_ as start_at_prior_
    from ranvier.nn import streaming as streaming
    from ranvier.nn import wrap as wrap
    from ranvier.spec import architectures as architectures

# Folders whose public names are all ours too: layers, losses, optimisers, schedules.
_WHOLE = ("ranvier.spec", "ranvier.losses", "ranvier.optim")
_REGISTRIES = {
    "ACTIVATIONS",
    "CONSTRAINTS",
    "FUNCTIONS",
    "INITIALIZERS",
    "LAYERS",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
}
_PARTS = {"Foreign", "Node", "PureFunction", "Parameter", "PerMember", "TorchModule", *_REGISTRIES}
_SINGLE = {
    "NetworkClassifier": "ranvier.estimators",
    "NetworkRegressor": "ranvier.estimators",
    "Finding": "ranvier.core.finding",
    "Recorder": "ranvier.diagnose.recorder",
    "diagnose": "ranvier.diagnose.diagnosis",
    "__version__": "ranvier.core.version",
    "RanvierError": "ranvier.core.errors",
    "Run": "ranvier.api",
    "build": "ranvier.nn",
    "cutmix": "ranvier.nn",
    "encode_text": "ranvier.core.text",
    "generate": "ranvier.nn",
    "load": "ranvier.api",
    "load_weights": "ranvier.nn",
    "lsuv_": "ranvier.nn",
    "mixup": "ranvier.nn",
    "prior_bias": "ranvier.nn",
    "resume": "ranvier.api",
    "train": "ranvier.api",
    "start_at_prior_": "ranvier.nn",
    "streaming": "ranvier.nn",
    "verify": "ranvier.api",
    "wrap": "ranvier.nn",
}


class _Package(ModuleType):
    """This package, where a function may have the name of a folder.

    Importing anything from `ranvier.train` would put that folder's module in the place of
    `rv.train`; the function keeps it. `from ranvier.train.x import y` is not touched by this.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _SINGLE and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name == "architectures":
        value = import_module("ranvier.spec.architectures")
    elif name in _SINGLE:
        module = import_module(_SINGLE[name])
        value = module.VERSION if name == "__version__" else getattr(module, name)
    else:
        value = _from_whole(name)
    globals()[name] = value
    return value


def _from_whole(name: str) -> Any:
    # The descriptions come first: they need no torch, the others do.
    for place in _WHOLE if not name.startswith("_") else ():
        module = import_module(place)
        if name in module.__all__:
            return getattr(module, name)
    raise AttributeError(f"module 'ranvier' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What a user reaches for: functions, layers, losses, optimisers, schedules by name.

    Registries, readers of documents and the parts of a description are found in their folders.
    """
    whole = (name for place in _WHOLE for name in import_module(place).__all__)
    shown = (name for name in whole if name[0].isupper() and name not in _PARTS)
    return sorted({*_SINGLE, "architectures", *shown})
