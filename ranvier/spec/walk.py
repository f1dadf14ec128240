"""A network is walked once, with shapes in place of tensors, and laid out as a tree of nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ranvier.core.errors import NetworkError, ShapeError, suggestion
from ranvier.core.shapes import Shape
from ranvier.spec.trace import Flowed, Joined, Kept, Misfit, Node, Signal

if TYPE_CHECKING:
    from ranvier.spec.layer import Layer, Parameter

# A description from an unknown hand may ask for a billion layers in a hundred bytes.
MAX_LAYERS = 20_000
MAX_DEPTH = 64

_LETTERS = "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, eq=False, slots=True)
class Visit:
    """A layer that the walk has left.

    `needs` is what its module is called with, `outputs` what it returns, `onward` what the next
    layer of the row gets and `named` what its name stands for.
    """

    node: Node
    needs: tuple[Signal, ...]
    outputs: tuple[Signal, ...]
    onward: tuple[Signal, ...]
    named: tuple[Signal, ...]
    place: Place


class Place:
    """A layer while the walk is in it: what `Layer.flow` calls its layers inside with."""

    __slots__ = ("_names", "_parts", "calls", "outside", "path", "shared", "shares", "walk")

    def __init__(self, walk: Walk, path: tuple[str, ...], outside: Place | None) -> None:
        self.walk = walk
        self.path = path
        self.outside = outside
        self.shares: str | None = None
        # Most layers are leaves and keep nothing: thousands of empty containers would cost more
        # than the walk itself.
        self.calls: tuple[Visit, ...] | list[Visit] = ()
        self.shared: tuple[Visit, ...] = ()
        self._names: dict[str, Visit | tuple[Signal, ...]] | None = None
        self._parts: tuple[Signal, ...] = ()

    def __call__(self, name: str, layer: Layer, *signals: Signal) -> tuple[Signal, ...]:
        """Send `signals` through a layer inside, called `name`; what goes on in the row."""
        if isinstance(self._known().get(name), Visit):
            self.walk.problems.append(
                f"{'.'.join((*self.path, name))}: two layers here are named {name!r}. "
                "Give one of them another name."
            )
        visit = self.walk.visit((*self.path, name), layer, signals, self)
        if isinstance(self.calls, tuple):
            self.calls = []
        self.calls.append(visit)
        self._known()[name] = visit
        return visit.onward

    def _known(self) -> dict[str, Visit | tuple[Signal, ...]]:
        if self._names is None:
            self._names = {}
        return self._names

    def call(self, name: str, *signals: Signal) -> None:
        """Let layers inside take `signals` by `name`."""
        self._known()[name] = signals

    def part(self, signal: Signal, shape: Shape) -> Signal:
        """Some numbers of a signal, as a module of the layer's own picks them."""
        piece = Signal(shape, signal.mark)
        self._parts = (*self._parts, piece)
        return piece

    def is_part(self, signal: Signal) -> bool:
        """Whether the signal is a piece that `part` made here."""
        return signal in self._parts

    def again(self, name: str, *signals: Signal) -> tuple[Signal, ...]:
        """Send `signals` through an earlier layer once more, with the weights that it has.

        Raises:
            Misfit: if that layer would need other weights for these signals.
        """
        first = self.weights_of(name)
        assert first.place.outside is not None
        visit = self.walk.visit(self.path, first.node.layer, signals, first.place.outside)
        self.shared = (*self.shared, visit)
        wanted, got = (_weights(each.node) for each in (first, visit))
        if wanted != got and not self.walk.problems:
            raise Misfit(
                " and ".join(map(str, first.node.inputs)),
                f"Give it what {first.node.path} gets, whose weights it shares.",
                output=visit.node.output,
            )
        return visit.onward

    def weights_of(self, name: str) -> Visit:
        """The earlier layer called `name`, here or further out; `a.b` is b inside a.

        Raises:
            Misfit: if there is none.
        """
        first, *inside = name.split(".")
        found = self._search(first, Visit)
        for part in inside:
            found = found.place._known().get(part) if isinstance(found, Visit) else None
        if not isinstance(found, Visit):
            known = self._within_reach(Visit)
            raise Misfit(
                f"the name of an earlier layer: {', '.join(known) or 'there is none'}",
                suggestion(name, known) or "Name a layer that comes before this one.",
                came=f"got the name {name!r}",
            )
        self.shares = found.node.path
        return found

    def taken(self, names: tuple[str, ...]) -> tuple[Signal, ...]:
        """The signals that go by these names here or further out.

        Raises:
            Misfit: if one is not known.
        """
        signals: tuple[Signal, ...] = ()
        for name in names:
            found = self._search(name, Visit | tuple)
            if found is None:
                known = self._within_reach(Visit | tuple)
                raise Misfit(
                    f"the name of an earlier layer or an input: {', '.join(known)}",
                    suggestion(name, known) or "Name the layer whose output is meant.",
                    came=f"takes {name!r}",
                )
            signals += found.named if isinstance(found, Visit) else found
        return signals

    def _search(self, name: str, kind: Any) -> Visit | tuple[Signal, ...] | None:
        place: Place | None = self
        while place is not None:
            found = place._names.get(name) if place._names else None
            if isinstance(found, kind):
                return found
            place = place.outside
        return None

    def _within_reach(self, kind: Any) -> list[str]:
        """The names known here, the nearest first."""
        place: Place | None = self
        names: dict[str, None] = {}
        while place is not None:
            own = place._names or {}
            names |= dict.fromkeys(name for name, found in own.items() if isinstance(found, kind))
            place = place.outside
        return list(names)


