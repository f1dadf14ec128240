"""Text from a language model, code by code.

B rows, T places, V codes of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from ranvier.core.errors import ConfigError, ShapeError
from ranvier.core.random import stream_seed
from ranvier.nn.streaming import streaming


def generate(
    module: nn.Module,
    prompt: Tensor,
    *,
    length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    stop: int | Sequence[int] | None = None,
    others: Sequence[Tensor] = (),
    cache: bool = True,
) -> Tensor:
    """The prompt, and up to `length` codes more that the module draws from its own predictions.

        p(next) = softmax(logits of the last place / temperature)

    Temperature 0 takes the likeliest code. `top_k` leaves the k likeliest, `top_p` the fewest
    likeliest that together have that probability. The draw is pure in the seed. A row that drew a
    code of `stop` repeats it from there, and when all rows have, the answer is shorter. `others`
    are further inputs, the same at every call, such as a decoder's memory.

    Each code is fed once, and layers remember the past (`streaming`); with `cache=False` the whole
    text is fed each time, which gives the same and also works for a module that looks ahead.

    Shapes: [B, T] -> [B, T + length] or fewer; the module: [B, T] -> logits [B, T, V].

    Raises:
        ConfigError: for all settings that cannot be, at once.
        NetworkError: for layers that look ahead, all at once.
        ShapeError: for a prompt that is no [B, T], or a module that gives no logits per place.

    Reference: Holtzman et al. 2020, arXiv:1904.09751 (top-p); Fan et al. 2018, arXiv:1805.04833.
    """
    _check(prompt, length, temperature, top_k, top_p)
    stops = [] if stop is None else [stop] if isinstance(stop, int) else list(stop)
    ends = torch.tensor(stops, dtype=torch.long, device=prompt.device)
    # On the processor, so that the draws are the same whatever device the module is on.
    generator = torch.Generator().manual_seed(stream_seed(seed, "generate"))
    codes_BT = prompt.long()
    has_ended_B = torch.zeros(len(prompt), dtype=torch.bool, device=prompt.device)
    with torch.no_grad(), _evaluating(module), streaming(module) if cache else nullcontext():
        fed_BT = codes_BT
        for _ in range(length):
            logits_BV = _last_logits(module(fed_BT, *others))
            drawn_B = _draw(_narrowed(logits_BV, temperature, top_k, top_p), generator)
            drawn_B = torch.where(has_ended_B, codes_BT[:, -1], drawn_B)
            has_ended_B = has_ended_B | torch.isin(drawn_B, ends)
            codes_BT = torch.cat([codes_BT, drawn_B.unsqueeze(1)], dim=1)
            fed_BT = drawn_B.unsqueeze(1) if cache else codes_BT
            if stops and bool(has_ended_B.all()):
                break
    return codes_BT


def _check(
    prompt: Tensor, length: int, temperature: float, top_k: int | None, top_p: float | None
) -> None:
    if prompt.dim() != 2 or prompt.shape[1] == 0:
        raise ShapeError(
            f"generate: got a prompt of shape {tuple(prompt.shape)}; expected [B, T] with at least "
            "one code in each row. Begin with a code that stands for the beginning."
        )
    problems = [
        f"generate.{name}: got {value!r}; expected {wanted}."
        for name, value, wanted, fits in (
            ("length", length, "a whole number of at least 0", length >= 0),
            ("temperature", temperature, "a number of at least 0", temperature >= 0),
            ("top_k", top_k, "a whole number of at least 1", top_k is None or top_k >= 1),
            ("top_p", top_p, "a number above 0 and at most 1", top_p is None or 0 < top_p <= 1),
        )
        if not fits
    ]
    if problems:
        raise ConfigError("\n".join(problems))


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Every module inside in evaluation mode, and after it in the mode that it was in."""
    modes = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for each, mode in modes:
            each.training = mode


def _last_logits(logits: Tensor) -> Tensor:
    if not isinstance(logits, Tensor) or logits.dim() != 3:
        came = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ShapeError(
            f"generate: the module gave {came}; expected logits [B, T, V]. "
            "Let its last layer give one number per code for every place."
        )
    return logits[:, -1].float()


def _narrowed(
    logits_BV: Tensor, temperature: float, top_k: int | None, top_p: float | None
) -> Tensor:
    """The probability of each code, with those that are left out at zero."""
    if temperature == 0:
        return nn.functional.one_hot(logits_BV.argmax(-1), logits_BV.shape[-1]).float()
    scaled_BV = logits_BV / temperature
    if top_k is not None:
        least_B1 = scaled_BV.topk(min(top_k, scaled_BV.shape[-1])).values[:, -1:]
        scaled_BV = scaled_BV.masked_fill(scaled_BV < least_B1, float("-inf"))
    chances_BV = torch.softmax(scaled_BV, dim=-1)
    if top_p is not None:
        falling_BV, order_BV = chances_BV.sort(dim=-1, descending=True)
        # A code stays while those before it have not reached top_p; the first one always does.
        kept_BV = falling_BV.cumsum(-1) - falling_BV < top_p
        chances_BV = chances_BV * torch.zeros_like(kept_BV).scatter(-1, order_BV, kept_BV)
    return chances_BV


def _draw(chances_BV: Tensor, generator: torch.Generator) -> Tensor:
    drawn_B1 = torch.multinomial(chances_BV.cpu(), 1, generator=generator)
    return drawn_B1.squeeze(1).to(chances_BV.device)
