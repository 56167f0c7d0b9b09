"""What becomes of a store's list of a split's images where photos come, go, move and are replaced."""

from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass

import pandas as pd

from fishcli.features.photos.crops import REGION, WHOLE
from fishcli.features.store.contents import is_of_content, is_other


@dataclass(frozen=True)
class Renewed:
    """A split's list brought up to date.

    Attributes:
        table: `image`, `n_bytes`, perhaps `content` and `region`: a line a row, new images last.
        stale: the images whose row holds the features of another photo than theirs.
        added: the images that had no row.
        missing: the images of the old list that are gone, but for those that had no features.
        n_kept: how many images find their features in their row.
    """

    table: pd.DataFrame
    stale: set[str]
    added: list[str]
    missing: set[str]
    n_kept: int


def renew_list(known: pd.DataFrame, images: pd.DataFrame, unreadable: Container[str]) -> Renewed:
    """Bring a list up to date. A photo that was moved, or changed names with another, keeps its row.

    Args:
        known: the list: `image`, `n_bytes`, `content`, a digest, where it is known, and in a crop store
            `region`, as text.
        images: the same of the images now.
        unreadable: images of the list whose rows hold no features.
    """
    known = known.assign(image=_names_of_rows(list(known["image"]), _moved(known, images, unreadable)))
    then, now = (dict(zip(each["image"], each["n_bytes"], strict=True)) for each in (known, images))
    old_contents, contents = _contents_of(known), _contents_of(images)
    added = [image for image in now if image not in then]
    stale = {image for image in now.keys() & then.keys() if now[image] != then[image]}
    old_regions, regions = _regions_of(known), _regions_of(images)
    stale |= {image for image, region in regions.items() if old_regions.get(image, region) != region}
    stale |= {image for image, old in old_contents.items() if is_other(old, contents.get(image, old))}
    listed = [*then, *added]
    table = pd.DataFrame({"image": listed, "n_bytes": [now.get(image, then.get(image)) for image in listed]})
    if contents or old_contents:
        merged = {**old_contents, **contents}
        table["content"] = [merged.get(image, "") for image in listed]
    if regions:
        table[REGION] = [regions.get(image, old_regions.get(image, WHOLE)) for image in listed]
    missing = {image for image in then.keys() - now.keys() if image not in unreadable}
    return Renewed(table, stale, added, missing, len((now.keys() & then.keys()) - stale))


def _contents_of(images: pd.DataFrame) -> dict[str, str]:
    """The content by image; nothing where none is known, as in lists of before."""
    return dict(zip(images["image"], images["content"], strict=True)) if "content" in images else {}


def _regions_of(images: pd.DataFrame) -> dict[str, str]:
    """The region of the photo by image; nothing in stores of whole photos."""
    return dict(zip(images["image"], images[REGION], strict=True)) if REGION in images else {}


def _moved(known: pd.DataFrame, images: pd.DataFrame, unreadable: Container[str]) -> dict[str, str]:
    """The new name of each photo that has another one, by its old name; of equal photos the first takes it.

    A name under which nothing could be read takes part in nothing: its row holds no features.
    """
    then, now = _contents_of(known), _contents_of(images)
    places = defaultdict(list)
    for image, content in now.items():
        if image not in unreadable and (image not in then or is_other(then[image], content)):
            places[content].append(image)
    moved = {}
    for image, content in then.items():
        is_gone = image not in now or is_other(content, now[image])
        if is_gone and image not in unreadable and is_of_content(content) and places[content]:
            moved[image] = places[content].pop(0)
    return moved


def _names_of_rows(names: list[str], moved: dict[str, str]) -> list[str]:
    """The name of each row after photos moved: none twice.

    A row whose name another one took over gets the name that this one had (or, where that is taken too, the
    next one's): so a new photo under an old name finds a row that is free.
    """
    before = {new: old for old, new in moved.items()}
    found = []
    for name in names:
        new = moved.get(name)
        if new is None:
            new = name
            while new in before:
                new = before[new]
        found.append(new)
    return found
