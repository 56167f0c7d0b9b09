"""Pre-train the fishnet from scratch on images drawn by formula, and write its weights.

    python tools/pretrain_fishnet.py OUT_DIR

Each scene is drawn once and seen in two views. The network is to name the figure's shape and texture and
the ground's texture (cross-entropy), and to find each view's partner among all views of the batch (the
contrastive loss of SimCLR, Chen et al., 2020). Every image is new, and a function of the seed and the step
alone: a run that was killed goes on from its last checkpoint with the same command, to the same weights.
"""

import argparse
import json
import math
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fishnet_drawings import N_SHAPES, N_TEXTURES, Studio, view

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.networks.fishnet import build_fishnet, preprocess, save_weights

N_VIEWS = 2
MARGIN = 4 / 3
"""Scenes are drawn this much larger than their views, which are crops."""
LABELS = {"shape": N_SHAPES, "texture": N_TEXTURES, "ground": N_TEXTURES}
CONTRASTIVE_WEIGHT, CONTRASTIVE_TEMPERATURE = 0.5, 0.2
LEARNING_RATE, WEIGHT_DECAY, WARM_UP_STEPS = 2e-3, 0.02, 200
SCHEDULE = "64:7000,96:2200"
CHROMA_SHARE = 0.35


@dataclass(frozen=True)
class Plan:
    """What is trained: `schedule` holds (side of the views in pixels, steps), in turn."""

    schedule: tuple[tuple[int, int], ...]
    n_scenes: int
    n_tiles: int
    seed: int
    steps_a_checkpoint: int

    @property
    def n_steps(self) -> int:
        """Of the whole schedule."""
        return sum(steps for _, steps in self.schedule)

    def side(self, step: int) -> int:
        """The side of the views at a step, pixels."""
        for side, steps in self.schedule:
            if step < steps:
                return side
            step -= steps
        raise IndexError("the schedule has ended")

    def rate(self, step: int) -> float:
        """The learning rate at a step: a warm-up, then a cosine to 0."""
        cosine = 0.5 * (1 + math.cos(math.pi * step / self.n_steps))
        return LEARNING_RATE * min(1.0, step / WARM_UP_STEPS) * cosine


class Drawers:
    """Processes that draw batches ahead of the training."""

    def __init__(self, plan: Plan) -> None:
        """Draw the classes and start the processes; before TensorFlow is imported, for they fork."""
        self._plan = plan
        self._n_ahead = 4 * (os.cpu_count() or 1)
        cv2.setNumThreads(1)  # OpenCV's threads don't survive a fork
        studio = Studio(plan.seed, plan.n_tiles)
        fork = multiprocessing.get_context("fork")
        self._pool = ProcessPoolExecutor(os.cpu_count(), fork, _enter, (studio,))
        self._pool.submit(int).result()

    def batches(self, first: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Of each step: images (n, side, side, 3) uint8, a scene's views in turn, and labels (n, 3) int32."""
        ahead: deque = deque()
        for step in range(first, self._plan.n_steps):
            ahead.append(self._pool.submit(_draw_batch, self._plan, step))
            if len(ahead) == self._n_ahead:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


def _enter(studio: Studio) -> None:
    global _studio
    _studio = studio


def _draw_batch(plan: Plan, step: int) -> tuple[np.ndarray, np.ndarray]:
    side, images, labels = plan.side(step), [], []
    for number in range(plan.n_scenes):
        rng = np.random.default_rng((plan.seed, step, number))
        scene = _studio.draw(rng, round(side * MARGIN))
        for _ in range(N_VIEWS):
            images.append(view(rng, scene.image, side))
            labels.append([getattr(scene, name) for name in LABELS])
    return np.stack(images), np.array(labels, np.int32)


class Trainer:
    """The network with the heads that it is trained by, and its optimiser."""

    def __init__(self, keras: Any, seed: int) -> None:
        """Fresh weights."""
        import tensorflow as tf

        keras.utils.set_random_seed(seed)
        self.net = build_fishnet(keras)
        _look_for_edges(self.net)
        layers = keras.layers
        pooled = layers.GlobalAveragePooling2D()(self.net.output)
        pooled = layers.BatchNormalization(scale=False, center=False)(pooled)
        named = [layers.Dense(n_classes, name=name)(pooled) for name, n_classes in LABELS.items()]
        hidden = layers.BatchNormalization()(layers.Dense(256, use_bias=False)(pooled))
        projected = layers.Dense(128)(layers.Activation("relu")(hidden))
        self.model = keras.Model(self.net.input, [*named, projected])
        self.optimiser = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY, beta_2=0.99)
        self.optimiser.build(self.model.trainable_variables)
        self.step = tf.function(self._step, reduce_retracing=True)
        self.checkpoint = tf.train.Checkpoint(model=self.model, optimiser=self.optimiser, done=tf.Variable(0))

    def _step(self, images: Any, labels: Any, rate: Any) -> Any:
        """One step; returns the losses and accuracies, in the order of METRICS."""
        import tensorflow as tf

        self.optimiser.learning_rate.assign(rate)
        with tf.GradientTape() as tape:
            *named, projected = self.model(preprocess(tf.cast(images, tf.float32)), training=True)
            losses = [
                tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels[:, i], logits))
                for i, logits in enumerate(named)
            ]
            losses.append(_contrastive_loss(projected))
            loss = tf.reduce_mean(losses[:-1]) + CONTRASTIVE_WEIGHT * losses[-1]
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimiser.apply(gradients, self.model.trainable_variables)
        right = [tf.argmax(logits, -1, tf.int32) == labels[:, i] for i, logits in enumerate(named)]
        return tf.stack([*losses, *(tf.reduce_mean(tf.cast(each, tf.float32)) for each in right)])


