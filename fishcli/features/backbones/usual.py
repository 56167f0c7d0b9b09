"""What is taken where the user names no backbone, or no size of its input."""

from pathlib import Path

from fishcli.basics.progress import say
from fishcli.features.backbones.choice import is_hub, is_onnx
from fishcli.features.backbones.hub.presets import usual_size_of
from fishcli.features.backbones.networks.applications import APPLICATIONS
from fishcli.features.backbones.networks.efficientnet_lite import INSTALL, LITE, is_installed
from fishcli.features.backbones.onnx.graph import read_graph

FIRST, SECOND = "efficientnet_lite0", "mobilenet_v2"
USUAL_SIZE = 224, 224


def usual_backbone(weights: str | None) -> str:
    """FIRST where its weights are installed, else SECOND, whose are downloaded; says which, and why.

    Args:
        weights: what the user asks for; SECOND's where it is not None, as before there was a FIRST.
    """
    if weights is not None:
        say(f"backbone: {SECOND}, whose --weights are where no --backbone is named")
        return SECOND
    if is_installed(FIRST):
        say(f"backbone: {FIRST}, whose ImageNet weights are installed (--backbone takes others)")
        return FIRST
    say(f"backbone: {SECOND}, as {FIRST}'s ImageNet weights are not installed ({INSTALL})")
    return SECOND


def usual_size(backbone: str, weights: str | None = None) -> tuple[int, int]:
    """A backbone's input, (height, width) in pixels: what its file, preset or training fixed, else 224x224.

    Args:
        backbone: its name.
        weights: the path, where it is an ONNX file or a preset and that is known.

    Raises:
        FishError: see `read_graph`.
    """
    if is_onnx(backbone) and weights is not None:
        return read_graph(Path(weights)).image.size or USUAL_SIZE
    if is_hub(backbone) and weights is not None:
        return usual_size_of(Path(weights)) or USUAL_SIZE
    sides = {name: spec.side for specs in (LITE, APPLICATIONS) for name, spec in specs.items()}
    return (sides[backbone],) * 2 if backbone in sides else USUAL_SIZE
