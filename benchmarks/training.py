"""Epochs a second of fishcli's training against plain `model.fit` on the same arrays; memory over budget.

    python benchmarks/training.py [--images 2000]

Features are drawn, as wide as MobileNetV2's: (7, 7, 1280). Both sides train the same Keras heads
with the same optimiser and batches. The memory part trains on maps of 4 times --memory-budget.
"""

import argparse
import dataclasses
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.quiet import load_keras
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.fit import fit_fold
from fishcli.heads.inputs import HeadInputs
from fishcli.heads.networks.architectures import build_head
from fishcli.heads.networks.optimiser import HeadAdamW
from fishcli.options.train import TrainConfig

N_CLASSES = 8
HEADS = [("attention", (7, 7, 1280), 12), ("fcn", (7, 7, 1280), 6)]
"""Head, shape of features, and epochs to measure."""


def drawn_inputs(n_images: int, shape: tuple[int, ...]) -> HeadInputs:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, N_CLASSES, n_images)
    features = np.maximum(rng.standard_normal((1, n_images, *shape), np.float32), 0).astype(np.float16)
    images = pd.DataFrame({"image": np.arange(n_images).astype(str), "height": 720, "width": 1280})
    boxes = np.full((1, n_images, 4), np.nan, np.float32)
    return HeadInputs(images, labels, None, ["identity"], features, boxes)


def seconds_of_fit(config: TrainConfig, inputs: HeadInputs) -> float:
    """Keras' own `fit`, arrays in memory."""
    keras = load_keras()
    n = len(inputs.labels)
    one_hot = np.eye(N_CLASSES, dtype=np.float32)[inputs.labels]
    prior = np.full(N_CLASSES, 1 / N_CLASSES)
    started = time.perf_counter()
    model = build_head(config, inputs.features.shape[2:], MetadataEncoder("none"), prior, None)
    optimizer = HeadAdamW(model, config.lr)
    optimizer.restart(-(-n // config.batch_size) * config.epochs)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=config.label_smoothing)
    model.compile(optimizer, {"class": loss}, jit_compile=False)
    x, y = {"features": inputs.features[0, np.arange(n)]}, {"class": one_hot}
    model.fit(x, y, batch_size=config.batch_size, epochs=config.epochs, verbose=0)
    return time.perf_counter() - started


def seconds_of_fishcli(config: TrainConfig, inputs: HeadInputs) -> float:
    started = time.perf_counter()
    fit_fold(config, inputs, np.arange(len(inputs.labels)), seed=0)
    return time.perf_counter() - started


def epochs_a_second(train, config: TrainConfig, inputs: HeadInputs) -> tuple[float, float]:
    """Epochs a second once it runs, and the seconds until it does: from a short and a long training."""
    one = dataclasses.replace(config, epochs=1)
    train(one, inputs)
    few, many = train(one, inputs), train(config, inputs)
    each = (many - few) / (config.epochs - 1)
    return 1 / each, few - each


def speed(n_images: int) -> None:
    print(f"{n_images:,} images, batches of 32: epochs a second (and seconds until the first)")
    for head, shape, epochs in HEADS:
        config = TrainConfig(head=head, metadata="none", epochs=epochs)
        inputs = drawn_inputs(n_images, shape)
        ours, our_start = epochs_a_second(seconds_of_fishcli, config, inputs)
        theirs, their_start = epochs_a_second(seconds_of_fit, config, inputs)
        print(
            f"{head} on {shape}: fishcli {ours:.2f} ({our_start:.1f} s), model.fit {theirs:.2f} "
            f"({their_start:.1f} s), ratio {ours / theirs:.2f}",
            flush=True,
        )


def train_measured(n_images: int, budget: float) -> None:
    """Train `fcn` for an epoch from a store under `budget` GiB; print memory before, peak, and seconds."""
    import resource

    from fishcli.heads.reading import read_features

    class DrawnStore:
        """Stands in for a feature store of drawn maps: `read_features` asks for no more."""

        store_dir = Path(tempfile.gettempdir())

        def array(self, split: str, view: str) -> np.ndarray:
            return np.empty((0, 7, 7, 1280), np.float16)

        def read(self, split: str, view: str, rows: np.ndarray) -> np.ndarray:
            drawn = np.random.default_rng(rows).standard_normal((len(rows), 7, 7, 1280), np.float32)
            return drawn.astype(np.float16)

    load_keras()
    inputs = drawn_inputs(n_images, (1,))
    config = TrainConfig(head="fcn", metadata="none", epochs=1)
    warm = drawn_inputs(64, (7, 7, 1280))
    fit_fold(config, warm, np.arange(64), seed=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    features = read_features(DrawnStore(), {"train": np.arange(n_images)}, ["identity"], False, budget)
    started = time.perf_counter()
    fit_fold(config, dataclasses.replace(inputs, features=features), np.arange(n_images), seed=0)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak {after:,.0f} MiB, {after - before:,.0f} more than before; an epoch in {seconds:.1f} s")


def memory(n_images: int) -> None:
    gib = n_images * 7 * 7 * 1280 * 2 / 2**30
    print(f"{n_images:,} maps, {gib:.2f} GiB, head fcn", flush=True)
    for what, budget in (("in memory", 2 * gib), ("budget of a quarter", gib / 4)):
        print(f"{what}:", end=" ", flush=True)
        command = [sys.executable, __file__, "--images", str(n_images), "--train-under", str(budget)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--train-under", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train_under is not None:
        train_measured(arguments.images, arguments.train_under)
        return
    memory(4 * arguments.images)  # first: a child's peak starts at its parent's size
    speed(arguments.images)


if __name__ == "__main__":
    main()
