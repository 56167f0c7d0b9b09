"""`fishcli data`: a picture of the competition before any model."""

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
from PIL import ImageDraw

from fishcli.basics.files import write_csv, write_text
from fishcli.basics.locks import alone
from fishcli.basics.progress import say, track
from fishcli.basics.tables import table_text
from fishcli.dataset.annotations import BOX_COLUMNS, read_boxes
from fishcli.dataset.boxes import box_area
from fishcli.dataset.groups import load_groups
from fishcli.dataset.layout.competition import Competition
from fishcli.dataset.layout.images import load_tests_if_any, load_train
from fishcli.dataset.photos.copies import copies_said
from fishcli.dataset.photos.photo import UnreadableImageError, contained
from fishcli.dataset.photos.thumbnails import read_hashes, read_small
from fishcli.dataset.tags import a_row_a_tag
from fishcli.options.data import PictureConfig
from fishcli.options.reading import Reading
from fishcli.report.data_facts import facts_of
from fishcli.report.pages.data import data_page

THUMBNAIL = (216, 162)  # pixels, width and height
N_PHOTOS, MOST_PHOTOS, MOST_CLASSES = 400, 24, 60
"""Photos on all contact sheets together, on one at most, and classes that have one: the page stays small."""
BOX_COLOUR = "#ffd21f"


def run(config: PictureConfig) -> str:
    """Look at all files and write data.html and images.csv; returns the counts and the page's path."""
    known = _load(config)
    facts = facts_of(known)
    facts["notes"] = [*copies_said(known, config.reading), *facts["notes"]]
    page = data_page(facts, _sheets(known, facts, config.reading))
    with alone(config.out):  # both files of one process
        write_csv(config.out / "images.csv", _all_images(known))
        write_text(config.out / "data.html", page)
    say(f"{config.out / 'images.csv'} has a line an image")
    return "\n\n".join([_class_text(facts), "\n".join(facts["notes"]), str(config.out / "data.html")])


def _load(config: PictureConfig) -> Competition:
    images = load_train(config.data_dir, config.reading)
    groups = load_groups(config.groups, config.data_dir, images, config.layout)
    images = images.drop(columns="group", errors="ignore")
    if groups is not None:
        images = images.assign(group=groups.to_numpy())
    tests = load_tests_if_any(config.data_dir, config.reading)
    boxes = read_boxes(config.data_dir / "boxes", images, config.box_categories)
    decoded = {
        split: _decoded(table, split, config.reading) for split, table in {"train": images, **tests}.items()
    }
    return Competition(str(config.data_dir), decoded.pop("train"), decoded, boxes)


def _decoded(images: pd.DataFrame, split: str, reading: Reading) -> pd.DataFrame:
    """The images with the problem of those that can't be decoded to their end, and a perceptual `hash`."""
    hashes, problems = read_hashes(images, split, reading)
    found = pd.Series(problems, index=images.index)
    return images.assign(problem=images["problem"].where(images["problem"] != "", found), hash=hashes)


def _all_images(known: Competition) -> pd.DataFrame:
    """A row an image of every split."""
    targets = known.targets
    boxes = known.boxes.groupby("image").size()
    train = known.images.assign(
        n_boxes=known.images["image"].map(boxes).fillna(0).astype(int), box_area=box_area(targets)
    )
    parts = [table.assign(split=split) for split, table in {"train": train, **known.tests}.items()]
    columns = ["split", "image", "class_name", "group", "width", "height", "n_bytes", "n_boxes", "box_area"]
    table = pd.concat(parts, ignore_index=True)
    return table[[name for name in [*columns, "problem"] if name in table]]


def _sheets(
    known: Competition, facts: dict[str, Any], reading: Reading
) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Photos of each class, frequent classes first: a data URI, the image's id and its group."""
    names = [each["name"] for each in facts["classes"]][:MOST_CLASSES]
    n = int(np.clip(N_PHOTOS // len(names), 4, MOST_PHOTOS))
    images = known.images[known.images["problem"] == ""]
    images = images.assign(group=images.get("group", "")).sort_values(["group", "image"])
    images = a_row_a_tag(images)
    boxes = {image: part.to_numpy() for image, part in known.boxes.groupby("image")[BOX_COLUMNS]}
    sheets = []
    for name in track(names, "contact sheets", "class"):
        part = images[images["class_name"] == name]
        chosen = (
            part.iloc[np.unique(np.linspace(0, len(part) - 1, n).round().astype(int))] if len(part) else part
        )
        photos = [
            (_thumbnail(row.path, boxes.get(row.image), reading), row.image, row.group)
            for row in chosen.itertuples()
        ]
        sheets.append((name, [photo for photo in photos if photo[0]]))
    return sheets


def _thumbnail(path: Any, boxes: np.ndarray | None, reading: Reading) -> str:
    """A small photo with its boxes (k, 4), as a data URI; "" where it can't be read."""
    try:
        photo = contained(read_small(path, THUMBNAIL, reading), THUMBNAIL)
    except UnreadableImageError:
        return ""
    draw = ImageDraw.Draw(photo)
    for box in boxes if boxes is not None else []:
        corners = (box * [*photo.size, *photo.size]).round().astype(int)
        draw.rectangle(corners.tolist(), outline=BOX_COLOUR, width=2)
    jpeg = io.BytesIO()
    photo.save(jpeg, "JPEG", quality=75)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode('ascii')}"


def _class_text(facts: dict[str, Any]) -> str:
    """The classes in a short table."""
    headings = {
        "name": "class",
        "n": "images",
        "n_groups": "groups",
        "n_sizes": "sizes",
        "n_boxed": "with a box",
    }
    rows = [
        {heading: row[name] for name, heading in headings.items()} for row in facts["classes"][:MOST_CLASSES]
    ]
    table = pd.DataFrame(rows).dropna(axis=1, how="all")
    return table_text(table if facts["boxes"] else table.drop(columns="with a box"))
