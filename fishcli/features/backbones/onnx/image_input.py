"""The input of an ONNX network, which is to be an image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError, cut, examples
from fishcli.features.backbones.onnx.frame import ImageInput, Node

ELEMENTS = {1: "float32", 10: "float16"}
"""NumPy's names of the types that an input may have, by ONNX's numbers."""
SCALING = ("Cast", "Sub", "Div", "Mul", "Add", "Identity")
"""Operators that bring pixels into a range, wherever channels lie."""


def image_input(path: Path, inputs: Sequence[Any], nodes: Sequence[Node]) -> ImageInput:
    """The one input of a network.

    Args:
        path: the file, for errors.
        inputs: as the onnx package has them (ValueInfoProto).
        nodes: the network's.

    Raises:
        FishError: there is none, or several; it is no image, or several at a time.
    """
    if len(inputs) != 1:
        named = examples([each.name for each in inputs]) or "none"
        raise FishError(
            f"{path} has {len(inputs)} inputs ({named}), and fishcli has one image to give. Export "
            "the part that sees images by itself."
        )
    name, tensor = inputs[0].name, inputs[0].type.tensor_type
    element = tensor.elem_type
    shape = [side.dim_value if side.dim_value > 0 else None for side in tensor.shape.dim]  # None: left open
    if element not in ELEMENTS:
        raise FishError(
            f"{path}: its input {cut(name, 60)} is of ONNX's type {element}; expected an image in "
            "float32 (1) or float16 (10). Export it with such an input."
        )
    if len(shape) != 4 or 3 not in (shape[1] or 3, shape[3] or 3):
        said = " x ".join("?" if each is None else str(each) for each in shape)
        raise FishError(
            f"{path}: its input {cut(name, 60)} is {said or 'a number'}; expected an image of 3 "
            "channels, 1 x 3 x height x width or 1 x height x width x 3."
        )
    if shape[0] not in (None, 1):
        raise FishError(
            f"{path} takes {shape[0]} images at a time. Export it for one, or for any number "
            "(dynamic_axes or dynamic_shapes in torch.onnx.export)."
        )
    is_first = _is_channels_first(name, shape, nodes)
    height, width = shape[2:] if is_first else shape[1:3]
    if (height is None) != (width is None):
        raise FishError(
            f"{path}: one side of its input is fixed and the other is not ({height}x{width}). "
            "Export it with both fixed, or neither."
        )
    return ImageInput(
        name=name,
        element=ELEMENTS[element],
        is_channels_first=is_first,
        size=None if height is None or width is None else (height, width),
        is_batch_free=shape[0] is None,
    )


def _is_channels_first(name: str, shape: list[int | None], nodes: Sequence[Node]) -> bool:
    """Whether channels come before places; where nothing is said, whether no step turns the axes first."""
    if (shape[1] == 3) != (shape[3] == 3):
        return shape[1] == 3
    for node in nodes:
        if name in node.inputs:
            if node.operator not in SCALING:
                return node.operator != "Transpose"
            name = node.outputs[0]
    return True
