"""What computes an ONNX file: OpenVINO, which reads it as it is, or ONNX Runtime."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from fishcli.basics.errors import cut
from fishcli.features.backbones.engines.openvino_requests import on_all_cores
from fishcli.features.backbones.onnx.forms import Form, Wish, features_from
from fishcli.features.backbones.onnx.frame import Graph
from fishcli.features.backbones.onnx.graph import load_model
from fishcli.features.backbones.onnx.preprocessing import Preprocessing

FOLDER_OF_DATA = "session.model_external_initializers_file_folder_path"
"""Where ONNX Runtime looks for weights that a file does not hold."""


LONGEST_REASON = 120
"""Characters of why an engine can't."""


class RefusedError(RuntimeError):
    """An engine can't read or compute a file; the message is one line of its own."""


@dataclass(frozen=True)
class OnnxNetwork:
    """A file, and what of it is wanted.

    Attributes:
        graph: its frame.
        image_size: (height, width) of the input, pixels.
        tensor: the tensor that features come from.
        form: what that is.
        wish: what of it is kept.
        preprocessing: from pixels to its input.
    """

    graph: Graph
    image_size: tuple[int, int]
    tensor: str
    form: Form
    wish: Wish
    preprocessing: Preprocessing


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what an engine raises into a RefusedError: each has kinds of its own, some just RuntimeError."""
    try:
        yield
    except Exception as error:
        raise RefusedError(cut(_in_a_line(str(error)) or type(error).__name__, LONGEST_REASON)) from None


def _in_a_line(error: str) -> str:
    """What went wrong, of a message of many lines: OpenVINO sums up in some that begin with a dash."""
    lines = [line.strip() for line in error.splitlines() if line.strip() and "http" not in line]
    return ([line.removeprefix("-- ") for line in lines if line.startswith("-- ")] or lines or [""])[-1]


def shapes_by_openvino(
    openvino: Any, graph: Graph, image_size: tuple[int, int]
) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors for one image; those that depend on its content are left out.

    Raises:
        RefusedError: OpenVINO can't read it, or not at that size.
    """
    with refusing():
        model = _read(openvino, graph, image_size)
        outputs = [output for op in model.get_ordered_ops() for output in op.outputs()]
        known = [output for output in outputs if output.get_partial_shape().is_static]
        return {name: tuple(output.get_shape()) for output in known for name in output.get_names()}


