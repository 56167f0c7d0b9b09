"""The metadata fields an audit looks at: what is known of an image without looking at the fish.

Their **sections**: "file" is what the audit's headline is about; "layout" is how somebody laid the files out
(numbering, order, modification times); "pixels" is a look at a small thumbnail. The last two stand apart,
since a folder's layout can be the label itself, and light and colour are what a model is meant to see.

Their default **tags**: a field is "legitimate" where a real deployment would have it for every new photo
and it would mean the same there: the size, colours, camera and orientation a photo is taken with. It is
"illegitimate" where it is a trace of how this data set was saved, named and laid out (bytes, encoder, file
numbers, modification times), or a moment that never comes again (the time of the photo). A legitimate field
may still give away the boat: what of it survives on unseen boats is for grouped folds to say, not for the
tag. Only who knows the data can judge, hence `read_tags`.
"""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, choose
from fishcli.basics.files import line_of, read_csv
from fishcli.basics.progress import track
from fishcli.dataset.metadata import size_keys
from fishcli.dataset.photos.file_facts import Facts, read_facts
from fishcli.options.reading import USUAL, Reading

SECTIONS = ("file", "layout", "pixels")
TAGS = ("legitimate", "illegitimate")
NUMBER = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class Field:
    """One thing that is known of each row.

    Attributes:
        name: its column.
        kind: "numeric" (float64, NaN where unknown) or "categorical" (text, "" where unknown).
        family: fields of one family say one thing in several ways, and are to be dropped together.
        section: one of SECTIONS, or "table" for a column of a table without photos.
        at_test_time: one of TAGS: whether using it on the test set is legitimate.
        explanation: one sentence.
    """

    name: str
    kind: str
    family: str
    section: str
    at_test_time: str
    explanation: str


def _fields(kind: str, family: str, section: str, at_test_time: str, **explanations: str) -> list[Field]:
    return [
        Field(name, kind, family, section, at_test_time, explanation)
        for name, explanation in explanations.items()
    ]


_ALL = (
    _fields(
        *("numeric", "size", "file", "legitimate"),
        width="Width of the upright photo in pixels.",
        height="Height of the upright photo in pixels.",
        aspect="Width over height of the upright photo.",
        megapixels="Width times height of the photo in millions of pixels.",
    ),
    _fields(
        *("categorical", "size", "file", "legitimate"),
        size_key="Width and height of the upright photo together, as in 1280x720.",
    ),
    _fields(
        *("numeric", "bytes", "file", "illegitimate"),
        n_bytes="Size of the file in bytes.",
        bytes_per_pixel="Size of the file in bytes over width times height.",
    ),
    _fields(
        *("categorical", "encoder", "file", "illegitimate"),
        container="Real format of the file, as in JPEG, whatever its suffix says.",
        jpeg_tables="Digest of a JPEG's quantisation tables: one value for each encoder and quality.",
        jpeg_subsampling="Chroma subsampling of a JPEG, as in 4:2:0.",
    ),
    _fields(
        *("categorical", "channels", "file", "illegitimate"),
        mode="How the file stores colours, as in RGB, L (grey) or CMYK.",
    ),
    _fields(
        *("categorical", "channels", "file", "legitimate"),
        is_grey="Whether the photo shows no colour: yes or no.",
    ),
    _fields(
        *("categorical", "camera", "file", "legitimate"),
        exif_make="Maker of the camera, from EXIF.",
        exif_model="Model of the camera, from EXIF.",
    ),
    _fields(
        *("categorical", "orientation", "file", "legitimate"),
        exif_orientation="How the camera was held, from EXIF: 1 (upright) to 8.",
    ),
    _fields(
        *("numeric", "time", "file", "illegitimate"),
        exif_time="When the photo was taken, from EXIF, in seconds since 1970.",
    ),
    _fields(
        *("numeric", "name", "file", "illegitimate"),
        file_number="Last number in the file's name.",
    ),
    _fields(
        *("numeric", "name", "layout", "illegitimate"),
        folder_order="Rank of the file's name in its folder, as a share from 0 to 1.",
    ),
    _fields(
        *("categorical", "name", "layout", "illegitimate"),
        name_prefix="The file's name without its digits and suffix.",
    ),
    _fields(
        *("numeric", "time", "layout", "illegitimate"),
        modified="When the file was last modified, in seconds since 1970.",
    ),
    _fields(
        *("numeric", "light", "pixels", "legitimate"),
        brightness="Mean luma of a small thumbnail, 0 to 1.",
        contrast="Standard deviation of the luma of a small thumbnail, 0 to 0.5.",
    ),
    _fields(
        *("numeric", "colour", "pixels", "legitimate"),
        red_cast="Mean red less mean green of a small thumbnail, -1 to 1.",
        blue_cast="Mean blue less mean green of a small thumbnail, -1 to 1.",
    ),
)
FIELDS = {field.name: field for fields in _ALL for field in fields}
"""All fields of image files by name."""


