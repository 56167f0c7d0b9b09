"""From pixels to what a network was trained on: a word, numbers, or what lies beside its file."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError, cut
from fishcli.basics.files import read_json

ORDERS = ("rgb", "bgr")


@dataclass(frozen=True)
class Preprocessing:
    """What is done to each pixel: (value * scale - mean) / std, of values 0 to 255.

    Attributes:
        scale: what values are multiplied by.
        mean: what is subtracted then, of each channel in the network's order.
        std: what is divided by then, likewise.
        order: the network's order of channels, one of ORDERS.
    """

    scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    order: str = "rgb"

    def __str__(self) -> str:
        """As `parse_preprocessing` reads it, and recipes keep it."""
        mean, std = (",".join(f"{each!r}" for each in values) for values in (self.mean, self.std))
        return f"scale={self.scale!r},mean={mean},std={std},order={self.order}"


WORDS = {
    "imagenet": Preprocessing(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "inception": Preprocessing(1 / 255, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "caffe": Preprocessing(1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0), "bgr"),
    "clip": Preprocessing(1 / 255, (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "raw": Preprocessing(1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
"""torchvision's; TensorFlow's, -1 to 1; Keras' for VGG; OpenAI's for CLIP; pixels as they are."""
EXPECTED = (
    f"{', '.join(WORDS)}, or numbers for (value * scale - mean) / std of values 0 to 255: "
    "mean=0.485,0.456,0.406,std=0.229,0.224,0.225,scale=1/255"
)
BESIDE = ("preprocessor_config.json", "config.json")
"""What tells it where it lies beside a network: Hugging Face's image processors write it, and timm."""


def parse_preprocessing(said: str) -> Preprocessing:
    """A word of WORDS, or numbers by name: one or three of `mean` and `std`, one `scale` (1/255 unless said).

    Raises:
        FishError: neither.
    """
    if said in WORDS:
        return WORDS[said]
    values: dict[str, list[str]] = {}
    name = ""
    for part in said.split(","):
        before, is_named, after = part.partition("=")
        name = before.strip() if is_named else name
        values.setdefault(name, []).append((after if is_named else part).strip())
    order = values.pop("order", ["rgb"])
    try:
        if not {"mean", "std"} <= values.keys() <= {"mean", "std", "scale"} or order[0] not in ORDERS:
            raise ValueError
        (scale,) = [_number(each) for each in values.get("scale", ["1/255"])]
        mean, std = (_three([_number(each) for each in values[name]]) for name in ("mean", "std"))
        return _checked(Preprocessing(scale, mean, std, order[0]))
    except (ValueError, ZeroDivisionError):
        raise FishError(f"--preprocess {cut(said, 80)!r}: expected {EXPECTED}.") from None


def of_recipe(said: str) -> str:
    """What `parse_preprocessing` reads of a recipe's words, or of its own."""
    return said.rpartition(" ")[2]


def shortest(said: str) -> str:
    """What to type for a recipe's preprocessing: a word, where there is one."""
    found = parse_preprocessing(of_recipe(said))
    return next((word for word, known in WORDS.items() if known == found), str(found))


def preprocessing_beside(path: Path) -> tuple[Preprocessing, Path]:
    """What lies beside an ONNX file, and where.

    Raises:
        FishError: nothing does, or nothing that tells; with what to pass.
    """
    for name in BESIDE:
        beside = path.parent / name
        if beside.is_file():
            told = read_json(beside)
            if isinstance(told, dict) and (found := _told(told, beside)) is not None:
                return found, beside
    raise FishError(
        f"nothing beside {path} tells how its network takes pixels (a {' or a '.join(BESIDE)} would). Pass "
        f"it, as the network was trained: --preprocess {EXPECTED}."
    )


def _told(told: dict[str, Any], beside: Path) -> Preprocessing | None:
    """What a file's JSON tells, None where that is nothing about pixels."""
    of_timm = told.get("pretrained_cfg", told)
    try:
        if "image_mean" in told or "do_normalize" in told:
            scale = told.get("rescale_factor", 1 / 255) if told.get("do_rescale", True) else 1.0
            mean, std = (
                (told["image_mean"], told["image_std"]) if told.get("do_normalize", True) else (0.0, 1.0)
            )
        elif isinstance(of_timm, dict) and "mean" in of_timm:
            scale, mean, std = 1 / 255, of_timm["mean"], of_timm["std"]
        else:
            return None
        return _checked(Preprocessing(float(scale), _three(mean), _three(std)))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise FishError(
            f"{beside}: its mean and std are no numbers that pixels can be scaled by. Say what the network "
            f"was trained with: --preprocess {EXPECTED}."
        ) from None


def _number(said: str) -> float:
    above, is_share, below = said.partition("/")
    return float(above) / float(below) if is_share else float(above)


def _three(values: Any) -> tuple[float, float, float]:
    """A number for each channel: three, or one for all."""
    listed = [float(each) for each in (values if isinstance(values, list) else [values])]
    first, second, third = listed * 3 if len(listed) == 1 else listed
    return first, second, third


def _checked(found: Preprocessing) -> Preprocessing:
    """It, if it can be computed; else ValueError."""
    if not all(map(math.isfinite, (found.scale, *found.mean, *found.std))):
        raise ValueError("no finite numbers")
    if found.scale == 0 or not all(found.std):
        raise ValueError("nothing would be left of a pixel")
    return found
