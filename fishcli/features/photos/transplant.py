"""Fish on other decks: what boxes hold keeps its place, and another photo's surroundings replace its own.

So the boat, which a model learns where it can, says nothing of the fish any more. After "Cut, Paste and
Learn" (Dwibedi et al. 2017), whose soft edges keep a network from learning the seam instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.files import digest
from fishcli.basics.quiet import load_cv2
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.dataset.boxes import box_area
from fishcli.dataset.layout.images import is_tagged
from fishcli.features.photos.recipes import PREFIX, TRANSPLANT, magnitudes_of, recipe_of

MARGIN = 0.15
"""How far the edge of what is laid on a deck reaches beyond a box, and fades there: a share of its sides."""
MOST_COVERED = 0.5
"""A photo whose boxes cover more than this share of it has too little deck to lend."""
MOST_STRETCHED = 2.0
"""The contrast of what is laid on a deck is changed by this factor at most."""
INPAINT_RADIUS = 3
"""Pixels around a hole that fill it."""
RULES = f"{MARGIN} {MOST_COVERED} {MOST_STRETCHED} {INPAINT_RADIUS}"
"""What a copy depends on besides photos, boxes and its name."""


@dataclass(frozen=True)
class Known:
    """What is known to be in training photos.

    Attributes:
        boxes: (k, 4) all boxes of each photo that has any, by its id: fractions of the photo.
        empty: the photos of classes in which none has a box, where others have: there is nothing in them.
    """

    boxes: Mapping[str, np.ndarray]
    empty: frozenset[str]


@dataclass(frozen=True)
class Deck:
    """What a photo's fish are laid on.

    Attributes:
        fish: (k, 4) what of the photo is laid there, fractions of it.
        path: the file of the photo that lends its deck.
        covered: (j, 4) the boxes of that photo, fractions of it, whose fish are painted over.
    """

    fish: np.ndarray
    path: Path
    covered: np.ndarray

    def absolute(self) -> "Deck":
        """The same, for a process that runs elsewhere."""
        return replace(self, path=self.path.absolute())


def find_known(images: pd.DataFrame, boxes: pd.DataFrame) -> Known:
    """What is known of training photos: `image`, `class_name`; `boxes` as `read_boxes` returns them."""
    by_image = {str(image): rows.to_numpy(np.float64) for image, rows in boxes.groupby("image")[BOX_COLUMNS]}
    has_any = images["image"].isin(by_image).groupby(images["class_name"]).transform("any")
    empty = set() if is_tagged(images) else set(images["image"][~has_any])
    return Known(by_image, frozenset(empty))


def is_transplanted(view: str) -> bool:
    """Whether a view is a copy whose recipe lays fish on other decks."""
    recipe = recipe_of(view) if view.startswith(PREFIX) else ""
    return bool(recipe) and TRANSPLANT in magnitudes_of(recipe)


def choose_donors(copy: str, images: Sequence[str], known: Known) -> list[str]:
    """The photo whose deck each photo's fish is laid on in a copy; "" where it keeps its own.

    It is drawn by the photo's id and the copy's name from all photos with boxes, those of its own group among
    them: so a deck says nothing of the fish. One that was always another boat's would say which it is not.
    A photo without a box that isn't known to be empty may show a fish that nobody knows of: it keeps its own.

    Args:
        copy: the copy's name, of a recipe with TRANSPLANT.
        images: ids.
        known: of all training photos there are.
    """
    chance = magnitudes_of(recipe_of(copy))[TRANSPLANT]
    donors = sorted(image for image, own in known.boxes.items() if box_area(own).sum() <= MOST_COVERED)
    takers = known.boxes.keys() | known.empty
    return [_draw(copy, image, chance, donors) if image in takers else "" for image in images]


def deck_of(image: str, donor: str, path: Path, known: Known) -> Deck:
    """What an image's fish are laid on, of the photo `donor` in the file `path`.

    Of an empty photo a piece without fish is laid where the mirror image of the other photo has its own: else
    seams and what was painted over would tell that there is a fish.
    """
    covered = known.boxes[donor]
    mirrored = covered[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [1, 0, 1, 0]
    return Deck(known.boxes.get(image, mirrored), path, covered)


def _draw(copy: str, image: str, chance: float, donors: Sequence[str]) -> str:
    drawn, place = digest(image, copy, "drawn"), int(digest(image, copy, "donor")[:15], 16)
    if int(drawn[:8], 16) >= chance * 16**8 or not set(donors[:2]) - {image}:
        return ""
    donor = donors[place % len(donors)]
    return donor if donor != image else donors[(place + 1) % len(donors)]


def transplant(image: np.ndarray, fish: np.ndarray, deck: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Lay the fish of an image on a deck, at the same place.

    Args:
        image: (h, w, 3) uint8.
        fish: (k, 4) boxes of what is laid, fractions of the image.
        deck: (h, w, 3) uint8.
        covered: (j, 4) boxes of the deck's own fish, fractions of it, which are painted over by its
            surroundings (Telea 2004).

    Returns:
        (h, w, 3) uint8.
    """
    cv2 = load_cv2()
    hole = (_cover(covered, deck.shape[:2], MARGIN) > 0).astype(np.uint8)
    deck = cv2.inpaint(np.ascontiguousarray(deck), hole, INPAINT_RADIUS, cv2.INPAINT_TELEA)
    share = _cover(fish, image.shape[:2], MARGIN)[..., None]
    return np.asarray(np.rint(share * _in_light_of(deck, image) + (1 - share) * deck), np.uint8)


def _in_light_of(deck: np.ndarray, image: np.ndarray) -> np.ndarray:
    """An image (h, w, 3) whose channels have the means and, within bounds, the spreads of a deck's.

    The light, too, is a boat's. After Reinhard et al., "Color Transfer between Images" (2001), in RGB.
    """
    cv2 = load_cv2()
    (old_mean, old_spread), (mean, spread) = (
        [each[:, 0].astype(np.float32) for each in cv2.meanStdDev(pixels)] for pixels in (image, deck)
    )
    stretch = np.clip((spread + 1) / (old_spread + 1), 1 / MOST_STRETCHED, MOST_STRETCHED)
    return np.asarray(np.clip(image * stretch + (mean - old_mean * stretch), 0.0, 255.0))


def _cover(boxes: np.ndarray, size: tuple[int, int], margin: float) -> np.ndarray:
    """How far boxes (k, 4) cover each pixel: (h, w) float32, 1 in them, falling to 0 a margin beyond."""
    covered = np.zeros(size, np.float32)
    for box in boxes:
        along = [_along(side, box[axis::2], margin) for axis, side in ((1, size[0]), (0, size[1]))]
        covered = np.maximum(covered, np.outer(*along))
    return covered


def _along(n_pixels: int, ends: np.ndarray, margin: float) -> np.ndarray:
    """The same along one side: (n,) float32, for a box's two `ends` there."""
    centres = (np.arange(n_pixels) + 0.5) / n_pixels
    beyond = np.maximum(ends[0] - centres, centres - ends[1])
    fade = max(margin * (ends[1] - ends[0]), 1 / n_pixels)
    return np.asarray(np.clip(1 - beyond / fade, 0.0, 1.0), np.float32)
