"""What tells training and test images apart: metadata, or what the photos show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fishcli.audit.learners.learners import LEARNERS, cross_fit
from fishcli.audit.seen.components import drawn_rows, principal_scores
from fishcli.audit.seen.image_learner import held_out_of_many
from fishcli.audit.table import AuditTable
from fishcli.dataset.fields import Field


@dataclass(frozen=True)
class World:
    """Training or test images, as far as they are known; all in one row order.

    Attributes:
        groups: (n,) the name of each image's group, or None. A name on both sides is one group.
        columns: n rows of metadata, as AuditTable has them.
        features: (n, channels) float32, pooled, finite; or None.
    """

    groups: np.ndarray | None
    columns: pd.DataFrame
    features: np.ndarray | None

    def rows(self, chosen: np.ndarray) -> "World":
        """Some of the rows, by a mask or numbers."""
        return World(
            None if self.groups is None else self.groups[chosen],
            self.columns.iloc[np.arange(len(self.columns))[chosen]],
            None if self.features is None else self.features[chosen],
        )


Teller = Callable[[World, World, np.ndarray], np.ndarray]
"""From training images, test images and the folds (n,) of both to held-out scores (n,), higher for test."""


def by_metadata(fields: Sequence[Field], train: World, test: World, fold: np.ndarray) -> np.ndarray:
    """With its `fields` given, a teller that reads them."""
    names = [field.name for field in fields]
    columns = pd.concat([train.columns[names], test.columns[names]], ignore_index=True)
    is_train = np.repeat([1, 0], [len(train.columns), len(test.columns)])
    varied = [field for field in fields if len(columns[field.name].unique()) > 1]
    if not varied:
        return np.zeros(len(fold))
    table = AuditTable(["test", "train"], is_train, None, columns[[each.name for each in varied]], varied)
    by_learner = cross_fit(table, fold)
    return np.mean([by_learner[name][:, 0] for name in LEARNERS], axis=0)


def on_components(train: World, test: World) -> tuple[World, World]:
    """The same with features on the principal components of both sides together.

    What is told apart are the sides, and the components are found without knowing them: were both of one
    world, no image's component would depend on its side. So one search serves all folds and splits.
    """
    if train.features is None or test.features is None:
        return train, test
    features = np.concatenate([train.features, test.features])
    scores = np.split(principal_scores(features, drawn_rows(len(features))), [len(train.features)])
    return replace(train, features=scores[0]), replace(test, features=scores[1])


def by_components(train: World, test: World, fold: np.ndarray) -> np.ndarray:
    """A teller that reads what `on_components` left of features."""
    assert train.features is not None
    assert test.features is not None
    columns = np.concatenate([train.features, test.features])
    is_test = np.repeat([0, 1], [len(train.features), len(test.features)])
    scores = np.zeros(len(fold))
    for k in np.unique(fold):
        scores[fold == k] = held_out_of_many(columns, is_test[None], fold, k)[0, :, 1]
    return scores
