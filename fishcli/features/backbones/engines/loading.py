"""What computes a backbone's features: Keras or, faster on CPUs, OpenVINO."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fishcli.basics.backends import (
    backend_name,
    backend_version,
    compiled,
    find_device,
    in_precision,
    may_have_gpu,
)
from fishcli.basics.errors import FishError
from fishcli.basics.progress import say, warn
from fishcli.basics.quiet import load_keras, load_openvino
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.backbones.choice import is_onnx
from fishcli.features.backbones.engines.engine import ONNX_RUNTIME, OPENVINO, TOLERANCE, Engine, EngineChoice
from fishcli.features.backbones.engines.onnx_engine import onnx_engine, onnx_reference
from fishcli.features.backbones.engines.openvino_engine import (
    first_line,
    keep_difference,
    known_difference,
    openvino_computer,
    short_version,
)
from fishcli.features.store.recipe import INPUT

COARSE_TOLERANCE = 0.1
"""The same of 16 bits that the user has not asked for.

MobileNetV2 0.35 in float16 was 0.08 off on real photos, and its heads' losses the same to 0.001; in bfloat16
it was 0.6 off, and they differed by 0.02.
"""
KERAS = "Keras"
N_CHECKED = 8
"""So many images are computed by the reference too."""


@dataclass(frozen=True)
class Reference:
    """What an engine is compared with.

    Attributes:
        name: its own, without a version.
        compute: what `Engine` has of that name, for as many images as are checked.
        engine: makes it an engine, for where the other is off.
    """

    name: str
    compute: Callable[[np.ndarray], np.ndarray]
    engine: Callable[[], Engine]


def load_engine(backbone: Backbone, choice: EngineChoice, batch_size: int) -> Engine:
    """Make a backbone ready. Pixels are kept as they are, by whatever is asked for.

    "auto" takes Keras where its backend has a GPU or 16 bits are asked for, else OpenVINO where it is
    installed and the backend is TensorFlow, from which it takes networks, else Keras; of an ONNX file what
    `onnx_engine` says. "auto" precision is
    float16 on a GPU that is faster with it, else float32: features need no wider range, and bfloat16 is ten
    times as far off.

    Args:
        backbone: the one source of the graph, whichever engine computes it.
        choice: the engine.
        batch_size: images that Keras takes at a time.

    Raises:
        FishError: OpenVINO is asked for and not installed, not fed by TensorFlow, or in 16 bits.
    """
    if backbone.recipe.layer == INPUT:
        return Engine("pixels", lambda images: images, batch_size, 1)
    if is_onnx(backbone.recipe.backbone):
        return onnx_engine(backbone, choice, batch_size)
    if choice.engine == "onnxruntime":
        raise FishError(
            f"--engine onnxruntime: it computes ONNX files, and {backbone.recipe.backbone} is none. Leave "
            "--engine out."
        )
    is_coarse = choice.precision in ("float16", "bfloat16")
    if choice.engine == "openvino":
        _refuse_openvino(choice.precision if is_coarse else None)
    openvino = None
    if choice.engine == "openvino" or (
        choice.engine == "auto" and not is_coarse and backend_name() == "tensorflow" and not _has_gpu()
    ):
        openvino = load_openvino()
    if openvino is not None:
        try:
            compute, n_threads = openvino_computer(openvino, backbone)
            name = f"{OPENVINO} {short_version(openvino)} (CPU, float32)"
            return Engine(name, compute, 1, n_threads, known=known_difference(openvino, backbone))
        except RuntimeError as error:
            warn(f"OpenVINO can't take {backbone.recipe.backbone} ({first_line(error)}): Keras computes")
    return _keras_engine(backbone, batch_size, choice.precision)


def checked(engine: Engine, backbone: Backbone, images: np.ndarray, batch_size: int) -> Engine:
    """The engine, if its reference computes the same of the first images; else that one, with a warning.

    The reference is Keras in float32; of an ONNX file another engine, where one is installed.

    Args:
        engine: of `load_engine`.
        backbone: what it computes.
        images: (n, h, w, 3) uint8 RGB, of which the first N_CHECKED are looked at.
        batch_size: images that Keras takes at a time.
    """
    images = images[:N_CHECKED]
    if not len(images) or backbone.recipe.layer == INPUT:
        return engine
    if engine.known is not None:
        name = ONNX_RUNTIME if is_onnx(backbone.recipe.backbone) else KERAS
        say(f"engine: {engine.name}; it differed from {name} by at most {_said(engine.known)} before")
        return engine
    reference = _reference(engine, backbone, batch_size)
    if reference is None:
        say(f"engine: {engine.name}; nothing else is installed to compare it with")
        return engine
    expected = reference.compute(images)
    scale = np.abs(expected).max()
    if not np.isfinite(scale) or scale == 0:
        return engine  # what is wrong with such features is said where they are written
    found = one_by_one(engine, images)
    difference = float(np.abs(found - expected).max() / scale)
    said = f"{_said(difference)} on {len(images)} images"
    if not (difference <= engine.tolerance or engine.tolerance == np.inf):
        warn(
            f"{engine.name} differs from {reference.name} by {said}, more than {engine.tolerance:g}: "
            f"{reference.name} computes in float32"
        )
        return reference.engine()
    say(f"engine: {engine.name}; it differs from {reference.name} by at most {said}")
    if engine.name.startswith(OPENVINO):
        keep_difference(load_openvino(), backbone, difference)
    return engine


def _reference(engine: Engine, backbone: Backbone, batch_size: int) -> Reference | None:
    if is_onnx(backbone.recipe.backbone):
        other = onnx_reference(backbone, engine)
        if other is None:
            return None
        name = OPENVINO if other.name.startswith(OPENVINO) else ONNX_RUNTIME
        return Reference(name, lambda images: one_by_one(other, images), lambda: other)

    def compute(images: np.ndarray) -> np.ndarray:
        ops = load_keras().ops
        # One by one: Keras holds all layers' maps until the last, 4 GB of eight photos of 416x704 pixels.
        inputs = [backbone.preprocess(image[None].astype(np.float32)) for image in images]
        return np.concatenate([ops.convert_to_numpy(backbone.model(each, training=False)) for each in inputs])

    return Reference(KERAS, compute, lambda: _keras_engine(backbone, batch_size, "float32"))


def one_by_one(engine: Engine, images: np.ndarray) -> np.ndarray:
    """An engine's features of images (n, h, w, 3), each computed by itself."""
    return np.concatenate([engine.compute(images[i : i + 1]) for i in range(len(images))])


