"""Several labels an image: tags, written as one text wherever a table has a class.

An image's tags are "|scab|rust|" there, in their order, and "|" where it has none; no class name begins so.
Where labels are numbers (n,), those of tags are a matrix (n, C) of 0 and 1: two dimensions tell them apart.
Counts are likewise: (C,) images of each class, or (2, C) without and with each tag.

A tag by itself is a question of two answers. What is known of classes holds of it, too, so most that asks for
probabilities (n, C) whose rows sum to 1 takes tags as `in_pairs`: n x C questions of two classes each.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

MARK = "|"


def as_text(tags: Iterable[str]) -> str:
    """The text of an image's tags, each once, sorted."""
    return MARK.join(["", *sorted(set(tags)), ""]) if tags else MARK


def tags_in(text: str) -> list[str]:
    """The tags of an image, by their text."""
    return [tag for tag in text.split(MARK) if tag]


def are_tags(texts: Iterable[str]) -> bool:
    """Whether the classes of images are tags; not where there are none."""
    return any(text.startswith(MARK) for text in texts)


def shown(text: str) -> str:
    """A class as people read it: "scab, rust", or "none" of no tags."""
    return (", ".join(tags_in(text)) or "none") if text.startswith(MARK) else text


def targets_of(texts: Sequence[str], order: Sequence[str]) -> np.ndarray:
    """Which tags images have: (n, C) float32, 0 or 1, the tags in `order`."""
    place = {tag: column for column, tag in enumerate(order)}
    targets = np.zeros((len(texts), len(order)), np.float32)
    for row, text in enumerate(texts):
        targets[row, [place[tag] for tag in tags_in(text)]] = 1.0
    return targets


def a_row_a_tag(images: pd.DataFrame) -> pd.DataFrame:
    """The images with one row for each of their tags, `class_name` being that; single labels as they are."""
    if not are_tags(images["class_name"]):
        return images
    rows = images.assign(class_name=images["class_name"].map(tags_in)).explode("class_name")
    return rows[rows["class_name"].notna()].reset_index(drop=True)


def in_pairs(proba: np.ndarray) -> np.ndarray:
    """Tags' probabilities (..., n, C) as those of n x C questions: (..., n x C, 2), the tag being class 1."""
    said = np.asarray(proba, np.float64).reshape(*proba.shape[:-2], -1)
    return np.stack([1.0 - said, said], axis=-1)


def out_of_pairs(pairs: np.ndarray, n_classes: int) -> np.ndarray:
    """The reverse of `in_pairs`: (..., n, C)."""
    return np.asarray(pairs[..., 1].reshape(*pairs.shape[:-2], -1, n_classes))