def pick_fields(names: str | None = None) -> list[Field]:
    """The fields that `names` asks for, each once, in the order of FIELDS.

    Args:
        names: names of fields, families or sections, with commas between; None is the section "file".

    Raises:
        FishError: an unknown name; the message has the nearest one.
    """
    names = "file" if names is None else names
    known = [*FIELDS, *dict.fromkeys(field.family for field in FIELDS.values()), *SECTIONS]
    asked = {choose(name.strip(), known, "field") for name in names.split(",")}
    return [field for field in FIELDS.values() if asked & {field.name, field.family, field.section}]


def read_tags(path: Path, known: Iterable[str] = FIELDS) -> dict[str, str]:
    """Read a CSV with the columns field and at_test_time: what the user says of some of the fields `known`.

    Returns:
        Tag ("legitimate" or "illegitimate") by field name, in the file's order.

    Raises:
        FishError: the file is missing or malformed, or a line has an unknown field or tag, or a field again.
    """
    table = read_csv(path, required=["field", "at_test_time"], text=["field", "at_test_time"])
    names = list(known)
    tags: dict[str, str] = {}
    for row, (name, tag) in enumerate(zip(table["field"], table["at_test_time"], strict=True)):
        try:
            choose(name, names, "field")
            choose(tag, TAGS, "tag")
        except FishError as error:
            raise FishError(f"{path}, line {line_of(path, row)}: {error}") from None
        if name in tags:
            line = line_of(path, row)
            raise FishError(f"{path}, line {line}: {name!r} stands there a second time. Keep one line.")
        tags[name] = tag
    return tags


def read_fields(images: pd.DataFrame, names: Sequence[str], reading: Reading = USUAL) -> pd.DataFrame:
    """Read metadata fields of images.

    Files are opened only for fields that need it, and decoded only for those of a thumbnail.

    Args:
        images: the table of `load_train` or one of `load_tests`: columns image, path, height, width, n_bytes.
        names: which of FIELDS.
        reading: how photos are read.

    Returns:
        One column a name, in their order, with the image ids as index. Numeric fields are float64, NaN where
        unknown. Categorical ones are text, "" where unknown: the file is damaged or has no such thing, as a
        PNG has no quantisation tables. Sizes are those of the upright photo; times are seconds since 1970,
        EXIF's as if its clock showed UTC. Ranks of `folder_order` are among the rows of `images`.

    Raises:
        ValueError: a name that FIELDS lacks.
    """
    unknown = [name for name in names if name not in FIELDS]
    if unknown:
        raise ValueError(f"no such fields: {unknown}")
    known = _from_table(images) | _from_names(images["image"])
    facts: list[Facts] = [{}] * len(images)
    if any(name not in known for name in names):
        paths = list(images["path"])
        with ThreadPoolExecutor() as pool:
            read = pool.map(lambda path: read_facts(path, names, reading), paths)
            facts = list(track(read, "metadata fields", "img", len(paths)))
    columns = {}
    for name in names:
        is_numeric = FIELDS[name].kind == "numeric"
        gap = np.nan if is_numeric else ""
        values = known[name] if name in known else [fact.get(name, gap) for fact in facts]
        columns[name] = pd.Series(list(values), dtype=float if is_numeric else str)
    return pd.DataFrame(columns, index=range(len(images))).set_index(pd.Index(images["image"], name="image"))


def _from_table(images: pd.DataFrame) -> dict[str, Iterable]:
    """The fields that the table has already; its sizes are 0 where unknown."""
    width, height = (images[side].astype(float).where(images[side] > 0) for side in ("width", "height"))
    keys = pd.Series(size_keys(images), index=images.index, dtype=object)
    return {
        "width": width,
        "height": height,
        "size_key": keys.where(width.notna() & height.notna(), ""),
        "aspect": width / height,
        "megapixels": width * height / 1e6,
        "n_bytes": images["n_bytes"],
        "bytes_per_pixel": images["n_bytes"] / (width * height),
    }


def _from_names(ids: pd.Series) -> dict[str, Iterable]:
    """The fields that the names have already."""
    paths = [PurePosixPath(image) for image in ids]
    numbers = [NUMBER.findall(path.stem) for path in paths]
    rank = np.empty(len(paths))
    rank[sorted(range(len(paths)), key=lambda row: _name_order(paths[row].name))] = np.arange(len(paths))
    in_folder = pd.Series(rank).groupby([str(path.parent) for path in paths])
    return {
        "file_number": [float(found[-1]) if found else np.nan for found in numbers],
        "name_prefix": [NUMBER.sub("", path.stem) for path in paths],
        "folder_order": (in_folder.rank() - 0.5) / in_folder.transform("size"),
    }


def _name_order(name: str) -> tuple[list[str | int], str]:
    """Sorts names as people do, numbers as numbers: img_9 before img_10."""
    # Splitting by a group gives text and numbers in turn, so that like is compared with like.
    return [int(part) if i % 2 else part for i, part in enumerate(NUMBER.split(name))], name
