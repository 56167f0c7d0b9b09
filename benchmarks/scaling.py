"""Time and peak memory of `fishcli features` and `fishcli train` on few and on many images.

    python benchmarks/scaling.py [--counts 250 1000 4000] [--rows 10000 50000]

Time is to grow with the images, memory is not. Photos are generated (1280x720, MobileNetV2 0.35 with random
weights, 128x128), and so are the larger stores' pooled features, as wide as MobileNetV2's. Each command is a
process of its own; its start, which costs the same for any number of images, is measured and taken off.
"""

import argparse
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from fishcli.features.photos.decode import DECODER
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore

MEASURED = (
    "import resource, sys\n"
    "from fishcli.cli import app\n"
    "try:\n"
    "    app(sys.argv[1:])\n"
    "finally:\n"
    "    print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
)
SIZE = (1280, 720)
CHUNK, CHANNELS, N_GROUPS = 256, 1280, 40
EPOCHS = 10


def fishcli(*options: object) -> tuple[float, float]:
    """Seconds and peak resident memory, MiB, of one command."""
    started = time.perf_counter()
    command = [sys.executable, "-c", MEASURED, *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    peak = next(line for line in done.stderr.splitlines() if line.startswith("peak"))
    return time.perf_counter() - started, int(peak.split()[1]) / (
        1024 if sys.platform != "darwin" else 1024**2
    )


def write_photos(data_dir: Path, n_images: int) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n_images):
        image = f"class_{i % 2}/img_{i:05d}.jpg"
        path = data_dir / "train" / image
        path.parent.mkdir(parents=True, exist_ok=True)
        small = rng.integers(0, 256, (18, 32, 3), np.uint8)
        Image.fromarray(small).resize(SIZE).save(path, quality=85)
        rows.append({"image": image, "group": i // 2 % N_GROUPS})
    pd.DataFrame(rows).to_csv(data_dir / "groups.csv", index=False)


def write_store(data_dir: Path, n_rows: int) -> None:
    """A competition of one-pixel photos whose pooled features are drawn."""
    rng = np.random.default_rng(0)
    pixel = io.BytesIO()
    Image.new("RGB", (1, 1)).save(pixel, "PNG")
    photo = pixel.getvalue()
    rows = []
    for i in range(n_rows):
        image = f"class_{i % 8}/img_{i:05d}.png"
        path = data_dir / "train" / image
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo)
        rows.append({"image": image, "n_bytes": len(photo), "group": i // 8 % N_GROUPS})
    table = pd.DataFrame(rows).sort_values("image")
    table[["image", "group"]].to_csv(data_dir / "groups.csv", index=False)
    recipe = Recipe("mobilenet_v2", "out_relu", "", (224, 224), "squash", "avg", "", DECODER)
    store = FeatureStore.create(data_dir / "features", recipe, "random")
    store.update_images("train", table, set())
    array = store.require_array("train", "identity", (n_rows, CHANNELS), CHUNK)
    for start in range(0, n_rows, CHUNK):
        part = rng.standard_normal((min(CHUNK, n_rows - start), CHANNELS), np.float32)
        array[start : start + CHUNK] = np.maximum(part, 0).astype(np.float16)


def train_options(data_dir: Path) -> list[object]:
    models = data_dir / "models"
    options = [
        "--head",
        "gap",
        "--epochs",
        EPOCHS,
        "--metadata",
        "none",
        "--boxes",
        "none",
        "--memory-budget",
        0,
    ]
    return [
        "train",
        "--data-dir",
        data_dir,
        "--models-dir",
        models,
        "--name",
        f"run{time.time_ns()}",
        *options,
    ]


def report(what: str, n: int, found: tuple[float, float], first: tuple[int, float, float]) -> None:
    (seconds, peak), (first_n, first_seconds, first_peak) = found, first
    line = f"{what:<18} {n:>7,}: {seconds:7.1f} s, peak {peak:6,.0f} MiB"
    if n != first_n:
        rate = (n - first_n) / max(seconds - first_seconds, 1e-9)
        line += f" ({peak / first_peak:.3f} of the first; {rate:,.0f} a second beyond the first)"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[250, 1000, 4000])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 50_000])
    args = parser.parse_args()
    first: dict[str, tuple[int, float, float]] = {}

    def measured(what: str, n: int, options: list[object]) -> None:
        found = fishcli(*options)
        report(what, n, found, first.setdefault(what, (n, *found)))

    for n_images in args.counts:
        with tempfile.TemporaryDirectory() as folder:
            data_dir = Path(folder)
            write_photos(data_dir, n_images)
            backbone = ["--backbone", "mobilenet_v2_035", "--weights", "random", "--image-size", "128x128"]
            measured("features", n_images, ["features", "--data-dir", data_dir, *backbone])
            measured("train on maps", n_images, train_options(data_dir))
    for n_rows in args.rows:
        with tempfile.TemporaryDirectory() as folder:
            write_store(Path(folder), n_rows)
            measured("train on a store", n_rows, train_options(Path(folder)))


if __name__ == "__main__":
    main()
