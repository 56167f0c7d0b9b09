"""What an engine is, and what a user asks for of one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TOLERANCE = 1e-3
"""The most by which an engine in float32 may differ from its reference, relative to the features' scale."""
OPENVINO, ONNX_RUNTIME = "OpenVINO", "ONNX Runtime"
"""How the names of their engines begin."""


@dataclass(frozen=True)
class Engine:
    """A backbone made ready for a device.

    Attributes:
        name: as recorded beside what it computed.
        compute: (n, h, w, 3) uint8 RGB, n at most `batch_size` -> (n, ...) float32. Threads may share it.
        batch_size: images it takes at a time.
        n_threads: threads that it keeps busy.
        tolerance: the most by which it may differ from its reference (Keras in float32; of an ONNX file
            another engine), relative to the features' scale; infinite where the user has asked for less
            precision.
        known: by how much it was found to differ before, on such a processor; None where nobody looked.
        checks: the file that keeps how much that was; None where it is looked at each time.
    """

    name: str
    compute: Callable[[np.ndarray], np.ndarray]
    batch_size: int
    n_threads: int
    tolerance: float = TOLERANCE
    known: float | None = None
    checks: Path | None = None


@dataclass(frozen=True)
class EngineChoice:
    """What a user asks for.

    Attributes:
        engine: "auto", "keras", "openvino" or "onnxruntime".
        precision: "auto", "float32", "float16", "bfloat16" or "int8"; the last two as the recipe has them.
    """

    engine: str = "auto"
    precision: str = "auto"
