"""Features in passing: computed of some photos at a time, for whoever keeps none of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.features.ahead import in_pieces, map_ahead
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.backbones.engines.loading import N_CHECKED, Engine, EngineChoice, checked, load_engine
from fishcli.features.extract import features_of
from fishcli.features.photo_inputs import Inputs, SplitPlan, first_inputs, read_inputs
from fishcli.features.photos.crops import regions_of
from fishcli.options.reading import Reading

CHUNK = 32
"""Photos that are decoded while those before them are computed; Keras takes as many at a time as `features`
does by default, so that the last digits are the same."""


@dataclass(frozen=True)
class Extractor:
    """A backbone made ready, and how photos are read for it.

    Attributes:
        backbone: what is computed.
        engine: what computes it.
        reading: how photos are read.
        n_workers: decoding threads.
    """

    backbone: Backbone
    engine: Engine
    reading: Reading
    n_workers: int


@dataclass(frozen=True)
class Passing:
    """Features of some photos.

    Attributes:
        features: of all n photos (n, ...) by view, float16 or, of pixels, uint8; NaN, or black, where a
            photo can't be read.
        reasons: why photos can't be read, by id.
        truncated: the ids of those whose file lacks its last bytes.
    """

    features: dict[str, np.ndarray]
    reasons: dict[str, str] = field(default_factory=dict)
    truncated: list[str] = field(default_factory=list)


def make_ready(backbone: Backbone, images: pd.DataFrame, reading: Reading, n_workers: int) -> Extractor:
    """Make a backbone ready; the engine is compared with Keras on the first of `images` (`image`, `path`)."""
    first = first_inputs(_plan("", images, [], reading), backbone, N_CHECKED)
    engine = checked(load_engine(backbone, EngineChoice(), CHUNK), backbone, first, CHUNK)
    return Extractor(backbone, engine, reading, n_workers)


def compute(extractor: Extractor, split: str, images: pd.DataFrame, views: list[str]) -> Passing:
    """The features of some photos.

    Args:
        extractor: what computes.
        split: the split that they are of.
        images: `image` and `path`; of crops `region`.
        views: names of views.

    Raises:
        FishError: features that are not finite, or all zero in float16.
    """
    plan, backbone = _plan(split, images, views, extractor.reading), extractor.backbone
    found = Passing(
        {view: np.empty((len(images), *backbone.feature_shape), backbone.recipe.dtype) for view in plan.views}
    )
    engine = extractor.engine
    chunks = in_pieces(list(range(len(images))), CHUNK)
    with (
        ThreadPoolExecutor(extractor.n_workers) as readers,
        ThreadPoolExecutor(engine.n_threads) as computers,
    ):

        def read(row: int) -> "Inputs | str":
            return read_inputs(plan, row, plan.views, backbone)

        def batches() -> Iterator[tuple[tuple[str, list[int], list[int]], list[list[np.ndarray]]]]:
            for rows, inputs in map_ahead(readers, read, ((chunk, chunk) for chunk in chunks)):
                ids = [plan.images[row] for row in rows]
                found.reasons.update(
                    {image: each for image, each in zip(ids, inputs, strict=True) if isinstance(each, str)}
                )
                readable = {i: each for i, each in enumerate(inputs) if isinstance(each, Inputs)}
                found.truncated.extend(ids[i] for i, each in readable.items() if each.is_truncated)
                for view in plan.views:
                    pixels = [each.pixels[view] for each in readable.values()]
                    yield (view, rows, list(readable)), in_pieces(pixels, engine.batch_size)

        def computed(images: list[np.ndarray]) -> np.ndarray:
            return engine.compute(np.stack(images))

        for (view, rows, readable), pieces in map_ahead(computers, computed, batches()):
            found.features[view][rows] = features_of(pieces, readable, len(rows), backbone)
    return found


def _plan(split: str, images: pd.DataFrame, views: list[str], reading: Reading) -> SplitPlan:
    paths: list[Path | None] = list(images["path"])
    return SplitPlan(split, views, list(images["image"]), paths, reading, regions=regions_of(images))
