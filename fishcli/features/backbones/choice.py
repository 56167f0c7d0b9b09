"""Which backbones there are, and what a user asks for of one. Imports nothing heavy."""

import re
from dataclasses import dataclass
from pathlib import Path

from fishcli.basics.errors import FishError, choose
from fishcli.basics.remote import with_home
from fishcli.features.backbones.descriptors.names import DESCRIPTORS, NO_WEIGHTS, is_descriptor
from fishcli.features.backbones.hub.presets import name_of_preset, preset_folder
from fishcli.features.backbones.networks.applications import APPLICATIONS
from fishcli.features.backbones.networks.efficientnet_lite import LITE
from fishcli.features.photos.crops import Crop
from fishcli.options.reading import Transparency

FISHNET = "fishnet"
BACKBONES = (FISHNET, *LITE, *APPLICATIONS, *DESCRIPTORS)
ONNX = ".onnx"
"""How the names of backbones end that are files of that kind."""
SEPARATOR = ","
"""Between layers."""
HUB, HUB_ASKED = ".hub", "hub:"
"""How the names of backbones end that are presets of KerasHub, and how a user begins to name one."""
LONGEST_NAME = 60
UNFILLED = "unfilled"
"""What stands for weights that are given once the network is built."""


@dataclass(frozen=True)
class BackboneChoice:
    """What a user asks for; `load_backbone` turns it into a Backbone.

    Attributes:
        backbone: a name of BACKBONES, or of an ONNX file or a preset, as `named_backbone` makes it.
        weights: "imagenet", or "formula" for fishnet; "random"; NO_WEIGHTS of descriptors; or the path of a
            file: .h5, fishnet's .npz, an EfficientNet-Lite's .pth or the ONNX file; or the preset's folder.
        image_size: (height, width), pixels: of the input, or of those that are kept.
        layer: a layer's name, one of `cutting.STAGES`, None for the last, or INPUT to keep pixels.
        pool: "none", "avg" or "max".
        resize: one of `resizing.RESIZE_POLICIES`.
        transparency: as `Reading` has it, and part of the recipe.
        truncated: likewise.
        crop: of which regions of photos, None for whole ones; part of the recipe.
        preprocessing: how pixels go into an ONNX file, or a preset of a pack; the others have their own.
        tokens: what is kept of the tokens of an ONNX file or a preset, as `onnx.forms.Wish` has it.
        precision: as `Recipe` has it, and part of it.
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
    preprocessing: str = ""
    tokens: str = "maps"
    precision: str = "auto"


def is_onnx(backbone: str) -> bool:
    """Whether a backbone, by its name or as a user names it, is an ONNX file."""
    return backbone.lower().endswith(ONNX)


def is_hub(backbone: str) -> bool:
    """Whether a backbone, by its name or as a user names it, is a preset of KerasHub."""
    return backbone.startswith(HUB_ASKED) or backbone.endswith(HUB)


def is_kept_outside(backbone: str) -> bool:
    """Whether a backbone is an ONNX file or a preset: `weights` is then its path, and it has no others."""
    return is_onnx(backbone) or is_hub(backbone)


def as_asked(backbone: str, weights: str) -> str:
    """How a user names a backbone that is kept outside."""
    return f"{HUB_ASKED}{weights}" if is_hub(backbone) else weights


def name_of(path: Path) -> str:
    """What an ONNX file's backbone is called: its stem in small letters, digits and _, then ONNX."""
    return (re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")[:LONGEST_NAME] or "network") + ONNX


def named_backbone(backbone: str, weights: str | None) -> tuple[str, str]:
    """The name and the weights, a file's path resolved, of a backbone as a user asks for it.

    Raises:
        FishError: an unknown name or preset, or weights beside an ONNX file or a preset, which has its own,
            or a descriptor, which has none.
    """
    if not is_kept_outside(backbone):
        name = choose(backbone, BACKBONES, "backbone")
        if is_descriptor(name) and weights not in (None, NO_WEIGHTS):
            raise FishError(f"--weights {weights}: {name} is no network and has none. Leave --weights out.")
        weights = weights or default_weights(name)
        path = weights_file(name, weights)
        return name, str(path.resolve()) if path else weights
    if weights is not None:
        raise FishError(f"--weights {weights}: {backbone} has its own. Leave --weights out.")
    if is_hub(backbone):
        folder = preset_folder(backbone.removeprefix(HUB_ASKED))
        return f"{name_of_preset(folder)[:LONGEST_NAME]}{HUB}", str(folder)
    path = with_home(backbone)
    if not path.is_file():
        raise FishError(f"--backbone {backbone}: no such file. Expected the path of an ONNX file.")
    return name_of(path), str(path.resolve())


def default_weights(backbone: str) -> str:
    """The pre-trained weights that a backbone has: "formula" for fishnet, "imagenet" for other networks."""
    if is_descriptor(backbone):
        return NO_WEIGHTS
    return "formula" if backbone == FISHNET else "imagenet"


def weights_file(backbone: str, weights: str) -> Path | None:
    """The file that `weights` means, or None where it is a word."""
    return None if weights in (default_weights(backbone), "random", UNFILLED) else with_home(weights)


def existing_weights(choice: BackboneChoice) -> Path | None:
    """The weights' file or the preset's folder, None where a word stands for them; FishError if gone."""
    if is_hub(choice.backbone):
        return preset_folder(choice.weights)
    if is_onnx(choice.backbone):
        path = with_home(choice.weights)
        if not path.is_file():
            raise FishError(f"the ONNX file {path} is gone. Put it back, or name it: --backbone PATH.")
        return path
    name = choose(choice.backbone, BACKBONES, "backbone")
    found = weights_file(name, choice.weights)
    if found is not None and not found.is_file():
        raise FishError(
            f"--weights {choice.weights}: no such file. Expected {default_weights(name)}, random or the path "
            f"of a file with weights of {name}."
        )
    return found
