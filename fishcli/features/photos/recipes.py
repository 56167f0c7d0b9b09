"""Recipes of augmentation: names of them, or operations with their magnitudes; and mixes of recipes."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from fishcli.basics.errors import FishError, choose
from fishcli.basics.quiet import load_albumentations, load_cv2
from fishcli.basics.remote import parse_path
from fishcli.features.photos.policies import SUFFIX, read_policy

PREFIX = "augment_"
"""How the names of augmented copies begin: augment_1 of the first recipe, augment_light_1 of "light"."""
FIRST = ""
"""The recipe that `features --augment` and `train` know."""
NONE = "none"
MIXED = "/"
"""What stands between the recipes of a mix, a copy each: rotate:30/light/light has two copies of light."""
TRANSPLANT = "transplant"
_LIGHT = "flip:0.5+crop:0.25+brightness:0.2+contrast:0.2"
NAMED = {
    "light": _LIGHT,
    TRANSPLANT: f"{TRANSPLANT}:1+{_LIGHT}",
    "strong": "flip:0.5+vflip:0.5+rotate:180+zoom:0.6+brightness:0.3+contrast:0.3+colour:20+cutout:0.25",
}
MOST = {
    "flip": 1.0,
    "vflip": 1.0,
    "rotate": 180.0,
    "shear": 45.0,
    "translate": 0.5,
    "zoom": 0.9,
    "crop": 0.9,
    "brightness": 0.9,
    "contrast": 0.9,
    "colour": 90.0,
    "equalise": 1.0,
    "posterise": 7.0,
    "solarise": 1.0,
    "night": 0.9,
    "blur": 15.0,
    "sharpen": 1.0,
    "noise": 0.5,
    "jpeg": 95.0,
    "cutout": 0.9,
    TRANSPLANT: 1.0,
}
"""The operations, and the largest magnitude of each.

flip, vflip, equalise: the chance. rotate, shear: degrees, either way, shear along either side. translate: as
a share of the sides, either way. zoom: the least scale; the greatest is 1.15. crop: the share of the sides
that is cut away at most. brightness, contrast: as albumentations has them. colour: hue and saturation, steps
of 255. posterise: the bits of 8 that are dropped. solarise: the share of the brightness, from white down,
that is inverted. night: grey, and that share of the light gone at most. blur: the widest kernel, pixels.
sharpen: the share of the sharpened picture. noise: the standard deviation, as a share of white. jpeg: what is
taken off the quality 100. cutout: the greatest hole's sides, as a share. transplant: the chance.
"""
OF_GEOMETRY = ("flip", "vflip", "rotate", "shear", "translate", "zoom", "crop")
OF_COPIES = ("equalise", "posterise", "solarise", "night", "blur", "sharpen", "noise", "jpeg", TRANSPLANT)
"""Operations of cached copies alone, which training on pixels does not draw."""
GREATEST_ZOOM = 1.15

Magnitudes = dict[str, float]


def parse_recipes(text: str) -> list[str]:
    """The recipes, or mixes of them, that `--augment` lists, each once; a policy's mix in its file's place.

    Raises:
        FishError: an unknown recipe, or one that comes twice; a file that is no policy.
    """
    parts = [part.strip() for part in text.split(",")]
    recipes = [read_policy(parse_path(part)) if part.endswith(SUFFIX) else part for part in parts]
    for recipe in recipes:
        for part in [] if recipe == NONE else recipe.split(MIXED):
            magnitudes_of(part)
    if len(set(recipes)) < len(recipes):
        raise FishError(f"--augment {text}: expected different recipes with commas between them.")
    return recipes


def magnitudes_of(recipe: str) -> Magnitudes:
    """The magnitude of each operation of a recipe.

    Raises:
        FishError: an unknown recipe or operation, or a magnitude that is none.
    """
    found: Magnitudes = {}
    for part in NAMED.get(recipe, recipe).split("+"):
        name, colon, number = part.partition(":")
        if not colon:
            choose(recipe, [NONE, *NAMED, "OP:MAGNITUDE+OP:MAGNITUDE", "FILE.json"], "recipe of --augment")
        choose(name, MOST, "operation of --augment")
        magnitude = float(number) if re.fullmatch(r"\d+(\.\d+)?", number) else -1.0
        if not 0 < magnitude <= MOST[name]:
            raise FishError(f"--augment {recipe}: {name} takes a magnitude above 0, up to {MOST[name]:g}.")
        found[name] = magnitude
    return found


def copies_of(recipe: str, n_copies: int) -> list[str]:
    """The names of a recipe's copies in the store; none of "none".

    The recipes of a mix take turns, and of each there are as many as the mix names at least.
    """
    if recipe == NONE:
        return []
    parts = recipe.split(MIXED)
    n_copies = max(n_copies, len(parts)) if len(parts) > 1 else n_copies
    dealt = Counter(parts[copy % len(parts)] for copy in range(n_copies))
    return [_name(part, number) for part, n in dealt.items() for number in range(1, n + 1)]


def copies_asked(text: str) -> list[str]:
    """The names of the copies that `features --augment` asks for: a number of the first recipe, or mixes.

    Raises:
        FishError: see `parse_recipes`.
    """
    if text.isascii() and text.isdecimal():
        return copies_of(FIRST, int(text))
    return list(dict.fromkeys(copy for recipe in parse_recipes(text) for copy in copies_of(recipe, 1)))


def _name(recipe: str, number: int) -> str:
    return f"{PREFIX}{recipe.replace(':', '=')}_{number}" if recipe else f"{PREFIX}{number}"


def recipe_of(copy: str) -> str:
    """The recipe of a copy by its name."""
    return copy.removeprefix(PREFIX).rpartition("_")[0].replace("=", ":")


def is_first(name: str) -> bool:
    """Whether an array's name is that of a copy of the first recipe."""
    return name.startswith(PREFIX) and name.removeprefix(PREFIX).isdecimal()


