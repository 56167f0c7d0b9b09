"""What computes a backbone's features: Keras or, faster on CPUs, OpenVINO."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
from fishcli.features.backbones.descriptors.loading import descriptor_engine, is_of_library
from fishcli.features.backbones.descriptors.names import is_descriptor
from fishcli.features.backbones.engines.engine import ONNX_RUNTIME, OPENVINO, TOLERANCE, Engine, EngineChoice
from fishcli.features.backbones.engines.int8 import INSTALL, int8_engine
from fishcli.features.backbones.engines.onnx_engine import onnx_engine, onnx_reference
from fishcli.features.backbones.engines.openvino_engine import (
    first_line,
    has_bfloat16,
    keep_difference,
    openvino_engine,
)
from fishcli.features.store.recipe import BFLOAT16, INPUT, INT8

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


def load_engine(
    backbone: Backbone, choice: EngineChoice, batch_size: int, store_dir: Path | None = None
) -> Engine:
    """Make a backbone ready. Pixels are kept as they are, by whatever is asked for.

    "auto" takes Keras where its backend has a GPU or float16 is asked for, else OpenVINO where it is
    installed and the backend is TensorFlow, from which it takes networks, else Keras; of an ONNX file what
    `onnx_engine` says, and of a descriptor its library. "auto" precision is the recipe's; where that is
    "auto", too, float16 on a GPU that is faster with it, else float32: features need no wider range, and
    bfloat16 is ten times as far off. bfloat16 is OpenVINO's on processors that have it, and int8 OpenVINO's
    alone.

    Args:
        backbone: the one source of the graph, whichever engine computes it.
        choice: the engine.
        batch_size: images that Keras takes at a time.
        store_dir: the folder of the store that the backbone made; it keeps the backbone in 8 bits.

    Raises:
        FishError: OpenVINO is asked for and not installed, not fed by TensorFlow, or in a precision that it
            hasn't here.
    """
    if backbone.recipe.layer == INPUT:
        return Engine("pixels", lambda images: images, batch_size, 1)
    if is_onnx(backbone.recipe.backbone):
        return onnx_engine(backbone, choice, batch_size)
    if is_descriptor(backbone.recipe.backbone):
        return descriptor_engine(backbone.recipe, choice)
    if choice.engine == "onnxruntime":
        raise FishError(
            f"--engine onnxruntime: it computes ONNX files, and {backbone.recipe.backbone} is none. Leave "
            "--engine out."
        )
    precision = choice.precision if backbone.recipe.precision == "auto" else backbone.recipe.precision
    if choice.engine == "openvino" or precision == INT8:
        _refuse_openvino(choice.engine, precision)
    if precision == INT8:
        if store_dir is None:
            raise ValueError("int8 is computed by what a store keeps")
        return int8_engine(load_openvino(), backbone, store_dir)
    openvino = None
    if choice.engine == "openvino" or (
        choice.engine == "auto"
        and precision != "float16"
        and backend_name() == "tensorflow"
        and not _has_gpu()
    ):
        openvino = load_openvino()
    if openvino is not None and (precision != BFLOAT16 or has_bfloat16(openvino)):
        try:
            return openvino_engine(openvino, backbone, BFLOAT16 if precision == BFLOAT16 else "float32")
        except RuntimeError as error:
            warn(f"OpenVINO can't take {backbone.recipe.backbone} ({first_line(error)}): Keras computes")
    return _keras_engine(backbone, batch_size, precision)


def checked(engine: Engine, backbone: Backbone, images: np.ndarray, batch_size: int) -> Engine:
    """The engine, if its reference computes the same of the first images; else that one, with a warning.

    The reference is Keras in float32; of an ONNX file another engine, where one is installed; of a descriptor
    there is none.

    Args:
        engine: of `load_engine`.
        backbone: what it computes.
        images: (n, h, w, 3) uint8 RGB, of which the first N_CHECKED are looked at.
        batch_size: images that Keras takes at a time.
    """
    images = images[:N_CHECKED]
    if not len(images) or backbone.recipe.layer == INPUT:
        return engine
    if is_descriptor(backbone.recipe.backbone):
        say(f"engine: {engine.name}")
        return engine
    if engine.known is not None:
        name = ONNX_RUNTIME if is_onnx(backbone.recipe.backbone) else KERAS
        say(f"engine: {engine.name}; it differed from {name} by at most {_said(engine.known)} before")
        return engine
    reference = _reference(engine, backbone, batch_size)
    if reference is None:
        say(f"engine: {engine.name}; nothing else is installed to compare it with")
        return engine
    expected = backbone.split(reference.compute(images))
    scales = [np.abs(part).max() for part in expected]
    if not np.isfinite(scales).all() or not all(scales):
        return engine  # what is wrong with such features is said where they are written
    found = backbone.split(one_by_one(engine, images))
    difference = max(
        float(np.abs(mine - theirs).max() / scale)
        for mine, theirs, scale in zip(found, expected, scales, strict=True)
    )
    said = f"{_said(difference)} on {len(images)} images"
    if not (difference <= engine.tolerance or engine.tolerance == np.inf):
        warn(
            f"{engine.name} differs from {reference.name} by {said}, more than {engine.tolerance:g}: "
            f"{reference.name} computes in float32"
        )
        return reference.engine()
    say(f"engine: {engine.name}; it differs from {reference.name} by at most {said}")
    if engine.checks is not None:
        keep_difference(engine.checks, difference)
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
    if is_of_library(name):
        return EngineChoice()
    engines = {OPENVINO: "openvino", ONNX_RUNTIME: "onnxruntime"}
    engine = next((engine for start, engine in engines.items() if name.startswith(start)), "keras")
    return EngineChoice(engine, name.removesuffix(")").rsplit(", ", 1)[-1])


def _refuse_openvino(engine: str, precision: str) -> None:
    """Raise FishError where OpenVINO can't do what is asked."""
    asked, instead, extra = "--engine openvino", "pass --engine keras", "pip install 'fishcli[openvino]'"
    if precision == INT8:
        asked, instead, extra = "--precision int8", "leave --precision out", INSTALL
        if engine == "keras":
            raise FishError(f"{asked}: OpenVINO computes it. Leave --engine out, or {instead}.")
    if precision == "float16":
        raise FishError(
            "--precision float16: OpenVINO computes in float32, bfloat16 or int8. Leave --precision out, or "
            f"{instead}."
        )
    if backend_name() != "tensorflow":
        raise FishError(
            f"{asked}: OpenVINO takes networks from TensorFlow, and KERAS_BACKEND is {backend_name()}. "
            f"Unset KERAS_BACKEND, or {instead}."
        )
    openvino = load_openvino()
    if openvino is None:
        raise FishError(f"{asked}: OpenVINO is not installed. Install it: {extra}.")
    if precision == BFLOAT16 and not has_bfloat16(openvino):
        raise FishError(
            "--precision bfloat16: OpenVINO finds none on this processor. Leave --precision out, or "
            f"{instead}."
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
