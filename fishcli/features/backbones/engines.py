"""What computes a backbone's features: TensorFlow or, faster on CPUs, OpenVINO."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.files import cache_dir, whole_file
from fishcli.basics.progress import say, warn
from fishcli.basics.quiet import load_openvino
from fishcli.features.backbones.backbone import Backbone

ENGINES = ("auto", "tensorflow", "openvino")
TOLERANCE = 1e-3
"""The most by which an engine in float32 may differ from Keras, relative to the features' scale."""
OUTPUT = "fishcli_features"
"""What the graph's result is called."""
N_CHECKED = 8
"""So many images are computed by Keras too."""


@dataclass(frozen=True)
class Engine:
    """A backbone made ready for a device.

    Attributes:
        name: as recorded beside what it computed.
        compute: (n, h, w, 3) uint8 RGB, n at most `batch_size` -> (n, ...) float32. Threads may share it.
        batch_size: images it takes at a time.
        n_threads: threads that it keeps busy.
        is_exact: whether it computes in float32.
    """

    name: str
    compute: Callable[[np.ndarray], np.ndarray]
    batch_size: int
    n_threads: int
    is_exact: bool = True


@dataclass(frozen=True)
class EngineChoice:
    """What a user asks for.

    Attributes:
        engine: one of ENGINES.
        mixed_precision: float16 where a GPU is faster with it.
    """

    engine: str = "auto"
    mixed_precision: bool = False


def load_engine(backbone: Backbone, choice: EngineChoice, batch_size: int) -> Engine:
    """Make a backbone ready.

    "auto" takes a GPU through TensorFlow, else OpenVINO where it is installed, else TensorFlow.

    Args:
        backbone: the one source of the graph, whichever engine computes it.
        choice: the engine.
        batch_size: images that TensorFlow takes at a time.

    Raises:
        FishError: OpenVINO is asked for and not installed; mixed precision without a GPU.
    """
    import tensorflow as tf

    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    if choice.mixed_precision and (not has_gpu or choice.engine == "openvino"):
        raise FishError(
            "--mixed-precision is for a GPU through TensorFlow, and "
            + ("--engine openvino computes on the CPU." if has_gpu else "TensorFlow finds no GPU here.")
            + " Leave it out."
        )
    openvino = None if choice.engine == "tensorflow" else load_openvino()
    if choice.engine == "openvino" and openvino is None:
        raise FishError(
            "--engine openvino: it is not installed. Install it: pip install 'fishcli[openvino]'."
        )
    if openvino is not None and (choice.engine == "openvino" or not has_gpu):
        try:
            return _openvino_engine(openvino, backbone)
        except RuntimeError as error:  # of an operation that OpenVINO doesn't know, for one
            warn(
                f"OpenVINO can't take {backbone.recipe.backbone} ({_first_line(error)}): TensorFlow computes"
            )
    return _tensorflow_engine(backbone, batch_size, has_gpu, choice.mixed_precision)


def checked(engine: Engine, backbone: Backbone, images: np.ndarray, batch_size: int) -> Engine:
    """The engine, if Keras computes the same of the first images; else TensorFlow, with a warning.

    Args:
        engine: of `load_engine`.
        backbone: the Keras model.
        images: (n, h, w, 3) uint8 RGB, of which the first N_CHECKED are looked at.
        batch_size: images that TensorFlow takes at a time.
    """
    images = images[:N_CHECKED]
    if not len(images):
        return engine
    expected = backbone.model(backbone.preprocess(images.astype(np.float32)), training=False).numpy()
    scale = np.abs(expected).max()
    if not np.isfinite(scale) or scale == 0:
        return engine  # what is wrong with such features is said where they are written
    found = np.concatenate([engine.compute(images[i : i + 1]) for i in range(len(images))])
    difference = float(np.abs(found - expected).max() / scale)
    said = f"{difference:.1e} of the features' scale on {len(images)} images"
    if engine.is_exact and not difference <= TOLERANCE:
        warn(f"{engine.name} differs from Keras by {said}, more than {TOLERANCE:g}: TensorFlow computes")
        return _tensorflow_engine(backbone, batch_size, has_gpu=False, mixed_precision=False)
    say(f"engine: {engine.name}; it differs from Keras by at most {said}")
    return engine


def _graph(backbone: Backbone) -> Any:
    """The backbone with its preprocessing as one TensorFlow function of uint8 images."""
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def run(images: Any) -> Any:
        features = backbone.model(backbone.preprocess(tf.cast(images, tf.float32)), training=False)
        return tf.identity(features, name=OUTPUT)

    return run


def _tensorflow_engine(backbone: Backbone, batch_size: int, has_gpu: bool, mixed_precision: bool) -> Engine:
    """Batches are padded to one size: a row's last digits depend on the size of its batch."""
    import tensorflow as tf

    if mixed_precision:
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision": True})
    run = _graph(backbone)

    def compute(images: np.ndarray) -> np.ndarray:
        batch = np.zeros((batch_size, *images.shape[1:]), np.uint8)
        batch[: len(images)] = images
        return np.asarray(run(tf.constant(batch)))[: len(images)]

    device, precision = "GPU" if has_gpu else "CPU", "mixed precision" if mixed_precision else "float32"
    name = f"TensorFlow {tf.__version__} ({device}, {precision})"
    return Engine(name, compute, batch_size, 2 if has_gpu else 1, not mixed_precision)


def _openvino_engine(openvino: Any, backbone: Backbone) -> Engine:
    """One image at a time on each core: no thread waits for another, and all maps stay in the caches.

    Sixteen at a time take a third more time in MobileNetV2, and four times the memory.
    """
    model = _converted(openvino, backbone)
    compiled = openvino.Core().compile_model(
        model, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
    )
    n_threads = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    own = threading.local()

    def compute(images: np.ndarray) -> np.ndarray:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        return np.concatenate([own.request.infer([image[None]])[0] for image in images])

    return Engine(f"OpenVINO {_version(openvino)} (CPU, float32)", compute, 1, n_threads)


def _converted(openvino: Any, backbone: Backbone) -> Any:
    """The backbone as an OpenVINO model of one image; kept under the recipe's name for the next time."""
    import tensorflow as tf

    path = cache_dir() / f"{backbone.recipe.name}-openvino-{_version(openvino)}.xml"
    if path.exists():
        try:
            return openvino.Core().read_model(path)
        except RuntimeError as error:
            warn(f"{path} is damaged ({_first_line(error)}) and made again")
    images = tf.TensorSpec((1, *backbone.recipe.image_size, 3), tf.uint8)
    model = openvino.convert_model(_graph(backbone).get_concrete_function(images))
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


def _version(openvino: Any) -> str:
    return str(openvino.__version__).split("-")[0]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
