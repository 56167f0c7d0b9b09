"""The engines of a backbone that is an ONNX file: OpenVINO, or ONNX Runtime where a GPU is there."""

from typing import Any

import numpy as np

from fishcli.basics.backends import may_have_gpu
from fishcli.basics.errors import FishError
from fishcli.basics.progress import warn
from fishcli.basics.quiet import load_onnxruntime, load_openvino
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.backbones.engines.engine import ONNX_RUNTIME, OPENVINO, Engine, EngineChoice
from fishcli.features.backbones.engines.openvino_engine import checks_path, engine_name, known_difference
from fishcli.features.backbones.onnx.loading import INSTALL
from fishcli.features.backbones.onnx.running import (
    RefusedError,
    onnx_by_openvino,
    onnx_by_runtime,
    refusing,
)

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
"""ONNX Runtime's names of what computes."""


def onnx_engine(backbone: Backbone, choice: EngineChoice, batch_size: int) -> Engine:
    """Make an ONNX file ready: by ONNX Runtime on a GPU, else by OpenVINO, else by ONNX Runtime on the CPU.

    Args:
        backbone: of the file.
        choice: the engine.
        batch_size: images that a GPU takes at a time.

    Raises:
        FishError: it can't be as asked, nothing is installed that computes it, or nothing can.
    """
    if choice.engine == "keras":
        raise FishError("--engine keras: Keras computes no ONNX files. Leave --engine out.")
    if choice.precision not in ("auto", "float32"):
        raise FishError(
            f"--precision {choice.precision}: ONNX files are computed in float32, or as they were exported. "
            "Leave --precision out."
        )
    reasons = []
    for name in _order(choice.engine):
        try:
            return _tried(_engine(name, backbone, batch_size), backbone)
        except RefusedError as error:
            reasons.append(f"{name}: {error}")
            warn(f"{name} can't take {backbone.recipe.backbone} ({error})")
    if reasons:
        raise FishError(f"{backbone.recipe.backbone} can't be computed ({'; '.join(reasons)}).")
    asked = "" if choice.engine == "auto" else f"--engine {choice.engine}: "
    raise FishError(f"{asked}nothing is installed that computes ONNX files so. Install it: {INSTALL}.")


def onnx_reference(backbone: Backbone, engine: Engine) -> Engine | None:
    """Another engine of the same file, on the CPU; None where none is installed that can."""
    others = {ONNX_RUNTIME: load_onnxruntime(), OPENVINO: load_openvino()}
    for name in [name for name, module in others.items() if module is not None]:
        try:
            if not engine.name.startswith(name) or "(GPU" in engine.name:
                return _tried(_engine(name, backbone, 1), backbone)
        except RefusedError:
            continue
    return None


def _order(asked: str) -> list[str]:
    """The engines that are installed, of those asked for, the first choice first."""
    runtime = load_onnxruntime() if asked != "openvino" else None
    has_openvino = asked != "onnxruntime" and load_openvino() is not None
    has_gpu = runtime is not None and may_have_gpu() and CUDA in runtime.get_available_providers()
    return [
        *([f"{ONNX_RUNTIME} on a GPU"] if has_gpu else []),
        *([OPENVINO] if has_openvino else []),
        *([ONNX_RUNTIME] if runtime is not None else []),
    ]


def _tried(engine: Engine, backbone: Backbone) -> Engine:
    """The engine, once it has computed a black image: some networks that can be read can't be computed."""
    with refusing():
        found = engine.compute(np.zeros((1, *backbone.recipe.image_size, 3), np.uint8))
    if found.shape[1:] != backbone.feature_shape:
        raise RefusedError(f"it makes {found.shape[1:]}, where {backbone.feature_shape} was expected")
    return engine


def _engine(name: str, backbone: Backbone, batch_size: int) -> Engine:
    if name == OPENVINO:
        openvino: Any = load_openvino()
        compute, n_threads = onnx_by_openvino(openvino, backbone.onnx)
        checks = checks_path(openvino, backbone)
        known = known_difference(checks)
        return Engine(engine_name(openvino, "float32"), compute, 1, n_threads, known=known, checks=checks)
    from joblib import cpu_count  # of this process, not of the machine

    runtime: Any = load_onnxruntime()
    version = f"{ONNX_RUNTIME} {runtime.__version__}"
    if name == ONNX_RUNTIME:
        compute = onnx_by_runtime(runtime, backbone.onnx, 1, [CPU])
        return Engine(f"{version} (CPU, float32)", compute, 1, cpu_count())
    n_images = batch_size if backbone.onnx.graph.image.is_batch_free else 1
    compute = onnx_by_runtime(runtime, backbone.onnx, n_images, [CUDA])
    return Engine(f"{version} (GPU, float32)", compute, n_images, 2)
