"""Optimisers in NumPy float64, written from the papers' equations; each gives θ after all steps.

`gradients` is a list of arrays of θ's shape, one per step; t is the step, the first being 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Array = np.ndarray
Gradient = Callable[[Array], Array]


def sgd(theta, gradients, rate, momentum=0.0, dampening=0.0, nesterov=False, decay=0.0):
    v = np.zeros_like(theta)
    for g in gradients:
        g = g + decay * theta
        v = momentum * v + (1 - dampening) * g
        step = g + momentum * v if nesterov else v
        theta = theta - rate * (step if momentum else g)
    return theta


def adagrad(theta, gradients, rate, slowing=0.0, initial=0.0, epsilon=1e-10, decay=0.0):
    total = np.full_like(theta, initial)
    for t, g in enumerate(gradients, start=1):
        g = g + decay * theta
        total = total + g**2
        theta = theta - rate / (1 + (t - 1) * slowing) * g / (np.sqrt(total) + epsilon)
    return theta


def adadelta(theta, gradients, rate, rho=0.9, epsilon=1e-6, decay=0.0):
    v = u = np.zeros_like(theta)
    for g in gradients:
        g = g + decay * theta
        v = rho * v + (1 - rho) * g**2
        delta = np.sqrt(u + epsilon) / np.sqrt(v + epsilon) * g
        u = rho * u + (1 - rho) * delta**2
        theta = theta - rate * delta
    return theta


def rmsprop(
    theta, gradients, rate, rho=0.99, epsilon=1e-8, momentum=0.0, centered=False, decay=0.0
):
    v, m, u = np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)
    for g in gradients:
        g = g + decay * theta
        v = rho * v + (1 - rho) * g**2
        m = rho * m + (1 - rho) * g
        u = momentum * u + g / (np.sqrt(v - m**2 if centered else v) + epsilon)
        theta = theta - rate * u
    return theta


def adam(
    theta, gradients, rate, beta1=0.9, beta2=0.999, epsilon=1e-8, amsgrad=False, decay=0.0,
    decoupled=False,
):  # fmt: skip
    m = v = largest = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        if decoupled:
            theta = theta - rate * decay * theta
        else:
            g = g + decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = np.maximum(largest, v)
        m_hat, v_hat = m / (1 - beta1**t), (largest if amsgrad else v) / (1 - beta2**t)
        theta = theta - rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return theta


def adamax(theta, gradients, rate, beta1=0.9, beta2=0.999, epsilon=1e-8, decay=0.0):
    m = u = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        g = g + decay * theta
        m = beta1 * m + (1 - beta1) * g
        u = np.maximum(beta2 * u, np.abs(g) + epsilon)
        theta = theta - rate / (1 - beta1**t) * m / u
    return theta


def nadam(
    theta, gradients, rate, beta1=0.9, beta2=0.999, epsilon=1e-8, momentum_decay=4e-3, decay=0.0,
    decoupled=False,
):  # fmt: skip
    def mu(t: int) -> float:
        return beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    m = v = np.zeros_like(theta)
    product = 1.0
    for t, g in enumerate(gradients, start=1):
        if decoupled:
            theta = theta - rate * decay * theta
        else:
            g = g + decay * theta
        product *= mu(t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product)
        theta = theta - rate * m_hat / (np.sqrt(v / (1 - beta2**t)) + epsilon)
    return theta


def radam(theta, gradients, rate, beta1=0.9, beta2=0.999, epsilon=1e-8, decay=0.0, decoupled=False):
    m = v = np.zeros_like(theta)
    longest = 2 / (1 - beta2) - 1
    for t, g in enumerate(gradients, start=1):
        if decoupled:
            theta = theta - rate * decay * theta
        else:
            g = g + decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        length = longest - 2 * t * beta2**t / (1 - beta2**t)
        if length > 5:
            above = (length - 4) * (length - 2) * longest
            rectifier = np.sqrt(above / ((longest - 4) * (longest - 2) * length))
            m_hat = m_hat * rectifier * np.sqrt(1 - beta2**t) / (np.sqrt(v) + epsilon)
        theta = theta - rate * m_hat
    return theta


def adafactor(
    theta, gradients, rate, power=-0.8, clip=1.0, epsilon1=2.0**-52, epsilon2=1e-3,
    decay=0.0,
):  # fmt: skip
    def rms(x: Array) -> float:
        return float(np.sqrt(np.mean(x**2)))

    rows = columns = v = 0.0
    for t, g in enumerate(gradients, start=1):
        new = t**power
        alpha = max(epsilon2, rms(theta)) * min(rate, 1 / np.sqrt(t))
        if g.ndim > 1:
            rows = (1 - new) * rows + new * np.mean(g**2, axis=-1, keepdims=True)
            columns = (1 - new) * columns + new * np.mean(g**2, axis=-2, keepdims=True)
            v = rows * columns / np.maximum(np.mean(rows, axis=-2, keepdims=True), epsilon1)
            estimate = v
        else:
            v = (1 - new) * v + new * g**2
            estimate = v
        u = g / np.sqrt(np.maximum(estimate, epsilon1**2))
        u = u / max(1.0, rms(u) / clip)
        theta = theta - rate * decay * theta
        theta = theta - alpha * u
    return theta


def lamb(theta, gradients, rate, beta1=0.9, beta2=0.999, epsilon=1e-6, decay=0.0):
    m = v = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        r = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon) + decay * theta
        theta = theta - rate * np.linalg.norm(theta) / np.linalg.norm(r) * r
    return theta


def lion(theta, gradients, rate, beta1=0.9, beta2=0.99, decay=0.0):
    m = np.zeros_like(theta)
    for g in gradients:
        direction = np.sign(beta1 * m + (1 - beta1) * g)
        theta = theta - rate * decay * theta - rate * direction
        m = beta2 * m + (1 - beta2) * g
    return theta


def newton_schulz(matrix: Array, iterations: int) -> Array:
    x = matrix / np.linalg.norm(matrix)
    if matrix.shape[0] > matrix.shape[1]:
        x = x.T
    for _ in range(iterations):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


def muon(theta, gradients, rate, momentum=0.95, nesterov=True, scale="original", decay=0.0):
    rows, columns = theta.shape
    factor = np.sqrt(max(1.0, rows / columns))
    factor = factor if scale == "original" else 0.2 * np.sqrt(max(rows, columns))
    m = np.zeros_like(theta)
    for g in gradients:
        m = momentum * m + (1 - momentum) * g
        ahead = (1 - momentum) * g + momentum * m if nesterov else m
        step = newton_schulz(ahead, 5)
        theta = theta - rate * decay * theta - rate * factor * step
    return theta


def schedule_free(theta, gradients, rates, beta1=0.9, beta2=0.999, epsilon=1e-8, decay=0.0):
    """θ and the average that predicts."""
    z = x = theta
    v, total, largest = np.zeros_like(theta), 0.0, 0.0
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        y = (1 - beta1) * z + beta1 * x
        v = beta2 * v + (1 - beta2) * g**2
        z = z - rate * (g / (np.sqrt(v / (1 - beta2**t)) + epsilon) + decay * y)
        largest = max(largest, rate)
        total += largest**2
        c = largest**2 / total
        x = (1 - c) * x + c * z
    return (1 - beta1) * z + beta1 * x, x


def rprop(theta, gradients, rate, growth=1.2, reduction=0.5, smallest=1e-6, largest=50.0):
    """With the bounds and the first size in the parameters' unit, as the paper has them."""
    size, before = np.full_like(theta, rate), np.zeros_like(theta)
    for g in gradients:
        product = g * before
        size = np.where(product > 0, size * growth, np.where(product < 0, size * reduction, size))
        size = np.clip(size, smallest, largest)
        g = np.where(product < 0, 0.0, g)
        theta = theta - np.sign(g) * size
        before = g
    return theta


