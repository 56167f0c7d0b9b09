"""Images a second from JPEG files to features: fishcli and what one would write instead, side by side.

    python benchmarks/features.py [--backbones mobilenet_v2 resnet50 ...] [--rounds 3]

Every contender is a process of its own that has its model ready; they take turns on the same files, round by
round. Printed are medians, ratios to the Keras loop, peak memory, and what the machine could do at most: what
its stages allow, each measured alone on all cores, and matrix multiplication in float32. Where others are at
work on the machine compare CPU seconds, which say what the pipeline costs, and "busy", which says whether it
lets cores idle: the share of the cores for which it had a thread that ran or waited for one (on Linux).
Weights are random but fishnet's: they don't change the speed. torch with timm, and ONNX Runtime (with
tf2onnx), take part where they are installed.
"""

import argparse
import select
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from statistics import median

import numpy as np
from joblib import cpu_count  # of this process, not of the machine
from PIL import Image

WORKER = str(Path(__file__).with_name("feature_contenders.py"))
SIDE = 224
BATCH = 32
SAMPLED_EVERY = 0.005
"""Seconds between two looks at what a contender's threads do."""
N_IMAGES = {
    "mobilenet_v2": 192,
    "efficientnet_v2_b0": 192,
    "resnet50": 96,
    "vgg16": 48,
    "convnext_tiny": 48,
    "fishnet": 192,
}
AIMS = {
    "mobilenet_v2": 3.5,
    "efficientnet_v2_b0": 2.3,
    "resnet50": 1.7,
    "vgg16": 1.6,
    "convnext_tiny": 5.0,
}
"""Against the Keras loop."""
CONTENDERS = {
    "fishcli": "fishcli features, features written",
    "tensorflow": "the same, --engine keras",
    "keras": "Keras loop: load_img, model.predict",
    "dataset": "image_dataset_from_directory, predict",
    "onnx": "load_img, ONNX Runtime",
    "timm": "torch DataLoader, timm",
    "views": "fishcli features, 8 views",
    "decode": "decoding alone, all cores",
    "resize": "resizing alone, all cores",
    "memory": "the engine alone, arrays in memory",
    "write": "writing alone, all cores",
    "feed": "fishcli features, a device of no time",
}
STAGES = ("decode", "resize", "memory", "write")
"""What makes features of photos, one after the other."""
TIMM_NAMES = {
    "mobilenet_v2": "mobilenetv2_100",
    "efficientnet_v2_b0": "tf_efficientnetv2_b0",
    "convnext_tiny": "convnext_tiny",
}


def write_photo(path: Path) -> None:
    """A JPEG file of 1280x720 or so, as large as a photo's: structure at all scales, and grain."""
    rng = np.random.default_rng(int(path.stem))
    width, height = [(1280, 720), (1280, 750), (1192, 670)][int(path.stem) % 3]
    pixels = rng.normal(0, 5, (height, width, 3))
    for cells in (4, 12, 40, 130):
        coarse = Image.fromarray(rng.integers(0, 256, (cells, 2 * cells, 3), np.uint8))
        pixels += (np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)) - 128.0) * cells**-0.3
    Image.fromarray((pixels + 128).clip(0, 255).astype(np.uint8)).save(path, quality=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbones", nargs="+", default=list(N_IMAGES), choices=list(N_IMAGES))
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    for backbone in args.backbones:
        with tempfile.TemporaryDirectory() as folder:
            compare(backbone, args.contenders, args.rounds, Path(folder))


def sgemm(side: int = 2048) -> float:
    a = np.random.default_rng(0).standard_normal((side, side), np.float32)
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - started)
    return 2 * side**3 / median(seconds) / 1e9


