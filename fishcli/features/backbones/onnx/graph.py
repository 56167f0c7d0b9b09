"""What an ONNX file says of its network: input, tensors and files; and what of it is refused.

A file is data that somebody else made: engines get it only once it has passed here. `onnx.checker` would
refuse networks that engines compute: those with results of no declared shape, or with operators that are
newer than the onnx package.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError, cut
from fishcli.basics.once import once
from fishcli.basics.quiet import load_onnx
from fishcli.features.backbones.onnx.data_files import check_memory, inside
from fishcli.features.backbones.onnx.frame import Graph, Node
from fishcli.features.backbones.onnx.image_input import image_input
from fishcli.features.backbones.onnx.known import keep_graph, known_graph

DOMAINS = ("", "ai.onnx", "com.microsoft")
"""Whose operators the engines have of themselves: ONNX's own, and ONNX Runtime's additions."""
MOST_BYTES = 2**31
"""Of one message of Protocol Buffers, which an ONNX file is."""


def read_graph(path: Path) -> Graph:
    """An ONNX file's frame; that of one that was read before on this machine is known without it.

    Raises:
        FishError: missing, broken or too large; custom operators, weights outside its folder; an input that
            is no image; the onnx package is missing.
    """
    return once(("an ONNX file's graph", path), lambda: known_graph(path) or _read_graph(path))


def load_model(path: Path) -> Any:
    """An ONNX file as the onnx package reads it (a ModelProto), weights in other files left there.

    Raises:
        FishError: missing, broken or too large; the onnx package is missing.
    """
    onnx = load_onnx()
    from google.protobuf.message import DecodeError

    try:
        n_bytes = path.stat().st_size
        if n_bytes > MOST_BYTES:
            raise FishError(
                f"{path} has {n_bytes / 2**30:.1f} GiB, and no ONNX file has more than 2: larger networks "
                "keep their weights in files beside it. Export it again with external data."
            )
        return onnx.load(path, format="protobuf", load_external_data=False)
    except OSError as error:
        raise FishError(f"{path} can't be read ({error.strerror or error}).") from None
    except DecodeError as error:
        raise _damaged(path, str(error)) from None


def _read_graph(path: Path) -> Graph:
    model = load_model(path)
    try:
        graph = _Reader(path, model).read()
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    keep_graph(graph)
    return graph


def _damaged(path: Path, reason: str) -> FishError:
    return FishError(f"{path} is no ONNX file, or is damaged ({reason}). Export or download it anew.")


class _Reader:
    """Reads one file's ModelProto, noting what lies outside of it."""

    def __init__(self, path: Path, model: Any) -> None:
        self.path = path
        self.model = model
        self.own = {function.domain for function in model.functions}
        self.data_files: dict[str, Path] = {}

    def read(self) -> Graph:
        """The frame; ValueError where it does not hold together."""
        graph = self.model.graph
        nodes = tuple(self._nodes(graph.node))
        for function in self.model.functions:
            list(self._nodes(function.node))
        given = self._weights_of(graph)
        inputs = [each for each in graph.input if _text(each.name) not in given]
        outputs = tuple(_text(each.name) for each in graph.output)
        if not outputs or not nodes:
            raise ValueError("a graph without nodes or results")
        _check_order(nodes, given | {each.name for each in inputs}, outputs)
        check_memory(self.path, self.path.stat().st_size, self.data_files.values())
        image = image_input(self.path, inputs, nodes)
        return Graph(self.path, image, nodes, outputs, tuple(self.data_files.values()))

    def _nodes(self, nodes: Iterable[Any]) -> Iterator[Node]:
        for node in nodes:
            operator, domain = _text(node.op_type), _text(node.domain)
            if domain not in DOMAINS and domain not in self.own:
                raise FishError(
                    f"{self.path} has a custom operator, {cut(f'{domain}.{operator}', 80)}, and custom code "
                    "is not run. Export it with ONNX's own operators alone."
                )
            taken = set(map(_text, node.input))
            windows = {each.name: tuple(each.ints) for each in node.attribute}
            for attribute in node.attribute:
                sparse = [attribute.sparse_tensor, *attribute.sparse_tensors]
                parts = [part for each in sparse for part in (each.values, each.indices)]
                self._note([attribute.t, *attribute.tensors, *parts])
                for inner in [attribute.g, *attribute.graphs]:
                    taken |= self._taken_by(inner)
            yield Node(
                operator,
                tuple(sorted(taken - {""})),
                tuple(_text(name) for name in node.output if name),
                windows.get("kernel_shape", ()),
                windows.get("strides", ()),
            )

    def _taken_by(self, graph: Any) -> set[str]:
        """The tensors that a graph within a node takes from outside."""
        made = self._weights_of(graph) | {_text(each.name) for each in graph.input}
        taken = {_text(each.name) for each in graph.output}
        for node in self._nodes(graph.node):
            taken.update(node.inputs)
            made.update(node.outputs)
        return taken - made

    def _weights_of(self, graph: Any) -> set[str]:
        """The names of a graph's weights."""
        sparse = [each.values for each in graph.sparse_initializer]
        self._note([*graph.initializer, *sparse, *(each.indices for each in graph.sparse_initializer)])
        return {_text(each.name) for each in [*graph.initializer, *sparse]}

    def _note(self, tensors: Iterable[Any]) -> None:
        """Note in which files the values of tensors lie that the file itself does not hold."""
        for tensor in tensors:
            if tensor.external_data or tensor.data_location == tensor.EXTERNAL:
                location = _text({each.key: each.value for each in tensor.external_data}.get("location", ""))
                if location not in self.data_files:
                    self.data_files[location] = inside(self.path, location)


def _text(value: str | bytes) -> str:
    """A name; ValueError where it is not UTF-8, which the onnx package gives as bytes."""
    if isinstance(value, bytes):
        raise ValueError("a name that is not UTF-8")
    return value


def _check_order(nodes: Iterable[Node], given: set[str], outputs: Iterable[str]) -> None:
    """Raise ValueError where a tensor is taken that nothing has made before, or one is made twice."""
    known = set(given)
    for node in nodes:
        if unknown := [name for name in node.inputs if name not in known]:
            raise ValueError(f"{cut(node.operator, 40)} takes {cut(unknown[0], 80)}, which nothing makes")
        if known.intersection(node.outputs) or len(set(node.outputs)) < len(node.outputs):
            raise ValueError(f"{cut(node.outputs[0], 80)} is made twice")
        known.update(node.outputs)
    if unknown := [name for name in outputs if name not in known]:
        raise ValueError(f"nothing makes its result {cut(unknown[0], 80)}")