def asgd(theta, gradients, rate, lambd=1e-4, power=0.75, start=1e6, decay=0.0):
    """θ and its average."""
    average = theta
    for t, g in enumerate(gradients, start=1):
        eta = rate / (1 + lambd * rate * (t - 1)) ** power
        theta = theta - eta * (lambd * theta + g + decay * theta)
        average = average + (theta - average) / max(1, t - 1 - start)
    return theta, average


def ftrl(theta, gradients, rates, l1=0.0, l2=0.0, beta=0.0, initial=0.1):
    """McMahan's z and n, per coordinate, with σ for rates that differ from step to step."""
    n, z, strength = np.full_like(theta, initial), np.zeros_like(theta), np.zeros_like(theta)
    for g, rate in zip(gradients, rates, strict=True):
        n = n + g**2
        new_strength = (beta + np.sqrt(n)) / rate
        z = z + g - (new_strength - strength) * theta
        strength = new_strength
        theta = np.where(np.abs(z) <= l1, 0.0, -(z - np.sign(z) * l1) / (strength + l2))
    return theta


def lookahead(theta, gradient: Gradient, rate, steps, pull, count):
    """Around plain gradient descent; θ and the slow weights."""
    slow = theta
    for t in range(1, count + 1):
        theta = theta - rate * gradient(theta)
        if t % steps == 0:
            slow = slow + pull * (theta - slow)
            theta = slow
    return theta, slow


def sam(theta, gradient: Gradient, rate, rho, adaptive, count):
    """Around plain gradient descent."""
    for _ in range(count):
        g = gradient(theta)
        size = np.abs(theta) if adaptive else 1.0
        offset = rho * size**2 * g / (np.linalg.norm(size * g) + 1e-12)
        theta = theta - rate * gradient(theta + offset)
    return theta


def lbfgs(theta, gradient: Gradient, rate, history, count):
    """Nocedal's two loops, without a line search; the first step is of length η·min(1, 1/|g|₁)."""
    pairs: Sequence[tuple[Array, Array]] = []
    g = gradient(theta)
    for t in range(count):
        q, alphas = g.copy(), []
        for s, y in reversed(pairs):
            alphas.append(s @ q / (y @ s))
            q = q - alphas[-1] * y
        if pairs:
            s, y = pairs[-1]
            q = q * (s @ y) / (y @ y)
        for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
            q = q + s * (alpha - y @ q / (y @ s))
        step = -q * (rate * min(1.0, 1 / np.abs(g).sum()) if t == 0 else rate)
        theta = theta + step
        new = gradient(theta)
        pairs = [*pairs, (step, new - g)][-history:]
        g = new
    return theta
