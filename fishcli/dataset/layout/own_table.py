"""train.csv with the columns image, label and perhaps group: fishcli's own table of labels, read strictly."""

from pathlib import Path

import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import line_of, read_cells, read_csv
from fishcli.basics.progress import warn
from fishcli.dataset.layout.label_columns import labels_of_cells
from fishcli.dataset.layout.listing import Listing, by_suffix
from fishcli.dataset.names import NameIndex, check_names

NAME = "train.csv"
COLUMNS = ("image", "label")


def is_own(path: Path) -> bool:
    """Whether a file is there and has these columns."""
    return path.exists() and set(COLUMNS) <= set(read_cells(path)[0])


def read_own(csv_path: Path, train_dir: Path, listing: Listing, separator: str | None = None) -> pd.DataFrame:
    """Read the table: `image` (id), `class_name` and, where it has one, `group`, in the order of ids.

    `separator` is what separates an image's labels; None: it is found.

    Raises:
        FishError: a photo that isn't there or stands there twice, an empty label or group.
    """
    paths, others = listing.photos, listing.others
    table = read_csv(csv_path, required=["image", "label"], text=["image", "label", "group"])
    if table.empty:
        raise FishError(f"{csv_path} has no line after its header. Expected image,label[,group].")
    found, unknown = NameIndex(paths).find_all(table["image"], str(csv_path))
    if unknown:
        there, _ = NameIndex(others).find_all(unknown, str(csv_path))
        if there:
            raise FishError(
                f"{csv_path} names {len(there):,} files that lie in {train_dir}, but are no photos "
                f"that fishcli reads ({by_suffix(there.values())}): {examples(list(there))}. Convert them to "
                "JPEG or PNG, or delete their lines."
            )
        raise FishError(
            f"{csv_path} names {len(unknown):,} images that {train_dir} lacks: {examples(unknown)}. "
            "Add the files or delete their lines."
        )
    if (table["label"] == "").any():
        line = line_of(csv_path, int((table["label"] == "").idxmax()))
        raise FishError(f"{csv_path}, line {line}: the label is empty. Write a class name there.")
    check_names(table["label"].unique(), str(csv_path))
    table["label"] = labels_of_cells("label", table["label"], str(csv_path), separator)
    images = table["image"].map(found)
    twice = images[images.duplicated()]
    if len(twice):
        line = line_of(csv_path, int(twice.index[0]))
        raise FishError(
            f"{csv_path}, line {line}: {twice.iloc[0]!r} stands there a second time. Keep one line an image."
        )
    unnamed = sorted(set(paths) - set(images))
    if unnamed:
        warn(
            f"{csv_path} has no label for {len(unnamed):,} images in {train_dir.name}/: left out "
            f"({examples(unnamed)})"
        )
    labels = pd.DataFrame({"image": images, "class_name": table["label"]})
    if "group" in table and (table["group"] == "").any():
        line = line_of(csv_path, int((table["group"] == "").idxmax()))
        raise FishError(f"{csv_path}, line {line}: the group is empty. Write one there or drop the column.")
    if "group" in table:
        check_names(table["group"].unique(), str(csv_path))
        labels["group"] = table["group"]
    return labels.sort_values("image", ignore_index=True)
