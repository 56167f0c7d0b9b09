"""Heavy libraries, imported late and without their noise."""

import logging
import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from fishcli.basics.backends import BACKENDS, chosen_backend
from fishcli.basics.errors import FishError, cut
from fishcli.basics.memory import keep_freed_memory

ADVICE = (
    "The number of unique classes is greater than 50%",  # of few images a class; it is no regression
    "The least populated class",  # warn_of_missing_classes names what a fold lacks
    "Found unknown categories",  # unseen ones are what folds are about
    "lbfgs failed to converge",  # the heads and the audit say what comes of it
    ".*joblib will operate in serial mode",  # where /dev/shm can't be written: nothing here needs it
    "Gradients do not exist for variables",  # of weights that only pre-training uses, such as a mask's token
    "Glyph .* missing from",  # a box stands for a letter that the plot's font lacks
)
"""How warnings begin that libraries have for programmers, and that users can do nothing about.

Each is here for one reason; all others show.
"""

COUNTS = "object_name_uids"
"""Under what Keras keeps the counts by which it names layers."""
GET_KERAS_HUB = "Get it: pip install 'fishcli[hub]'."


def drop_advice() -> None:
    """Leave ADVICE out from now on, unless Python was told which warnings to show."""
    for message in [] if sys.warnoptions else ADVICE:
        warnings.filterwarnings("ignore", message)


@contextmanager
def silenced_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere: C++ libraries write there past Python's `sys.stderr`."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def load_keras() -> ModuleType:
    """Import Keras on its backend quietly, TensorFlow with deterministic operations, and return it.

    Some lines get through `TF_CPP_MIN_LOG_LEVEL=3` at import, hence the redirection.

    Raises:
        FishError: `KERAS_BACKEND` names no backend that trains, or one that is not installed.
    """
    keep_freed_memory()
    backend = chosen_backend()
    if backend not in BACKENDS:
        raise FishError(
            f"KERAS_BACKEND={cut(backend, 40)}: fishcli computes through tensorflow, jax or torch. "
            "Name one of them: export KERAS_BACKEND=tensorflow."
        )
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["KERAS_BACKEND"] = backend
    try:
        with silenced_stderr():
            import keras

            if keras.backend.backend() == "tensorflow":
                import tensorflow as tf
    except ModuleNotFoundError as error:
        if error.name != backend:
            raise
        raise FishError(
            f"KERAS_BACKEND={backend}: {BACKENDS[backend]} is not installed. "
            f"Install it: pip install {backend}."
        ) from None
    if keras.backend.backend() == "tensorflow":
        tf.get_logger().setLevel("ERROR")
        tf.config.experimental.enable_op_determinism()
    return keras


@contextmanager
def seeded_keras(seed: int) -> Iterator[None]:
    """Seed and name all layers that are made in this block, whatever else the process does or did.

    Layers draw the seeds of their weights and of their dropout when they are made. They draw them from
    Python's one generator, which other threads use too: those of a cluster's worker do. They are named by a
    count of their kind over the process, which begins anew here, and goes on behind it.
    """
    keras = load_keras()
    with silenced_stderr():  # Keras seeds TensorFlow too, where it is installed: it may be imported here
        keras.utils.set_random_seed(seed)
    from keras.src.backend.common import global_state
    from keras.src.random import seed_generator
    from keras.src.utils import naming

    kept, counts = seed_generator.python_random, global_state.get_global_attribute(COUNTS)
    seed_generator.python_random = random.Random(seed)  # draws what the seeded module would
    naming.reset_uids()
    try:
        yield
    finally:
        seed_generator.python_random = kept
        global_state.set_global_attribute(COUNTS, counts)


def load_openvino() -> ModuleType | None:
    """Import OpenVINO without its telemetry, and return it; None where it is not installed."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it reports each import
    try:
        import openvino
    except ImportError:
        return None
    return openvino


def load_nncf() -> ModuleType | None:
    """Import NNCF without its telemetry and its notes, and return it; None where it is not installed."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as OpenVINO's
    try:
        import nncf
    except ImportError:
        return None
    logging.getLogger("nncf").setLevel(logging.ERROR)
    return nncf


def keras_hub_version() -> str:
    """KerasHub's version, without importing it; FishError where it is not installed."""
    try:
        return version("keras-hub")
    except PackageNotFoundError:
        raise FishError(f"KerasHub is not installed. {GET_KERAS_HUB}") from None


def load_keras_hub() -> ModuleType:
    """Import KerasHub quietly, and return it.

    Raises:
        FishError: it is not installed.
    """
    load_keras()
    try:
        with silenced_stderr():
            import keras_hub
    except ImportError as error:
        raise FishError(f"KerasHub can't be imported ({error}). {GET_KERAS_HUB}") from None
    return keras_hub


def load_onnxruntime() -> ModuleType | None:
    """Import ONNX Runtime quietly, and return it; None where it is not installed."""
    try:
        with silenced_stderr():  # it looks for devices, and says so
            import onnxruntime
    except ImportError:
        return None
    return onnxruntime


def load_onnx() -> ModuleType:
    """Import the onnx package, and return it; FishError where it is not installed."""
    try:
        import onnx
    except ImportError:
        raise FishError(
            "ONNX files are read by the onnx package, which is not installed. Install it: "
            "pip install 'fishcli[onnx]'."
        ) from None
    return onnx


def load_cv2() -> ModuleType:
    """Import OpenCV for threads that each do their own work, and return it.

    Raises:
        FishError: the system lacks libGL, which opencv-python needs.
    """
    try:
        import cv2
    except ImportError as error:
        raise FishError(
            f"OpenCV can't be imported ({error}). On Debian and Ubuntu: apt-get install libgl1. "
            "Without root: pip install --force-reinstall --no-deps opencv-python-headless."
        ) from None
    cv2.setNumThreads(1)  # its own pool would fight with the threads that call it
    return cv2


def load_albumentations() -> ModuleType:
    """Import albumentations without its look for updates, and return it."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    load_cv2()
    import albumentations

    return albumentations