def _said(difference: float) -> str:
    return f"{difference:.1e} of the features' scale"


def _has_gpu() -> bool:
    """Whether Keras' backend finds one; it is imported, quietly, only where there may be one."""
    if may_have_gpu():
        load_keras()
    return find_device().is_gpu


def choice_of(name: str) -> EngineChoice:
    """What to choose so that an engine of that name is made again, elsewhere too."""
    engines = {OPENVINO: "openvino", ONNX_RUNTIME: "onnxruntime"}
    engine = next((engine for start, engine in engines.items() if name.startswith(start)), "keras")
    return EngineChoice(engine, name.removesuffix(")").rsplit(", ", 1)[-1])


def _refuse_openvino(precision: str | None) -> None:
    """Raise FishError where OpenVINO can't do what is asked; `precision` is one of 16 bits, or None."""
    if precision:
        raise FishError(
            f"--precision {precision}: OpenVINO computes in float32. Leave --precision out, or pass "
            "--engine keras."
        )
    if backend_name() != "tensorflow":
        raise FishError(
            f"--engine openvino: it takes networks from TensorFlow, and KERAS_BACKEND is {backend_name()}. "
            "Unset KERAS_BACKEND, or pass --engine keras."
        )
    if load_openvino() is None:
        raise FishError(
            "--engine openvino: it is not installed. Install it: pip install 'fishcli[openvino]'."
        )


def _keras_engine(backbone: Backbone, batch_size: int, precision: str) -> Engine:
    """Batches are padded to one size: it is compiled once, and a row's last digits depend on that size."""
    ops, device = load_keras().ops, find_device()
    used = precision
    if precision == "auto":
        used = "float16" if device.is_fast_in_16_bits else "float32"
    model = backbone.model if used == "float32" else in_precision(backbone.model, used)
    run = compiled(model, lambda images: backbone.preprocess(ops.cast(images, "float32")))

    def compute(images: np.ndarray) -> np.ndarray:
        batch = np.zeros((batch_size, *images.shape[1:]), np.uint8)
        batch[: len(images)] = images
        return run(batch)[: len(images)]

    tolerance = TOLERANCE if used == "float32" else COARSE_TOLERANCE if precision == "auto" else np.inf
    name = f"{backend_version()} ({device.kind}, {used})"
    return Engine(name, compute, batch_size, 2 if device.is_gpu else 1, tolerance)
