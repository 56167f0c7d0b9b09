"""What a competition is before any model: counts, sizes, boxes, and what to look out for."""

from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.errors import examples
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.dataset.boxes import box_area
from fishcli.dataset.classes import class_order, counts_of, labels_of, smoothed_prior
from fishcli.dataset.layout.competition import Competition
from fishcli.dataset.metadata import is_hardly_shared, size_keys
from fishcli.dataset.sizes import class_by
from fishcli.dataset.tags import a_row_a_tag
from fishcli.report.plots.data import GRID

N_SIZES, N_GROUPS = 15, 15
INPUT, SMALL = 224, 0.1
"""Pixels of the usual backbone's input, to say what is left of a box there, and a small box's area."""
MOST = 0.8


def facts_of(known: Competition) -> dict[str, Any]:
    """All that the page shows but the photos: numbers, names and sentences."""
    images, readable = known.images, _readable(known.images)
    classes = _classes(known)
    by_tag = a_row_a_tag(images)
    return {
        "source": known.source,
        "n_images": len(images),
        "n_tests": {split: len(table) for split, table in known.tests.items()},
        "n_groups": int(images["group"].nunique()) if "group" in images else None,
        "n_sizes": len(set(size_keys(readable))),
        "prior_log_loss": _prior_log_loss(images),
        "classes": classes,
        "class_by_size": _class_by_size(images) if _shares_sizes(readable) else None,
        "class_by_group": (
            class_by(by_tag["group"], by_tag["class_name"], "group", N_GROUPS) if "group" in images else None
        ),
        "sizes": _sizes(known) if _shares_sizes(readable) else [],
        "spans": [_span(split, table) for split, table in {"train": images, **known.tests}.items()],
        "groups": _groups(images),
        "boxes": _boxes(known),
        "broken": _broken(known),
        "notes": _notes(known, classes),
    }


def _prior_log_loss(images: pd.DataFrame) -> float:
    """What the smoothed prior's log loss is on the images themselves; of tags the mean of each one's."""
    order = class_order(images["class_name"])
    counts = counts_of(labels_of(images["class_name"], order), len(order))
    prior = smoothed_prior(counts)
    if counts.ndim == 1:
        return float(-(counts / counts.sum()) @ np.log(prior))
    return float(-(counts / len(images) * np.log([1.0 - prior, prior])).sum(axis=0).mean())


def _readable(images: pd.DataFrame) -> pd.DataFrame:
    """Images whose header tells their size."""
    return images[images["width"] > 0]


def _class_by_size(images: pd.DataFrame) -> dict[str, Any]:
    """Unreadable ones are a size of their own: all classes keep their counts, and with them their colours."""
    images = a_row_a_tag(images)
    keys = pd.Series(size_keys(images), index=images.index)
    return class_by(keys.where(images["width"] > 0, "unreadable"), images["class_name"], "size", N_SIZES)


def _shares_sizes(readable: pd.DataFrame) -> bool:
    """Whether images share sizes, as frames do; crops and photos by hand hardly do."""
    return len(readable) > 0 and not is_hardly_shared(readable)


