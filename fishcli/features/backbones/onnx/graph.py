"""What an ONNX file says of its network: input, tensors and files; and what of it is refused.

Numbers of fields are those of onnx/onnx.proto (Open Neural Network Exchange, IR version 13). A file is data
that somebody else made: engines get it only once it has passed here.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from fishcli.basics.errors import FishError, cut
from fishcli.basics.once import once
from fishcli.features.backbones.onnx.data_files import check_memory, inside
from fishcli.features.backbones.onnx.frame import Graph, Node
from fishcli.features.backbones.onnx.image_input import image_input
from fishcli.features.backbones.onnx.wire import fields_of, ints, messages, text, texts

DOMAINS = ("", "ai.onnx", "com.microsoft")
"""Whose operators the engines have of themselves: ONNX's own, and ONNX Runtime's additions."""
MOST_BYTES = 2**31
"""Of one message of Protocol Buffers, which an ONNX file is."""
MOST_NODES = 200_000
"""The largest vision networks have some thousands."""
DEEPEST = 8
"""Graphs in graphs: the branches of an If, say."""
EXTERNAL = 1
"""Where a tensor says that its values lie: in a file of their own."""


def read_graph(path: Path) -> Graph:
    """Read an ONNX file's frame, its weights passed over.

    Raises:
        FishError: missing, broken or too large; custom operators, weights outside its folder; an input that
            is no image.
    """
    return once(("an ONNX file's graph", path), lambda: _read_graph(path))


def _read_graph(path: Path) -> Graph:
    try:
        n_bytes = path.stat().st_size
        if n_bytes > MOST_BYTES:
            raise FishError(
                f"{path} has {n_bytes / 2**30:.1f} GiB, and no ONNX file has more than 2: larger networks "
                "keep their weights in files beside it. Export it again with external data."
            )
        content = path.read_bytes()
    except OSError as error:
        raise FishError(f"{path} can't be read ({error.strerror or error}).") from None
    try:
        return _Reader(path).read(memoryview(content))
    except (ValueError, RecursionError) as error:
        raise FishError(
            f"{path} is no ONNX file, or is damaged ({error}). Export or download it anew."
        ) from None


class _Reader:
    """Reads one file, noting what lies outside of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data_files: dict[str, Path] = {}
        self.n_nodes = 0

    def read(self, model: memoryview) -> Graph:
        graphs = list(messages(model, 7))
        if len(graphs) != 1:
            raise ValueError(f"{len(graphs)} graphs in place of one")
        graph = graphs[0]
        own = {text(each, 10) for each in messages(model, 25)}
        nodes = list(self._nodes(graph, own, 0))
        for function in messages(model, 25):
            list(self._nodes(function, own, 0, number=7))
        given = {self._tensor(each) for each in messages(graph, 5)}
        given |= {self._tensor(next(messages(each, 1))) for each in messages(graph, 15)}
        inputs = [each for each in messages(graph, 11) if text(each, 1) not in given]
        outputs = tuple(text(each, 1) for each in messages(graph, 12))
        if not outputs or not nodes:
            raise ValueError("a graph without nodes or results")
        _check_order(nodes, given | {text(each, 1) for each in inputs}, outputs)
        check_memory(self.path, len(model), self.data_files.values())
        image = image_input(self.path, inputs, nodes)
        return Graph(self.path, image, tuple(nodes), outputs, tuple(self.data_files.values()))

    def _nodes(self, graph: memoryview, own: set[str], depth: int, number: int = 1) -> Iterator[Node]:
        """The nodes of a graph, or of a function: `number` is that of their field."""
        if depth > DEEPEST:
            raise ValueError(f"graphs in graphs, more than {DEEPEST} deep")
        for message in messages(graph, number):
            self.n_nodes += 1
            if self.n_nodes > MOST_NODES:
                raise ValueError(f"more than {MOST_NODES:,} nodes")
            operator, domain = text(message, 4), text(message, 7)
            if domain not in DOMAINS and domain not in own:
                raise FishError(
                    f"{self.path} has a custom operator, {cut(f'{domain}.{operator}', 80)}, and custom code "
                    "is not run. Export it with ONNX's own operators alone."
                )
            taken = set(texts(message, 1))
            windows: dict[str, tuple[int, ...]] = {}
            for attribute in messages(message, 5):
                name = text(attribute, 1)
                if name in ("kernel_shape", "strides"):
                    windows[name] = tuple(ints(attribute, 8))
                for tensor in [*messages(attribute, 5), *messages(attribute, 10)]:
                    self._tensor(tensor)
                for inner in [*messages(attribute, 6), *messages(attribute, 11)]:
                    taken |= self._taken_by(inner, own, depth + 1)
            yield Node(
                operator,
                tuple(sorted(taken - {""})),
                tuple(name for name in texts(message, 2) if name),
                windows.get("kernel_shape", ()),
                windows.get("strides", ()),
            )

    def _taken_by(self, graph: memoryview, own: set[str], depth: int) -> set[str]:
        """The tensors that a graph within a node takes from outside."""
        made = {self._tensor(each) for each in messages(graph, 5)} | {text(e, 1) for e in messages(graph, 11)}
        taken = {text(each, 1) for each in messages(graph, 12)}
        for node in self._nodes(graph, own, depth):
            taken.update(node.inputs)
            made.update(node.outputs)
        return taken - made

    def _tensor(self, tensor: memoryview) -> str:
        """A tensor's name; notes where its values lie."""
        name, is_external, entries = "", False, {}
        for number, value in fields_of(tensor):
            if number == 8 and isinstance(value, memoryview):
                name = bytes(value).decode()
            elif number == 14:
                is_external = value == EXTERNAL
            elif number == 13 and isinstance(value, memoryview):
                entries[text(value, 1)] = text(value, 2)
        if is_external or entries:
            location = entries.get("location", "")
            if location not in self.data_files:
                self.data_files[location] = inside(self.path, location)
        return name


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
