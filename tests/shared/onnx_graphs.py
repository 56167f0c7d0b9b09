"""ONNX files, drawn small."""

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="ONNX files are drawn by the onnx package")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

OPSET, IR = 17, 9
PATCH, N_EXTRA, N_CHANNELS = 8, 3, 6
"""Of the transformer's tokens: a class token and two registers."""


def weights(name, *shape, seed=0):
    """A tensor of weights."""
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def write_model(
    path, nodes, weights, shape, results, *, element=TensorProto.FLOAT, functions=(), domains=(), **options
) -> Path:
    """An ONNX file of these nodes, whose input "pixels" has a shape; `options` go to `onnx.save`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = helper.make_tensor_value_info("pixels", element, shape)
    outputs = [helper.make_tensor_value_info(name, element, None) for name in results]
    graph = helper.make_graph(nodes, "drawn", [pixels], outputs, weights)
    opsets = [helper.make_opsetid("", OPSET), *(helper.make_opsetid(domain, 1) for domain in domains)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, functions=list(functions))
    if options:
        onnx.save(model, path, **options)
    else:  # which `onnx.save` refuses to write, where it would harm
        path.write_bytes(model.SerializeToString())
    return path


def write_convolutions(path, shape=("n", 3, "h", "w"), **options) -> Path:
    """Two stages of convolutions, the second with a block that is widened inside; then pooled to a vector.

    Tensors: "one" (4 channels, stage1), "two" and "sum" (8, stage2), "wide" and "wide_relu" (16, still
    stage2), "deep" (8, stage3), "vector" (8).
    """
    nodes = [
        helper.make_node(
            "Conv", ["pixels", "w1"], ["one"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4
        ),
        helper.make_node("Conv", ["one", "w2"], ["two"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
        helper.make_node("Relu", ["two"], ["branch"]),
        helper.make_node("Add", ["two", "branch"], ["sum"]),
        helper.make_node("Conv", ["sum", "w3"], ["wide"], kernel_shape=[1, 1]),
        helper.make_node("Relu", ["wide"], ["wide_relu"]),
        helper.make_node(
            "Conv", ["wide_relu", "w4"], ["deep"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4
        ),
        helper.make_node("GlobalAveragePool", ["deep"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["vector"]),
    ]
    kernels = [
        weights("w1", 4, 3, 3, 3),
        weights("w2", 8, 4, 3, 3, seed=1),
        weights("w3", 16, 8, 1, 1, seed=2),
        weights("w4", 8, 16, 3, 3, seed=3),
    ]
    return write_model(path, nodes, kernels, list(shape), ["vector"], **options)


def write_channels_last(path, size=(32, 48)) -> Path:
    """One convolution as TensorFlow's networks are exported: "maps" (1, h / 2, w / 2, 4)."""
    nodes = [
        helper.make_node("Transpose", ["pixels"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["first", "w1"], ["one"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
        helper.make_node("Transpose", ["one"], ["maps"], perm=[0, 2, 3, 1]),
    ]
    return write_model(path, nodes, [weights("w1", 4, 3, 3, 3)], [None, *size, 3], ["maps"])


def write_tokens(path, size=(32, 48)) -> Path:
    """A transformer's ends: "tokens" (1, N_EXTRA + patches, N_CHANNELS), of extra tokens that are weights."""
    nodes = [
        helper.make_node("Conv", ["pixels", "w"], ["map"], kernel_shape=[PATCH] * 2, strides=[PATCH] * 2),
        helper.make_node("Reshape", ["map", "flat"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["places"], perm=[0, 2, 1]),
        helper.make_node("Concat", ["extra", "places"], ["tokens"], axis=1),
    ]
    held = [
        weights("w", N_CHANNELS, 3, PATCH, PATCH),
        numpy_helper.from_array(np.array([1, N_CHANNELS, -1]), "flat"),
        weights("extra", 1, N_EXTRA, N_CHANNELS, seed=1),
    ]
    return write_model(path, nodes, held, [1, 3, *size], ["tokens"])
