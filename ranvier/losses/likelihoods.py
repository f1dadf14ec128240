"""Likelihoods: the surprise −log p(y | θ), with the parameters θ on the prediction's last axis.

A mean that is positive comes as its logarithm η, as in a generalised linear model; a scale or a
shape as the softplus of an output s. Each is finite for outputs of any finite size: an exponential
goes on as its tangent beyond e³⁰, and scales have a floor.

The loss is the whole of −log p, constants too, so two likelihoods of the same data compare. That
of a density may be below 0.

Legend: y the target, r = y − μ, σ(s) = 1 / (1 + exp(−s)), ψ the derivative of log Γ.
Shapes: prediction [B, P], or [B] where P is 1, or [B, ..., P]; target [B] or [B, ...] → each [B].
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ranvier.core.kinds import check_ranges
from ranvier.losses.loss import LOSSES, at_least_float32
from ranvier.losses.positive import (
    HALF_LOG_TWO_PI,
    log_gamma_ratio,
    softplus,
    stirling_remainder,
    tangent_exponential,
)
from ranvier.losses.several_outputs import SeveralOutputs

LEAST_SHAPE = 1e-6


class Likelihood(SeveralOutputs):
    """The surprise at a number under a distribution that the network describes."""

    def expectation(self, prediction: Tensor) -> Tensor:
        """The distribution's mean, the number to predict: [B, ...] for each number of the target.

        It is the first output, or its exponential where that is the logarithm of the mean.
        """
        first = at_least_float32(prediction)
        first = first if len(self.outputs) == 1 else first[..., 0]
        return tangent_exponential(first) if self.outputs[0] == "log_mean" else first

    def variance(self, prediction: Tensor) -> Tensor:
        """The distribution's variance, how far from the mean to expect the number, squared.

        Shapes: as `expectation`.
        """
        raise NotImplementedError


@LOSSES.register("gaussian_likelihood", other_spellings=("gaussian_nll", "gaussian", "normal_nll"))
@dataclass(frozen=True)
class GaussianLikelihood(Likelihood):
    """A mean and how far from it to expect the number: noise that differs from row to row.

        l = ½·log(2πv) + r²/2v        ∂l/∂μ = −r/v,  ∂l/∂v = ½·(1/v − r²/v²)

    The second output s says the variance v. As `log_variance`, v = exp(s) + f² and
    ∂v/∂s = exp(s); as `softplus_scale`, √v = softplus(s) + f and ∂√v/∂s = σ(s). The floor f,
    `least_scale` in the target's unit, keeps a row that is hit exactly from an endless likelihood.

    Raises:
        ConfigError: another `spread`, or `least_scale` not above 0.

    >>> import torch
    >>> GaussianLikelihood()(torch.tensor([[0.0, 0.0]]), torch.tensor([0.0]))   # ½ log 2π
    tensor(0.9189)

    Reference: Nix and Weigend, Estimating the Mean and Variance of the Target Probability
    Distribution (1994).
    """

    _: KW_ONLY
    spread: str = "log_variance"
    least_scale: float = 1e-3

    kind: ClassVar[str] = "gaussian_likelihood"

    def __post_init__(self) -> None:
        known = ("log_variance", "softplus_scale")
        check_ranges(
            self,
            spread=(self.spread in known, f"one of {', '.join(known)}"),
            least_scale=(self.least_scale > 0, "a number above 0"),
        )

    @property
    def outputs(self) -> tuple[str, ...]:
        return ("mean", self.spread)

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        mean, s = prediction.unbind(-1)
        half_log_variance = self._half_log_variance(s)
        standardised = (target - mean) * (-half_log_variance).exp()
        return half_log_variance + 0.5 * standardised**2 + HALF_LOG_TWO_PI

    def variance(self, prediction: Tensor) -> Tensor:
        return tangent_exponential(
            2 * self._half_log_variance(at_least_float32(prediction)[..., 1])
        )

    def _half_log_variance(self, s: Tensor) -> Tensor:
        if self.spread == "log_variance":
            floor = torch.full_like(s, 2 * math.log(self.least_scale))
            return 0.5 * torch.logaddexp(s, floor)
        return (softplus(s) + self.least_scale).log()


@LOSSES.register("student_likelihood", other_spellings=("student_t", "student_nll", "t_likelihood"))
@dataclass(frozen=True)
class StudentLikelihood(Likelihood):
    """As the Gaussian, with tails so heavy that a far outlier pulls ever less, not ever more.

        l = log σ + ½·log(πν) − log Γ((ν + 1)/2) + log Γ(ν/2) + (ν + 1)/2 · log(1 + z²/ν),  z = r/σ
        ∂l/∂μ = −(ν + 1)·z / (σ·(ν + z²)),  ∂l/∂σ = (1 − (ν + 1)·z² / (ν + z²)) / σ
        ∂l/∂ν = ½·(1/ν − ψ((ν + 1)/2) + ψ(ν/2) + log(1 + z²/ν) − (ν + 1)·z² / (ν·(ν + z²)))

    The outputs are μ and s with σ = softplus(s) + `least_scale`; where `degrees` (ν) is None, also
    a third one t with ν = 2 + softplus(t), so that the variance is finite.

    Raises:
        ConfigError: degrees or `least_scale` not above 0.

    Reference: Lange, Little and Taylor, Robust Statistical Modeling Using the t Distribution,
    JASA 84 (1989).
    """

    degrees: float | None = None
    _: KW_ONLY
    least_scale: float = 1e-3

    kind: ClassVar[str] = "student_likelihood"

    def __post_init__(self) -> None:
        check_ranges(
            self,
            degrees=(self.degrees is None or self.degrees > 0, "a number above 0, or None"),
            least_scale=(self.least_scale > 0, "a number above 0"),
        )

    @property
    def outputs(self) -> tuple[str, ...]:
        learnt = ("softplus_degrees",) if self.degrees is None else ()
        return ("mean", "softplus_scale", *learnt)

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        mean, (scale, degrees) = prediction[..., 0], self._scale_and_degrees(prediction)
        standardised = (target - mean) / scale
        tail = (degrees + 1) / 2 * torch.log1p(standardised**2 / degrees)
        return (
            tail + scale.log() + 0.5 * (math.pi * degrees).log() - log_gamma_ratio(degrees / 2, 0.5)
        )

    def variance(self, prediction: Tensor) -> Tensor:
        """σ²·ν/(ν − 2); endless where ν is 2 or less."""
        scale, degrees = self._scale_and_degrees(at_least_float32(prediction))
        return scale.square() * degrees / (degrees - 2).clamp(min=0)

    def _scale_and_degrees(self, prediction: Tensor) -> tuple[Tensor, Tensor]:
        scale = softplus(prediction[..., 1]) + self.least_scale
        if self.degrees is None:
            return scale, 2 + softplus(prediction[..., 2])
        return scale, torch.full_like(scale, self.degrees)


@LOSSES.register("poisson_likelihood", other_spellings=("poisson", "poisson_nll"))
@dataclass(frozen=True)
class PoissonLikelihood(Likelihood):
    """Counts of events that come by themselves, whose variance is their mean.

        l = exp(η) − y·η + log Γ(y + 1)        ∂l/∂η = exp(η) − y

    One output, η, the logarithm of the mean. Targets are counts in their own unit, at least 0, not
    standardised.

    >>> import torch
    >>> PoissonLikelihood()(torch.tensor([0.0]), torch.tensor([1]))
    tensor(1.)

    Reference: McCullagh and Nelder, Generalized Linear Models (1989), 6.2.
    """

    kind: ClassVar[str] = "poisson_likelihood"
    in_own_unit: ClassVar[bool] = True

    @property
    def outputs(self) -> tuple[str, ...]:
        return ("log_mean",)

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        # torch's kernel of this name overflows from η = 89 on and only approximates log Γ(y + 1).
        eta = prediction.squeeze(-1)
        return tangent_exponential(eta) - target * eta + torch.lgamma(target + 1)

    def variance(self, prediction: Tensor) -> Tensor:
        return self.expectation(prediction)


@LOSSES.register(
    "negative_binomial_likelihood", other_spellings=("negative_binomial", "negative_binomial_nll")
)
@dataclass(frozen=True)
class NegativeBinomialLikelihood(Likelihood):
    """Counts that vary more than Poisson's: of mean μ and variance μ + μ²/k.

        l = k·log(1 + μ/k) + y·log(1 + k/μ) − log Γ(y + k) + log Γ(k) + log Γ(y + 1)
        ∂l/∂η = k·(μ − y) / (k + μ)
        ∂l/∂k = log(1 + μ/k) + (y − μ)/(k + μ) − ψ(y + k) + ψ(k)

    Two outputs: η = log μ, and s with k = softplus(s) + 10⁻⁶. Targets are counts in their own unit,
    at least 0, not standardised.

    Reference: Lawless, Negative Binomial and Mixed Poisson Regression, Canadian Journal of
    Statistics 15 (1987).
    """

    kind: ClassVar[str] = "negative_binomial_likelihood"
    in_own_unit: ClassVar[bool] = True

    @property
    def outputs(self) -> tuple[str, ...]:
        return ("log_mean", "softplus_shape")

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        eta, s = prediction.unbind(-1)
        shape = _shape_of(s)
        log_ratio = eta - shape.log()
        surprise = shape * softplus(log_ratio) + target * softplus(-log_ratio)
        return surprise - log_gamma_ratio(shape, target) + torch.lgamma(target + 1)

    def variance(self, prediction: Tensor) -> Tensor:
        mean = self.expectation(prediction)
        return mean + mean.square() / _shape_of(at_least_float32(prediction)[..., 1])


@LOSSES.register("gamma_likelihood", other_spellings=("gamma", "gamma_nll", "gamma_deviance"))
@dataclass(frozen=True)
class GammaLikelihood(Likelihood):
    """Positive amounts whose spread grows with their size: of mean μ and variance μ²/k.

        l = k·(u − log u − 1) + log y + log Γ(k) − k·log k + k,  u = y/μ
        ∂l/∂η = k·(1 − u)
        ∂l/∂k = u − log u − 1 + ψ(k) − log k

    Two outputs: η = log μ, and s with k = softplus(s) + 10⁻⁶. Targets are above 0 and in their own
    unit, not standardised; 0 counts as the smallest positive number.

    Reference: McCullagh and Nelder, Generalized Linear Models (1989), 8.
    """

    kind: ClassVar[str] = "gamma_likelihood"
    in_own_unit: ClassVar[bool] = True

    @property
    def outputs(self) -> tuple[str, ...]:
        return ("log_mean", "softplus_shape")

    def numbers(self, prediction: Tensor, target: Tensor) -> Tensor:
        eta, s = prediction.unbind(-1)
        shape = _shape_of(s)
        log_target = target.clamp(min=torch.finfo(target.dtype).tiny).log()
        log_u = log_target - eta
        fit = shape * (tangent_exponential(log_u) - log_u - 1)
        # log Γ(k) − k·log k + k, by Stirling.
        normaliser = HALF_LOG_TWO_PI - 0.5 * shape.log() + stirling_remainder(shape)
        return fit + log_target + normaliser

    def variance(self, prediction: Tensor) -> Tensor:
        shape = _shape_of(at_least_float32(prediction)[..., 1])
        return self.expectation(prediction).square() / shape


def _shape_of(s: Tensor) -> Tensor:
    return softplus(s) + LEAST_SHAPE
