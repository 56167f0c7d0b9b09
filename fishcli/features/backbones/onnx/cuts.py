"""Which tensor of an ONNX network is meant: its result, one that is named, or a stage's."""

import math
from collections.abc import Iterator, Mapping

from fishcli.basics.errors import FishError, choose, cut, examples
from fishcli.basics.progress import say
from fishcli.features.backbones.cutting import STAGES
from fishcli.features.backbones.onnx.forms import Form
from fishcli.features.backbones.onnx.frame import Graph, Node

POINTWISE = (
    *(
        "Relu",
        "Clip",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Gelu",
        "Elu",
        "LeakyRelu",
        "PRelu",
        "Tanh",
        "Erf",
    ),
    *("BatchNormalization", "Mul", "Add", "Sub", "Div", "Pow", "Sqrt", "Identity", "Dropout", "Cast"),
)
"""Operators that see each place of a map by itself; so do 1x1 convolutions."""


def tensor_of(graph: Graph, forms: Mapping[str, Form], asked: str | None, image_size: tuple[int, int]) -> str:
    """The tensor that is asked for; the first result where none is; of a stage as Keras' `layer_of` has it.

    Args:
        graph: the network.
        forms: what each tensor is that can be features.
        asked: a tensor, one of STAGES, or None.
        image_size: (height, width) of the input, pixels.

    Raises:
        FishError: there is none such, with those that are near.
    """
    if asked is None:
        usable = [name for name in graph.outputs if name in forms]
        if not usable:
            raise FishError(
                f"{graph.path}: its results ({examples(graph.outputs)}) are neither maps, tokens nor "
                "vectors. Name a tensor: --layer NAME; --list-layers shows all."
            )
        if len(graph.outputs) > 1:
            say(
                f"{graph.path.name} has {len(graph.outputs)} results: {cut(usable[0], 60)} is taken (--layer)"
            )
        return usable[0]
    made = [name for node in graph.nodes for name in node.outputs]
    if asked in STAGES and asked not in made:
        return _stage(graph, forms, asked, image_size)
    try:
        choose(asked, made, f"tensor of {graph.path.name}")
    except FishError as error:
        raise FishError(f"--layer: {error} --list-layers shows all.") from None
    if asked not in forms:
        raise FishError(
            f"--layer {asked}: this tensor of {graph.path.name} is neither maps, tokens nor a vector of one "
            "photo. --list-layers shows those that are."
        )
    return asked


def _stage(graph: Graph, forms: Mapping[str, Form], stage: str, image_size: tuple[int, int]) -> str:
    """The last tensor of a stage's size that all that follows is computed from, before it is widened."""
    sides = tuple(math.ceil(side / 2 ** int(stage[-1])) for side in image_size)
    found = None
    for tensor, nodes in reversed(list(_bottlenecks(graph))):
        form = forms.get(tensor)
        if found is None:
            if form is not None and form.kind != "vector" and form.map_size == sides:
                found, walked = tensor, nodes
            continue
        if form is None or form.map_size != sides or not all(map(_is_pointwise, walked)):
            break
        found = tensor if form.n_channels < forms[found].n_channels else found
        walked = nodes
    if found is None:
        raise FishError(
            f"--layer {stage}: no tensor of {graph.path.name}, from which all that follows is computed, has "
            "maps of {}x{} for an input of {}x{}. ".format(*sides, *image_size)
            + "Name a tensor: --list-layers shows all."
        )
    return found


def _bottlenecks(graph: Graph) -> Iterator[tuple[str, list[Node]]]:
    """The tensors that all later ones are computed from, in order, with the nodes since the one before."""
    varying = {graph.image.name}  # what depends on the image
    last_use = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    last_use |= dict.fromkeys(graph.outputs, len(graph.nodes))
    alive, since = {graph.image.name}, []
    for i, node in enumerate(graph.nodes):
        if varying.isdisjoint(node.inputs):
            continue
        varying.update(node.outputs)
        since.append(node)
        alive |= {name for name in node.outputs if last_use.get(name, -1) > i}
        alive -= {name for name in node.inputs if last_use[name] <= i}
        if len(alive) == 1 and node.outputs and node.outputs[0] in alive:
            yield node.outputs[0], since
            since = []


def _is_pointwise(node: Node) -> bool:
    is_narrow = node.operator == "Conv" and node.kernel == (1, 1) and set(node.strides) <= {1}
    return is_narrow or node.operator in POINTWISE
