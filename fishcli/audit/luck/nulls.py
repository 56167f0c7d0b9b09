"""Is it an accident? Permutation tests of metadata against the label, by the statistic of `ridge.py`.

The folds depend on nothing but chance. Two nulls:

- **images**: labels shuffled over images. Right where images are independent; frames of one sequence are not,
  and make its p-value too small.
- **groups**: each group's constant metadata (its medians and most frequent values) permuted over the groups,
  under grouped folds; the groups keep their images and labels. Right where a group's metadata have nothing to
  do with how many images it has. To shuffle blocks of labels between groups of unequal size, or labels within
  groups, would test something else.

p = (1 + b) / (1 + B) (Phipson & Smyth 2010). Per field, p-values are adjusted for looking at many fields by
the largest standardised statistic of each permutation (max-T, Westfall & Young 1993).
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.audit.later import Later, begin
from fishcli.audit.learners.encoding import MIN_COUNT
from fishcli.audit.learners.ridge import STATISTIC, Design, Sums
from fishcli.audit.table import AuditTable

LEVEL = 0.05
"""A test that can't reach this p-value is none."""
TIE = 1e-9
"""Statistics that differ by less are equal but for rounding."""
BATCH_VALUES = 8_000_000
"""So many label indicators are in memory at a time."""


@dataclass(frozen=True)
class Null:
    """One permutation test.

    Attributes:
        null: "images" or "groups": what was permuted.
        statistic: its name.
        observed: of the data as they are, 1 at most; None where it was not tested.
        p_value: None where it was not tested.
        smallest_p: the smallest p-value that was to be had.
        n_permutations: how many were drawn.
        untestable: why it was not tested, "" where it was.
        drawn: the statistic of each permutation.
    """

    null: str
    statistic: str
    observed: float | None
    p_value: float | None
    smallest_p: float
    n_permutations: int
    untestable: str
    drawn: list[float]


def permute_images(
    table: AuditTable, n_folds: int, n_permutations: int, seed: int
) -> tuple[Null, dict[str, float | None]]:
    """What `image_permutations` tells."""
    ((null, by_field),) = begin([image_permutations(table, n_folds, n_permutations, seed)])
    return null, by_field