def pipelines_of(recipe: str) -> tuple[Any, Any]:
    """The transforms of a recipe that move pixels (and boxes), and those that only change them.

    A transplant is none of them: it needs another photo, and comes before them all.
    """
    a = load_albumentations()
    parts: list[list[Any]] = [[], []]
    for name, magnitude in magnitudes_of(recipe).items():
        if name == TRANSPLANT:
            continue
        parts[name not in OF_GEOMETRY].append(_transforms(a)[name](magnitude))
    return a.Compose(parts[0] or [a.NoOp()], bbox_params=bbox_params(a)), a.Compose(parts[1])


def bbox_params(a: Any) -> Any:
    """How boxes go along: clipped, and lost where less than a tenth is left."""
    return a.BboxParams("albumentations", label_fields=["rows"], min_visibility=0.1, clip=True)


def _transforms(a: Any) -> dict[str, Callable[[float], Any]]:
    """Each operation of MOST as a transform of its magnitude."""
    replicate = load_cv2().BORDER_REPLICATE  # reflected borders would come with reflected copies of the boxes
    affine = {"keep_ratio": True, "rotate_method": "ellipse", "border_mode": replicate, "p": 1.0}
    return {
        "flip": lambda chance: a.HorizontalFlip(p=chance),
        "vflip": lambda chance: a.VerticalFlip(p=chance),
        "rotate": lambda degrees: a.Affine(rotate=(-degrees, degrees), **affine),
        "shear": lambda degrees: a.Affine(
            shear={"x": (-degrees, degrees), "y": (-degrees, degrees)}, border_mode=replicate, p=1.0
        ),
        "translate": lambda share: a.Affine(
            translate_percent={"x": (-share, share), "y": (-share, share)}, border_mode=replicate, p=1.0
        ),
        "zoom": lambda least: a.Affine(scale=(least, GREATEST_ZOOM), **affine),
        "crop": lambda share: a.CropAndPad(percent=(-share / 2, 0.0), keep_size=True, p=1.0),
        "brightness": lambda most: a.RandomBrightnessContrast(most, 0.0, p=1.0),
        "contrast": lambda most: a.RandomBrightnessContrast(0.0, most, p=1.0),
        "colour": lambda most: a.HueSaturationValue(int(most), int(most), 0, p=1.0),
        "equalise": lambda chance: a.Equalize(p=chance),
        "posterise": lambda bits: a.Posterize(num_bits=8 - max(1, int(bits)), p=1.0),
        "solarise": lambda share: a.Solarize(threshold_range=(1 - share, 1 - share), p=1.0),
        "night": lambda gone: a.Sequential(
            [
                a.HueSaturationValue(0, (-255, -255), 0, p=1.0),
                a.RandomBrightnessContrast((0.0, 0.0), (-gone, -gone / 2), p=1.0),
            ],
            p=1.0,
        ),
        "blur": lambda widest: a.GaussianBlur(blur_limit=(3, max(3, int(widest) | 1)), p=0.5),
        "sharpen": lambda share: a.Sharpen(alpha=(share / 2, share), lightness=(1.0, 1.0), p=1.0),
        "noise": lambda most: a.GaussNoise(std_range=(most / 2, most), p=1.0),
        "jpeg": lambda lost: a.ImageCompression(quality_range=(int(100 - lost), int(100 - lost / 2)), p=1.0),
        "cutout": lambda side: a.CoarseDropout(
            num_holes_range=(1, 2),
            hole_height_range=(side / 4, side),
            hole_width_range=(side / 4, side),
            p=0.5,
        ),
    }
