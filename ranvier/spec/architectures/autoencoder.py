"""Networks that give back what they get through a narrow code, plain and variational."""

from __future__ import annotations

from collections.abc import Sequence as Several
from math import ceil

from ranvier.core.errors import NetworkError
from ranvier.core.shapes import size
from ranvier.spec import (
    Activation,
    Conv,
    ConvTranspose,
    Dense,
    Flatten,
    GaussianSample,
    Layer,
    Network,
    Reshape,
    Sequence,
)
from ranvier.spec.architectures.registry import ready

Given = int | Several[int]
Function = str | Activation


@ready()
def autoencoder(
    shape: Given = 784,
    *,
    hidden: Several[int] = (1000, 500, 250),
    latent: int = 30,
    activation: Function = "relu",
    output_activation: Function | None = None,
) -> Network:
    """A dense autoencoder: gives back what it gets, through a code of few numbers.

        x ─ 1000 ─ 500 ─ 250 ─ code 30 ─ 250 ─ 500 ─ 1000 ─▶ x̂

    `shape` is that of a sample, 784 or (28, 28, 1). The layer called `latent` gives the code, of so
    many numbers; a loss compares the output with the input.

    With the default widths, the paper's for MNIST, it has 2,837,314 parameters.

    >>> autoencoder((8, 8, 1), hidden=(32,), latent=4).output_shape((8, 8, 1))
    (8, 8, 1)

    Shapes: `shape` -> the same.

    Reference: Hinton & Salakhutdinov 2006, Science 313.
    """
    given = _shape(shape)
    return Network(
        *_encoder(given, hidden, activation),
        Dense(latent, name="latent"),
        *_decoder(given, hidden, activation, output_activation),
        name="autoencoder",
    )


@ready()
def vae(
    shape: Given = 784,
    *,
    hidden: Several[int] = (400,),
    latent: int = 20,
    activation: Function = "relu",
    output_activation: Function | None = None,
    divergence_weight: float | None = None,
) -> Network:
    """A variational autoencoder: its code is a distribution, from which new samples can be drawn.

        x ─ 400 ─ [μ; log σ²] ─ code ~ N(μ, σ²) ─ 400 ─▶ x̂,  KL(N(μ, σ²) ‖ N(0, I)) is added

    The layer called `latent` draws in training and gives the mean in evaluation; new samples come
    from drawing N(0, I) and calling the layers after it. `divergence_weight` is 1 / size of a
    sample unless told, which is the evidence lower bound for a loss that is a mean over a sample's
    numbers; with binary cross-entropy give it `output_activation=None`, for the loss takes logits.

    With the default widths it has 652,824 parameters.

    >>> vae((8, 8, 1), hidden=(32,), latent=4).output_shape((8, 8, 1))
    (8, 8, 1)

    Shapes: `shape` -> the same.

    Reference: Kingma & Welling 2014, arXiv:1312.6114.
    """
    given = _shape(shape)
    weight = 1 / size(given) if divergence_weight is None else divergence_weight
    return Network(
        *_encoder(given, hidden, activation),
        Dense(2 * latent, name="distribution"),
        GaussianSample(weight=weight, name="latent"),
        *_decoder(given, hidden, activation, output_activation),
        name="vae",
    )


@ready()
def conv_autoencoder(
    shape: Several[int] = (28, 28, 1),
    *,
    filters: Several[int] = (32, 64),
    kernel: int = 3,
    latent: int | None = 32,
    activation: Function = "relu",
    output_activation: Function | None = None,
) -> Network:
    """A convolutional autoencoder: strided convolutions down to a code, transposed ones back.

        28 × 28 ─ Conv 32, ½ ─ Conv 64, ½ ─ code 32 ─ 7 × 7 × 64 ─ ×2, 32 ─ ×2 ─▶ 28 × 28

    Each of `filters` halves the picture; without `latent` the last of them is the code.

    >>> conv_autoencoder((8, 8, 1), filters=(8, 16), latent=4).output_shape((8, 8, 1))
    (8, 8, 1)

    Shapes: `shape`, [height, width, channels] -> the same, sides that 2^len(filters) divides.

    Raises:
        NetworkError: for sides that cannot be halved so often.

    Reference: Masci et al. 2011, ICANN.
    """
    given = _shape(shape)
    down = [
        Conv(width, kernel, stride=2, padding="same", activation=activation) for width in filters
    ]
    widths = [*reversed(filters[:-1]), given[-1]]
    functions = [*[activation] * (len(widths) - 1), output_activation]
    up = [
        ConvTranspose(width, kernel, stride=2, padding="same", activation=function)
        for width, function in zip(widths, functions, strict=True)
    ]
    small = (*_halved(given[:-1], len(filters)), filters[-1])
    narrow: list[Layer] = []
    if latent is not None:
        wide = Dense(size(small), activation=activation)
        narrow = [Flatten(), Dense(latent, name="latent"), wide, Reshape(small)]
    return Network(
        Sequence(*down, name="encoder"),
        *narrow,
        Sequence(*up, name="decoder"),
        name="conv_autoencoder",
    )


def _halved(places: tuple[int, ...], times: int) -> tuple[int, ...]:
    """The places after so many halvings.

    Raises:
        NetworkError: if one of them cannot be halved so often.
    """
    factor = 2**times
    if any(side % factor for side in places):
        fitting = tuple(ceil(side / factor) * factor for side in places)
        raise NetworkError(
            f"conv_autoencoder.shape: got places {places}; expected multiples of {factor}, as "
            f"{times} filters halve them {times} times. Take {fitting}, or fewer filters."
        )
    return tuple(side // factor for side in places)


def _shape(given: Given) -> tuple[int, ...]:
    return (given,) if isinstance(given, int) else tuple(given)


def _encoder(shape: tuple[int, ...], hidden: Several[int], activation: Function) -> list[Layer]:
    flat = [Flatten()] if len(shape) > 1 else []
    return [Sequence(*flat, *(Dense(n, activation=activation) for n in hidden), name="encoder")]


def _decoder(
    shape: tuple[int, ...], hidden: Several[int], activation: Function, last: Function | None
) -> list[Layer]:
    wide = [Dense(n, activation=activation) for n in reversed(hidden)]
    laid_out = [Reshape(shape)] if len(shape) > 1 else []
    return [Sequence(*wide, Dense(size(shape), activation=last), *laid_out, name="decoder")]
