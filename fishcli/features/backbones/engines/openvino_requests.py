"""An OpenVINO model on all cores of a CPU."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np


def on_all_cores(
    openvino: Any, model: Any, precision: str = "f32"
) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """A model of one image, ready to compute, and how many threads keep it busy.

    One image at a time on each core: no thread waits for another, and all maps stay in the caches. Sixteen at
    a time take a third more time in MobileNetV2, and four times the memory.

    Args:
        openvino: the module.
        model: from (1, h, w, 3) uint8 RGB to its first result.
        precision: of what is not quantised, by OpenVINO's name of the type.

    Returns:
        From (n, h, w, 3) uint8 RGB to that of each, (n, ...) float32.

    Raises:
        RuntimeError: of an operation that OpenVINO doesn't know, for one.
    """
    how = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": precision}
    compiled = openvino.Core().compile_model(model, "CPU", how)
    own = threading.local()

    def compute(images: np.ndarray) -> np.ndarray:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        return np.concatenate([own.request.infer([image[None]])[0] for image in images])

    # Once, alone: where two threads' first inferences meet, each can wait for the other for ever, one with
    # Python's lock and one with what OpenVINO's binding makes when it is first used.
    compute(np.zeros((1, *compiled.input(0).shape[1:]), np.uint8))
    return compute, int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