def _span(split: str, table: pd.DataFrame) -> dict[str, Any]:
    """The smallest, the median and the largest photo of a split, by its number of pixels."""
    readable = _readable(table)
    areas = readable["width"] * readable["height"]
    keys = pd.Series(size_keys(readable), index=readable.index)
    ranked = list(keys.loc[areas.sort_values(kind="stable").index])
    found = {"smallest": 0, "median": len(ranked) // 2, "largest": -1}
    sizes = {name: ranked[place] if ranked else None for name, place in found.items()}
    return {"split": split, "n": len(table), "n_sizes": keys.nunique(), **sizes}


def _classes(known: Competition) -> list[dict[str, Any]]:
    """A row a class, frequent first."""
    images = known.images.assign(area=box_area(known.targets), size=size_keys(known.images))
    n_boxes = known.boxes.groupby("image").size()
    images["n_boxes"] = images["image"].map(n_boxes).fillna(0).astype(int)
    rows = []
    for name, part in a_row_a_tag(images).groupby("class_name"):
        areas = part["area"].dropna().to_numpy()
        low, middle, high = np.quantile(areas, [0.1, 0.5, 0.9]).tolist() if len(areas) else [None] * 3
        rows.append(
            {
                "name": name,
                "n": len(part),
                "share": len(part) / len(images),
                "n_groups": int(part["group"].nunique()) if "group" in part else None,
                "n_sizes": int(part.loc[part["width"] > 0, "size"].nunique()),
                "n_boxed": len(areas),
                "n_boxes": int(part["n_boxes"].sum()),
                "area_low": low,
                "area": middle,
                "area_high": high,
            }
        )
    return sorted(rows, key=lambda row: -row["n"])


def _sizes(known: Competition) -> list[dict[str, Any]]:
    """How many images of each split have a size, frequent in training first; the rest are summed up."""
    tables = {"train": known.images, **known.tests}
    counts = pd.DataFrame({split: _size_counts(table) for split, table in tables.items()}).fillna(0)
    counts = counts.astype(int).sort_values(list(tables), ascending=False, kind="stable")
    rest = counts.iloc[N_SIZES:]
    counts = counts.head(N_SIZES)
    if len(rest):
        counts.loc[f"{len(rest):,} others"] = rest.sum()
    named = counts.astype(int).rename_axis("size").reset_index()
    return [dict(zip(map(str, named), row, strict=True)) for row in named.itertuples(index=False, name=None)]


def _size_counts(table: pd.DataFrame) -> pd.Series:
    return pd.Series(size_keys(_readable(table)), dtype=object).value_counts()


def _groups(images: pd.DataFrame) -> dict[str, Any] | None:
    """How large groups are and what they have in common."""
    if "group" not in images:
        return None
    sizes = (
        images.assign(size=pd.Series(size_keys(images), index=images.index).where(images["width"] > 0))
        .groupby("group")
        .agg(n=("image", "size"), n_sizes=("size", "nunique"), n_classes=("class_name", "nunique"))
    )
    return {
        "n": len(sizes),
        "n_of_one_size": int((sizes["n_sizes"] == 1).sum()),
        "n_of_one_class": int((sizes["n_classes"] == 1).sum()),
        "smallest": int(sizes["n"].min()),
        "median": float(sizes["n"].median()),
        "largest": int(sizes["n"].max()),
    }


def _boxes(known: Competition) -> dict[str, Any] | None:
    """Where boxes lie, how large they are, how many an image has; None where there are none."""
    if known.boxes.empty:
        return None
    corners = known.boxes[BOX_COLUMNS].to_numpy()
    middles = [(np.arange(n) + 0.5) / n for n in GRID]
    across = (corners[:, :1] <= middles[0]) & (middles[0] < corners[:, 2:3])
    down = (corners[:, 1:2] <= middles[1]) & (middles[1] < corners[:, 3:4])
    cover = down.T.astype(float) @ across.astype(float) / len(corners)
    sides = corners[:, 2:] - corners[:, :2]
    per_image = known.boxes.groupby("image").size()
    return {
        "n": len(corners),
        "n_boxed": len(per_image),
        "n_several": int((per_image > 1).sum()),
        "most": int(per_image.max()),
        "cover": cover.round(4).tolist(),
        "width": float(np.median(sides[:, 0])),
        "height": float(np.median(sides[:, 1])),
        "area": float(np.median(box_area(corners))),
    }


def _broken(known: Competition) -> list[dict[str, str]]:
    """The files that can't be read, each with why."""
    rows = []
    for split, table in {"train": known.images, **known.tests}.items():
        broken = table[table["problem"] != ""]
        rows += [
            {"split": split, "image": image, "problem": problem}
            for image, problem in zip(broken["image"], broken["problem"], strict=True)
        ]
    return rows


def _notes(known: Competition, classes: list[dict[str, Any]]) -> list[str]:
    """What a competitor should look out for."""
    notes, groups, boxes = [], _groups(known.images), _boxes(known)
    if groups is None:
        notes.append(
            "No groups are known (boats, cameras, videos), so nobody knows what a score is worth on new "
            "ones: fishcli groups looks for them."
        )
    elif groups["n"] > 1:
        alone = [each["name"] for each in classes if each["n_groups"] == 1]
        if alone:
            notes.append(
                f"In one group only: {examples(alone, 5)}. On grouped folds such a class is either trained "
                "on or tested, never both."
            )
        if len(classes) > 1 and groups["n_of_one_class"] > MOST * groups["n"]:
            notes.append(
                f"{groups['n_of_one_class']:,} of {groups['n']:,} groups have one class only. On random "
                "folds, who recognises the group knows the answer: believe grouped folds."
            )
        if groups["n_of_one_size"] == groups["n"] and len(set(size_keys(known.images))) > 1:
            notes.append(
                "Every group has one image size, so the size tells of the group, and with it of the class: "
                "fishcli audit-leakage measures how much."
            )
    for split, table in known.tests.items():
        unseen = ~pd.Series(size_keys(_readable(table))).isin(size_keys(known.images))
        if unseen.any() and _shares_sizes(_readable(known.images)):
            notes.append(
                f"{split}: {unseen.mean():.0%} of the images have a size that training lacks. They may be of "
                "new cameras: believe grouped folds."
            )
    if boxes is not None:
        pixels = f"{round(INPUT * boxes['width'])} x {round(INPUT * boxes['height'])}"
        advice = ". A larger --image-size shows more of it." if boxes["area"] < SMALL else "."
        notes.append(
            f"Half of the boxes take less than {boxes['area']:.1%} of their photo: the median one is "
            f"{pixels} pixels of a {INPUT} x {INPUT} input{advice}"
        )
    n_broken = len(_broken(known))
    if n_broken:
        notes.append(f"{n_broken:,} files can't be read; features --skip-unreadable goes on without them.")
    return notes
