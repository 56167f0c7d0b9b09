"""A backbone converted for OpenVINO, and kept so."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from fishcli.basics.files import cache_dir, whole_file
from fishcli.basics.progress import say, warn
from fishcli.features.backbones.backbone import Backbone

OUTPUT = "fishcli_features"
"""What the graph's result is called."""


def openvino_computer(openvino: Any, backbone: Backbone) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """A backbone's features through OpenVINO, and how many threads keep it busy.

    One image at a time on each core: no thread waits for another, and all maps stay in the caches. Sixteen at
    a time take a third more time in MobileNetV2, and four times the memory.

    Args:
        openvino: the module.
        backbone: computed by Keras on TensorFlow, or by a copy that was converted so.

    Returns:
        From (n, h, w, 3) uint8 RGB to features (n, ...) float32.

    Raises:
        RuntimeError: of an operation that OpenVINO doesn't know, for one.
    """
    compiled = openvino.Core().compile_model(
        _converted(openvino, backbone),
        "CPU",
        {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"},
    )
    own = threading.local()

    def compute(images: np.ndarray) -> np.ndarray:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        return np.concatenate([own.request.infer([image[None]])[0] for image in images])

    return compute, int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))


def _converted(openvino: Any, backbone: Backbone) -> Any:
    """The backbone as an OpenVINO model of one image; kept under the recipe's name for the next time."""
    import tensorflow as tf

    path = cache_dir() / f"{backbone.recipe.name}-openvino-{short_version(openvino)}.xml"
    if path.exists():
        try:
            return openvino.Core().read_model(path)
        except RuntimeError as error:
            warn(f"{path} is damaged ({first_line(error)}) and made again")

    @tf.function
    def run(images: Any) -> Any:
        features = backbone.model(backbone.preprocess(tf.cast(images, tf.float32)), training=False)
        return tf.identity(features, name=OUTPUT)

    images = tf.TensorSpec((1, *backbone.recipe.image_size, 3), tf.uint8)
    model = openvino.convert_model(run.get_concrete_function(images))
    # Activations with gradients of their own (swish) become results too, computed and turned around in vain.
    features = [each for each in model.get_results() if f"{OUTPUT}:0" in each.input_value(0).get_names()]
    if not features:
        raise RuntimeError("the converted graph has lost its output")
    model = openvino.Model(features[:1], model.get_parameters())  # two results of one name are one tensor
    try:
        with whole_file(path) as partial:
            openvino.save_model(model, partial, compress_to_fp16=False)
            partial.with_suffix(".bin").replace(path.with_suffix(".bin"))
    except OSError as error:
        say(f"the converted backbone can't be kept in {path.parent} ({error.strerror}); it is made each time")
    return model


def short_version(openvino: Any) -> str:
    """OpenVINO's version without its build."""
    return str(openvino.__version__).split("-")[0]


def first_line(error: Exception) -> str:
    """Of an error's message."""
    return str(error).strip().splitlines()[0]
