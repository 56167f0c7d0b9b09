"""Class maps drawn over photos, with what the run said of them out of fold."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from fishcli.basics.progress import warn
from fishcli.dataset.photos.photo import UnreadableImageError, contained, read_photo
from fishcli.features.photos.grids import share_in_boxes, spread
from fishcli.heads.class_maps import OF_NO_CLASS
from fishcli.report.contact_sheets import PAIR_CELL
from fishcli.report.heatmaps import Boxes, Panel, heatmap_picture, overlay
from fishcli.runs.seeing.map_inputs import MapInputs, maps_of


@dataclass(frozen=True)
class Drawn:
    """A drawn image.

    Attributes:
        image: its id.
        picture: draws the photo at its own resolution under its maps, captioned; a report needs none.
        small: the first map over the photo as small as on a contact sheet, without words.
    """

    image: str
    picture: Callable[[], Image.Image]
    small: Image.Image


def draw_images(inputs: MapInputs, images: Sequence[str]) -> Iterator[Drawn]:
    """Draw the maps of images; a photo that can't be decoded is left out with a warning.

    The map of the predicted class comes first and, where that is wrong, the true class's beside it. A head
    with attention, or with a box output only, has one map.
    """
    rows = inputs.rows(images)
    labels = [inputs.proba[rows].argmax(axis=1), inputs.images["label"].to_numpy()[rows]]
    has_class = inputs.method not in OF_NO_CLASS
    boxes = inputs.predicted_boxes()
    for image, maps in maps_of(inputs, images, labels if has_class else labels[:1]):
        row = int(inputs.rows([image])[0])
        try:
            photo, _ = read_photo(inputs.images["path"].iloc[row], inputs.reading)
        except UnreadableImageError as error:
            warn(f"{image} can't be drawn: {error}")
            continue
        around = Boxes(inputs.boxes.get(image, np.empty((0, 4))), boxes.get(image))
        small = contained(photo, PAIR_CELL)
        yield Drawn(
            image,
            partial(_picture, inputs, image, photo, maps, around),
            overlay(small, _spread(inputs, image, maps[0], small.size), around),
        )


def _picture(
    inputs: MapInputs, image: str, photo: Image.Image, maps: list[np.ndarray], around: Boxes
) -> Image.Image:
    """A photo at its own resolution under its maps, captioned."""
    row = int(inputs.rows([image])[0])
    titles = _titles(inputs, row)
    panels = [
        Panel(title, _spread(inputs, image, values, photo.size))
        for title, values in zip(titles, maps[: len(titles)], strict=True)
    ]
    where = f"{image}, fold {inputs.images['fold'].iloc[row]} ({inputs.kind} folds)"
    said = [where, prediction_said(inputs, row)]
    caption = [": ".join(filter(None, said)), *_mass_said(inputs, image, maps[-1], around)]
    return heatmap_picture(photo, panels, around, caption)


def prediction_said(inputs: MapInputs, row: int) -> str:
    """What the run said of an image out of fold, beside the prior; "" where there is one class only."""
    if inputs.proba.shape[1] == 1:
        return ""
    name = inputs.images["class_name"].iloc[row]
    predicted, true = int(inputs.proba[row].argmax()), int(inputs.images["label"].iloc[row])
    said = f"{inputs.run.class_names[predicted]} {_odds(inputs, row, predicted)}"
    right = "rightly" if predicted == true else f"is {name} {_odds(inputs, row, true)}"
    return f"predicted {said}, {right}"


def _odds(inputs: MapInputs, row: int, label: int) -> str:
    return f"{inputs.proba[row, label]:.3f} (prior {inputs.prior[row, label]:.3f})"


def _titles(inputs: MapInputs, row: int) -> list[str]:
    """A title for each map that is shown."""
    if inputs.method == "attention":
        return ["Attention, of no class"]
    if inputs.method == "box gradients":
        return ["What moves the box"]
    names, method = inputs.run.class_names, inputs.method
    method = method if method != "class maps" else "Class map"
    predicted, true = int(inputs.proba[row].argmax()), int(inputs.images["label"].iloc[row])
    if predicted == true:
        return [f"{method} of {names[true]}, predicted and true"]
    return [f"{method} of {names[predicted]}, predicted", f"{method} of {names[true]}, true"]


def _spread(inputs: MapInputs, image: str, values: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """A map over a photo of `size` (width, height); None where the fold knows nothing of the class."""
    if np.isnan(values).all():
        return None
    return spread(values, inputs.grid(image, values), (size[1], size[0]))


def _mass_said(inputs: MapInputs, image: str, values: np.ndarray, boxes: Boxes) -> list[str]:
    """The share of mass inside the boxes, in words; `values` is the true class's map, or the only one."""
    legend = [
        *(["white: true boxes"] if len(boxes.true) else []),
        *(["dashed: predicted box"] if boxes.predicted is not None else []),
    ]
    if np.isnan(values).all():
        said = ["The other folds have no image of the true class, so their head has no map of it"]
    elif not len(boxes.true):
        said = []
    else:
        share, area = share_in_boxes(values, inputs.grid(image, values), boxes.true)
        whose = "the map" if inputs.method in OF_NO_CLASS else "the true class's map"
        mass = f"nothing of {whose}, it is nowhere positive" if np.isnan(share) else f"{share:.0%} of {whose}"
        said = [f"inside the true boxes: {mass}, {area:.0%} of the area"]
    text = "; ".join([*said, *legend])
    return [text[:1].upper() + text[1:]] if text else []
