"""What a perceptron looks at, made of the features once for all folds where it fits into memory."""

import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fishcli.heads.inputs import Features, in_parts
from fishcli.heads.lent import Replaced
from fishcli.heads.perceptrons.architecture import Architecture

MADE_BYTES = 2**30
"""What is made of features once may take so much; larger, it is made of each batch."""

Make = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class MadeAsRead:
    """What `make` makes of features, made whenever they are read: `Features` as well."""

    features: Features
    make: Make
    shape: tuple[int, ...]

    def __getitem__(self, key: tuple[Any, Any]) -> np.ndarray:
        """See `Features`."""
        return self.make(self.features[key])


_lock = threading.Lock()
_kept: dict[int, dict[Hashable, Features]] = {}
"""What was made of features, by their id; it goes when they do."""


def seen_by(architecture: Architecture, features: Features) -> dict[str, Features]:
    """What each part of a perceptron looks at, float32: made once for heads that train on the same features.

    Args:
        architecture: which of the parts "class" and "box" there are, and what they take.
        features: (v, n, ...) of the images.
    """
    if isinstance(features, Replaced):
        found = seen_by(architecture, features.features)
        return {name: replace(features, features=each) for name, each in found.items()}
    makes: dict[str, tuple[Hashable, Make]] = {}
    if architecture.n_classes:
        makes["class"] = ((architecture.pooling, architecture.is_local), architecture.class_features)
    if architecture.has_box:
        makes["box"] = ("box", architecture.box_features)
    with _lock:
        kept = _kept_of(features)
        for key, make in makes.values():
            if key not in kept:
                kept[key] = _made(features, make)
        return {name: kept[key] for name, (key, _) in makes.items()}


def _kept_of(features: Features) -> dict[Hashable, Features]:
    if id(features) not in _kept:
        weakref.finalize(features, _kept.pop, id(features)).atexit = False
    return _kept.setdefault(id(features), {})


def _made(features: Features, make: Make) -> Features:
    n_views, n = features.shape[:2]
    shape = (n_views, n, *make(features[0, np.zeros(1, np.int64)]).shape[1:])
    if 4 * np.prod(shape, dtype=np.float64) > MADE_BYTES:
        return MadeAsRead(features, make, shape)
    found = np.empty(shape, np.float32)
    for view in range(n_views):
        for rows in in_parts(np.arange(n)):
            found[view, rows] = make(features[view, rows])
    return found
