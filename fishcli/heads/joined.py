"""Features of several stores joined for a head: pooled, side by side, in the order of their names."""

from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.features.store.store import FeatureStore
from fishcli.heads.inputs import check_finite, pool_maps, store_rows


class JoinedStore:
    """Several stores that are read as one of pooled features.

    Its rows are those of the first store's lists. The other stores may have the same images in another order:
    they are looked up by id.
    """

    def __init__(self, parts: list[FeatureStore]) -> None:
        """Join `parts`, which are brought up to date, each by itself, before anything is read."""
        self.parts = parts
        self._rows: dict[str, list[np.ndarray]] = {}

    @property
    def store_dir(self) -> Path:
        """The first store's folder, which messages name and where large features lie beside."""
        return self.parts[0].store_dir

    def images(self, split: str) -> pd.DataFrame | None:
        """The image list of a split that `read` takes the rows of."""
        return self.parts[0].images(split)

    def unreadable(self, split: str) -> dict[str, str]:
        """The images of a split that are lacking in any of the stores, each with the reason."""
        return {image: reason for part in self.parts for image, reason in part.unreadable(split).items()}

    def copies(self, split: str) -> list[str]:
        """The names of a split's augmented copies that all stores have, in order."""
        found = [part.copies(split) for part in self.parts]
        return [name for name in found[0] if all(name in names for names in found[1:])]

    def read(self, split: str, view: str, rows: np.ndarray) -> np.ndarray:
        """Rows of a split's features: (n, channels of all stores) float16, maps averaged over their places.

        Raises:
            FishError: a store lacks an image; features that are damaged or not finite.
        """
        found = []
        for part, own in zip(self.parts, self._rows_of(split, rows), strict=True):
            features = part.read(split, view, own)
            check_finite(part, split, own, features)
            found.append(features)
        return side_by_side(found)

    def _rows_of(self, split: str, rows: np.ndarray) -> list[np.ndarray]:
        """The rows (n,) of each store that have the images of the first one's `rows`."""
        if split not in self._rows:
            ids = [_ids(part, split) for part in self.parts]
            self._rows[split] = [each.get_indexer(ids[0]) for each in ids]
        found = [own[rows] for own in self._rows[split]]
        for part, own in zip(self.parts, found, strict=True):
            if (own < 0).any():
                store_rows(part, split, list(_ids(self.parts[0], split)[rows]))  # says what mends it
        return found


def side_by_side(parts: list[np.ndarray]) -> np.ndarray:
    """Features of the same images by several stores as one (n, channels of all), maps averaged on the way."""
    return np.concatenate([pool_maps(each) if each.ndim == 4 else each for each in parts], axis=1)


def _ids(store: FeatureStore, split: str) -> pd.Index:
    listed = store.images(split)
    return pd.Index([] if listed is None else listed["image"], dtype=object)


HeadStore = FeatureStore | JoinedStore
"""Where a head's features are."""


def joined(parts: list[FeatureStore]) -> HeadStore:
    """One store as it is, several joined."""
    return parts[0] if len(parts) == 1 else JoinedStore(parts)


def parts_of(store: HeadStore) -> list[FeatureStore]:
    """The stores behind a head's features, in order."""
    return store.parts if isinstance(store, JoinedStore) else [store]


def name_of(store: HeadStore) -> str:
    """What `--features` takes to name a head's features."""
    return "+".join(part.recipe.name for part in parts_of(store))


def feature_shape(store: HeadStore, split: str, view: str) -> tuple[int, ...]:
    """The shape of an image's features: (h, w, channels) of maps, or (channels,)."""
    if not isinstance(store, JoinedStore):
        return tuple(store.array(split, view).shape[1:])
    return (sum(int(part.array(split, view).shape[-1]) for part in store.parts),)
