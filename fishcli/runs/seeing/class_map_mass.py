"""The share of class-map mass inside the fish's box, out of fold."""

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.intervals import paired_interval
from fishcli.basics.progress import say
from fishcli.features.photos.grids import share_in_boxes
from fishcli.options.train import RunConfig
from fishcli.runs.run import Run
from fishcli.runs.seeing.map_inputs import MapInputs, load_map_inputs, maps_of

N_OTHERS = 8
"""Other photos whose boxes a map is held against, to see what its place alone would reach."""
MEANS = ["share", "area", "elsewhere"]
COLUMNS = ["image", "class_name", "group", "fold", *MEANS]


def class_map_mass(run: Run, config: RunConfig) -> pd.DataFrame | None:
    """Each boxed image's share of its true class's map mass inside its true boxes, out of fold.

    Returns:
        `image, class_name, group, fold, share` (0 to 1; NaN where the map is nowhere positive), `area` (the
        boxes' share of the photo) and `elsewhere` (see `mass_of`); None, which is said, where the run's
        features, boxes or maps are missing.
    """
    try:
        inputs = load_map_inputs(run, config)
    except FishError as error:
        say(f"no class maps of {run.name}: {error}")
        return None
    return mass_of(inputs) if inputs.boxes else None


def mass_of(inputs: MapInputs) -> pd.DataFrame:
    """The share of each boxed image's map mass inside its own boxes, beside two shares of one that is blind.

    `area` is the boxes' share of the area, which a map has that is the same everywhere. `elsewhere` is the
    mean share of the image's map inside the boxes of `N_OTHERS` other photos, of its own group where that has
    any: what a map has that lights the middle, or the deck where fish lie, and not this photo's fish.

    Returns:
        COLUMNS, in the order of the run's images. Maps are of the true class.
    """
    images = [image for image in inputs.images.index if image in inputs.boxes]
    table = inputs.images.loc[images]
    others = _other_photos(images, table["group"].to_numpy())
    rows = []
    for image, (values,) in maps_of(inputs, images, [table["label"].to_numpy()]):
        grid = inputs.grid(image, values)
        share, area = share_in_boxes(values, grid, inputs.boxes[image])
        strange = [share_in_boxes(values, grid, inputs.boxes[other])[0] for other in others[image]]
        elsewhere = float(np.mean(strange)) if strange else np.nan
        rows.append({"image": image, "share": share, "area": area, "elsewhere": elsewhere})
    found = pd.DataFrame(rows).set_index("image").loc[images]
    return table.join(found).rename_axis("image").reset_index()[COLUMNS]


def summarise(mass: pd.DataFrame) -> pd.DataFrame:
    """Means over all images, each class and each group; images whose map has no mass are left out.

    Args:
        mass: of `mass_of`.

    Returns:
        `by` ("all", "class" or "group"), `name`, `n_images`, `share`, `area`, `elsewhere`, `times` (share by
        area) and, of all only, `low` and `high`: the 95% interval of `share` less `elsewhere`, groups being
        resampled where they are known, else images.
    """
    known = mass.dropna(subset=["share"])
    parts = [("all", "", known)]
    for by, column in (("class", "class_name"), ("group", "group")):
        if (known[column] != "").any():
            parts += [(by, str(name), part) for name, part in known.groupby(column)]
    rows = []
    for by, name, part in parts:
        means = part[MEANS].mean()
        rows.append(
            {"by": by, "name": name, "n_images": len(part), **means, "times": means["share"] / means["area"]}
        )
    summary = pd.DataFrame(rows)
    compared = known.dropna(subset=["elsewhere"])
    units = compared["group"].to_numpy() if (compared["group"] != "").all() else None
    interval = paired_interval((compared["share"] - compared["elsewhere"]).to_numpy(), units)
    summary.loc[0, ["low", "high"]] = [interval.low, interval.high] if len(compared) else np.nan
    return summary


def _other_photos(images: list[str], groups: np.ndarray) -> dict[str, list[str]]:
    """Photos to take boxes from for each image: N_OTHERS drawn from its group's others, else from all."""
    rng = np.random.default_rng(0)
    everyone = np.arange(len(images))
    members = {group: np.flatnonzero(groups == group) for group in np.unique(groups)}
    found = {}
    for row, image in enumerate(images):
        own = members[groups[row]]
        pool = own if len(own) > 1 else everyone
        drawn = rng.permutation(pool[pool != row])[:N_OTHERS]
        found[image] = [images[other] for other in drawn]
    return found
