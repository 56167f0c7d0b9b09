"""Every command of the pipeline on many images: is its time linear, and its memory flat?

    python benchmarks/scale.py [--counts 10000 100000 1000000] [--folder DIR] [--plot docs/scale.png]
    python benchmarks/scale.py --gib 50     # train on a store of maps that is larger than memory

A competition of that many training images, and a quarter as many test images, is generated: hard links to
a thousand small photos, so that a million entries take no disk. The backbone is trivial (the mean colours of
4x4 cells), so that what is measured is everything else: listing, reading headers, scheduling, decoding, the
store, folds, heads, ensembling, the submission, its score and the audit. Each command is a process of its
own. A JSON line a measurement goes to stdout, a table at the end.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scaling import fishcli

N_PHOTOS, N_CLASSES, N_GROUPS = 1000, 8, 200
SIZES = ((64, 48), (80, 48), (64, 64))
FEATURES = (
    "import resource, sys\n"
    "sys.path.insert(0, sys.argv[2])\n"
    "from pathlib import Path\n"
    "from scale import compute\n"
    "compute(Path(sys.argv[1]))\n"
    "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
)
MAX_LINKS, MAP_CHUNK = 50_000, 128
MAP_HEADS = {
    "pooled, while reading: 5 folds, 5 epochs": ["--head", "gap", "--epochs", 5],
    "whole, from a file: 2 folds, 1 epoch": [
        "--head",
        "gap",
        "--epochs",
        1,
        "--folds",
        2,
        "--pooling",
        "max",
    ],
}
AUDIT_FIELDS = "width,height,size_key,aspect"


def write_competition(data_dir: Path, n_images: int) -> None:
    """Training and test images as links to a thousand photos; groups, a sample, and the solution."""
    rng = np.random.default_rng(0)
    photos = []
    for i in range(N_PHOTOS):
        path = data_dir / "photos" / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (6, 8, 3), np.uint8) // 4 + 24 * (i % N_CLASSES)
        Image.fromarray(pixels.astype(np.uint8)).resize(SIZES[i % len(SIZES)]).save(path, quality=80)
        photos.append(path)
    names = [f"class_{k}" for k in range(N_CLASSES)]
    with (data_dir / "groups.csv").open("w") as groups:
        groups.write("image,group\n")
        for i in range(n_images):
            image = f"{names[i % N_CLASSES]}/img_{i:07d}.jpg"
            link(photos[i % N_PHOTOS], data_dir / "train" / image)
            groups.write(f"{image},{i // N_CLASSES % N_GROUPS}\n")
    with (data_dir / "solution.csv").open("w") as solution:
        solution.write("image,class_name\n")
        for i in range(n_images // 4):
            link(photos[i % N_PHOTOS], data_dir / "test" / f"img_{i:07d}.jpg")
            solution.write(f"img_{i:07d}.jpg,{names[i % N_CLASSES]}\n")


def link(photo: Path, path: Path) -> None:
    try:
        os.link(photo, path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True)
        os.link(photo, path)


def compute(data_dir: Path) -> None:
    """What `fishcli features` does, with a backbone of its own."""
    from fishcli.basics.quiet import load_keras
    from fishcli.dataset.layout.images import load_tests, load_train
    from fishcli.features.backbones.backbone import Backbone, Network
    from fishcli.features.photos.decode import DECODER
    from fishcli.features.store.recipe import Recipe
    from fishcli.features.store.store import FeatureStore
    from fishcli.features.upkeep import Upkeep, bring_up_to_date

    keras = load_keras()
    pixels = keras.Input((16, 16, 3))
    model = keras.Model(pixels, keras.layers.AveragePooling2D(4)(keras.layers.Rescaling(1 / 128)(pixels)))
    recipe = Recipe("fishnet", "mean_colours", "", (16, 16), "squash", "none", "", DECODER)
    store = FeatureStore.create(data_dir / "features", recipe, "formula")
    tables = {"train": load_train(data_dir), **load_tests(data_dir)}
    wanted = {split: (table, ["identity"]) for split, table in tables.items()}
    backbone = Backbone(recipe, (4, 4, 3), lambda: Network(model, lambda each: each))
    bring_up_to_date(store, wanted, Upkeep(data_dir, batch_size=256), backbone)


def features(data_dir: Path) -> tuple[float, float]:
    """Seconds and peak memory, MiB, of `compute` in a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, "-c", FEATURES, str(data_dir), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    peak = next(line for line in done.stderr.splitlines() if line.startswith("peak"))
    return time.perf_counter() - started, int(peak.split()[1]) / 1024


