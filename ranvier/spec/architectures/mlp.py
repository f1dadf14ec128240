"""The multilayer perceptron: dense layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.spec import Activation, BatchNorm, Dense, Dropout, Flatten, Layer, Network
from ranvier.spec.architectures.registry import ready


@ready()
def mlp(
    outputs: int = 10,
    *,
    hidden: Sequence[int] = (500, 300),
    activation: str | Activation = "relu",
    dropout: float = 0.0,
    batch_norm: bool = False,
    flatten: bool = True,
) -> Network:
    """Dense layers with an activation between them: the plainest network there is.

        x ─ Dense ─ f ─ … ─ Dense ─ f ─ Dense ─▶ outputs

    `flatten` lays an input of several axes in one row first; without it the layers work on the
    features of every place alike.

    With the default widths and 28 × 28 pixels it has 545,810 parameters, the 784-500-300-10 network
    of LeCun et al. ("3-layer NN, 500+300 hidden units").

    >>> mlp(3, hidden=(64, 64)).describe(input=20).parameters
    5699

    Shapes: [...] -> [outputs].

    Reference: Rumelhart, Hinton & Williams 1986, Nature 323; LeCun et al. 1998, Proc. IEEE 86(11),
    fig. 9.
    """
    layers: list[Layer] = [Flatten()] if flatten else []
    for units in hidden:
        if batch_norm:
            layers += [Dense(units, bias=False), BatchNorm(), _function(activation)]
        else:
            layers.append(Dense(units, activation=activation))
        if dropout:
            layers.append(Dropout(dropout))
    return Network(*layers, Dense(outputs), name="mlp")


def _function(value: str | Activation) -> Activation:
    return Activation(value) if isinstance(value, str) else value
