"""JAX and optax by hand: a whole epoch is one compiled call, the steps are under `lax.scan`.

Convolutions under `scan` are many times slower on a processor than by themselves, as anybody finds
who tries: networks of those are trained by one compiled step after another. A sweep is trained
all at once under `vmap`, or one after another.
"""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers.jax_models.layers import running_statistics
from benchmarks.peers.jax_models.networks import NETWORKS
from benchmarks.peers.job import Job, Member

CONVOLUTIONS = ("lenet", "residual_cnn")
ADAM = optax.scale_by_adam()
State = tuple[Any, Any, Any, jax.Array]


def loss_of(model: str, outputs: Any, targets: jax.Array) -> jax.Array:
    if model == "forecaster":
        return jnp.square(outputs - targets).mean()
    if model == "vae":
        logits, mean, log_variance = outputs
        divergence = (jnp.square(mean) + jnp.exp(log_variance) - log_variance - 1).sum() / 2
        entropy = optax.sigmoid_binary_cross_entropy(logits, targets).mean()
        return entropy + divergence / targets.size
    return optax.softmax_cross_entropy_with_integer_labels(outputs, targets).mean()


def step(
    model: str, state: State, inputs: jax.Array, targets: jax.Array, rate: jax.Array
) -> tuple[State, jax.Array]:
    """One update: weights, running statistics, Adam's slots and the random key."""
    weights, running, slots, key = state
    key, own = jax.random.split(key)

    def objective(weights: Any) -> tuple[jax.Array, Any]:
        outputs, after = NETWORKS[model](weights, running, inputs, own)
        return loss_of(model, outputs, targets), after

    (loss, running), gradients = jax.value_and_grad(objective, has_aux=True)(weights)
    updates, slots = ADAM.update(gradients, slots)
    weights = jax.tree.map(lambda w, u: w - rate * u, weights, updates)
    return (weights, running, slots, key), loss


@partial(jax.jit, static_argnums=0, donate_argnums=1)
def one_step(
    model: str, state: State, data: tuple[Any, Any], rows: jax.Array, rate: jax.Array
) -> tuple[State, jax.Array]:
    return step(model, state, data[0][rows], data[1][rows], rate)


def scanned(
    model: str, state: State, data: tuple[Any, Any], order: jax.Array, rate: jax.Array
) -> tuple[State, jax.Array]:
    """An epoch: the order is [steps, rows of a step]."""

    def body(state: State, rows: jax.Array) -> tuple[State, jax.Array]:
        return step(model, state, data[0][rows], data[1][rows], rate)

    return jax.lax.scan(body, state, order)


one_epoch = jax.jit(scanned, static_argnums=0, donate_argnums=1)


@partial(jax.jit, static_argnums=0)
def every_epoch(
    model: str, states: State, data: tuple[Any, Any], orders: jax.Array, rates: jax.Array
) -> tuple[State, jax.Array]:
    """One epoch of many networks at once."""
    return jax.vmap(partial(scanned, model), in_axes=(0, None, 0, 0))(states, data, orders, rates)


def first_state(job: Job, member: Member) -> State:
    weights = {name: jnp.asarray(values) for name, values in job.weights(member).items()}
    key = jax.random.key(member.seed)
    return weights, running_statistics(weights), ADAM.init(weights), key


def in_steps(job: Job, order: np.ndarray) -> np.ndarray:
    return order.reshape(-1, job.batch_size).astype(np.int32)


class Scanned:
    def __init__(self, job: Job, member: Member, state: State | None = None) -> None:
        self.job = job
        self.rate = jnp.float32(member.learning_rate)
        self.state = first_state(job, member) if state is None else state
        self.data = (jnp.asarray(job.inputs), jnp.asarray(job.targets))

    def train(self, order: np.ndarray) -> float:
        model, steps = self.job.model, in_steps(self.job, order)
        if model in CONVOLUTIONS:
            losses = []
            for rows in steps:
                self.state, loss = one_step(model, self.state, self.data, rows, self.rate)
                losses.append(loss)
            return float(jnp.stack(losses).mean())
        self.state, losses = one_epoch(model, self.state, self.data, steps, self.rate)
        return float(losses.mean())

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        weights, running, *_ = self.state
        return np.asarray(NETWORKS[self.job.model](weights, running, jnp.asarray(inputs), None)[0])


def learner(job: Job, member: Member, *, together: bool = True) -> Scanned:
    return Scanned(job, member)


def train_sweep(
    job: Job, members: tuple[Member, ...], *, together: bool = True
) -> tuple[list[Scanned], list[float]]:
    """All networks of the sweep, each as a learner, and their mean losses.

    In one compiled call for all, unless told not `together`: then in one for each.
    """
    if not together:
        found = [Scanned(job, member) for member in members]
        orders = [job.order(member)[0] for member in members]
        return found, [each.train(order) for each, order in zip(found, orders, strict=True)]
    each = [first_state(job, member) for member in members]
    states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)
    orders = np.stack([in_steps(job, job.order(member)[0]) for member in members])
    rates = np.array([member.learning_rate for member in members], np.float32)
    data = (jnp.asarray(job.inputs), jnp.asarray(job.targets))
    states, losses = every_epoch(job.model, states, data, orders, rates)
    found = [
        Scanned(job, member, jax.tree.map(itemgetter(place), states))
        for place, member in enumerate(members)
    ]
    return found, np.asarray(losses).mean(1).tolist()