def measure(n_images: int, root: Path) -> list[dict[str, object]]:
    data_dir, rows = root / "data", []
    started = time.perf_counter()
    write_competition(data_dir, n_images)
    print(f"generated {n_images:,} images in {time.perf_counter() - started:.0f} s", file=sys.stderr)

    def note(command: str, found: tuple[float, float]) -> None:
        row = {
            "images": n_images,
            "command": command,
            "seconds": round(found[0], 1),
            "peak_mib": round(found[1]),
        }
        rows.append(row)
        print(json.dumps(row), flush=True)

    places = ["--data-dir", data_dir, "--models-dir", root / "models"]
    submissions = [*places, "--submissions-dir", root / "submissions"]
    note("features", features(data_dir))
    note("features, nothing to do", features(data_dir))
    for name in ("avg", "max"):
        head = [
            "--head",
            "gap",
            "--name",
            name,
            "--pooling",
            name,
            "--boxes",
            "none",
            "--metadata",
            "none",
            "--epochs",
            1,
        ]
        note(f"train --pooling {name}", fishcli("train", *places, *head))
    note("predict", fishcli("predict", *submissions, "--run", "avg"))
    note("ensemble", fishcli("ensemble", *submissions, "avg", "max", "--name", "blend"))
    solution = ["--solution", data_dir / "solution.csv", "--data-dir", data_dir]
    note("score", fishcli("score", root / "submissions" / "blend.csv", *solution))
    note("features --verify", fishcli("features", "--data-dir", data_dir, "--verify"))
    audit = ["--data-dir", data_dir, "--fields", AUDIT_FIELDS, "--features", "none", "--out", root / "audit"]
    note("audit-leakage, 4 fields", fishcli("audit-leakage", *audit, "--permutations", 99))
    return rows


def train_on_maps(gib: float, root: Path) -> None:
    """Train on a store of that many GiB of maps, nine in ten values zero."""
    from fishcli.features.photos.decode import DECODER
    from fishcli.features.store.recipe import Recipe
    from fishcli.features.store.store import FeatureStore

    shape = (7, 7, 1280)
    n_images = int(gib * 2**30 / (2 * np.prod(shape)))
    data_dir, rows, rng = root / "data", [], np.random.default_rng(0)
    photo = root / "photo.png"
    Image.new("RGB", (1, 1)).save(photo)
    photos = []
    for i in range(-(-n_images // MAX_LINKS)):
        photos.append(shutil.copy(photo, root / f"{i}.png"))
    for i in range(n_images):
        image = f"class_{i % N_CLASSES}/img_{i:07d}.png"
        link(Path(photos[i // MAX_LINKS]), data_dir / "train" / image)
        rows.append({"image": image, "n_bytes": photo.stat().st_size, "group": i // N_CLASSES % N_GROUPS})
    table = pd.DataFrame(rows).sort_values("image")
    table[["image", "group"]].to_csv(data_dir / "groups.csv", index=False)
    recipe = Recipe("mobilenet_v2", "out_relu", "", (224, 224), "squash", "none", "", DECODER)
    store = FeatureStore.create(data_dir / "features", recipe, "random")
    store.update_images("train", table, set())
    array = store.require_array("train", "identity", (n_images, *shape), MAP_CHUNK)
    drawn = rng.standard_normal((MAP_CHUNK, *shape), np.float32) * (rng.random((MAP_CHUNK, *shape)) < 0.2)
    drawn = np.maximum(drawn, 0).astype(np.float16)
    for start in range(0, n_images, MAP_CHUNK):
        array[start : start + MAP_CHUNK] = np.roll(drawn, start, axis=0)[: n_images - start]
    size = sum(path.stat().st_size for path in store.store_dir.glob("train/identity/*")) / 2**30
    print(f"{n_images:,} images, {gib:g} GiB of maps, {size:.1f} GiB on disk", flush=True)
    for what, options in MAP_HEADS.items():
        places = ["--data-dir", data_dir, "--models-dir", root / "models", "--name", what.split(",")[0]]
        seconds, peak = fishcli("train", *places, "--metadata", "none", "--boxes", "none", *options)
        print(f"{what}: {seconds:,.0f} s, peak {peak:,.0f} MiB", flush=True)


def plot(table: pd.DataFrame, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 5), sharex=True)
    for column, axis, what in zip(
        ("seconds", "peak_mib"), axes, ("seconds", "peak memory, MiB"), strict=True
    ):
        for command, part in table.groupby("command", sort=False):
            axis.plot(part["images"], part[column], marker="o", label=command)
        axis.set(xscale="log", yscale="log", xlabel="training images", ylabel=what)
        axis.grid(alpha=0.3)
    axes[1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--gib", type=float, help="train on a store of so many GiB of maps, and stop")
    args = parser.parse_args()
    if args.gib:
        with tempfile.TemporaryDirectory(dir=args.folder) as root:
            train_on_maps(args.gib, Path(root))
        return
    rows = []
    for n_images in args.counts:
        root = Path(tempfile.mkdtemp(dir=args.folder))
        try:
            rows += measure(n_images, root)
        finally:
            shutil.rmtree(root)
    table = pd.DataFrame(rows)
    print(table.pivot_table(index="command", columns="images", values=["seconds", "peak_mib"]).to_string())
    if args.plot:
        plot(table, args.plot)


if __name__ == "__main__":
    main()
