"""What audit-leakage looks at beyond metadata: cached features, painted photos and the test sets."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fishcli.audit.inputs import AuditInputs
from fishcli.audit.later import Later, begin
from fishcli.audit.per_field import FieldGain
from fishcli.audit.seen.background import measure_background
from fishcli.audit.seen.painting import painted_features
from fishcli.audit.seen.seen import conditional_values, detectabilities
from fishcli.audit.seen.tellers import World
from fishcli.audit.seen.worlds import Worlds, compare_worlds
from fishcli.basics.progress import say, track
from fishcli.dataset.annotations import read_boxes
from fishcli.dataset.fields import read_fields
from fishcli.dataset.layout.images import load_tests
from fishcli.dataset.layout.pools import has_tests
from fishcli.features.backbones.engines.loading import EngineChoice, load_engine
from fishcli.features.backbones.stored import reload_backbone
from fishcli.features.store.again import line_for
from fishcli.features.store.lists import list_stores
from fishcli.features.store.picking import pick_store
from fishcli.features.store.store import FeatureStore
from fishcli.heads.inputs import in_parts, pool_maps, store_rows
from fishcli.options.audit import AuditConfig
from fishcli.options.command_lines import advised
from fishcli.options.features import FeaturesConfig
from fishcli.options.views import first_views

PAINTED_AT_ONCE = 32


@dataclass(frozen=True)
class Cached:
    """Pooled features of some images.

    Attributes:
        rows: (m,) int64, which of the images have features.
        features: (m, channels) float32.
    """

    rows: np.ndarray
    features: np.ndarray


def find_store(config: AuditConfig) -> FeatureStore | None:
    """The store that is asked for, or the one used last; None where there is none, which is said."""
    if config.features == "none" or config.table is not None:
        return None
    if config.features is None and not list_stores(config.stores_dir):
        say(
            f"no features in {config.stores_dir}, so what a model sees is left out. Compute some: "
            f"{advised('features', FeaturesConfig)}"
        )
        return None
    return pick_store(config.stores_dir, config.features)


def read_cached(store: FeatureStore | None, split: str, images: pd.DataFrame) -> Cached | None:
    """The features of a split's images, pooled; None where the store lacks some, which is said."""
    (view,) = first_views(1)
    if store is None:
        return None
    ids, listed = list(images["image"]), store.images(split)
    if listed is None or not store.is_complete(split, view) or not set(ids) <= set(listed["image"]):
        line = line_for(store.store_dir, split, [view])
        say(f"the store {store.store_dir.name} lacks features of {split}: left out. Compute them: {line}")
        return None
    parts = []
    for rows in track(in_parts(store_rows(store, split, ids)), f"features of {split}", "part"):
        features = store.read(split, view, rows)
        parts.append(pool_maps(features) if features.ndim == 4 else features)
    pooled = np.concatenate(parts).astype(np.float32)
    is_known = np.isfinite(pooled).all(axis=1)  # unreadable images have NaN
    return Cached(np.flatnonzero(is_known), pooled[is_known])


def begin_fits(
    config: AuditConfig,
    inputs: AuditInputs,
    tests: Mapping[str, pd.DataFrame],
    store: FeatureStore | None,
    cached: Cached | None,
) -> Iterator[Any]:
    """Begin the fits that need nothing of what else is measured.

    Yields:
        The conditional values of metadata, where there are features; then the Worlds of each test set.
    """
    laters: list[Later[Any]] = []
    if cached is not None:
        headline = inputs.table.rows(cached.rows).only(next(iter(inputs.sections.values())))
        laters.append(conditional_values(headline, cached.features, inputs.n_folds, config.seed))
    return begin([*laters, *_worlds(config, inputs, tests, store, cached)])


def what_a_model_sees(
    inputs: AuditInputs,
    cached: Cached | None,
    fold: np.ndarray,
    fields: list[FieldGain],
    begun: Iterator[Any],
) -> dict[str, Any] | None:
    """Detectability of each field and, of `begin_fits`, the conditional value; None without features."""
    if cached is None:
        return None
    utility = {field.field: field.random_bits for field in fields}
    detected = detectabilities(inputs.table.rows(cached.rows), cached.features, fold[cached.rows], utility)
    return {
        "detectability": [dataclasses.asdict(each) for each in detected],
        "conditional_value": [dataclasses.asdict(each) for each in next(begun)],
    }


def fish_or_background(
    config: AuditConfig, inputs: AuditInputs, store: FeatureStore | None, folds: Mapping[str, np.ndarray]
) -> dict[str, Any] | None:
    """What the fish alone and the background alone tell; None unless --background asks for it."""
    if not config.background or store is None or inputs.images is None:
        return None
    boxes = read_boxes(config.data_dir / "boxes", inputs.images, config.box_categories)
    backbone = reload_backbone(store)
    engine = load_engine(backbone, EngineChoice(), PAINTED_AT_ONCE, store.store_dir)
    painted = painted_features(backbone, engine, inputs.images, boxes, PAINTED_AT_ONCE, config.max_pixels)
    found = measure_background(painted, inputs.table.labels, inputs.table.groups, folds)
    return dataclasses.asdict(found)


def read_tests(config: AuditConfig, inputs: AuditInputs) -> dict[str, pd.DataFrame]:
    """The readable images of each test set, none where there are no photos."""
    if inputs.images is None or not has_tests(config.data_dir, config.layout):
        return {}
    return {
        split: images[images["problem"] == ""].reset_index(drop=True)
        for split, images in load_tests(config.data_dir, config.reading).items()
    }


def _worlds(
    config: AuditConfig,
    inputs: AuditInputs,
    tests: Mapping[str, pd.DataFrame],
    store: FeatureStore | None,
    train: Cached | None,
) -> Iterator[Later[Worlds]]:
    """Each test set beside the training set, by metadata and, where both have them, by features."""
    table = inputs.table
    names = [field.name for field in table.fields]
    for split, images in tests.items():
        cached = read_cached(store, split, images) if train is not None else None
        known = World(table.groups, table.columns, None)
        unknown = World(None, read_fields(images, names, config.reading), None)
        if train is not None and cached is not None:
            known = dataclasses.replace(known.rows(train.rows), features=train.features)
            unknown = dataclasses.replace(unknown.rows(cached.rows), features=cached.features)
        yield compare_worlds(split, known, unknown, table.fields, inputs.n_folds, config.seed)