@dataclass
class Walk:
    """The state of one walk: what was found wrong, and how many layers were met."""

    problems: list[str] = field(default_factory=list)
    layers: int = 0
    numbers: int = 0

    def visit(
        self, path: tuple[str, ...], layer: Layer, signals: tuple[Signal, ...], outside: Place
    ) -> Visit:
        """Go into a layer with these signals, and come out with its node."""
        self.layers += 1
        if self.layers > MAX_LAYERS or len(path) > MAX_DEPTH:
            raise NetworkError(
                f"{'.'.join(path[:4])}: a network may hold {MAX_LAYERS:,} layers, nested at most "
                f"{MAX_DEPTH} deep; this one holds more. Repeat fewer times or nest less."
            )
        place, needs, inputs = Place(self, path, outside), signals, signals
        try:
            _check_count(layer, signals)
            needs = (*signals, *outside.taken(layer.takes()))
            # What comes in and what is taken by name stay apart even where they are one signal
            # here, so that a layer used again elsewhere is wired as it is here.
            inputs = tuple(Signal(need.shape, need.mark) for need in needs)
            result = layer.flow(place, *inputs)
        except Misfit as misfit:
            result = self._note(path, layer, inputs, misfit)
        return self._left(place, layer, signals, (needs, inputs), result)

    def _left(
        self,
        place: Place,
        layer: Layer,
        signals: tuple[Signal, ...],
        entered: tuple[tuple[Signal, ...], tuple[Signal, ...]],
        result: Flowed,
    ) -> Visit:
        needs, inputs = entered
        outputs = self._outputs(result)
        sources = result.sources if isinstance(result, Joined) else outputs
        outer, wires, results = _wired(place, inputs, sources)
        # After the first misfit only shapes matter: the tree will not be used.
        fits = not self.problems
        shapes = tuple(signal.shape for signal in inputs)
        parameters = layer.parameters(*shapes) if fits else {}
        flops = layer.flops(*shapes) + _shared_flops(place) if fits else 0
        equation = ""
        if fits and isinstance(result, Joined):
            equation = layer.equation(outputs[0].mark, *(source.mark for source in sources))
            parameters, flops = {**parameters, **result.parameters}, flops + result.flops
        for name, parameter in parameters.items():
            self._check_start(place, name, parameter)
        node = Node(
            path=".".join(place.path),
            name=place.path[-1] if place.path else "",
            layer=layer,
            inputs=shapes,
            outputs=tuple(signal.shape for signal in outputs),
            parameters=parameters,
            flops=flops,
            equation=equation,
            children=tuple(visit.node for visit in place.calls),
            outer=tuple(signal.shape for signal in outer),
            wires=wires,
            results=results,
            shares=place.shares,
        )
        onward = signals if isinstance(result, Kept) else outputs
        return Visit(node, (*needs, *outer), outputs, onward, outputs, place)

    def _check_start(self, place: Place, name: str, parameter: Parameter) -> None:
        misfit = parameter.initializer.misfit(parameter.shape)
        if misfit:
            self.problems.append(f"{'.'.join((*place.path, name))}: {misfit}")

    def _outputs(self, result: Flowed) -> tuple[Signal, ...]:
        if isinstance(result, Kept):
            return result.signals
        if isinstance(result, tuple):
            return result
        self.numbers += 1
        mark = f"⁽{str(self.numbers).translate(_SUPERSCRIPTS)}⁾"
        others = (Signal(shape, mark + "′" * i) for i, shape in enumerate(result.more, start=1))
        return (Signal(result.shape, mark), *others)

    def _note(
        self, path: tuple[str, ...], layer: Layer, signals: tuple[Signal, ...], misfit: Misfit
    ) -> Joined:
        came = misfit.came or "got an input of shape " + " and ".join(
            str(signal.shape) for signal in signals
        )
        self.problems.append(
            f"{'.'.join(path) or 'network'}: {type(layer).__name__} {came}; "
            f"expected {misfit.wanted}. {misfit.mend}"
        )
        return Joined(misfit.output or (signals[0].shape if signals else ()), signals)


