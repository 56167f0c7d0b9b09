"""Helpers that draw images and whole competitions, small enough for a test."""

import gc
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from PIL import Image

from fishcli.basics import progress
from fishcli.basics.errors import FishError

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
    os.environ.setdefault(threads, "1")  # a core for each of pytest's processes, not all cores for each

settings.register_profile("fishcli", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("fishcli")

EXIF_ORIENTATION = 0x0112
SIZES = ((48, 64), (48, 80), (64, 64))
"""(height, width) of the tiny competition's cameras."""
N_GROUPS = 4
WITHOUT_TENSORFLOW = "not tensorflow"
MARKED = re.compile(r"^pytestmark = .*\bmark\.tensorflow\b", re.MULTILINE)
LONGEST_MESSAGE = 500
FISHNETS: dict[object, object] = {}
"""Those that `untraced` has built, by their choice."""
COLOURS = ((230, 40, 40), (40, 230, 40), (60, 60, 240), (230, 230, 40), (230, 40, 230), (40, 230, 230))


def pytest_configure(config: pytest.Config) -> None:
    """Where TensorFlow's tests are left out, let its import fail, so that no other test needs it."""
    if config.getoption("markexpr") == WITHOUT_TENSORFLOW:
        sys.modules.update(dict.fromkeys(("tensorflow", "keras"), None))  # type: ignore[arg-type]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Modules that are marked import it when they are collected."""
    if collection_path.suffix == ".py" and config.getoption("markexpr") == WITHOUT_TENSORFLOW:
        return bool(MARKED.search(collection_path.read_text(encoding="utf-8"))) or None
    return None


def pytest_collection_finish() -> None:
    """Spare each garbage collection the 400,000 objects that TensorFlow's import made."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests, and the processes that they start, keep out of the user's cache."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def untraced() -> Iterator[None]:
    """For modules about what lies around Keras: no graph is traced, and fishnet is built once a process.

    A graph costs a second a fold. `tests/heads/` holds that it trains to the weights of its steps one by one.
    """
    import tensorflow as tf

    from fishcli.features.backbones import backbone
    from fishcli.features.backbones.choice import BackboneChoice

    build = backbone._build

    def build_once(keras: object, choice: BackboneChoice) -> object:
        if (choice.backbone, choice.weights) != ("fishnet", "formula"):
            return build(keras, choice)
        if choice not in FISHNETS:
            FISHNETS[choice] = build(keras, choice)
        FISHNETS[choice][0].trainable = True  # as a new one is; whoever had it before may have frozen it
        return FISHNETS[choice]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backbone, "_build", build_once)
        tf.config.run_functions_eagerly(True)
        yield
        tf.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True)
def short_messages(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """No error, warning or other line that a test brings about is longer than a person reads."""
    said: list[str] = []
    make, write = FishError.__init__, progress._write

    def make_noted(error: FishError, *arguments: str) -> None:
        said.append(arguments[0])
        make(error, *arguments)

    def write_noted(line: str) -> None:
        said.append(line)
        write(line)

    monkeypatch.setattr(FishError, "__init__", make_noted)
    monkeypatch.setattr(progress, "_write", write_noted)
    yield
    folders = re.compile(re.escape(str(tmp_path_factory.getbasetemp())) + "[^ ,:;]*/")  # as deep as a test is
    lines = [line for each in said for line in folders.sub("", each).splitlines()]
    too_long = [line for line in lines if len(line) > LONGEST_MESSAGE]
    assert not too_long, too_long[0]


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of runs without their plots, each a tenth of a second: for tests of what stands beside."""
    monkeypatch.setattr("fishcli.report.pages.run.twice_drawn", lambda *content: "")


def noise(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Random pixels, (height, width, 3) uint8, of `size` (height, width)."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def make_image(
    path: Path,
    size: tuple[int, int] = (48, 64),
    mode: str = "RGB",
    *,
    pixels: np.ndarray | None = None,
    orientation: int | None = None,
    image_format: str | None = None,
    **options: object,
) -> Path:
    """Write `pixels`, or noise of `size` (height, width), as an image file in Pillow's `mode`.

    `image_format` overrules the path's suffix, `orientation` is EXIF's, `options` go to Pillow's save.
    """
    image = Image.fromarray(noise(size) if pixels is None else pixels)
    image = image if image.mode == mode else image.convert(mode)
    if orientation is not None:
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        options["exif"] = exif
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, format=image_format, **options)
    return path


def write_competition(
    data_dir: Path,
    *,
    classes: Sequence[str] = ("ALB", "BET", "NoF"),
    n_per_class: int = 8,
    n_test: int = 6,
    with_boxes: bool = True,
    with_groups: bool = True,
    seed: int = 0,
) -> Path:
    """Write a tiny competition: train/<CLASS>/, test/, boxes/, groups.csv, the sample and the solution.

    A rectangle in the class's colour lies on noise; its Sloth box is known but for NoF. Each of 4 groups has
    images of every class and one size. The sample lists the test images in no special order.
    """
    rng = np.random.default_rng(seed)
    groups = []
    for label, class_name in enumerate(classes):
        entries = []
        for i in range(n_per_class):
            image = f"{class_name}/img_{label * n_per_class + i:03d}.jpg"
            group = (label + i) % N_GROUPS
            rect = _write_photo(data_dir / "train" / image, label, group, rng)
            groups.append({"image": image, "group": f"boat_{group}"})
            annotations = [] if class_name == "NoF" else [{"class": "rect", **rect}]
            entries.append({"class": "image", "filename": Path(image).name, "annotations": annotations})
        if with_boxes:
            boxes_path = data_dir / "boxes" / f"{class_name.lower()}_labels.json"
            boxes_path.parent.mkdir(exist_ok=True)
            boxes_path.write_text(json.dumps(entries))
    if with_groups:
        pd.DataFrame(groups).to_csv(data_dir / "groups.csv", index=False)
    solution = []
    for i in range(n_test):
        label, group = i % len(classes), i % N_GROUPS
        _write_photo(data_dir / "test" / f"test_{i:03d}.jpg", label, group, rng)
        solution.append(
            {"image": f"test_{i:03d}.jpg", "class_name": classes[label], "group": f"boat_{group}"}
        )
    pd.DataFrame(solution).to_csv(data_dir / "solution.csv", index=False)
    sample = pd.DataFrame({"image": rng.permutation([row["image"] for row in solution])})
    sample[list(classes)] = 1 / len(classes)
    sample.to_csv(data_dir / "sample_submission.csv", index=False)
    return data_dir


def _write_photo(path: Path, label: int, group: int, rng: np.random.Generator) -> dict[str, float]:
    """Draw a photo; returns its rectangle as Sloth has it, in pixels."""
    height, width = SIZES[group % len(SIZES)]
    pixels = rng.integers(0, 90, (height, width, 3), np.uint8)
    rect_height, rect_width = height // 3, width // 3
    y, x = int(rng.integers(height - rect_height)), int(rng.integers(width - rect_width))
    pixels[y : y + rect_height, x : x + rect_width] = COLOURS[label % len(COLOURS)]
    make_image(path, pixels=pixels, quality=90)
    return {"x": float(x), "y": float(y), "width": float(rect_width), "height": float(rect_height)}


@pytest.fixture
def tiny_competition(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a competition into tmp_path/data, with the options of `write_competition`."""

    def write(**options: object) -> Path:
        return write_competition(tmp_path / "data", **options)

    return write
