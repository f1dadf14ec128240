"""L-BFGS: steps along a Newton direction built from the last few gradients."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ranvier.optim.descent import Descent, Slots
from ranvier.optim.optimizer import OPTIMIZERS, Optimizer

_CHANGES, _STEPS, _CURVATURES = "lbfgs.changes", "lbfgs.steps", "lbfgs.curvatures"
_DIRECTION, _GRADIENT, _NUMBERS = "lbfgs.direction", "lbfgs.gradient", "lbfgs.numbers"
_KEPT = ("t", "H_diag", "prev_loss", "n_iter", "func_evals", "pairs")


@OPTIMIZERS.register("lbfgs", other_spellings=("l_bfgs", "bfgs", "l-bfgs"))
@dataclass(frozen=True)
class LBFGS(Optimizer):
    """The method for small problems without noise: few steps, each with several evaluations.

        d = −H·g               H: the inverse Hessian as the last `history` pairs of steps and
                               changes of the gradient tell it
        θ ← θ + t·d            t by a line search for the strong Wolfe conditions; η without one

    A step of the training is up to `iterations` of these on the rows of its batch, with at most
    `evaluations` of the loss (5/4 of the iterations unless given). It wants the gradient of all
    rows, `batch_size` 0, and no dropout: noise misleads the line search. Weight decay is an L2
    penalty. torch's own LBFGS does the work.

    Raises:
        ConfigError: an option out of its range.

    Reference: Liu and Nocedal, On the Limited Memory BFGS Method for Large Scale Optimization
    (1989); Nocedal and Wright, Numerical Optimization (2006), 3.5 and 7.2.
    """

    learning_rate: float = 1.0
    _: KW_ONLY
    iterations: int = 20
    evaluations: int | None = None
    history: int = 10
    line_search: bool = True
    tolerance_gradient: float = 1e-7
    tolerance_change: float = 1e-9

    kind: ClassVar[str] = "lbfgs"
    # The line search and the curvature test read numbers back and decide by them how to go on.
    capturable: ClassVar[bool] = False
    moves_all_alike: ClassVar[bool] = True

    def _ranges(self) -> dict[str, tuple[bool, str]]:
        at_least_1 = "a whole number of at least 1"
        return {
            "iterations": (self.iterations >= 1, at_least_1),
            "evaluations": (self.evaluations is None or self.evaluations >= 1, at_least_1),
            "history": (self.history >= 1, at_least_1),
            "tolerance_gradient": (self.tolerance_gradient >= 0, "a number of at least 0"),
            "tolerance_change": (self.tolerance_change >= 0, "a number of at least 0"),
        }

    def slots(self, parameters: list[Tensor]) -> Slots:
        return {}

    def shared_slots(self, parameters: list[Tensor]) -> Slots:
        size, like = sum(p.numel() for p in parameters), parameters[0].detach()
        return {
            _CHANGES: [like.new_zeros(self.history, size)],
            _STEPS: [like.new_zeros(self.history, size)],
            _CURVATURES: [like.new_zeros(self.history)],
            _DIRECTION: [like.new_zeros(size)],
            _GRADIENT: [like.new_zeros(size)],
            _NUMBERS: [like.new_zeros(len(_KEPT), dtype=torch.float64)],
        }

    def update(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        slots: Slots,
        *,
        learning_rate: float | Tensor,
        weight_decay: float,
    ) -> None:
        raise TypeError(
            "LBFGS.update: one gradient is not enough for a line search. Call `descend`, which "
            "takes an `evaluate` for the loss and the gradients at other parameters."
        )

    def descend(self, descent: Descent) -> None:
        if not float(descent.learning_rate):
            return  # a line search from a first length of 0 would leave it at some other
        parameters = descent.parameters
        torchs = torch.optim.LBFGS(
            parameters,
            lr=descent.learning_rate,
            max_iter=self.iterations,
            max_eval=self.evaluations,
            history_size=self.history,
            line_search_fn="strong_wolfe" if self.line_search else None,
            tolerance_grad=self.tolerance_gradient,
            tolerance_change=self.tolerance_change,
        )
        state = torchs.state[parameters[0]]
        state.update(_remembered(descent.shared))
        known = [(descent.loss, descent.gradients)]

        def closure() -> Tensor:
            # What the step came with is the first evaluation; it is not made twice.
            loss, gradients = known.pop() if known else descent.evaluate()
            with torch.no_grad():
                return _with_decay(descent, loss, gradients)

        torchs.step(closure)  # type: ignore[arg-type]  # torch wants a float and takes a tensor
        for parameter in parameters:
            parameter.grad = None
        _remember(descent.shared, state)


def _with_decay(descent: Descent, loss: Tensor, gradients: list[Tensor]) -> Tensor:
    """L + ½·λ·‖θ‖², with its gradients given to the parameters as torch wants them."""
    for group in descent.groups:
        for position in group.positions:
            parameter, gradient = descent.parameters[position], gradients[position]
            if group.weight_decay:
                gradient = gradient.add(parameter, alpha=group.weight_decay)
                loss = loss + 0.5 * group.weight_decay * parameter.square().sum()
            parameter.grad = gradient.contiguous()
    return loss


def _remembered(shared: Slots) -> dict[str, Any]:
    """What torch's LBFGS keeps between steps, out of the slots."""
    numbers = dict(zip(_KEPT, shared[_NUMBERS][0].tolist(), strict=True))
    counts = {name: int(numbers.pop(name)) for name in ("n_iter", "func_evals", "pairs")}
    if not counts["n_iter"]:
        return {}
    pairs = counts.pop("pairs")
    scale = shared[_GRADIENT][0].new_tensor(numbers.pop("H_diag"))
    return {
        **numbers,
        **counts,
        "H_diag": scale,
        "d": shared[_DIRECTION][0].clone(),
        "prev_flat_grad": shared[_GRADIENT][0].clone(),
        "old_dirs": [row.clone() for row in shared[_CHANGES][0][:pairs]],
        "old_stps": [row.clone() for row in shared[_STEPS][0][:pairs]],
        "ro": list(shared[_CURVATURES][0][:pairs].clone().unbind()),
    }


def _remember(shared: Slots, state: dict[str, Any]) -> None:
    """The slots set, in place, to what torch's LBFGS keeps."""
    if not state.get("n_iter"):
        return
    pairs = len(state["old_dirs"])
    for name, rows in ((_CHANGES, "old_dirs"), (_STEPS, "old_stps"), (_CURVATURES, "ro")):
        if pairs:
            shared[name][0][:pairs] = torch.stack(state[rows])
    shared[_DIRECTION][0].copy_(state["d"])
    shared[_GRADIENT][0].copy_(state["prev_flat_grad"])
    numbers = [float(state[name]) for name in _KEPT[:-1]]
    shared[_NUMBERS][0].copy_(torch.tensor([*numbers, pairs], dtype=torch.float64))
