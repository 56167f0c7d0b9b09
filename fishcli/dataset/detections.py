"""Detections files: boxes with a confidence in the photos of all splits, in MegaDetector's form."""

from pathlib import Path
from typing import Any

import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import read_json, write_json
from fishcli.basics.progress import warn
from fishcli.dataset.annotations import BOX_COLUMNS, POINT_COLUMNS
from fishcli.dataset.annotations.categories import chosen
from fishcli.dataset.annotations.findings import Findings
from fishcli.dataset.annotations.megadetector import KEYPOINTS, Detection, is_megadetector, photos_in
from fishcli.dataset.annotations.scaling import clip, located
from fishcli.dataset.names import NameIndex

FORMAT_VERSION = "1.4"
CONTENT = "content"
"""A photo's key of our own: a digest of the file that was looked at, as feature stores know photos by."""
CONFIDENCE_DIGITS, PLACE_DIGITS = 4, 5
"""A hundred-thousandth of a side is under a pixel in any photo."""


def read_detections(path: Path, images: pd.DataFrame, categories: str | None = None) -> pd.DataFrame:
    """Read the detections in the competition's photos, of whatever confidence.

    A photo is found by its path under the data folder ("test_stg1/img.jpg"), by a longer path that ends in
    it, or by its base name where only one photo of all splits has it; Windows' paths are paths, too.

    Args:
        path: MegaDetector's batch output, or a file of `write_detections`.
        images: `split`, `image` (str id, its path under the split), `height` and `width` (pixels, of the
            upright photo, 0 where unknown): the photos of all splits, or names may be taken for another's.
        categories: names with commas, as `read_boxes` takes them; None: all but people and vehicles.

    Returns:
        `split`, `image`, `confidence` (float64, 0 to 1), `x_min`, `y_min`, `x_max`, `y_max`, and `head_x`,
        `head_y`, `tail_x`, `tail_y` (float64, fractions of the upright photo in [0, 1], points NaN where
        they are missing): one row a detection, by split and id, then falling confidence. Boxes without area
        in their photo are dropped; photos without a detection have no row.

    Raises:
        FishError: the file is malformed or of another format, a base name belongs to several photos, or no
            detection is of one of `categories`.
    """
    return _detections_in(read_json(path), path, images, categories)


def as_read_again(detections: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """What `read_detections` would read of detections that `write_detections` wrote: rounded and sorted.

    Args:
        detections: as `write_detections` takes them.
        images: as `read_detections` takes them.
    """
    return _detections_in(_content(detections, {}, {}), Path("detections"), images, None)


def _detections_in(content: Any, path: Path, images: pd.DataFrame, categories: str | None) -> pd.DataFrame:
    """What `read_detections` returns, from a file's content."""
    if not isinstance(content, dict) or not is_megadetector(content):
        raise FishError(
            f"{path}: no object with 'images' and 'detection_categories'; expected "
            "MegaDetector's batch output."
        )
    photos = list(photos_in(path, content))
    images = images.assign(split_image=images["split"] + "/" + images["image"])
    known, stray = NameIndex(images["split_image"]).find_all([name for name, _ in photos], str(path))
    if stray:
        warn(f"{path}: left out {len(stray):,} photos that are none of the competition's: {examples(stray)}.")
    by_entry = {each.box.where: each for name, listed in photos if name in known for each in listed}
    boxes = chosen([each.box for each in by_entry.values()], categories, str(path))
    ids = images.drop(columns="image").rename(columns={"split_image": "image"})
    found = Findings("detections")
    rows = []
    for box, split_image, corners in located(boxes, ids, found):
        clipped = clip(corners)
        if clipped[2] > clipped[0] and clipped[3] > clipped[1]:
            detection = by_entry[box.where]
            rows.append((split_image, detection.confidence, *clipped, *_ends(detection)))
        else:
            found.empty.append(box.where)
    found.tell()
    columns = ["confidence", *BOX_COLUMNS, *POINT_COLUMNS]
    table = pd.DataFrame(rows, columns=["split_image", *columns]).astype(dict.fromkeys(columns, "float64"))
    table = images[["split_image", "split", "image"]].merge(table, on="split_image")
    return table.sort_values(
        ["split", "image", "confidence"], ascending=[True, True, False], kind="stable", ignore_index=True
    ).drop(columns="split_image")


def _ends(detection: Detection) -> tuple[float, ...]:
    return tuple(float("nan") if end is None else min(max(0.0, end), 1.0) for end in detection.ends)


def read_contents(path: Path) -> dict[tuple[str, str], str]:
    """The digests of the photos that a file of `write_detections` is of, by split and id, where it has them.

    Raises:
        FishError: the file can't be read.
    """
    content = read_json(path)
    photos = content.get("images", []) if isinstance(content, dict) else []
    known = {}
    for photo in photos:
        split, _, image = str(photo.get("file", "")).partition("/")
        known[split, image] = str(photo.get(CONTENT, ""))
    return known


def write_detections(
    path: Path,
    detections: pd.DataFrame,
    info: dict[str, Any],
    contents: dict[tuple[str, str], str] | None = None,
) -> None:
    """Write detections as MegaDetector does, whole or not at all; other tools read them as "animal".

    Confidences are rounded to 4 digits, places to 5. Where a detection has points, they go into "keypoints",
    a key of our own, with the detection's confidence.

    Args:
        path: the file.
        detections: `split`, `image` (str), `confidence` (0 to 1) and `x_min`, `y_min`, `x_max`, `y_max`
            (fractions of the upright photo); perhaps `head_x`, `head_y`, `tail_x`, `tail_y` (NaN where
            missing). A row without a confidence (NaN) stands for a photo without a detection.
        info: what "info" says beside the format's version, such as {"detector": ...}.
        contents: what `read_contents` reads; photos that are here alone have no detection.
    """
    write_json(path, _content(detections, info, contents or {}))


def _content(
    detections: pd.DataFrame, info: dict[str, Any], contents: dict[tuple[str, str], str]
) -> dict[str, Any]:
    """What `write_detections` writes."""
    detections = detections.reindex(columns=["split", "image", "confidence", *BOX_COLUMNS, *POINT_COLUMNS])
    photos: dict[str, list[dict[str, Any]]] = {}
    for split, image, confidence, *places in detections.itertuples(index=False, name=None):
        listed = photos.setdefault(f"{split}/{image}", [])
        if confidence == confidence:  # not NaN
            listed.append(_entry(round(float(confidence), CONFIDENCE_DIGITS), places))
    for split, image in contents:
        photos.setdefault(f"{split}/{image}", [])
    images = []
    for name, listed in photos.items():
        split, _, image = name.partition("/")
        known = contents.get((split, image))
        images.append({"file": name, **({CONTENT: known} if known else {}), "detections": listed})
    return {
        "info": {"format_version": FORMAT_VERSION, **info},
        "detection_categories": {"1": "animal"},
        "images": images,
    }


def _entry(confidence: float, places: list[float]) -> dict[str, Any]:
    # Corners are rounded, not sides: what is read again is what was written.
    x_min, y_min, x_max, y_max, *ends = (round(float(place), PLACE_DIGITS) for place in places)
    bbox = [x_min, y_min, round(x_max - x_min, PLACE_DIGITS), round(y_max - y_min, PLACE_DIGITS)]
    entry: dict[str, Any] = {"category": "1", "conf": confidence, "bbox": bbox}
    points = [[x, y, confidence] if x == x and y == y else None for x, y in (ends[:2], ends[2:])]
    return entry | {KEYPOINTS: points} if any(points) else entry