METRICS = [*(f"{name}_loss" for name in LABELS), "contrastive_loss", *(f"{name}_accuracy" for name in LABELS)]


def _contrastive_loss(projected: Any) -> Any:
    """NT-Xent: each row's cross-entropy of finding its neighbour, the scene's other view, among all rows."""
    import tensorflow as tf

    unit = tf.math.l2_normalize(projected, -1)
    n_rows = tf.shape(unit)[0]
    similar = tf.matmul(unit, unit, transpose_b=True) / CONTRASTIVE_TEMPERATURE
    similar = tf.linalg.set_diag(similar, tf.fill([n_rows], -1e9))
    partner = tf.bitwise.bitwise_xor(tf.range(n_rows), 1)
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(partner, similar))


def _look_for_edges(net: Any) -> None:
    """Start the first filters without mean and mostly on luminance.

    From fresh filters the colour and brightness of a scene drown its structure: texture classes that are
    learned within 20,000 grey images were not learned at all from coloured ones.
    """
    kernel = net.get_layer("conv1_conv").kernel
    values = np.asarray(kernel)
    values = CHROMA_SHARE * values + math.sqrt(3) * values.mean(axis=2, keepdims=True)
    kernel.assign(values - values.mean(axis=(0, 1), keepdims=True))


def pretrain(plan: Plan, out_dir: Path) -> Path:
    """Train as planned, from the last checkpoint in `out_dir` if there is one; returns the weights' file."""
    out_dir.mkdir(parents=True, exist_ok=True)
    drawers = Drawers(plan)
    keras = load_keras()
    import tensorflow as tf

    trainer = Trainer(keras, plan.seed)
    kept = tf.train.CheckpointManager(trainer.checkpoint, out_dir / "checkpoints", max_to_keep=1)
    if kept.restore_or_initialize():
        print(f"going on after step {int(trainer.checkpoint.done):,}", flush=True)
    first, started, recent = int(trainer.checkpoint.done), time.perf_counter(), []
    weights = out_dir / "fishnet.npz"
    for step, (images, labels) in enumerate(drawers.batches(first), start=first):
        rate = tf.constant(plan.rate(step), tf.float32)
        recent.append(trainer.step(tf.constant(images), tf.constant(labels), rate).numpy())
        if (step + 1) % plan.steps_a_checkpoint and step + 1 < plan.n_steps:
            continue
        means = dict(zip(METRICS, np.mean(recent, axis=0, dtype=float).round(4).tolist(), strict=True))
        seconds = round(time.perf_counter() - started)
        row = {"step": step + 1, "side": plan.side(step), "seconds": seconds, **means}
        trainer.checkpoint.done.assign(step + 1)
        sha256 = save_weights(trainer.net, weights)
        kept.save()  # before its row is told, so that no row comes twice
        with (out_dir / "log.jsonl").open("a") as log:
            log.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
        recent = []
    drawers.close()
    print(f"{weights}: {weights.stat().st_size:,} bytes, sha256 {sha256}")
    return weights


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out_dir", type=Path, help="for checkpoints, log.jsonl and fishnet.npz")
    parser.add_argument("--schedule", default=SCHEDULE, help="SIDE:STEPS in turn (default %(default)s)")
    parser.add_argument("--scenes", type=int, default=96, help="a step (default %(default)s)")
    parser.add_argument("--tiles", type=int, default=4, help="of each texture class (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=500, help="steps a checkpoint (default %(default)s)")
    arguments = parser.parse_args()
    schedule = tuple(tuple(map(int, part.split(":"))) for part in arguments.schedule.split(","))
    plan = Plan(schedule, arguments.scenes, arguments.tiles, arguments.seed, arguments.every)
    pretrain(plan, arguments.out_dir)


if __name__ == "__main__":
    main()
