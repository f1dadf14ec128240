"""Everything an update reads and writes, and its way to and from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from ranvier.core.errors import ConfigError, DamagedError
from ranvier.optim.descent import Group, Slots


@dataclass
class State:
    """Parameters θ, buffers, the optimiser's slots, the average of θ, the step, random numbers.

    Parameters come in groups that move alike, each with its own slots, since a fused optimiser
    kernel runs once a group; `shared` are the slots that belong to no group. `answer` are the
    weights that predict where they are not the parameters themselves: some of the other tensors
    here, so it is no state of its own. `frozen` are the parameters that training leaves alone: a
    run of somebody's own module goes on with those it was begun with.
    The random state is torch's own on `device`: it is read when the state is saved and set when
    the state is loaded, so a step costs nothing for it.
    """

    names: tuple[str, ...]
    parameters: list[Tensor]
    buffers: dict[str, Tensor]
    groups: tuple[Group, ...]
    slots: list[Slots]
    average: list[Tensor] | None
    device: torch.device
    step: int = 0
    shared: Slots = field(default_factory=dict)
    answer: list[Tensor] | None = None
    frozen: dict[str, Tensor] = field(default_factory=dict)

    def of_awake(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Out of tensors that are aligned with the parameters, those of them that do not rest."""
        pairs = zip(tensors, self.parameters, strict=True)
        return [tensor for tensor, parameter in pairs if parameter.requires_grad]

    @property
    def awake(self) -> list[tuple[Group, Slots]]:
        """The groups that are trained now, with their slots; others rest, and take no gradient.

        Raises:
            ConfigError: for a group of which somebody froze a part since training began.
        """
        found = []
        for group, slots in zip(self.groups, self.slots, strict=True):
            moving = [self.parameters[place].requires_grad for place in group.positions]
            if all(moving):
                found.append((group, slots))
            elif any(moving):
                name = self.names[group.positions[moving.index(False)]]
                raise ConfigError(
                    f"{name}: does not require grad any more, but did when training began. Freeze "
                    'it before, or by parameter_groups={"PATTERN": {"frozen": True}}.'
                )
        return found

    @property
    def predicting(self) -> list[Tensor]:
        """The weights that predict, aligned with `parameters`; never a copy."""
        return self.parameters if self.answer is None else self.answer

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state under a flat name; none is copied but the random state."""
        flat = self.named()
        flat["random/cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            flat["random/cuda"] = torch.cuda.get_rng_state(self.device)
        return flat

    def named(self) -> dict[str, Tensor]:
        """The same without the random state: what an update reads and writes, none copied."""
        flat = {f"parameter/{n}": p for n, p in zip(self.names, self.parameters, strict=True)}
        flat |= {f"frozen/{name}": tensor for name, tensor in self.frozen.items()}
        flat |= {f"buffer/{name}": buffer for name, buffer in self.buffers.items()}
        for place, slots in [*enumerate(self.slots), ("shared", self.shared)]:
            for slot, tensors in slots.items():
                flat |= {f"slot/{place}/{slot}/{i}": tensor for i, tensor in enumerate(tensors)}
        if self.average is not None:
            flat |= {f"average/{n}": a for n, a in zip(self.names, self.average, strict=True)}
        return flat

    def over(self, tensors: Mapping[str, Tensor]) -> State:
        """The same state over other tensors, named as `named()` names its own."""

        def slots_of(place: object, own: Slots) -> Slots:
            return {
                slot: [tensors[f"slot/{place}/{slot}/{i}"] for i in range(len(of_slot))]
                for slot, of_slot in own.items()
            }

        other = replace(
            self,
            parameters=[tensors[f"parameter/{name}"] for name in self.names],
            buffers={name: tensors[f"buffer/{name}"] for name in self.buffers},
            slots=[slots_of(place, own) for place, own in enumerate(self.slots)],
            average=None
            if self.average is None
            else [tensors[f"average/{name}"] for name in self.names],
            shared=slots_of("shared", self.shared),
            frozen={name: tensors[f"frozen/{name}"] for name in self.frozen},
            answer=None,
        )
        own_names = {id(tensor): name for name, tensor in self.named().items()}
        if self.answer is not None:
            other.answer = [tensors[own_names[id(tensor)]] for tensor in self.answer]
        return other

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor], *, step: int) -> None:
        """Set every tensor from `tensors`, as `tensors()` named them, in place.

        Raises:
            DamagedError: if names or shapes are not those of this state.
        """
        own = self.tensors()
        strange = sorted(own.keys() ^ tensors.keys())
        strange += [n for n in own.keys() & tensors.keys() if own[n].shape != tensors[n].shape]
        if strange:
            raise DamagedError(
                f"the checkpoint of step {step} does not fit this network: {', '.join(strange[:5])}"
                f"{' …' if len(strange) > 5 else ''} differ. Resume with the run's own network."
            )
        for name, tensor in own.items():
            if not name.startswith("random/"):
                tensor.copy_(tensors[name])
        torch.set_rng_state(tensors["random/cpu"].cpu())
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random/cuda"].cpu(), self.device)
        self.step = step


def named_trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training changes, each once, by its first name."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def named_frozen(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training leaves alone, each once, by its first name."""
    return {name: p for name, p in module.named_parameters() if not p.requires_grad}
