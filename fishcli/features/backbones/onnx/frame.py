"""The frame of an ONNX network: its nodes, its input and its results."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Node:
    """A step of the network.

    Attributes:
        operator: its name, such as "Conv".
        inputs: the tensors that it takes, those of graphs within it too; "" is left out.
        outputs: the tensors that it makes.
        kernel: sides of its window, where it has one.
        strides: of that window.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    kernel: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()


@dataclass(frozen=True)
class ImageInput:
    """What takes the image.

    Attributes:
        name: the tensor.
        element: NumPy's name of its type.
        is_channels_first: whether it is (batch, 3, height, width), not (batch, height, width, 3).
        size: (height, width), None where any will do.
        is_batch_free: whether it takes several images at a time.
    """

    name: str
    element: str
    is_channels_first: bool
    size: tuple[int, int] | None
    is_batch_free: bool


@dataclass(frozen=True)
class Graph:
    """A network's frame.

    Attributes:
        path: the file.
        image: the input.
        nodes: in an order in which they can be computed.
        outputs: the results.
        data_files: where weights lie that the file itself does not hold.
    """

    path: Path
    image: ImageInput
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    data_files: tuple[Path, ...]

    def content(self) -> bytes:
        """The file as it is."""
        return self.path.read_bytes()
