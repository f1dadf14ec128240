"""The workloads' networks in Keras, and Ranvier's weights as Keras has them."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from benchmarks.peers.job import Weights

HEADS = 4


def model_of(kind: str, weights: Weights) -> keras.Model:
    """The network of these weights."""
    model: keras.Model = MAKERS[kind](weights)
    return model


def mlp(weights: Weights) -> keras.Model:
    found = list(weights.values())
    matrices, biases = found[::2], found[1::2]
    model = keras.Sequential([keras.Input((matrices[0].shape[1],))])
    for place, matrix in enumerate(matrices):
        last = place == len(matrices) - 1
        model.add(layers.Dense(len(matrix), activation=None if last else "relu"))
    set_all(model, [v for m, b in zip(matrices, biases, strict=True) for v in (m.T, b)])
    return model


def lenet(weights: Weights) -> keras.Model:
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10),
        ]
    )
    set_all(model, [kernel(values) for values in weights.values()])
    return model


def residual_cnn(weights: Weights) -> keras.Model:
    # In the order of their making, which is the weights'; the model orders layers by depth.
    made: list[layers.Layer] = []

    def through(layer: layers.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
        made.append(layer)
        return layer(x)

    def convolved(x: keras.KerasTensor, filters: int, size: int, stride: int) -> keras.KerasTensor:
        # PyTorch pads alike on both sides; "same" with a stride does not.
        x = layers.ZeroPadding2D(size // 2)(x)
        x = through(layers.Conv2D(filters, size, strides=stride, use_bias=False), x)
        return through(layers.BatchNormalization(momentum=0.9, epsilon=1e-5), x)

    inputs = keras.Input((28, 28, 1))
    x = layers.ReLU()(convolved(inputs, 16, 3, 1))
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        out = convolved(layers.ReLU()(convolved(x, filters, 3, stride)), filters, 3, 1)
        way = x if stride == 1 else convolved(x, filters, 1, stride)
        x = layers.ReLU()(layers.Add()([out, way]))
    model = keras.Model(inputs, through(layers.Dense(10), layers.GlobalAveragePooling2D()(x)))
    variables = [variable for layer in made for variable in layer.trainable_variables]
    for variable, values in zip(variables, weights.values(), strict=True):
        variable.assign(kernel(values))
    return model


def forecaster(weights: Weights) -> keras.Model:
    reads, keeps, bias, other_bias, matrix, head_bias = weights.values()
    model = keras.Sequential([keras.Input((None, 1)), layers.LSTM(keeps.shape[1]), layers.Dense(1)])
    # Both have the gates in the order input, forget, new, output; Keras has one bias.
    set_all(model, [reads.T, keeps.T, bias + other_bias, matrix.T, head_bias])
    return model


def gpt(weights: Weights) -> keras.Model:
    vocabulary, features = weights["words.weight"].shape
    places = len(weights["positions.weight"])
    depth = sum(name.endswith("query.weight") for name in weights)
    codes = keras.Input((places,), dtype="int32")
    x = Placed(vocabulary, places, features)(codes)
    for _ in range(depth):
        attention = layers.MultiHeadAttention(HEADS, features // HEADS)
        normal = layers.LayerNormalization(epsilon=1e-5)(x)
        x = x + attention(normal, normal, use_causal_mask=True)
        normal = layers.LayerNormalization(epsilon=1e-5)(x)
        wide = layers.Dense(4 * features)(normal)
        x = x + layers.Dense(features)(keras.activations.gelu(wide, approximate=True))
    normal = layers.LayerNormalization(epsilon=1e-5)(x)
    model = keras.Model(codes, layers.Dense(vocabulary, use_bias=False)(normal))
    found = [weights["words.weight"], weights["positions.weight"]]
    for block in range(depth):
        found += gpt_block({n: v for n, v in weights.items() if n.startswith(f"blocks.{block}.")})
    found += [weights["norm.weight"], weights["norm.bias"], weights["head.weight"].T]
    set_all(model, found)
    return model


def gpt_block(weights: Weights) -> list[np.ndarray]:
    """A block's weights in Keras's order: heads have an axis of their own."""
    own = {name.split(".block.")[1]: values for name, values in weights.items()}
    features = len(own["attention_norm.weight"])
    heads = (HEADS, features // HEADS)
    found = [own["attention_norm.weight"], own["attention_norm.bias"]]
    for part in ("query", "key", "value"):
        matrix = own[f"attention.{part}.weight"].T.reshape(features, *heads)
        found += [matrix, own[f"attention.{part}.bias"].reshape(heads)]
    found += [own["attention.output.weight"].T.reshape(*heads, features)]
    found += [own["attention.output.bias"]]
    found += [own["feed_forward_norm.weight"], own["feed_forward_norm.bias"]]
    for part in ("hidden", "output"):
        found += [own[f"feed_forward.{part}.weight"].T, own[f"feed_forward.{part}.bias"]]
    return found


@keras.saving.register_keras_serializable()
class Placed(layers.Layer):
    """Words and places, added."""

    def __init__(self, vocabulary: int, places: int, features: int) -> None:
        super().__init__()
        self.places = places
        self.words = layers.Embedding(vocabulary, features)
        self.positions = layers.Embedding(places, features)

    def call(self, codes: keras.KerasTensor) -> keras.KerasTensor:
        return self.words(codes) + self.positions(ops.arange(self.places))


class VAE(keras.Model):
    """In training it adds its divergence to the loss; in evaluation it decodes the mean code."""

    def __init__(self, pixels: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.pixels = pixels
        self.encoder = layers.Dense(hidden, activation="relu")
        self.distribution = layers.Dense(2 * latent)
        self.decoder = layers.Dense(hidden, activation="relu")
        self.pixel_logits = layers.Dense(pixels)
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, x: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        mean, log_variance = ops.split(self.distribution(self.encoder(x)), 2, axis=-1)
        code = mean
        if training:
            noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
            code = mean + ops.exp(log_variance / 2) * noise
            parts = ops.square(mean) + ops.exp(log_variance) - log_variance - 1
            self.add_loss(ops.mean(ops.sum(parts, -1)) / (2 * self.pixels))
        return self.pixel_logits(self.decoder(code))


def vae(weights: Weights) -> keras.Model:
    found = list(weights.values())
    model = VAE(found[0].shape[1], found[0].shape[0], found[2].shape[0] // 2)
    model(np.zeros((1, found[0].shape[1]), np.float32))
    set_all(model, [kernel(values) for values in found])
    return model


def kernel(values: np.ndarray) -> np.ndarray:
    """A weight of PyTorch's layout in Keras's: what goes out is the last axis."""
    if values.ndim == 4:
        return values.transpose(2, 3, 1, 0)
    return values.T if values.ndim == 2 else values


def set_all(model: keras.Model, found: list[np.ndarray]) -> None:
    for variable, values in zip(model.trainable_variables, found, strict=True):
        variable.assign(values)


MAKERS = {
    "mlp": mlp,
    "lenet": lenet,
    "residual_cnn": residual_cnn,
    "forecaster": forecaster,
    "gpt": gpt,
    "vae": vae,
}