def image_permutations(
    table: AuditTable, n_folds: int, n_permutations: int, seed: int
) -> Later[tuple[Null, dict[str, float | None]]]:
    """Shuffle the labels over images, under random folds.

    Returns:
        The test of all fields together, and each field's own p-value, adjusted; None of a constant field.
    """
    from joblib import delayed

    design = Design.of(table.columns, table.fields, MIN_COUNT)
    fold = _folds(len(design.values), n_folds, seed)
    order, ends = np.argsort(fold, kind="stable"), np.cumsum(np.bincount(fold))[:-1]
    values, labels = design.values[order], table.labels[order]
    parts = np.split(values, ends)
    gram = np.stack([part.T @ part for part in parts])[None].astype(np.float64)
    total = np.stack([part.sum(0, dtype=np.float64) for part in parts])[None]
    n_batch = max(1, BATCH_VALUES // (len(labels) * table.n_classes))
    numbers = range(1 + n_permutations)
    batches = [numbers[start : start + n_batch] for start in numbers[::n_batch]]
    shared = ((values, design.columns), ends, gram, total, labels)

    def finish(made: Iterator[np.ndarray]) -> tuple[Null, dict[str, float | None]]:
        explained = np.concatenate(list(made))
        adjusted = _adjusted(design.columns, explained[:, 1:])
        return _null("images", explained[:, 0], 1 / (1 + n_permutations)), adjusted

    return Later([delayed(_explained_by_image)(*shared, batch, seed) for batch in batches], finish)


def permute_groups(
    table: AuditTable, n_folds: int, n_permutations: int, seed: int
) -> tuple[Null, dict[str, float | None]]:
    """Permute the groups' constant metadata over the groups, under folds that keep groups whole.

    Returns:
        As `image_permutations`; no p-values where the groups are too few, or too much alike, for one of 0.05.

    Raises:
        ValueError: the table has no groups.
    """
    from joblib import Parallel, delayed

    if table.groups is None:
        raise ValueError("a table without groups")
    n_groups = int(table.groups.max()) + 1
    design = Design.of(_group_constants(table), table.fields, min_count=2)
    smallest = max(1 / (1 + n_permutations), math.exp(-_log_arrangements(design.values)))
    if smallest > LEVEL:
        why = f"too few groups with metadata of their own: no p-value below {smallest:.2g} is possible"
        return Null("groups", STATISTIC, None, None, smallest, 0, why, []), dict.fromkeys(design.columns)
    counts = np.zeros((n_groups, table.n_classes))
    np.add.at(counts, (table.groups, table.labels), 1)
    fold = _folds(n_groups, min(n_folds, n_groups), seed)
    arrangements = _arrangements(n_groups, n_permutations, np.random.default_rng((seed, 2)))
    pieces = [_fewest_columns(design.values), *(design.values[:, part] for part in design.columns.values())]
    calls = (delayed(_explained_by_group)(piece, fold, counts, arrangements) for piece in pieces)
    explained = np.stack(Parallel()(calls), axis=-1)
    adjusted = _adjusted(design.columns, explained[:, 1:])
    return _null("groups", explained[:, 0], smallest), adjusted


def _folds(n: int, n_folds: int, seed: int) -> np.ndarray:
    """Folds of n rows that depend on nothing but chance: (n,) int."""
    return np.random.default_rng((seed, 3)).permutation(np.arange(n) % n_folds)


def _explained_by_image(
    design: tuple[np.ndarray, dict[str, slice]],
    ends: np.ndarray,
    gram: np.ndarray,
    total: np.ndarray,
    labels: np.ndarray,
    numbers: range,
    seed: int,
) -> np.ndarray:
    """The statistic of all fields and each field under some arrangements of the labels: (b, 1 + n_fields).

    Arrangement 0 is the labels as they are. Every other one has a random generator of its own, so that it is
    the same whoever draws it.

    Args:
        design: the values (n, p) and columns of `Design`, fold by fold.
        ends: where in them each fold but the last ends.
        gram: of `Sums`, as the next; no arrangement changes them.
        total: as `gram`.
        labels: (n,) int, in the same order.
        numbers: of b arrangements.
        seed: of all arrangements.
    """
    drawn = [np.random.default_rng((seed, 1, b)).permutation(labels) if b else labels for b in numbers]
    one_hot = np.eye(labels.max() + 1, dtype=np.float32)[np.stack(drawn, -1)]
    parts, pieces = np.split(design[0], ends), np.split(one_hot, ends)
    cross = np.stack([np.tensordot(part.T, piece, 1) for part, piece in zip(parts, pieces, strict=True)])
    counts = np.stack([piece.sum(0) for piece in pieces])
    cross = cross.transpose(2, 0, 1, 3).astype(np.float64)
    return Design(*design).explained(Sums(gram, total, cross, counts.swapaxes(0, 1), len(labels)))


def _arrangements(n_groups: int, n_permutations: int, rng: np.random.Generator) -> np.ndarray:
    """The groups in order, then permuted: (1 + B, n_groups) int."""
    in_order = np.arange(n_groups)
    return np.stack([in_order, *(rng.permutation(n_groups) for _ in range(n_permutations))])


def _fewest_columns(values: np.ndarray) -> np.ndarray:
    """The same rows turned onto their principal axes, which a ridge regression doesn't notice."""
    u, s, _ = np.linalg.svd(values, full_matrices=False)
    return (u * s)[:, s > TIE * s.max(initial=0)]


def _explained_by_group(
    values: np.ndarray, fold: np.ndarray, counts: np.ndarray, arrangements: np.ndarray
) -> np.ndarray:
    """The statistic under each arrangement of the groups' metadata, in batches: (1 + B,).

    Args:
        values: (G, p) each group's metadata.
        fold: (G,) the fold of each group.
        counts: (G, C) images of each class in each group.
        arrangements: (1 + B, G) whose metadata each group gets.
    """
    parts = [fold == k for k in range(fold.max() + 1)]
    by_fold = np.stack([counts[part].sum(0) for part in parts])[None]
    n_batch = max(1, BATCH_VALUES // (values.size + len(parts) * values.shape[1] ** 2))
    explained = []
    for start in range(0, len(arrangements), n_batch):
        arranged = values[arrangements[start : start + n_batch]]
        sized = arranged * counts.sum(1)[:, None]
        turned = [arranged[:, part].swapaxes(1, 2) for part in parts]
        gram = np.stack([t @ sized[:, part] for t, part in zip(turned, parts, strict=True)], axis=1)
        total = np.stack([sized[:, part].sum(1) for part in parts], axis=1)
        cross = np.stack([t @ counts[part] for t, part in zip(turned, parts, strict=True)], axis=1)
        explained.append(Sums(gram, total, cross, by_fold, len(values)).explained())
    return np.concatenate(explained)


def _group_constants(table: AuditTable) -> pd.DataFrame:
    """Each group's median of a numeric field, its most frequent value of a categorical one: a row a group."""
    by_group = table.columns.groupby(table.groups)
    columns = {}
    for field in table.fields:
        values = by_group[field.name]
        columns[field.name] = values.median() if field.kind == "numeric" else values.agg(_most_frequent)
    return pd.DataFrame(columns)


def _most_frequent(values: pd.Series) -> str:
    return str(values.mode().iloc[0])


def _log_arrangements(values: np.ndarray) -> float:
    """The logarithm of the number of different ways in which rows can be arranged."""
    from scipy.special import gammaln

    counts = np.unique(values, axis=0, return_counts=True)[1]
    return float(gammaln(len(values) + 1) - gammaln(counts + 1).sum())


def _null(null: str, explained: np.ndarray, smallest_p: float) -> Null:
    """Summarise the statistic of all fields, (1 + B,), the first as the data are."""
    observed, drawn = float(explained[0]), explained[1:]
    p_value = _p_value(observed, drawn)
    return Null(null, STATISTIC, observed, p_value, smallest_p, len(drawn), "", drawn.tolist())


def _p_value(observed: float, drawn: np.ndarray) -> float:
    return float((1 + (drawn >= observed - TIE).sum()) / (1 + len(drawn)))


def _adjusted(names: Iterable[str], explained: np.ndarray) -> dict[str, float | None]:
    """Each field's p-value by max-T, from its statistic (1 + B, n_fields); None of one that never varies."""
    spread = explained.std(axis=0)
    varies = spread > TIE
    standard = (explained - explained.mean(axis=0)) / np.where(varies, spread, 1)
    largest = np.where(varies, standard, -np.inf).max(axis=1)[1:]
    return {
        name: _p_value(float(standard[0, f]), largest) if varies[f] else None for f, name in enumerate(names)
    }
