"""Photos that are there twice, pixel for pixel: in two classes, or in train and test."""

import hashlib
from collections.abc import Iterator

import pandas as pd

from fishcli.basics.errors import examples
from fishcli.basics.progress import track
from fishcli.dataset.layout.competition import Competition
from fishcli.dataset.photos.photo import UnreadableImageError, read_photo
from fishcli.options.reading import Reading


def copies_said(known: Competition, reading: Reading) -> list[str]:
    """A sentence for photos that lie in two classes, and one for each test set that has training photos.

    Only photos of one size and perceptual hash are decoded again, to compare them to the pixel.

    Args:
        known: images have a `hash`, as `read_hashes` finds it.
        reading: how photos are read.
    """
    tables = {"train": known.images, **known.tests}
    table = pd.concat([each.assign(split=split) for split, each in tables.items()], ignore_index=True)
    table = table[table["problem"] == ""]
    table = table.assign(place=table["split"] + "/" + table["class_name"].fillna(""))
    look = ["hash", "height", "width"]
    table = table[table.duplicated(look, keep=False)]
    alike = [part for _, part in table.groupby(look) if _does_harm(part)]
    sets = [each for part in track(alike, "copies", "set") for each in _identical(part, reading)]
    notes = []
    pairs = [
        _pair(part) for each in sets if len(part := _of_train(each)) and len(set(part["class_name"])) > 1
    ]
    if pairs:
        notes.append(
            f"{len(pairs):,} photos lie in two classes, the same to the pixel ({examples(pairs)}). One label "
            "is wrong, or the photo shows both: keep one."
        )
    for split in known.tests:
        shared = [each for each in sets if len(_of_train(each)) and (each["split"] == split).any()]
        pairs = [f"{_of_train(each)['image'].iloc[0]} = {_first(each, split)}" for each in shared]
        if pairs:
            n = sum(int((each["split"] == split).sum()) for each in shared)
            notes.append(
                f"{split}: {n:,} photos are training photos too, the same to the pixel ({examples(pairs)}). "
                "What is scored there is memory: take them out of train/."
            )
    return notes


def _does_harm(part: pd.DataFrame) -> bool:
    """Whether copies would lie in two classes, or in train and test; test sets may share photos."""
    return bool((part["split"] == "train").any()) and len(set(part["place"])) > 1


def _identical(part: pd.DataFrame, reading: Reading) -> Iterator[pd.DataFrame]:
    """The sets of two and more photos of the same pixels."""
    digests = part["path"].map(lambda path: _digest(path, reading))
    for digest, same in part.groupby(digests):
        if digest and _does_harm(same):
            yield same


def _digest(path: object, reading: Reading) -> str:
    """Of a photo's pixels; "" where it can't be read."""
    try:
        return hashlib.sha256(read_photo(path, reading)[0].tobytes()).hexdigest()  # type: ignore[arg-type]
    except UnreadableImageError:
        return ""


def _of_train(part: pd.DataFrame) -> pd.DataFrame:
    return part[part["split"] == "train"]


def _first(part: pd.DataFrame, split: str) -> str:
    return str(part.loc[part["split"] == split, "image"].iloc[0])


def _pair(part: pd.DataFrame) -> str:
    """Two training photos of a set, of two classes."""
    return " = ".join(part.drop_duplicates("class_name")["image"].iloc[:2])
