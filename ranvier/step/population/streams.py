"""The random numbers of each member: a stream of its own, as torch's global one is alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


class Streams:
    """A generator for each member, as `torch.manual_seed` would seed torch's own."""

    def __init__(self, seeds: Sequence[int], device: torch.device) -> None:
        self.device = device
        self.generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    @contextmanager
    def as_global(self, k: int) -> Iterator[None]:
        """Under it torch draws from member k's stream."""
        own = self.generators[k]
        is_cuda = self.device.type == "cuda"
        with torch.random.fork_rng(devices=[self.device] if is_cuda else []):
            if is_cuda:
                torch.cuda.set_rng_state(own.get_state(), self.device)
                yield
                own.set_state(torch.cuda.get_rng_state(self.device))
            else:
                torch.set_rng_state(own.get_state())
                yield
                own.set_state(torch.get_rng_state())

    def keep(self, positions: Sequence[int]) -> None:
        self.generators = [self.generators[k] for k in positions]

    def states(self) -> Tensor:
        """The state of each generator, `[N, bytes]`."""
        return torch.stack([generator.get_state() for generator in self.generators])

    def set_states(self, states: Tensor) -> None:
        for generator, state in zip(self.generators, states.cpu(), strict=True):
            generator.set_state(state.clone())

    def tensors(self) -> dict[str, Tensor]:
        """All states under the name that a checkpoint has for them."""
        return {f"random/{self.device.type}": self.states()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        self.set_states(tensors[f"random/{self.device.type}"])

    def named(self, k: int) -> dict[str, Tensor]:
        """Member k's state as a model alone saves it."""
        named = {"random/cpu": torch.get_rng_state()}
        named[f"random/{self.device.type}"] = self.generators[k].get_state()
        return named
