"""A backbone converted for OpenVINO, and kept so."""

import dataclasses
from collections.abc import Callable
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
from fishcli.features.backbones.engines.openvino_requests import on_all_cores

OUTPUT = "fishcli_features"
"""What the graph's result is called."""


def openvino_computer(openvino: Any, backbone: Backbone) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """A backbone's features through OpenVINO, and how many threads keep it busy.

    Args:
        openvino: the module.
        backbone: computed by Keras on TensorFlow, or by a copy that was converted so.

    Returns:
        From (n, h, w, 3) uint8 RGB to features (n, ...) float32.

    Raises:
        RuntimeError: of an operation that OpenVINO doesn't know, for one.
    """
    return on_all_cores(openvino, _converted(openvino, backbone))


def known_difference(openvino: Any, backbone: Backbone) -> float | None:
    """By how much it was found to differ from Keras on such a processor; None where nobody looked."""
    try:
        kept = read_json(_checks_path(openvino, backbone))
    except FishError:
        return None
    return kept.get(processor_name()) if isinstance(kept, dict) else None


def keep_difference(openvino: Any, backbone: Backbone, difference: float) -> None:
    """Keep what was found, so that Keras need not compute the next time."""
    path = _checks_path(openvino, backbone)
    known: dict[str, float] = {}
    with suppress(FishError, TypeError):
        known = dict(read_json(path))
    with suppress(OSError):
        write_json(path, {**known, processor_name(): difference}, sealed=True)


def _checks_path(openvino: Any, backbone: Backbone) -> Path:
    return _path(openvino, backbone).with_suffix(".checked.json")


def _path(openvino: Any, backbone: Backbone) -> Path:
    """Where the converted backbone is kept: one for all ways of getting from a photo to its input."""
    plain = dataclasses.replace(
        backbone.recipe, resize="squash", transparency="drop", truncated=False, crop=None
    )
    return cache_dir() / f"{plain.name}-openvino-{short_version(openvino)}.xml"


def _converted(openvino: Any, backbone: Backbone) -> Any:
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
    converted = openvino.convert_model(run.get_concrete_function(images))
    # Activations with gradients of their own (swish) become results too, computed and turned around in vain.
    features = [each for each in converted.get_results() if f"{OUTPUT}:0" in each.input_value(0).get_names()]
    if not features:
        raise RuntimeError("the converted graph has lost its output")
    # Two results of one name are one tensor.
    converted = openvino.Model(features[:1], converted.get_parameters())
    try:
        with whole_file(path) as partial:
            openvino.save_model(converted, partial, compress_to_fp16=False)
            partial.with_suffix(".bin").replace(path.with_suffix(".bin"))
    except OSError as error:
        say(f"the converted backbone can't be kept in {path.parent} ({error.strerror}); it is made each time")
    return converted


def short_version(openvino: Any) -> str:
    """OpenVINO's version without its build."""
    return str(openvino.__version__).split("-")[0]


def first_line(error: Exception) -> str:
    """Of an error's message."""
    return str(error).strip().splitlines()[0]
