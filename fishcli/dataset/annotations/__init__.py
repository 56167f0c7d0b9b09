"""Box annotations in the forms people ship them, as fractions of the upright photo.

A reader a format, or a family of near ones, turns a file into `Record`s, in the file's own names and units;
`scaling` alone knows image ids, fractions, clipping and what is to be dropped.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.progress import warn
from fishcli.dataset.annotations.categories import chosen
from fishcli.dataset.annotations.entries import LONE_POINT, Record, Skipped, kinds_of
from fishcli.dataset.annotations.findings import Findings, tell_skipped
from fishcli.dataset.annotations.json_files import read_box_json
from fishcli.dataset.annotations.pairs import POINT_COLUMNS, boxes_around, to_points
from fishcli.dataset.annotations.scaling import BOX_COLUMNS, located, to_boxes, to_table
from fishcli.dataset.annotations.tables import read_box_csv
from fishcli.dataset.annotations.xml_files import read_xml
from fishcli.dataset.annotations.yolo import read_class_names, read_yolo

__all__ = ["BOX_COLUMNS", "POINT_COLUMNS", "read_boxes", "read_points"]

EXPECTED = (
    "*.json (COCO, Sloth, LabelMe, VIA, Label Studio, MegaDetector), *.xml (VOC, CVAT), *.csv or *.txt (YOLO)"
)
SUFFIXES = {".json", ".xml", ".csv", ".txt"}


def read_boxes(boxes_dir: Path, images: pd.DataFrame, categories: str | None = None) -> pd.DataFrame:
    """Read all box annotations in a folder; the files' formats may be mixed.

    Formats, by suffix and content:
        ``*.json``: COCO; Sloth; LabelMe; VGG Image Annotator (1 and 2); Label Studio;
            MegaDetector's batch output, of which detections of a confidence of 0.2 or more count, and
            people and vehicles only where `categories` names them.
        ``*.xml``: Pascal VOC, one file an image; CVAT for images.
        ``*.csv``: `image` (or `filename`, `image_id`, ...) with ``x_min,y_min,x_max,y_max`` (or ``xmin,...``,
        ``x1,y1,x2,y2``, ``left,top,right,bottom``; `width` and `height` beside them are the image's) or
        ``x,y,width,height`` (the upper left corner); a row of a name and gaps is an image without an object.
        ``*.txt``: YOLO, one file an image, names of classes in classes.txt.
    Hidden and other files are ignored. Shapes that enclose nothing are counted in a warning; polygons,
    circles and ellipses count as the box around them. Where an image has no box but pairs of points at head
    and tail (see `read_points`), the box around each fish is made of them.

    Units: each format's own; of a CSV fractions where no value exceeds 1.5, else pixels. Where numbers belie
    that beyond doubt, fractions and percent are taken for what they are, and a mix of units is refused.

    Orientation: where a declared size (all formats but Sloth, VIA, YOLO and most CSVs have one) is that of
    the photo as it is stored, and EXIF turns it by a quarter, its boxes are turned with it. What can't be
    told: boxes without a declared size, of a square photo, or of one that EXIF mirrors or turns by a half;
    they are taken as boxes of the upright photo.

    Boxes are clipped to the photo; corners in the wrong order are swapped. Boxes of names that are no
    training image, without area inside the photo, or in pixels of an unknown size are left out with a
    warning.

    Args:
        boxes_dir: the folder; where it doesn't exist, there are no boxes.
        images: `image` (str id), `height`, `width` (pixels, of the upright photo, 0 where unknown), and
            `path` where orientations may have to be read.
        categories: names with commas; boxes of others are left out, where their file names a category at
            all. "iscrowd" stands for COCO's boxes around many, which are left out unless it is named.
            None: all categories.

    Returns:
        `image` (str id) and `x_min`, `y_min`, `x_max`, `y_max` (float64, fractions of width and height
        in [0, 1]): one row a box, ordered by id, then as read; images without a box have no row.

    Raises:
        FishError: a file is malformed or in another format, a field has the wrong type, units are mixed, a
            base name belongs to several images, or no box is of one of `categories`.
    """
    entries = list(_entries(boxes_dir))
    tell_skipped(entry for entry in entries if isinstance(entry, Skipped))
    records = chosen(_records(entries), categories, str(boxes_dir))
    found = Findings(kinds_of(records))
    there = located(records, images, found)
    rows = to_boxes(there, images, found)
    with_boxes = {image for image, *_ in rows}
    points = [point for point in to_points(there, found) if point[0] not in with_boxes]
    found.tell()
    return to_table(rows + boxes_around(points, images), BOX_COLUMNS)


def read_points(
    boxes_dir: Path, images: pd.DataFrame, categories: str | None = None, *, is_told: bool = False
) -> pd.DataFrame:
    """Read all pairs of points at head and tail in a folder of annotations.

    Formats: Sloth's ``{"class": "point", "x", "y"}``, head and tail in turn; COCO's keypoints where a
    category names a head (or nose, or snout) and a tail; our own keypoints in MegaDetector's batch output.
    A point without a partner is counted in a warning. Units and orientation are as in `read_boxes`.

    Args:
        boxes_dir: the folder; where it doesn't exist, there are no points.
        images: as `read_boxes` takes them.
        categories: as `read_boxes` takes them.
        is_told: whether `read_boxes` has said what there is to say of them, too.

    Returns:
        `image` (str id) and `head_x`, `head_y`, `tail_x`, `tail_y` (float64, fractions of width and height
        in [0, 1]): one row a pair, ordered by id, then as read.

    Raises:
        FishError: as `read_boxes`.
    """
    entries = list(_entries(boxes_dir))
    if not is_told:
        tell_skipped(entry for entry in entries if isinstance(entry, Skipped) and entry.what == LONE_POINT)
    records = chosen(_records(entries), categories, str(boxes_dir))
    found = Findings("pairs of points")
    rows = to_points(located([record for record in records if record.is_pair], images, found), found)
    if not is_told:
        found.tell()
    return to_table(rows, POINT_COLUMNS)


def _records(entries: Sequence[Record | Skipped]) -> list[Record]:
    return [entry for entry in entries if isinstance(entry, Record)]


def _entries(boxes_dir: Path) -> Iterator[Record | Skipped]:
    if not boxes_dir.exists():
        return
    if not boxes_dir.is_dir():
        raise FishError(f"{boxes_dir} is a file; expected a folder of box annotations. Move it into one.")
    files = (path for path in sorted(boxes_dir.iterdir()) if path.is_file() and not path.name.startswith("."))
    paths = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not paths:
        warn(f"{boxes_dir} has no box annotations; expected {EXPECTED}.")
    class_names = read_class_names(paths)
    readers = {
        ".json": read_box_json,
        ".xml": read_xml,
        ".csv": read_box_csv,
        ".txt": lambda path: read_yolo(path, class_names),
    }
    for path in paths:
        yield from readers[path.suffix.lower()](path)
