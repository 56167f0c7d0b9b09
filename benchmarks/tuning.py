"""What pixels from a file, moved and coloured in the graph, cost beside the same network's bare Keras step.

    python benchmarks/tuning.py [--backbone mobilenet_v2_035] [--size 160] [--recipe light] [--images 512]

Photos are drawn. The bare side shows one preprocessed batch, held in memory, again and again. CPU seconds of
all threads, rounds of both sides taken by turns; the last line is the memory at the end, with so many photos.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.backbone import load_backbone, load_tail
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.backbones.cutting import pixel_size
from fishcli.features.photos.recipes import magnitudes_of
from fishcli.features.store.recipe import INPUT
from fishcli.heads.inputs import HeadInputs
from fishcli.heads.reading import FileFeatures
from fishcli.options.finetune import FinetuneConfig
from fishcli.tuning.fit import TuningPlan, make_ready
from fishcli.tuning.network import BODY, build_network
from fishcli.tuning.rows import TuningRows
from fishcli.tuning.start import HeadWeights

N_CLASSES, N_ROUNDS, N_STEPS = 8, 5, 10


def drawn_rows(n_images: int, size: tuple[int, int], recipe: str, folder: Path) -> TuningRows:
    """Photos of noise in a file, as `finetune --cut input` has them."""
    rng = np.random.default_rng(0)
    features = FileFeatures((1, n_images, *size, 3), "uint8", folder)
    for start in range(0, n_images, 256):
        n = min(256, n_images - start)
        features[0, slice(start, start + n)] = rng.integers(0, 256, (n, *size, 3), np.uint8)
    images = pd.DataFrame({"image": np.arange(n_images).astype(str), "height": 720, "width": 1280})
    boxes = np.full((1, n_images, 4), np.nan, np.float32)
    labels = rng.integers(0, N_CLASSES, n_images)
    inputs = HeadInputs(images, labels, None, ["identity"], features, boxes)
    metadata = np.zeros((n_images, 0), np.float32)
    return TuningRows(
        inputs, np.arange(n_images), np.arange(1), metadata, N_CLASSES, False, magnitudes_of(recipe)
    )


def network(tail: Any) -> Any:
    """The network that is trained, its class scores at 0."""
    start = HeadWeights(
        np.zeros((tail.output_shape[-1], N_CLASSES), np.float32), np.zeros(N_CLASSES, np.float32)
    )
    return build_network(tail, start, 0, None, (0.2, 0))


def seconds_a_step(model: Any, batches: Any) -> float:
    """CPU seconds of a step, over all threads."""
    started = time.process_time()
    model.fit(batches, shuffle=False, verbose=0)
    return (time.process_time() - started) / len(batches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="mobilenet_v2_035")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--recipe", default="light")
    parser.add_argument("--images", type=int, default=512)
    args = parser.parse_args()
    keras = load_keras()
    size = (args.size, args.size)
    choice = BackboneChoice(args.backbone, "random", size)
    kept = pixel_size(size)
    pixels = load_tail(BackboneChoice(args.backbone, "random", kept, INPUT))
    bare = load_backbone(choice).model
    bare.name = BODY
    config = FinetuneConfig(epochs=N_ROUNDS + 1, metadata="none")

    class Same(keras.utils.PyDataset):  # type: ignore[name-defined]
        def __init__(self, source: Any) -> None:
            super().__init__()
            self._source = source

        def __len__(self) -> int:
            return N_STEPS

        def __getitem__(self, number: int) -> Any:
            return self._source(number)

    with tempfile.TemporaryDirectory() as folder:
        rows = drawn_rows(args.images, kept, args.recipe, Path(folder))
        plan = TuningPlan(config, rows, 0, Path(folder) / "epochs.npz")
        whole = make_ready(network(pixels), plan)
        plain = TuningRows(rows.inputs, rows.rows, rows.views, rows.metadata, N_CLASSES, False)
        alone = network(bare)
        make_ready(alone, TuningPlan(config, plain, 0, plan.checkpoint))
        if alone.count_params() != whole.count_params() or len(alone.trainable_variables) != len(
            whole.trainable_variables
        ):
            raise SystemExit("the sides are not of one network")
        shown = np.random.default_rng(1).normal(size=(config.batch_size, *size, 3)).astype(np.float32)
        target = {"class": np.eye(N_CLASSES, dtype=np.float32)[np.arange(config.batch_size) % N_CLASSES]}
        sides = {
            "bare": (alone, lambda epoch: Same(lambda number: ({"features": shown}, target))),
            "from pixels": (whole, lambda epoch: Same(plan.batches(epoch).__getitem__)),
        }
        spent: dict[str, list[float]] = {name: [] for name in sides}
        for epoch in range(N_ROUNDS + 1):
            for name, (model, batches) in sides.items():
                spent[name].append(seconds_a_step(model, batches(epoch)))
    medians = {name: float(np.median(found[1:])) for name, found in spent.items()}
    for name, seconds in medians.items():
        print(f"{name}: {1000 * seconds:.0f} ms of CPU a step of {config.batch_size}")
    overhead = medians["from pixels"] / medians["bare"] - 1
    print(f"overhead: {overhead:.1%} ({args.backbone}, {args.size}, {args.recipe})")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory with {args.images:,} photos: {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
