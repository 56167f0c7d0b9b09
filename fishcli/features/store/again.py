"""The command lines that compute a store again, or more of it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json
from fishcli.features.backbones.choice import as_asked, default_weights, is_kept_outside, is_onnx
from fishcli.features.backbones.onnx.preprocessing import shortest
from fishcli.features.backbones.usual import usual_size
from fishcli.features.photos.recipes import MIXED, PREFIX, is_first, recipe_of
from fishcli.features.store.recipe import Recipe
from fishcli.options.command_lines import advised, with_shared
from fishcli.options.features import FeaturesConfig
from fishcli.options.views import is_view, named_views

OF_RECIPE = ("backbone", "layer", "pool", "resize", "transparency", "truncated", "tokens", "precision")
"""What a recipe says in the words of the options."""
WHOLE = "whole_backbone"
"""What recipe.json says where the layer is the backbone's last, which is taken where none is named."""


def features_line(store_dir: Path, **changes: Any) -> str:
    """What `fishcli features` takes to compute a store, with `changes`: another recipe, or more views."""
    path = store_dir / "recipe.json"
    try:
        description = read_json(path)
        recipe = Recipe.from_json(description, str(path))
        weights = str(description["weights"])
    except (FishError, KeyError):  # then what made it is not known
        return advised("features", FeaturesConfig, **{**_folders(store_dir), **changes})
    size = recipe.image_size
    values = {
        **_folders(store_dir),
        "weights": None if weights == default_weights(recipe.backbone) else weights,
        "image_size": None if size == usual_size(recipe.backbone) else "{}x{}".format(*size),
        **{name: getattr(recipe, name) for name in OF_RECIPE},
    }
    if is_kept_outside(recipe.backbone):
        values |= {"backbone": as_asked(recipe.backbone, weights), "weights": None}
    if is_onnx(recipe.backbone):
        values["preprocess"] = shortest(recipe.preprocessing)
    if WHOLE in description:
        values["layer"] = None
    if recipe.crop is not None:
        values |= {"crop": description.get("detections"), "crop_margin": recipe.crop.margin}
        values |= {"crop_min": recipe.crop.least, "crop_align": recipe.crop.align}
    return advised("features", FeaturesConfig, **{**values, **changes})


def line_for(store_dir: Path, split: str, names: Iterable[str], **changes: Any) -> str:
    """What computes some arrays of a split, or of one that is not there yet."""
    bare = {name.removesuffix("_boxes") for name in names}
    copies = [int(name.removeprefix(PREFIX)) for name in bare if is_first(name)]
    mix = MIXED.join(
        sorted(recipe_of(name) for name in bare if name.startswith(PREFIX) and not is_first(name))
    )
    augment = mix or str(max(copies, default=0))
    views = ",".join(named_views([name for name in bare if is_view(name)])) or "identity"
    return features_line(store_dir, splits=split, view_names=views, augment=augment, **changes)


def verify_line(store_dir: Path) -> str:
    """What verifies the stores of a folder."""
    return advised("features", FeaturesConfig, **_folders(store_dir), verify=True)


def _folders(store_dir: Path) -> dict[str, Path | None]:
    """The folders of a store, where the command that runs did not name them."""
    stores_dir = store_dir.parent
    if with_shared(FeaturesConfig).stores_dir == stores_dir:
        return {}
    if stores_dir.name == "features":
        return {"data_dir": stores_dir.parent, "features_dir": None}
    return {"features_dir": stores_dir}
