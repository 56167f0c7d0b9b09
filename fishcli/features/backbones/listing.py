"""Which backbones there are, and what of one can be cut at, as lists to read."""

import dataclasses
from pathlib import Path

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.backbone import layers_of
from fishcli.features.backbones.choice import BACKBONES, FISHNET, UNFILLED, BackboneChoice, is_hub, is_onnx
from fishcli.features.backbones.descriptors.loading import descriptor_facts
from fishcli.features.backbones.descriptors.names import NO_WEIGHTS, is_descriptor
from fishcli.features.backbones.hub.loading import layers_of_hub
from fishcli.features.backbones.networks.applications import downloads_dir
from fishcli.features.backbones.networks.efficientnet_lite import INSTALL, LITE, is_installed
from fishcli.features.backbones.networks.known import known_networks
from fishcli.features.backbones.onnx.graph import read_graph
from fishcli.features.backbones.onnx.loading import forms_of
from fishcli.features.backbones.usual import usual_size


def list_backbones() -> str:
    """A table: a line a backbone, with its usual input and maps, and whether its weights are here.

    No network is built, and Keras not imported for it.
    """
    rows = [("backbone", "input", "maps", "parameters", "weights")]
    for name in BACKBONES:
        size = usual_size(name)
        if is_descriptor(name):
            maps = descriptor_facts(BackboneChoice(name, NO_WEIGHTS, size)).feature_shape
            n_parameters = 0
        else:
            known = known_networks()[name]
            maps, n_parameters = (*known.map_size, known.n_channels), known.n_parameters
        sizes = ["x".join(map(str, each)) for each in (size, maps)]
        rows.append((name, sizes[0], sizes[1], f"{n_parameters:,}", _weights_of(name)))
    first, *widths, _ = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        middle = "  ".join(f"{text:>{width}}" for text, width in zip(row[1:-1], widths, strict=True))
        lines.append(f"{row[0]:<{first}}  {middle}  {row[-1]}")
    return "\n".join(lines)


def _weights_of(name: str) -> str:
    if is_descriptor(name):
        return NO_WEIGHTS
    if name == FISHNET:
        return "here"
    if name in LITE:
        return "here" if is_installed(name) else INSTALL
    return "here" if (downloads_dir() / known_networks()[name].weights_file).is_file() else "downloaded"


def list_layers(choice: BackboneChoice) -> str:
    """A line a layer, with what it holds of one photo; of an ONNX file a line a tensor that can be features.

    Raises:
        FishError: see `load_backbone`.
    """
    if is_onnx(choice.backbone):
        forms = forms_of(read_graph(Path(choice.weights)), choice.image_size)
        said = {name: str(form) for name, form in forms.items()}
    elif is_descriptor(choice.backbone):
        facts = descriptor_facts(choice)
        said = {facts.layer: " x ".join(map(str, facts.feature_shape))}
    elif is_hub(choice.backbone):
        said = {name: str(form) for name, form in layers_of_hub(choice).items()}
    else:
        whole = dataclasses.replace(choice, weights=UNFILLED, layer=None)
        said = {name: " x ".join(map(str, shape)) for name, shape in layers_of(load_keras(), whole).items()}
    width = max(map(len, said), default=0)
    return "\n".join(f"{name:<{width}}  {holds}" for name, holds in said.items())