def compare(backbone: str, names: list[str], n_rounds: int, folder: Path) -> None:
    """Run the contenders in turn and print a table."""
    n_images = N_IMAGES[backbone]
    paths = [folder / "train" / "fish" / f"{i:05d}.jpg" for i in range(n_images)]
    paths[0].parent.mkdir(parents=True)
    with ThreadPoolExecutor() as pool:
        list(pool.map(write_photo, paths))
    made = [sys.executable, WORKER, "weights", backbone, str(folder)]
    gflop = float(subprocess.run(made, check=True, capture_output=True, text=True).stdout)
    multiplication = sgemm()
    crew = {name: Contender(name, backbone, folder) for name in names}
    rounds: dict[str, list[float]] = {name: [] for name in crew}
    costs: dict[str, list[float]] = {name: [] for name in crew}
    busy: dict[str, list[float]] = {name: [] for name in crew}
    for _ in range(n_rounds):
        for name, contender in crew.items():
            if not contender.absent:
                seconds, cpu_seconds, share = contender.seconds()
                rounds[name].append(n_images / seconds)
                costs[name].append(1000 * cpu_seconds / n_images)
                busy[name].append(share)
    rate = {name: median(rates) for name, rates in rounds.items() if rates}
    cost = {name: median(each) for name, each in costs.items() if each}
    print(f"\n{backbone}, {SIDE}x{SIDE}, {n_images} JPEG files around 1280x720, {n_rounds} rounds, medians")
    if "keras" in rate and "fishcli" in rate and backbone in AIMS:
        print(f"  against the Keras loop: {rate['fishcli'] / rate['keras']:.2f}x (aim {AIMS[backbone]}x)")
    for name, contender in crew.items():
        if contender.absent:
            print(f"  {CONTENDERS[name]:<40} not run: {contender.absent}")
            continue
        spread = f"{min(rounds[name]):.1f} to {max(rounds[name]):.1f}"
        ratio = f"{rate[name] / rate['keras']:.2f}x" if "keras" in rate else ""
        peak = contender.finish()
        said = f"{rate[name]:7.1f} img/s ({spread}) {ratio:>7} {cost[name]:6.2f} CPU ms/img {peak:7,.0f} MiB"
        said += f", busy {median(busy[name]):.2f}"
        print(f"  {CONTENDERS[name]:<40} {said}")
    if "fishcli" in rate and rate.keys() >= set(STAGES):
        limit = 1 / sum(1 / rate[stage] for stage in STAGES)
        share = sum(cost[stage] for stage in STAGES) / cost["fishcli"]
        print(
            f"  end to end over what the stages allow: {rate['fishcli'] / limit:.2f} of {limit:.1f} img/s "
            f"(aim 0.9); {share:.2f} in CPU seconds"
        )
    if rate.keys() >= {"feed", "decode", "resize"}:
        limit = 1 / (1 / rate["decode"] + 1 / rate["resize"])
        share = (cost["decode"] + cost["resize"]) / cost["feed"]
        print(
            f"  a device of no time is fed {rate['feed'] / limit:.2f} of what decoding and resizing alone "
            f"reach (aim 0.95); {share:.2f} in CPU seconds"
        )
    if "memory" in rate and "fishcli" in rate:
        share = rate["fishcli"] / rate["memory"]
        print(f"  end to end over the engine in memory: {share:.2f} (aim for heavy nets 0.95)")
        flops = gflop * rate["memory"]
        said = f"{flops:,.0f} GFLOP/s, {flops / multiplication:.2f} of {multiplication:,.0f}"
        print(f"  in memory, of matrix multiplication's rate: {said}")
    if "views" in rate and "fishcli" in rate:
        print(f"  8 views take {rate['fishcli'] / rate['views']:.2f} times as long as 1 (aim 6.5)")


class Contender:
    """A process that has its model ready and goes over the files when told to."""

    def __init__(self, name: str, backbone: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, WORKER, name, backbone, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        first = self._line()
        self.absent = first.removeprefix("absent ") if first != "ready" else ""

    def seconds(self) -> tuple[float, float, float]:
        """What going over the files takes, by the clock and of CPU time; the share of the cores in use."""
        assert self.process.stdout is not None
        self._tell("go")
        wanted = []
        while not select.select([self.process.stdout], [], [], SAMPLED_EVERY)[0]:
            wanted.append(min(self._n_runnable(), cpu_count()) / cpu_count())
        seconds, cpu_seconds = self._line().split()
        return float(seconds), float(cpu_seconds), float(np.mean(wanted)) if wanted else float("nan")

    def _n_runnable(self) -> int:
        """Threads that run or wait for a core, or for a disk."""
        n = 0
        for path in Path(f"/proc/{self.process.pid}/task").glob("*/stat"):
            with suppress(OSError):  # the thread has ended
                n += path.read_text().rpartition(")")[2].split()[0] in "RD"
        return n

    def finish(self) -> float:
        """Stop; the peak of its resident memory, MiB."""
        self._tell("stop")
        return float(self._line())

    def _tell(self, what: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip() or "absent it ended"


if __name__ == "__main__":
    main()
