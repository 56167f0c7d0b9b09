"""A backbone converted for OpenVINO, and kept so."""

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.backends import processor_name
from fishcli.basics.errors import FishError
from fishcli.basics.files import cache_dir, read_json, whole_file, write_json
from fishcli.basics.progress import say, warn
from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.backbones.engines.engine import OPENVINO, TOLERANCE, Engine
from fishcli.features.backbones.engines.openvino_requests import on_all_cores
from fishcli.features.store.recipe import BFLOAT16

OUTPUT = "fishcli_features"
"""What the graph's result is called."""


def openvino_engine(openvino: Any, backbone: Backbone, precision: str) -> Engine:
    """A backbone ready to be computed by OpenVINO.

    Args:
        openvino: the module.
        backbone: computed by Keras on TensorFlow, or by a copy that was converted so.
        precision: "float32", or BFLOAT16 where `has_bfloat16`.

    Raises:
        RuntimeError: of an operation that OpenVINO doesn't know, for one.
    """
    is_coarse = precision == BFLOAT16
    compute, n_threads = on_all_cores(openvino, converted(openvino, backbone), "bf16" if is_coarse else "f32")
    checks = checks_path(openvino, backbone, precision)
    return Engine(
        name=engine_name(openvino, precision),
        compute=compute,
        batch_size=1,
        n_threads=n_threads,
        tolerance=np.inf if is_coarse else TOLERANCE,
        known=known_difference(checks),
        checks=checks,
    )


def has_bfloat16(openvino: Any) -> bool:
    """Whether OpenVINO computes in bfloat16 on this processor, and not in float32 whatever it is told."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def engine_name(openvino: Any, precision: str) -> str:
    """What an engine of OpenVINO's is called."""
    return f"{OPENVINO} {short_version(openvino)} (CPU, {precision})"


def known_difference(checks: Path) -> float | None:
    """By how much an engine was found to differ on such a processor; None where nobody looked."""
    try:
        kept = read_json(checks)
    except FishError:
        return None
    return kept.get(processor_name()) if isinstance(kept, dict) else None


def keep_difference(path: Path, difference: float) -> None:
    """Keep what was found, so that no reference need compute the next time."""
    known: dict[str, float] = {}
    with suppress(FishError, TypeError):
        known = dict(read_json(path))
    with suppress(OSError):
        write_json(path, {**known, processor_name(): difference}, sealed=True)


def checks_path(openvino: Any, backbone: Backbone, precision: str = "float32") -> Path:
    """Where it is kept by how much a backbone differs when computed so, by processor."""
    how = "" if precision == "float32" else f".{precision}"
    return _path(openvino, backbone).with_suffix(f"{how}.checked.json")


def _path(openvino: Any, backbone: Backbone) -> Path:
    """Where the converted backbone is kept: one for all ways of getting from a photo to its input."""
    plain = dataclasses.replace(
        backbone.recipe,
        resize="squash",
        transparency="drop",
        truncated=False,
        crop=None,
        precision="auto",
    )
    return cache_dir() / f"{plain.name}-openvino-{short_version(openvino)}.xml"


def converted(openvino: Any, backbone: Backbone) -> Any:
    """The backbone as an OpenVINO model of one image; kept for the next time."""
    path = _path(openvino, backbone)
    if path.exists():
        try:
            return openvino.Core().read_model(path)
        except RuntimeError as error:
            warn(f"{path} is damaged ({first_line(error)}) and made again")
    load_keras()
    import tensorflow as tf

    model, preprocess = backbone.model, backbone.preprocess  # built now: not within the graph

    @tf.function
    def run(images: Any) -> Any:
        features = model(preprocess(tf.cast(images, tf.float32)), training=False)
        return tf.identity(features, name=OUTPUT)

    images = tf.TensorSpec((1, *backbone.recipe.image_size, 3), tf.uint8)
    made = openvino.convert_model(run.get_concrete_function(images))
    # Activations with gradients of their own (swish) become results too, computed and turned around in vain.
    features = [each for each in made.get_results() if f"{OUTPUT}:0" in each.input_value(0).get_names()]
    if not features:
        raise RuntimeError("the converted graph has lost its output")
    # Two results of one name are one tensor.
    made = openvino.Model(features[:1], made.get_parameters())
    try:
        with whole_file(path) as partial:
            openvino.save_model(made, partial, compress_to_fp16=False)
            partial.with_suffix(".bin").replace(path.with_suffix(".bin"))
    except OSError as error:
        say(f"the converted backbone can't be kept in {path.parent} ({error.strerror}); it is made each time")
    return made


def short_version(openvino: Any) -> str:
    """OpenVINO's version without its build."""
    return str(openvino.__version__).split("-")[0]


def first_line(error: Exception) -> str:
    """Of an error's message."""
    return str(error).strip().splitlines()[0]
