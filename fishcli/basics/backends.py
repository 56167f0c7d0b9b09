"""What differs between Keras' backends; all else is written in Keras' own API and `keras.ops`.

TensorFlow computes unless the environment's `KERAS_BACKEND` names another.
"""

import os
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
"""By the names that Keras has for them; OpenVINO, which Keras knows too, can't train."""
TENSOR_CORES_SINCE = 7
"""The compute capability of NVIDIA's first GPUs that multiply matrices of 16 bits much faster, Volta's."""
GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""What Linux shows of NVIDIA's and AMD's GPUs, and of any under Windows."""


@dataclass(frozen=True)
class Device:
    """Where a backend computes.

    Attributes:
        kind: "GPU" or "CPU".
        name: the GPU's own; "CPU".
        is_fast_in_16_bits: whether it is a GPU that computes much faster in them.
    """

    kind: str
    name: str
    is_fast_in_16_bits: bool

    @property
    def is_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.kind == "GPU"


CPU = Device("CPU", "CPU", False)


def chosen_backend() -> str:
    """What the environment names, without a look at whether it is one: "tensorflow" unless told."""
    return os.environ.get("KERAS_BACKEND") or "tensorflow"


def backend_name() -> str:
    """Keras' backend, or what it will be: one of BACKENDS, unless the environment names something else."""
    keras = sys.modules.get("keras")
    return chosen_backend() if keras is None else str(keras.backend.backend())


def backend_version() -> str:
    """The backend as people write it, such as "JAX 0.10.2"."""
    from importlib import import_module

    name = backend_name()
    return f"{BACKENDS[name]} {import_module(name).__version__}"


def processor_name() -> str:
    """What this machine's processor is called."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next((line for line in lines if line.startswith("model name")), platform.machine())
    return platform.processor() or platform.machine()


def may_have_gpu() -> bool:
    """Whether this machine may have a GPU; where it can't, no backend need be asked, that is, imported."""
    return sys.platform != "linux" or any(Path(path).exists() for path in GPU_DEVICES)


def find_device() -> Device:
    """Where the backend computes: on its first GPU, if it finds one. It is imported only to ask for that."""
    if not may_have_gpu():
        return CPU
    name, capability = _FIND_GPU[backend_name()]()
    return Device("GPU", name, capability >= TENSOR_CORES_SINCE) if name else CPU


def _tensorflow_gpu() -> tuple[str, float]:
    """Name and compute capability of a GPU, or an empty name."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(gpu)
        return details.get("device_name", "GPU"), details.get("compute_capability", (0, 0))[0]
    return "", 0


def _jax_gpu() -> tuple[str, float]:
    import jax

    device = jax.devices()[0]
    if device.platform != "gpu":
        return "", 0
    return device.device_kind, float(getattr(device, "compute_capability", 0))


def _torch_gpu() -> tuple[str, float]:
    import torch

    if not torch.cuda.is_available():
        return "", 0
    return torch.cuda.get_device_name(), torch.cuda.get_device_capability()[0]


_FIND_GPU = {"tensorflow": _tensorflow_gpu, "jax": _jax_gpu, "torch": _torch_gpu}


def compiled(model: Any, prepare: Callable[[Any], Any]) -> "Callable[[np.ndarray], np.ndarray]":
    """A Keras model's inference as one graph, where the backend has graphs; threads may share it.

    Keras' `predict_on_batch` does as much for one thread alone: under JAX it gives the weights away while it
    computes.

    Args:
        model: from what `prepare` returns to one tensor.
        prepare: in the backend's tensors, from a batch to the model's input; part of the graph.

    Returns:
        From a batch to the model's output, float32. Each shape of a batch is compiled once.
    """
    import numpy as np
    from keras import ops

    def computed(batch: Any) -> Any:
        return ops.cast(model(prepare(batch), training=False), "float32")

    backend = backend_name()
    if backend == "tensorflow":
        import tensorflow as tf

        run = tf.function(computed, reduce_retracing=True)
        return lambda batch: np.asarray(run(tf.constant(batch)))
    if backend == "torch":
        import torch

        def without_gradients(batch: "np.ndarray") -> "np.ndarray":
            with torch.no_grad():
                return np.asarray(ops.convert_to_numpy(computed(ops.convert_to_tensor(batch))))

        return without_gradients
    import jax

    def stateless(weights: tuple[list[Any], list[Any]], batch: Any) -> Any:
        features, _ = model.stateless_call(*weights, prepare(batch), training=False)
        return ops.cast(features, "float32")

    # As arguments: what a graph holds itself, XLA tries to compute with when it compiles.
    trainable = [each.value for each in model.trainable_variables]
    weights = trainable, [each.value for each in model.non_trainable_variables]
    in_graph = jax.jit(stateless)
    return lambda batch: np.asarray(in_graph(weights, batch))


def in_graph(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays, in `keras.ops`, as one graph, where the backend has graphs.

    It must change nothing: a Keras model is called by its `stateless_call`. Each shape is compiled once.
    """
    backend = backend_name()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, reduce_retracing=True)
    if backend == "jax":
        import jax

        return jax.jit(function)
    import torch

    return torch.no_grad()(function)


def in_precision(model: Any, precision: str) -> Any:
    """A copy of a Keras model that computes in 16 bits; batch norm, as Keras has it, stays in float32.

    Args:
        model: in float32; it stays as it is.
        precision: "float16" or "bfloat16".
    """
    import keras

    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for layer in copy._flatten_layers(include_self=False):
        layer.dtype_policy = f"mixed_{precision}"
    return copy


def gradient(function: Callable[[Any], Any], at: "np.ndarray") -> "np.ndarray":
    """The gradient of a function at `at`, of that shape, float64.

    Args:
        function: in the backend's tensors, from one like `at` to a scalar.
        at: float32, of any shape.
    """
    import numpy as np

    backend = backend_name()
    if backend == "tensorflow":
        import tensorflow as tf

        place = tf.constant(at)
        with tf.GradientTape() as tape:
            tape.watch(place)
            value = function(place)
        return np.asarray(tape.gradient(value, place), np.float64)
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(function)(at), np.float64)
    import torch
    from keras import ops

    place = ops.convert_to_tensor(at).requires_grad_()
    (found,) = torch.autograd.grad(function(place), [place])
    return np.asarray(ops.convert_to_numpy(found), np.float64)
