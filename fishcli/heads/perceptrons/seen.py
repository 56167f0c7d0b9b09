"""What a perceptron looks at, made of the features once for all folds where it fits into memory."""

import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fishcli.basics.side_by_side import stop_if_given_up
from fishcli.heads.inputs import Features, in_parts
from fishcli.heads.lent import Replaced
from fishcli.heads.perceptrons.architecture import POOLINGS, Architecture

MADE_BYTES = 2**30
"""What is made of an array of features once may take so much; more is made of each batch."""

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
_kept: dict[int, dict[Hashable, np.ndarray]] = {}
"""What was made of features, by their id; it goes when they do."""


def seen_by(architecture: Architecture, features: Features, n_bytes: float) -> dict[str, Features]:
    """What each part of a perceptron looks at, float32: made once for heads that train on the same features.

    Args:
        architecture: which of the parts "class" and "box" there are, and what they take.
        features: (v, n, ...) of the images.
        n_bytes: that may be held of what is made, MADE_BYTES at most.
    """
    if isinstance(features, Replaced):
        found = seen_by(architecture, features.features, n_bytes)
        return {name: replace(features, features=each) for name, each in found.items()}
    makes: dict[str, tuple[Hashable, Make]] = {}
    if architecture.n_classes:
        is_pooled = architecture.has_maps and architecture.pooling not in POOLINGS
        key = (architecture.pooling, architecture.is_local) if is_pooled else "as it is"
        makes["class"] = (key, architecture.class_features)
    if architecture.has_box:
        makes["box"] = ("cells" if architecture.has_maps else "as it is", architecture.box_features)
    with _lock:
        kept = _kept_of(features)
        return {
            name: _made(features, make, kept, key, min(n_bytes, MADE_BYTES))
            for name, (key, make) in makes.items()
        }


def _kept_of(features: Features) -> dict[Hashable, np.ndarray]:
    if id(features) not in _kept:
        weakref.finalize(features, _kept.pop, id(features)).atexit = False
    return _kept.setdefault(id(features), {})


def _made(
    features: Features, make: Make, kept: dict[Hashable, np.ndarray], key: Hashable, n_bytes: float
) -> Features:
    """What `make` makes of all features, which is then among `kept`; where there is no room for it, later."""
    if key in kept:
        return kept[key]
    n_views, n = features.shape[:2]
    shape = (n_views, n, *make(features[0, np.zeros(1, np.int64)]).shape[1:])
    if 4 * np.prod(shape, dtype=np.float64) + sum(each.nbytes for each in kept.values()) > n_bytes:
        return MadeAsRead(features, make, shape)
    found = np.empty(shape, np.float32)
    for view in range(n_views):
        for rows in in_parts(np.arange(n)):
            stop_if_given_up()
            found[view, rows] = make(features[view, rows])
    kept[key] = found
    return found
