"""The near duplicates that audit-leakage looks for, and their picture."""

import dataclasses
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fishcli.audit.seen import held_out_losses
from fishcli.audit.twins import Photos, TwinPair, find_twins
from fishcli.commands.audit_features import Cached, read_cached
from fishcli.commands.audit_inputs import AuditInputs
from fishcli.dataset.thumbnails import read_hashes
from fishcli.errors import examples
from fishcli.features.store import FeatureStore
from fishcli.progress import warn
from fishcli.reading import USUAL, Reading
from fishcli.report.contact_sheets import Shot, pair_sheet

MAX_PAIRS = 8


def twins_of(
    inputs: AuditInputs,
    tests: Mapping[str, pd.DataFrame],
    store: FeatureStore | None,
    cached: Cached | None,
    fold: np.ndarray,
    losses: np.ndarray,
    reading: Reading = USUAL,
) -> tuple[dict[str, Any] | None, bytes | None]:
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
        The content of audit.json and a contact sheet (PNG) of some pairs, or None.
    """
    if inputs.images is None:
        return None, None
    photos, rows = _photos(inputs.images, "train", cached, reading)
    table = inputs.table.rows(rows)
    if photos.features is not None:
        losses = held_out_losses(table, photos.features, fold[rows])[1]
    else:
        losses = losses[rows]
    test = _test_photos(tests, store if photos.features is not None else None, reading)
    if test is not None and test.features is None:
        photos = dataclasses.replace(photos, features=None)
    found = find_twins(photos, table, fold[rows], losses, test)
    paths = dict(zip(inputs.images["image"], inputs.images["path"], strict=True))
    return dataclasses.asdict(found), _sheet(found.examples, paths, reading) if found.examples else None


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


def _sheet(pairs: list[TwinPair], paths: Mapping[str, Any], reading: Reading) -> bytes:
    """A contact sheet of pairs side by side: a PNG."""
    shown = pairs[:MAX_PAIRS]
    shots = [
        (
            Shot(paths[pair.first], pair.first, reading=reading),
            Shot(paths[pair.second], pair.second, reading=reading),
        )
        for pair in shown
    ]
    notes = [f"{each.first_class}, {each.second_class}: {each.hash_bits} of 64 bits differ" for each in shown]
    png = io.BytesIO()
    pair_sheet(shots, notes, "Near duplicates in training").save(png, format="PNG")
    return png.getvalue()
