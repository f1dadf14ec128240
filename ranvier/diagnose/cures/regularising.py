"""Changes of what keeps a network from learning its rows by heart, or from learning at all."""

from __future__ import annotations

from dataclasses import replace

from ranvier.diagnose.cures.cure import Case, Changed, cure
from ranvier.diagnose.cures.networks import Plain, dropouts, inserted, rewritten
from ranvier.diagnose.cures.optimising import rate_of, with_decay

# Weight decay and dropout that nothing is said against.
USUAL_DECAY, USUAL_DROPOUT, MOST_DROPOUT = 0.01, 0.2, 0.5
SHARE = 0.01
FAR_ABOVE = 10.0
MOST_SHRINKING, MOST_PENALTY = 1e-3, 1e-3


@cure(keeps_weights=True, stands_out=True)
def less_decay(case: Case) -> Changed | None:
    """Divides weight decay by 100, to 0.01 at most, and takes penalties away: they pulled the
    weights to 0.
    """
    settings = case.settings
    decay = settings.weight_decay or 0.0
    # What an update takes away of a weight; a thousandth is some ten times what is usual. With a
    # rate far above the usual one any decay does, and the rate is what to lower.
    rate, usual = rate_of(settings), rate_of(case.usual)
    is_usual_rate = rate <= FAR_ABOVE * usual
    is_strong = decay * rate >= MOST_SHRINKING and decay > USUAL_DECAY and is_usual_rate
    if not is_strong and max(settings.l1, settings.l2, settings.orthogonal) <= MOST_PENALTY:
        return None
    lowered = with_decay(settings, min(SHARE * decay, USUAL_DECAY)) if is_strong else settings
    # Penalties act through the gradient and have no usual value but none.
    return replace(lowered, l1=0.0, l2=0.0, orthogonal=0.0), case.network


@cure()
def no_decay(case: Case) -> Changed | None:
    """Takes all weight decay away."""
    return (with_decay(case.settings, 0.0), case.network) if case.settings.weight_decay else None


@cure(keeps_weights=True, stands_out=True)
def less_dropout(case: Case) -> Changed | None:
    """Lowers dropout to 0.2: next to nothing came through it."""
    if not any(rate > MOST_DROPOUT for rate in dropouts(case.network)):
        return None

    def lowered(layer: Plain) -> Plain:
        rates = {
            name: USUAL_DROPOUT
            for name in ("rate", "dropout")
            if isinstance(rate := layer.get(name), float) and rate > MOST_DROPOUT
        }
        return {**layer, **rates} if is_dropout(layer) or "dropout" in rates else layer

    return case.settings, rewritten(case.network, lowered)


@cure()
def no_dropout(case: Case) -> Changed | None:
    """Takes all dropout away."""
    if not dropouts(case.network):
        return None

    def without(layer: Plain) -> Plain:
        name = "rate" if is_dropout(layer) else "dropout"
        return {**layer, name: 0.0} if name in layer else layer

    return case.settings, rewritten(case.network, without)


def is_dropout(layer: Plain) -> bool:
    """Whether the layer silences numbers, whatever it is called."""
    return "drop" in str(layer["kind"])


@cure(keeps_weights=True)
def weight_decay(case: Case) -> Changed | None:
    """Pulls the weights towards 0 by a weight decay ten times as strong, 0.01 at least."""
    before = case.settings.weight_decay or 0.0
    if before >= 1:
        return None
    return with_decay(case.settings, max(10 * before, USUAL_DECAY)), case.network


@cure()
def regularise(case: Case) -> Changed | None:
    """Adds dropout of 0.2 after every hidden activation, and weight decay of 0.01 at least: rows
    were learnt by heart.
    """
    settings = with_decay(case.settings, max(case.settings.weight_decay or 0.0, USUAL_DECAY))
    has_any = bool(dropouts(case.network))
    network = case.network
    if not has_any:
        network = inserted(network, {"kind": "dropout", "rate": USUAL_DROPOUT}, after=True)
    changed = settings, network
    return None if changed == (case.settings, case.network) else changed


@cure()
def balance(case: Case) -> Changed | None:
    """Lets rare classes count as much as common ones in the loss."""
    if case.settings.class_weight == "balanced":
        return None
    return replace(case.settings, class_weight="balanced"), case.network
