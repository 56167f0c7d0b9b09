"""What of a backbone can be cut at, as a list to read."""

import dataclasses
from pathlib import Path

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.backbone import layers_of
from fishcli.features.backbones.choice import UNFILLED, BackboneChoice, is_hub, is_onnx
from fishcli.features.backbones.descriptors.loading import descriptor_facts
from fishcli.features.backbones.descriptors.names import is_descriptor
from fishcli.features.backbones.hub.loading import layers_of_hub
from fishcli.features.backbones.onnx.graph import read_graph
from fishcli.features.backbones.onnx.loading import forms_of


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
