"""The recipe of a feature store: all that changes the numbers in it."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.basics.files import digest
from fishcli.features.photos.crops import Crop
from fishcli.options.reading import Reading, Transparency

INPUT = "input"
"""What stands for a layer in the recipe of a store that keeps pixels, as the backbone's input takes them."""
INT8, BFLOAT16 = "int8", "bfloat16"
"""The precisions that are part of the recipe. Float16 is not: a GPU takes it unasked where it agrees."""


@dataclass(frozen=True)
class Recipe:
    """What makes features what they are; two stores with equal recipes hold equal numbers.

    Attributes:
        backbone: a name of `backbones.choice.BACKBONES`, or of an ONNX file.
        layer: the layer whose output is kept, or INPUT.
        weights_sha256: of the weights' values, wherever they came from.
        image_size: (height, width) of the backbone's input, pixels; of kept pixels, their own.
        resize: how a photo gets to that size, one of `resizing.RESIZE_POLICIES`.
        pool: "none" (maps), "avg" or "max" over the map.
        preprocessing: how pixels are scaled for the backbone.
        decoder: what reads image files.
        transparency: what lies behind transparent photos, as `Reading` has it.
        truncated: whether JPEG files that lack their last bytes are read.
        crop: how regions of photos come from detections; None for whole photos.
        tokens: what is kept of an ONNX file's tokens, as `backbones.onnx.forms.Wish` has it.
        precision: INT8 or BFLOAT16 where that was asked for, else "auto".
    """

    backbone: str
    layer: str
    weights_sha256: str
    image_size: tuple[int, int]
    resize: str
    pool: str
    preprocessing: str
    decoder: str
    transparency: Transparency = "drop"
    truncated: bool = False
    crop: Crop | None = None
    tokens: str = "maps"
    precision: str = "auto"

    @property
    def dtype(self) -> str:
        """NumPy's name of the type of what is kept: uint8 of pixels, float16 of features."""
        return "uint8" if self.layer == INPUT else "float16"

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits that name this recipe."""
        return digest(json.dumps(self._said(), sort_keys=True))[:12]

    @property
    def name(self) -> str:
        """The store's folder name: `<backbone>-<HxW>-<fingerprint>`."""
        height, width = self.image_size
        return f"{self.backbone}-{height}x{width}-{self.fingerprint}"

    def to_json(self) -> dict[str, Any]:
        """As written into recipe.json."""
        return {**self._said(), "image_size": list(self.image_size), "fingerprint": self.fingerprint}

    def reading(self, max_pixels: int) -> Reading:
        """How the store's photos are read, of so many pixels at most."""
        return Reading(transparency=self.transparency, truncated=self.truncated, max_pixels=max_pixels)

    def _said(self) -> dict[str, Any]:
        """The fields less those at their default: older stores, which lack these, stay valid."""
        fields = dataclasses.fields(self)
        known = {field.name: getattr(self, field.name) for field in fields}
        if self.crop is not None:
            known["crop"] = _said_of_crop(self.crop)
        return {field.name: known[field.name] for field in fields if known[field.name] != field.default}

    @staticmethod
    def from_json(value: Any, source: str) -> "Recipe":
        """The recipe in recipe.json; FishError where it is damaged or was changed by hand."""
        fields = {field.name: field.default for field in dataclasses.fields(Recipe)}
        needed = {name for name, default in fields.items() if default is dataclasses.MISSING}
        if (
            not isinstance(value, dict)
            or not needed <= set(value)
            or not isinstance(value["image_size"], (list, tuple))
            or not _is_crop(value.get("crop"))
        ):
            raise FishError(
                f"{source} is no recipe of this version of fishcli. Remove that folder and run fishcli "
                "features with the options that made it."
            )
        known = {name: value.get(name, default) for name, default in fields.items()}
        crop = None if known["crop"] is None else Crop(**known["crop"])
        recipe = Recipe(**{**known, "image_size": tuple(known["image_size"]), "crop": crop})
        if value.get("fingerprint") != recipe.fingerprint:
            raise FishError(
                f"{source} was changed: its fingerprint is {value.get('fingerprint')}, its contents say "
                f"{recipe.fingerprint}. Remove that folder and run fishcli features with the options that "
                "made it."
            )
        return recipe


def _said_of_crop(crop: Crop) -> dict[str, Any]:
    """A crop's fields, less those at their default."""
    return {
        field.name: getattr(crop, field.name)
        for field in dataclasses.fields(crop)
        if getattr(crop, field.name) != field.default
    }


def _is_crop(value: Any) -> bool:
    """Whether a recipe's crop is one as `Crop` has it, or none."""
    fields = dataclasses.fields(Crop)
    needed = {field.name for field in fields if field.default is dataclasses.MISSING}
    names = {field.name for field in fields}
    return value is None or (isinstance(value, dict) and needed <= set(value) <= names)


def parse_image_size(text: str) -> tuple[int, int]:
    """Parse "360x640" (HEIGHTxWIDTH) into (360, 640); FishError where it is none."""
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise FishError(
            f"--image-size {text!r}: expected HEIGHTxWIDTH in pixels, such as 224x224 or 360x640."
        )
    return int(height), int(width)
