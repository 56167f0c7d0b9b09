"""The near duplicates that audit-leakage looks for, in photos that can be read."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from fishcli.audit.inputs import AuditInputs
from fishcli.audit.models import Cached, read_cached
from fishcli.audit.seen.seen import image_losses
from fishcli.audit.twins.twins import Photos, Twins, find_twins
from fishcli.basics.errors import examples
from fishcli.basics.progress import warn
from fishcli.dataset.photos.thumbnails import read_hashes
from fishcli.features.store.store import FeatureStore
from fishcli.options.reading import USUAL, Reading


def twins_of(
    inputs: AuditInputs,
    tests: Mapping[str, pd.DataFrame],
    store: FeatureStore | None,
    cached: Cached | None,
    fold: np.ndarray,
    losses: np.ndarray,
    reading: Reading = USUAL,
) -> Twins | None:
    """Find twins; of a table without photos there are none.

    What a score owes to twins is read off a model of the photos where features are cached, and off the
    metadata's learners elsewhere.

    Args:
        inputs: what is audited.
        tests: the test sets.
        store: where features are, or None.
        cached: of the training images, or None.
        fold: (n,) int, the random fold of each image.
        losses: (n,) held-out losses of the metadata's learners under these folds, nats.
        reading: how photos are read.

    Returns:
        What was found, or None.
    """
    if inputs.images is None:
        return None
    photos, rows = _photos(inputs.images, "train", cached, reading)
    table = inputs.table.rows(rows)
    if photos.features is not None:
        losses = image_losses(table.labels, photos.features, fold[rows])
    else:
        losses = losses[rows]
    test = _test_photos(tests, store if photos.features is not None else None, reading)
    if test is not None and test.features is None:
        photos = dataclasses.replace(photos, features=None)
    return find_twins(photos, table, fold[rows], losses, test)


def _photos(
    images: pd.DataFrame, split: str, cached: Cached | None, reading: Reading
) -> tuple[Photos, np.ndarray]:
    """The photos that can be read, with features where they are cached; and their rows (m,)."""
    hashes, problems = read_hashes(images, split, reading)
    is_readable = np.array([problem == "" for problem in problems], bool)
    readable = np.flatnonzero(is_readable)
    if len(readable) < len(images):
        ids = list(images["image"][~is_readable])
        warn(f"{len(ids):,} images of {split} can't be decoded and are left out of twins: {examples(ids)}")
    if cached is None:
        return Photos(list(images["image"].iloc[readable]), hashes[readable]), readable
    rows, _, places = np.intersect1d(readable, cached.rows, return_indices=True)
    return Photos(list(images["image"].iloc[rows]), hashes[rows], cached.features[places]), rows


def _test_photos(
    tests: Mapping[str, pd.DataFrame], store: FeatureStore | None, reading: Reading
) -> Photos | None:
    """All test sets together; with features where the store has those of all."""
    cached = {split: read_cached(store, split, images) for split, images in tests.items()}
    found = [
        _photos(images, split, cached[split] if all(cached.values()) else None, reading)[0]
        for split, images in tests.items()
    ]
    if not found:
        return None
    features = [each.features for each in found if each.features is not None]
    return Photos(
        [image for each in found for image in each.images],
        np.concatenate([each.hashes for each in found]),
        np.concatenate(features) if len(features) == len(found) else None,
    )
