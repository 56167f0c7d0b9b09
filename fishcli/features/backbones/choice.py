"""Which backbones there are, and what a user asks for of one. Imports nothing heavy."""

from dataclasses import dataclass
from pathlib import Path

from fishcli.basics.errors import FishError, choose
from fishcli.basics.remote import with_home
from fishcli.features.backbones.applications import APPLICATIONS
from fishcli.features.backbones.efficientnet_lite import LITE
from fishcli.features.photos.crops import Crop
from fishcli.options.reading import Transparency

FISHNET = "fishnet"
BACKBONES = (FISHNET, *LITE, *APPLICATIONS)
UNFILLED = "unfilled"
"""What stands for weights that are given once the network is built."""


@dataclass(frozen=True)
class BackboneChoice:
    """What a user asks for; `load_backbone` turns it into a Backbone.

    Attributes:
        backbone: a name of BACKBONES.
        weights: "imagenet", or "formula" for fishnet; "random"; or the path of a file: .h5, fishnet's .npz or
            an EfficientNet-Lite's .pth.
        image_size: (height, width), pixels: of the input, or of those that are kept.
        layer: a layer's name, one of `cutting.STAGES`, None for the last, or INPUT to keep pixels.
        pool: "none", "avg" or "max".
        resize: one of `resizing.RESIZE_POLICIES`.
        transparency: as `Reading` has it, and part of the recipe.
        truncated: likewise.
        crop: of which regions of photos, None for whole ones; part of the recipe.
    """

    backbone: str
    weights: str
    image_size: tuple[int, int]
    layer: str | None = None
    pool: str = "none"
    resize: str = "squash"
    transparency: Transparency = "drop"
    truncated: bool = False
    crop: Crop | None = None


def default_weights(backbone: str) -> str:
    """The pre-trained weights that a backbone has: "formula" for fishnet, "imagenet" for the others."""
    return "formula" if backbone == FISHNET else "imagenet"


def weights_file(backbone: str, weights: str) -> Path | None:
    """The file that `weights` means, or None where it is a word."""
    return None if weights in (default_weights(backbone), "random", UNFILLED) else with_home(weights)


def existing_weights(choice: BackboneChoice) -> Path | None:
    """The file with the weights, None where a word stands for them; FishError where it is missing."""
    name = choose(choice.backbone, BACKBONES, "backbone")
    path = weights_file(name, choice.weights)
    if path is not None and not path.is_file():
        raise FishError(
            f"--weights {choice.weights}: no such file. Expected {default_weights(name)}, random or the path "
            f"of a file with weights of {name}."
        )
    return path
