"""Class counts and the smoothed prior, the answer that every model has to beat."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from fishcli.dataset.tags import are_tags, tags_in, targets_of


def in_order(names: Iterable[str]) -> list[str]:
    """Class names in their order: as whole numbers where all are some, each written one way."""
    found = sorted(names)
    numbers = [int(name) for name in found if re.fullmatch(r"-?\d{1,18}", name)]
    return sorted(found, key=int) if len(set(numbers)) == len(found) else found


def class_order(texts: Iterable[str]) -> list[str]:
    """The classes of images in their order, by their names; of tags, the tags."""
    found = set(texts)
    return in_order({tag for text in found for tag in tags_in(text)} if are_tags(found) else found)


def labels_of(class_names: Iterable[str], order: Sequence[str]) -> np.ndarray:
    """The label (n,) int64 of each class name, its place in `order`; of tags, `tags.targets_of` (n, C)."""
    class_names = list(class_names)
    if are_tags(class_names):
        return targets_of(class_names, order)
    place = {name: label for label, name in enumerate(order)}
    return np.array([place[name] for name in class_names], np.int64)


def proba_columns(class_names: Sequence[str]) -> list[str]:
    """The columns of the classes' probabilities in our own tables, where a class may be called "fold"."""
    return [f"proba_{name}" for name in class_names]


def counts_of(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Images of each class (C,) int64; of tags (n, C) those without and with each, (2, C)."""
    if labels.ndim == 1:
        return np.bincount(labels, minlength=n_classes)
    n_with = labels.sum(axis=0, dtype=np.float64).round().astype(np.int64)
    return np.stack([len(labels) - n_with, n_with])


def can_learn(counts: np.ndarray) -> bool:
    """Whether images of these counts tell anything apart: two classes, or a tag that some have only."""
    if np.ndim(counts) == 2:
        return bool((counts > 0).all(axis=0).any())
    return bool((counts > 0).sum() > 1)


def smoothed_prior(counts: np.ndarray) -> np.ndarray:
    """The prior (C,) float64 of C classes, (n + 1/2) / (N + C/2), from their counts (C,).

    No class gets 0 (Jeffreys' prior), so no log loss is infinite. Of tags, counted (2, C), each is a class of
    two: (n + 1/2) / (N + 1).
    """
    counts = np.asarray(counts, np.float64)
    if counts.ndim == 2:
        return np.asarray((counts[1] + 0.5) / (counts.sum(axis=0) + 1.0))
    return (counts + 0.5) / (counts.sum() + 0.5 * len(counts))


def fill_missing_classes(proba: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Give classes that training lacked their smoothed prior, and the others what is left.

    Args:
        proba: (n, C), rows sum to 1; or of tags.
        counts: (C,) training images of each class; (2, C) of tags, of which those without two sorts of
            images get their prior, and the others stay.

    Returns:
        (n, C) float64, rows sum to 1; `proba` itself where no class is missing.
    """
    if np.ndim(counts) == 2:
        return np.where((np.asarray(counts) == 0).any(axis=0), smoothed_prior(counts), proba)
    missing = np.asarray(counts) == 0
    proba = np.asarray(proba, np.float64)
    if not missing.any():
        return proba
    prior = smoothed_prior(counts)
    known = np.where(missing, 0.0, proba)
    known = np.where(known.sum(axis=1, keepdims=True) > 1e-300, known, np.where(missing, 0.0, prior))
    known *= (1.0 - prior[missing].sum()) / known.sum(axis=1, keepdims=True)
    return np.where(missing, prior, known)


def fold_priors(labels: np.ndarray, fold: np.ndarray, n_classes: int) -> np.ndarray:
    """The smoothed class prior of each image's fold-training part: (n, C)."""
    proba = np.empty((len(labels), n_classes))
    for k in np.unique(fold):
        proba[fold == k] = smoothed_prior(counts_of(labels[fold != k], n_classes))
    return proba