def shapes_by_runtime(runtime: Any, graph: Graph, image_size: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    """The same as `shapes_by_openvino`, by ONNX Runtime."""
    names = [name for node in graph.nodes for name in node.outputs]
    with refusing():
        session = _session(
            runtime, graph, _input_shape(graph, image_size, 1), names, ["CPUExecutionProvider"]
        )
        return {
            output.name: tuple(output.shape)
            for output in session.get_outputs()
            if all(isinstance(side, int) for side in output.shape)
        }


def onnx_by_openvino(openvino: Any, network: OnnxNetwork) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """Features through OpenVINO, the preprocessing in its graph, and how many threads keep it busy.

    One image at a time on each core, as `openvino_engine` has it.

    Returns:
        From (n, h, w, 3) uint8 RGB to features (n, ...) float32.

    Raises:
        RefusedError: OpenVINO can't compute it.
    """
    graph = network.graph
    with refusing():
        model = _read(openvino, graph, network.image_size)
        outputs = [output for op in model.get_ordered_ops() for output in op.outputs()]
        wanted = next(output for output in outputs if network.tensor in output.get_names())
        model = openvino.Model([wanted], model.get_parameters())
        values_of, n_threads = on_all_cores(openvino, _with_pixels(openvino, model, network))

    def compute(images: np.ndarray) -> np.ndarray:
        return features_from(values_of(images), network.form, network.wish)

    return compute, n_threads


def _read(openvino: Any, graph: Graph, image_size: tuple[int, int]) -> Any:
    core = openvino.Core()
    model = core.read_model(graph.path) if graph.data_files else core.read_model(graph.content(), b"")
    model.reshape({graph.image.name: list(_input_shape(graph, image_size, 1))})
    return model


def _with_pixels(openvino: Any, model: Any, network: OnnxNetwork) -> Any:
    """The model from pixels on: (1, h, w, 3) uint8 RGB."""
    how = network.preprocessing
    pixels = openvino.preprocess.PrePostProcessor(model)
    pixels.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    pixels.input().model().set_layout(
        openvino.Layout("NCHW" if network.graph.image.is_channels_first else "NHWC")
    )
    steps = pixels.input().preprocess().convert_element_type(openvino.Type.f32)
    if how.order == "bgr":
        pixels.input().tensor().set_color_format(openvino.preprocess.ColorFormat.RGB)
        steps.convert_color(openvino.preprocess.ColorFormat.BGR)
    steps.scale(1 / how.scale).mean(list(how.mean)).scale(list(how.std))
    if network.graph.image.element == "float16":
        steps.convert_element_type(openvino.Type.f16)
    return pixels.build()


def onnx_by_runtime(
    runtime: Any, network: OnnxNetwork, batch_size: int, providers: list[str]
) -> Callable[[np.ndarray], np.ndarray]:
    """Features through ONNX Runtime; threads may share it.

    Args:
        runtime: the module.
        network: the file.
        batch_size: images at a time; fewer are padded, so that a row's last digits don't depend on how many.
        providers: what computes, by ONNX Runtime's names.

    Returns:
        From (n, h, w, 3) uint8 RGB, n at most `batch_size`, to features (n, ...) float32.

    Raises:
        RefusedError: ONNX Runtime can't compute it.
    """
    graph, how = network.graph, network.preprocessing
    shape = _input_shape(graph, network.image_size, batch_size)
    with refusing():
        session = _session(runtime, graph, shape, [network.tensor], providers)
    scale, mean, std = (np.array(each, np.float32) for each in (how.scale, how.mean, how.std))

    def compute(images: np.ndarray) -> np.ndarray:
        batch = np.zeros((batch_size, *images.shape[1:]), np.uint8)
        batch[: len(images)] = images
        pixels = (batch if how.order == "rgb" else batch[..., ::-1]).astype(np.float32)
        pixels = (pixels * scale - mean) / std
        seen = pixels.transpose(0, 3, 1, 2) if graph.image.is_channels_first else pixels
        fed = {graph.image.name: np.ascontiguousarray(seen, np.dtype(graph.image.element))}
        values = session.run([network.tensor], fed)[0]
        return features_from(values[: len(images)], network.form, network.wish)

    return compute


def _session(
    runtime: Any, graph: Graph, shape: tuple[int, ...], results: Iterable[str], providers: list[str]
) -> Any:
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # it has warnings for those who export networks
    options.intra_op_num_threads = 1  # images are computed side by side
    if graph.data_files:
        options.add_session_config_entry(FOLDER_OF_DATA, str(graph.path.parent.resolve()))
    return runtime.InferenceSession(set_up(graph, shape, results), options, providers=providers)


def set_up(graph: Graph, shape: tuple[int, ...], results: Iterable[str]) -> bytes:
    """An ONNX file's content for an input of one shape, and with other tensors for results."""
    model = load_model(graph.path)
    for given in model.graph.input:
        if given.name == graph.image.name:
            given.type.tensor_type.ClearField("shape")
            for side in shape:
                given.type.tensor_type.shape.dim.add(dim_value=side)
    del model.graph.output[:]
    for name in results:
        model.graph.output.add(name=name)
    return bytes(model.SerializeToString())


def _input_shape(graph: Graph, image_size: tuple[int, int], n_images: int) -> tuple[int, ...]:
    sides = (3, *image_size) if graph.image.is_channels_first else (*image_size, 3)
    return (n_images, *sides)
