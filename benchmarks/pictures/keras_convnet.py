"""The network of Keras's example "Simple MNIST convnet", trained as there, by a constant rate.

Adam as it comes, batches of 128, pixels between 0 and 1. In its favour it trains on every training
picture, of which the example holds a tenth back.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from benchmarks.pictures.curve import Arrays, arguments, read, run

BATCH = 128


class Convnet:
    def __init__(self, arrays: Arrays, seed: int) -> None:
        keras.utils.set_random_seed(seed)
        self.inputs = _scaled(arrays["inputs"])
        self.targets = keras.utils.to_categorical(arrays["targets"], 10)
        self.model = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Conv2D(64, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dropout(0.5),
                layers.Dense(10, activation="softmax"),
            ]
        )
        self.model.compile(loss="categorical_crossentropy", optimizer="adam")
        self.parameters = self.model.count_params()

    def train(self, epoch: int, epochs: int | None) -> None:
        self.model.fit(self.inputs, self.targets, batch_size=BATCH, epochs=1, verbose=0)

    def classes(self, pictures: np.ndarray) -> np.ndarray:
        return self.model.predict(_scaled(pictures), batch_size=1000, verbose=0).argmax(-1)


def _scaled(pictures: np.ndarray) -> np.ndarray:
    return pictures[..., None].astype(np.float32) / 255


def main() -> None:
    told = arguments()
    arrays = read(told.arrays)
    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(told.threads)
    run(Convnet(arrays, told.seed), arrays, told.seconds)


if __name__ == "__main__":
    main()
