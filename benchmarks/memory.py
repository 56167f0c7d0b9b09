"""Peak memory of `fishcli features` on few and on many images: it must not grow with their number.

    python benchmarks/memory.py [--counts 200 2000]

Images are generated; MobileNetV2 0.35 with random weights, 128x128.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

MEASURED = (
    "import resource, sys\n"
    "from fishcli.cli import app\n"
    "try:\n"
    "    app(sys.argv[1:])\n"
    "finally:\n"
    "    print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
)


def write_images(data_dir: Path, n_images: int) -> None:
    rng = np.random.default_rng(0)
    for i in range(n_images):
        path = data_dir / "train" / f"class_{i % 2}" / f"img_{i:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = rng.integers(0, 256, (18, 32, 3), np.uint8)
        Image.fromarray(small).resize((1280, 720)).save(path, quality=85)


def peak_mib(data_dir: Path) -> tuple[float, float]:
    """Peak resident memory, MiB, and seconds of one `fishcli features`."""
    options = ["--backbone", "mobilenet_v2_035", "--weights", "random", "--image-size", "128x128"]
    command = [
        sys.executable,
        "-c",
        MEASURED,
        "features",
        "--data-dir",
        str(data_dir),
        "--splits",
        "train",
        *options,
    ]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak = next(line for line in done.stderr.splitlines() if line.startswith("peak"))
    to_mib = 1024 if sys.platform != "darwin" else 1024**2
    return int(peak.split()[1]) / to_mib, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[200, 2000])
    first = None
    for n_images in parser.parse_args().counts:
        with tempfile.TemporaryDirectory() as folder:
            write_images(Path(folder), n_images)
            peak, seconds = peak_mib(Path(folder))
        first = first or peak
        print(
            f"{n_images:>6,} images: peak {peak:,.0f} MiB ({peak / first:.3f} of the first), {seconds:.1f} s"
        )


if __name__ == "__main__":
    main()
