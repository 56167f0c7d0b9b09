"""An ONNX file as a backbone: its tensor, its digest and what of it is known without an engine."""

import hashlib
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.basics.files import digest
from fishcli.basics.progress import say
from fishcli.basics.quiet import load_onnxruntime, load_openvino
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.backbones.facts import Facts
from fishcli.features.backbones.onnx.cuts import tensor_of
from fishcli.features.backbones.onnx.forms import Form, Wish, check_wish, feature_shape, form_of
from fishcli.features.backbones.onnx.frame import Graph
from fishcli.features.backbones.onnx.graph import read_graph
from fishcli.features.backbones.onnx.preprocessing import of_recipe, parse_preprocessing, preprocessing_beside
from fishcli.features.backbones.onnx.running import (
    OnnxNetwork,
    RefusedError,
    shapes_by_openvino,
    shapes_by_runtime,
)
from fishcli.features.store.recipe import INPUT

INSTALL = "pip install 'fishcli[openvino]' or 'fishcli[onnx]'"


def load_onnx(choice: BackboneChoice, path: Path) -> tuple[OnnxNetwork, Facts]:
    """What is chosen of an ONNX file.

    Args:
        choice: its `preprocessing` as `parse_preprocessing` reads it, or as a recipe has it.
        path: the file.

    Raises:
        FishError: see `read_graph` and `tensor_of`; a size that it does not take; no engine.
    """
    if choice.layer == INPUT:
        raise FishError(
            f"--layer {INPUT} keeps pixels for fishcli finetune, and what is an ONNX file can't be trained. "
            "Leave it out."
        )
    graph = read_graph(path)
    forms = forms_of(graph, choice.image_size)
    tensor = tensor_of(graph, forms, choice.layer, choice.image_size)
    if tensor == INPUT:  # which stands for pixels in a recipe
        raise FishError(f"a tensor of {path} is called {INPUT}. Name another: --list-layers shows all.")
    form, wish = forms[tensor], Wish(choice.tokens, choice.pool)
    check_wish(wish, form, tensor)
    how = parse_preprocessing(of_recipe(choice.preprocessing))
    layout = "nchw" if graph.image.is_channels_first else "nhwc"
    facts = Facts(
        layer=tensor,
        weights_sha256=_sha256(graph),
        preprocessing=f"onnx {layout} {how}",
        feature_shape=feature_shape(form, wish),
        is_whole=tensor == graph.outputs[0],
    )
    return OnnxNetwork(graph, choice.image_size, tensor, form, wish, how), facts


def forms_of(graph: Graph, image_size: tuple[int, int]) -> dict[str, Form]:
    """What each tensor is that can be features, in the order in which they are computed.

    Args:
        graph: of the file.
        image_size: (height, width) of the input, pixels.

    Raises:
        FishError: another size than the file's one; no engine is installed, or none can read it.
    """
    if graph.image.size not in (None, image_size):
        own = "{}x{}".format(*graph.image.size or ())
        raise FishError(
            "--image-size {}x{}: ".format(*image_size)
            + f"{graph.path} takes images of {own} alone. Pass --image-size {own}, or export it for any size."
        )
    shapes = _shapes(graph, image_size)
    found = {}
    for name in (name for node in graph.nodes for name in node.outputs):
        form = form_of(shapes[name], image_size, graph.image.is_channels_first) if name in shapes else None
        if form is not None:
            found[name] = form
    return found


def _shapes(graph: Graph, image_size: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    reasons = []
    readers: list[tuple[str, Any, Any]] = [
        ("OpenVINO", load_openvino, shapes_by_openvino),
        ("ONNX Runtime", load_onnxruntime, shapes_by_runtime),
    ]
    for name, load, shapes_by in readers:
        module = load()
        if module is None:
            continue
        try:
            return dict(shapes_by(module, graph, image_size))
        except RefusedError as error:
            reasons.append(f"{name}: {error}")
    if not reasons:
        raise FishError(
            f"{graph.path}: nothing is installed that computes ONNX files. Install it: {INSTALL}."
        )
    raise FishError(
        f"{graph.path} can't be computed at "
        + "{}x{} ".format(*image_size)
        + f"({'; '.join(reasons)}). Where it "
        "was exported for one size, pass that: --image-size HEIGHTxWIDTH; else export it anew (opset 17)."
    )


def _sha256(graph: Graph) -> str:
    """Of the file and, where it keeps weights elsewhere, of those files."""
    own, *others = [_file_sha256(path) for path in (graph.path, *graph.data_files)]
    return digest(own, *others) if others else own


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def how_pixels_go_in(path: Path, asked: str | None) -> str:
    """The preprocessing that is asked for, or that a file beside tells, as `load_onnx` takes it.

    Raises:
        FishError: neither.
    """
    if asked is not None:
        return str(parse_preprocessing(asked))
    found, beside = preprocessing_beside(path)
    say(f"preprocessing of {beside}: {found}")
    return str(found)
