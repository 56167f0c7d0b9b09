"""`fishcli predict --tta 8` with five folds against forty passes over the test images.

    python benchmarks/prediction.py [--images 1000]

Both sides start from files and use fishcli's own engine, so the ratio is what caching features is worth: the
naive side pays decoding and backbone once for each fold and view. Photos are generated, MobileNetV2 has
random weights.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from features import write_photo

N_FOLDS, N_VIEWS, N_TRAINING = 5, 8, 100
CLASSES = ("ALB", "YFT")


def fishcli(folder: Path, command: str, *options: object) -> tuple[float, str]:
    """Seconds of one command, and what it said."""
    places = ["--data-dir", folder / "data"]
    if command != "features":
        places += ["--models-dir", folder / "models"]
    started = time.perf_counter()
    call = [sys.executable, "-c", "from fishcli.cli import app; app()", command, *places, *options]
    done = subprocess.run([str(each) for each in call], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - started, done.stderr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    n_images = parser.parse_args().images
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train = [folder / "data/train" / CLASSES[i % 2] / f"{i:05d}.jpg" for i in range(N_TRAINING)]
        test = [folder / "data/test" / f"{i:05d}.jpg" for i in range(n_images)]
        for path in [*train, *test]:
            path.parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor() as pool:
            list(pool.map(write_photo, [*train, *test]))
        rows = [f"{path.name},0.5,0.5" for path in test]
        sample = folder / "data" / "sample_submission.csv"
        sample.write_text("\n".join(["image,ALB,YFT", *rows]) + "\n")
        backbone = ["--backbone", "mobilenet_v2", "--weights", "random"]
        fishcli(folder, "features", *backbone, "--views", N_VIEWS, "--splits", "train")
        fishcli(folder, "train", "--head", "gap", "--folds", N_FOLDS, "--views", N_VIEWS, "--epochs", 5)
        _, said = fishcli(folder, "features", *backbone, "--splits", "test")
        (one_pass,) = re.findall(rf"{n_images:,} images in ([\d.,]+) s", said)
        (test_features,) = folder.glob("data/features/*/test")
        shutil.rmtree(test_features)
        submissions = folder / "submissions"
        seconds, _ = fishcli(folder, "predict", "--tta", N_VIEWS, "--submissions-dir", submissions)
    naive = N_FOLDS * N_VIEWS * float(one_pass.replace(",", ""))
    print(f"{n_images:,} images: one pass {one_pass} s, {N_FOLDS * N_VIEWS} passes {naive:,.0f} s")
    faster = f"{naive / seconds:.1f}x faster (aim 5x)"
    print(f"fishcli predict --tta {N_VIEWS}, start included: {seconds:,.1f} s, {faster}")


if __name__ == "__main__":
    main()
