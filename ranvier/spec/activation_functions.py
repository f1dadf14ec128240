"""Every activation function by name: equation, range, parameters, torch's own function.

`initializer` is how the weights of the layer before should start, so that a signal neither dies
out nor grows from layer to layer, forward and back:

    he_uniform      rectifiers halve the power of a signal, more or less: for z ~ N(0, 1) E[f′(z)²]
                    is 0.5 for relu, 0.67 for elu, 0.38 for silu; Var[w] = 2 / fan_in makes up
    glorot_uniform  what is straight around 0 or flat on both sides: near 0 little is lost, and
                    the weights must be small enough for signals to stay there
    lecun_normal    selu, whose fixed point of mean 0 and variance 1 holds for Var[w] = 1 / fan_in

No start carries a small signal far through gelu, silu and their like, which halve it at 0, or
through what shrinks: deep networks of these have normalisation, or start with `ranvier.nn.lsuv_`.

Reference: He et al. 2015, arXiv:1502.01852; Glorot & Bengio 2010; Klambauer et al. 2017,
arXiv:1706.02515.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ranvier.core.errors import NetworkError
from ranvier.core.registry import Registry
from ranvier.spec.parameters import Options, Parameters, at_least_zero, number, positive

Bounds = tuple[float, float]

_INF = math.inf
_ALL: Bounds = (-_INF, _INF)
_UP: Bounds = (0, _INF)
_HE, _GLOROT, _LECUN = "he_uniform", "glorot_uniform", "lecun_normal"
_F = "torch.nn.functional."


@dataclass(frozen=True)
class ActivationFunction:
    """One function f(z); `equation` says it in z, and `bounds` the range that it never leaves.

    Where the range depends on the parameters, `bounds` is a function of them. `torch` names the
    function of torch that computes it, and is empty where ours does; `arguments` are torch's names
    for our parameters where they differ, `fixed` what torch is always given. `over_features` says
    that f takes the features of a place together, as softmax does, and not each number alone.
    """

    equation: str
    bounds: Bounds | Callable[..., Bounds] = _ALL
    initializer: str = _GLOROT
    torch: str = ""
    options: Options = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    over_features: bool = False
    reference: str = ""

    def range_with(self, parameters: Parameters) -> Bounds:
        """The range of outputs for these parameters; infinite where there is no end."""
        return self.bounds(**dict(parameters)) if callable(self.bounds) else self.bounds


LINEAR = {"linear": ActivationFunction("z")}

RECTIFIERS = {
    "relu": ActivationFunction("max(0, z)", _UP, _HE, "torch.relu"),
    "relu6": ActivationFunction(
        "min(6, max(0, z))",
        (0, 6),
        _HE,
        _F + "relu6",
        reference="Howard et al. 2017, arXiv:1704.04861",
    ),
    "leaky_relu": ActivationFunction(
        "max(0, z) + slope · min(0, z)",
        lambda slope: _ALL if slope > 0 else _UP,
        _HE,
        _F + "leaky_relu",
        {"slope": number(0.01)},
        {"slope": "negative_slope"},
        reference="Maas, Hannun & Ng 2013",
    ),
    "threshold": ActivationFunction(
        "z if z > threshold, else value",
        lambda threshold, value: (min(threshold, value), _INF),
        _HE,
        _F + "threshold",
        {"threshold": number(1.0), "value": number(0.0)},
        reference="Konda, Memisevic & Krueger 2015, arXiv:1402.3337",
    ),
    "elu": ActivationFunction(
        "z if z > 0, else alpha · (eᶻ − 1)",
        lambda alpha: (-alpha, _INF),
        _HE,
        _F + "elu",
        {"alpha": positive(1.0)},
        reference="Clevert, Unterthiner & Hochreiter 2016, arXiv:1511.07289",
    ),
    "celu": ActivationFunction(
        "z if z > 0, else alpha · (exp(z / alpha) − 1)",
        lambda alpha: (-alpha, _INF),
        _HE,
        options={"alpha": positive(1.0)},
        reference="Barron 2017, arXiv:1704.07483",
    ),
    "selu": ActivationFunction(
        "1.0507 z if z > 0, else 1.7581 · (eᶻ − 1)",
        (-1.0507009873554805 * 1.6732632423543772, _INF),
        _LECUN,
        _F + "selu",
        reference="Klambauer et al. 2017, arXiv:1706.02515",
    ),
    # The lower ends of the next five lie where the slope is 0: at −0.752, −0.752, −1.278, −1.192
    # and −3/2.
    "gelu": ActivationFunction(
        "z · Φ(z), Φ the normal distribution function",
        (-0.16997120747990369, _INF),
        _HE,
        _F + "gelu",
        reference="Hendrycks & Gimpel 2016, arXiv:1606.08415",
    ),
    "gelu_tanh": ActivationFunction(
        "z/2 · (1 + tanh(√(2/π) · (z + 0.044715 z³)))",
        (-0.17004075057125406, _INF),
        _HE,
        _F + "gelu",
        fixed={"approximate": "tanh"},
        reference="Hendrycks & Gimpel 2016, arXiv:1606.08415",
    ),
    "silu": ActivationFunction(
        "z / (1 + e⁻ᶻ)",
        (-0.2784645427610738, _INF),
        _HE,
        _F + "silu",
        reference="Elfwing, Uchibe & Doya 2018, arXiv:1702.03118",
    ),
    "mish": ActivationFunction(
        "z · tanh(ln(1 + eᶻ))",
        (-0.3088434130172504, _INF),
        _HE,
        _F + "mish",
        reference="Misra 2020, arXiv:1908.08681",
    ),
    "hard_silu": ActivationFunction(
        "z · min(1, max(0, z/6 + 1/2))",
        (-0.375, _INF),
        _HE,
        _F + "hardswish",
        reference="Howard et al. 2019, arXiv:1905.02244",
    ),
    "softplus": ActivationFunction(
        "ln(1 + exp(beta · z)) / beta",
        _UP,
        _HE,
        _F + "softplus",
        {"beta": positive(1.0)},
        # From where it is a straight line; at torch's own 20 that is still off by 2e-9.
        fixed={"threshold": 40},
        reference="Dugas et al. 2001",
    ),
    "squareplus": ActivationFunction(
        "(z + √(z² + b)) / 2",
        _UP,
        _HE,
        options={"b": positive(4.0)},
        reference="Barron 2021, arXiv:2112.11687",
    ),
    "sparse_plus": ActivationFunction(
        "0 if z < −1, z if z > 1, else (z + 1)² / 4",
        _UP,
        _HE,
        reference="Blondel, Martins & Niculae 2020, arXiv:1901.02324",
    ),
}

SATURATING = {
    "sigmoid": ActivationFunction("1 / (1 + e⁻ᶻ)", (0, 1), torch="torch.sigmoid"),
    "hard_sigmoid": ActivationFunction(
        "min(1, max(0, z/6 + 1/2))", (0, 1), reference="Courbariaux et al. 2015, arXiv:1511.00363"
    ),
    "sparse_sigmoid": ActivationFunction(
        "min(1, max(0, z/2 + 1/2))", (0, 1), reference="Blondel et al. 2020, arXiv:1901.02324"
    ),
    "log_sigmoid": ActivationFunction("−ln(1 + e⁻ᶻ)", (-_INF, 0), torch=_F + "logsigmoid"),
    "tanh": ActivationFunction("tanh(z)", (-1, 1), torch="torch.tanh"),
    "hard_tanh": ActivationFunction(
        "min(high, max(low, z))",
        lambda low, high: (low, high),
        torch=_F + "hardtanh",
        options={"low": number(-1.0), "high": number(1.0)},
        arguments={"low": "min_val", "high": "max_val"},
        reference="Collobert 2004",
    ),
    "softsign": ActivationFunction(
        "z / (1 + |z|)",
        (-1, 1),
        torch=_F + "softsign",
        reference="Bergstra et al. 2009; Glorot & Bengio 2010",
    ),
}

SHRINKING = {
    "tanh_shrink": ActivationFunction("z − tanh(z)", torch=_F + "tanhshrink"),
    "soft_shrink": ActivationFunction(
        "sign(z) · max(0, |z| − threshold)",
        torch=_F + "softshrink",
        options={"threshold": at_least_zero(0.5)},
        arguments={"threshold": "lambd"},
        reference="Donoho 1995; Beck & Teboulle 2009 (ISTA)",
    ),
    "hard_shrink": ActivationFunction(
        "z if |z| > threshold, else 0",
        torch=_F + "hardshrink",
        options={"threshold": at_least_zero(0.5)},
        arguments={"threshold": "lambd"},
        reference="Donoho & Johnstone 1994",
    ),
}

# Beyond z = 88 in single precision, and 709 in double, eᶻ is more than the largest number.
EXPONENTIAL = {"exponential": ActivationFunction("eᶻ", _UP, torch="torch.exp")}

OVER_FEATURES = {
    "softmax": ActivationFunction(
        "eᶻⁱ / Σⱼ eᶻʲ", (0, 1), torch=_F + "softmax", fixed={"dim": -1}, over_features=True
    ),
    "softmin": ActivationFunction(
        "e⁻ᶻⁱ / Σⱼ e⁻ᶻʲ", (0, 1), torch=_F + "softmin", fixed={"dim": -1}, over_features=True
    ),
    "log_softmax": ActivationFunction(
        "zᵢ − ln Σⱼ eᶻʲ",
        (-_INF, 0),
        torch=_F + "log_softmax",
        fixed={"dim": -1},
        over_features=True,
    ),
    "sparsemax": ActivationFunction(
        "max(0, zᵢ − τ), τ such that they add up to 1",
        (0, 1),
        over_features=True,
        reference="Martins & Astudillo 2016, arXiv:1602.02068",
    ),
}

OTHER_SPELLINGS = {
    "linear": ("identity", "none"),
    "leaky_relu": ("lrelu", "leakyrelu"),
    "threshold": ("thresholded_relu",),
    "gelu_tanh": ("gelu_new", "gelu_pytorch_tanh", "gelu_approximate"),
    "silu": ("swish",),
    "hard_silu": ("hard_swish", "hardswish", "hardsilu"),
    "sparse_plus": ("sparseplus",),
    "sigmoid": ("logistic", "expit"),
    "hard_sigmoid": ("hardsigmoid",),
    "log_sigmoid": ("logsigmoid",),
    "hard_tanh": ("hardtanh", "clip", "clamp"),
    "softsign": ("soft_sign",),
    "softplus": ("soft_plus",),
    "tanh_shrink": ("tanhshrink",),
    "soft_shrink": ("softshrink",),
    "hard_shrink": ("hardshrink",),
    "exponential": ("exp",),
    "softmax": ("softmax2d",),
    "log_softmax": ("logsoftmax",),
}

ACTIVATIONS: Registry[ActivationFunction] = Registry("activation")

for _family in (LINEAR, RECTIFIERS, SATURATING, SHRINKING, EXPONENTIAL, OVER_FEATURES):
    for _name, _function in _family.items():
        ACTIVATIONS.add(_name, _function, other_spellings=OTHER_SPELLINGS.get(_name, ()))

# What has weights, draws at random or changes the shape is no function of z alone.
LAYERS_INSTEAD = {
    "prelu": ("learns its slopes", "PReLU()"),
    "rrelu": ("draws its slopes at random", "RReLU()"),
    "glu": ("halves the features", "GLU()"),
    "swiglu": ("halves the features", "SwiGLU()"),
    "geglu": ("halves the features", "GEGLU()"),
    "reglu": ("halves the features", "ReGLU()"),
    "maxout": ("keeps one feature out of several", "Maxout(2)"),
}


def known_function(name: str) -> ActivationFunction:
    """What is known of the function of this name.

    Raises:
        NetworkError: for what is a layer of its own, with the layer to write.
        UnknownNameError: for a function that is not known here, with the nearest that is.
    """
    if name in LAYERS_INSTEAD:
        why, layer = LAYERS_INSTEAD[name]
        raise NetworkError(
            f"{name!r} {why}, so it is a layer of its own: leave the activation out here and put "
            f"{layer} after this layer."
        )
    return ACTIVATIONS[name]