def _check_count(layer: Layer, signals: tuple[Signal, ...]) -> None:
    most = layer.most_inputs
    if most is not None and len(signals) > most:
        came = " and ".join(str(signal.shape) for signal in signals)
        raise Misfit(
            "one" if most == 1 else f"at most {most}",
            "Take the one that is meant by its name, or join them before.",
            came=f"got {len(signals)} inputs of shape {came}",
        )


def _shared_flops(place: Place) -> int:
    return sum(visit.node.total_flops for visit in place.shared)


def _weights(node: Node) -> dict[str, dict[str, Parameter]]:
    """The parameters of a layer and those inside it, by path from the layer on."""
    return {inner.path[len(node.path) :]: inner.parameters for inner in node.walk()}


def _wired(
    place: Place, inputs: tuple[Signal, ...], sources: tuple[Signal, ...]
) -> tuple[list[Signal], tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """The signals from further out, and by number what each call and the result are made of."""
    calls = [*place.calls, *place.shared]
    made = [signal for call in calls for signal in call.outputs]
    if not calls and sources == inputs:
        return [], (), tuple(range(len(inputs)))
    known, outer = set(inputs), list[Signal]()
    for needs, outputs in (*((call.needs, call.outputs) for call in calls), (sources, ())):
        new = (need for need in needs if need not in known and not place.is_part(need))
        outer += dict.fromkeys(new)
        known.update(needs, outputs)
    numbers: dict[Signal, int] = {}
    for number, signal in enumerate([*inputs, *outer, *made]):
        numbers.setdefault(signal, number)
    # A piece of a signal has no number: the layer's own module calls with it.
    wires = tuple(tuple(numbers.get(need, -1) for need in call.needs) for call in calls)
    return outer, wires, tuple(numbers[signal] for signal in sources if signal in numbers)


def trace(layer: Layer, *inputs: Shape) -> Node:
    """`layer` laid out for inputs of these shapes (without the batch axis).

    Raises:
        ShapeError: for every layer of the network that its input does not fit, all at once.
        NetworkError: for more layers than a network may hold.
    """
    walk = Walk()
    # The input is a⁽⁰⁾; of several, each has a letter beside the nought.
    letters = [""] if len(inputs) == 1 else list(_LETTERS[: len(inputs)])
    signals = tuple(
        Signal(shape, f"⁽⁰{letter}⁾") for shape, letter in zip(inputs, letters, strict=True)
    )
    visit = walk.visit((), layer, signals, Place(walk, (), None))
    if walk.problems:
        raise ShapeError("\n".join(walk.problems))
    return visit.node
