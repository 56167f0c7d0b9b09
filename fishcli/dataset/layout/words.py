"""The words that names of folders, files and columns are made of, and what they say in a competition."""

import re
from collections.abc import Iterable

TRAIN = frozenset({"train", "training", "trainset", "trn"})
TEST = frozenset({"test", "testing", "tests", "testset", "tst"})
VALIDATION = frozenset({"val", "valid", "validation", "dev", "eval"})
NO_PHOTOS = frozenset(
    {"mask", "masks", "annotation", "annotations", "thumbnail", "thumbnails", "segmentation"}
)
"""Of folders whose pictures are no photos."""
TAGS = frozenset({"labels", "tags", "attributes", "categories", "classes", "ids"})
"""Of columns that hold several labels in a cell, if some cells look so."""

LABELS = (
    *("label", "class", "classname", "target", "category", "categoryname", "species", "breed", "variety"),
    *(
        "diagnosis",
        "diagnostic",
        "dx",
        "disease",
        "level",
        "grade",
        "severity",
        "type",
        "kind",
        "tag",
        "tags",
    ),
    *("labels", "attributes", "categoryid", "classid", "labelid", "labelname", "y"),
)
"""Names of label columns, the most certain first."""
GROUPS = (
    {"site", "location", "station", "camera", "cam", "boat", "vessel", "ship", "farm", "hospital", "centre"},
    {"subject", "patient", "driver", "participant", "person"},
    {"lesion", "slide", "video", "clip", "sequence", "seq", "burst", "group"},
)
"""Names of columns of what photos share, the coarsest first."""
IDS = ("image", "file", "filename", "imageid", "imagename", "id", "path", "filepath", "name", "img")
"""Names of columns that name images, the most certain first."""
NUMBERING = frozenset(
    {"id", "ids", "name", "no", "nr", "num", "number", "code", "uid", "uuid", "key", "index"}
)
"""Words behind a thing's name that say that a column numbers it."""


def words(name: str) -> list[str]:
    """The words of a name in lower case: "trainLabels", "ISIC_2019_Test" -> train labels, isic 2019 test."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def has_word(name: str, wanted: Iterable[str]) -> bool:
    """Whether one of a name's words is among those wanted."""
    return not frozenset(wanted).isdisjoint(words(name))


def joined(name: str) -> str:
    """A column's name as it is compared: "Image_ID" and "imageId" are imageid."""
    return "".join(words(name))


def thing(column: str) -> str:
    """What a column numbers or names: "patient_id" and "PatientID" are of the patient."""
    found = words(column)
    while len(found) > 1 and found[-1] in NUMBERING:
        found.pop()
    return "".join(found)


def rank(name: str, known: tuple[str, ...]) -> int:
    """The place of a column's name among known ones, their number where it is not among them."""
    compared = joined(name)
    return known.index(compared) if compared in known else len(known)
