"""Which layers a perceptron has, and what it looks at."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fishcli.heads.perceptrons.chain import Chain
from fishcli.heads.perceptrons.layers import (
    Affine,
    BatchNorm,
    Cells,
    Corners,
    Dropout,
    Flatten,
    Join,
    Layer,
    Shown,
)
from fishcli.heads.perceptrons.pooling import (
    WINDOW,
    GeneralisedMean,
    RegionPooling,
    Stochastic,
    box_cells,
    pooled,
)

HEADS = ("gap", "dense")
FIXED_POOLINGS = ("avg", "max", "overlap")
MOST_FEATURES = 2**24
"""Of an image, in a file that is read."""
DENSE_UNITS = 512
CELL_UNITS, BOX_UNITS = 64, 128
EMBEDDING = 8
"""Numbers an image size is embedded in."""
POOLINGS: dict[str, type[RegionPooling]] = {"gem": GeneralisedMean, "stochastic": Stochastic}
"""Those that learn or draw, so that they see the maps at each step."""

Chains = dict[str, Chain]
"""The parts of a perceptron, which share nothing: "class", scores (batch, C); "box", corners (batch, 4)."""


@dataclass(frozen=True)
class Architecture:
    """All that says which layers a perceptron has.

    Attributes:
        head: "gap": batch norm, dropout and a multinomial regression; or "dense": fast.ai's lesson 7 (2017),
            two layers of DENSE_UNITS, each with batch norm and dropout, behind the first one.
        pooling: how maps are pooled: "avg", "max", "overlap", "gem" or "stochastic".
        feature_shape: (h, w, channels) of maps, or (channels,) of pooled features.
        n_classes: none of one class, where boxes are all there is to learn.
        n_columns: of the metadata, of which `n_embedded` are embedded.
        n_embedded: see there.
        has_box: whether there is a box output.
        is_tagged: whether each class is a question of its own.
        is_calibrated: whether scores end in an affine map of their own, which makes them probabilities.
        dropout: share of inputs dropped.
    """

    head: str
    pooling: str
    feature_shape: tuple[int, ...]
    n_classes: int
    n_columns: int
    n_embedded: int
    has_box: bool
    is_tagged: bool
    is_calibrated: bool
    dropout: float

    @property
    def has_maps(self) -> bool:
        """Whether it looks at maps rather than pooled features."""
        return len(self.feature_shape) == 3

    @property
    def is_local(self) -> bool:
        """Whether maps are pooled in small regions, which the layers then look at one by one."""
        return self.head == "dense"

    @property
    def pooling_layer(self) -> RegionPooling | None:
        """The pooling that is a layer of the chain, as new; None where maps are pooled beforehand."""
        if not self.has_maps or self.pooling not in POOLINGS:
            return None
        if self.is_local and min(self.feature_shape[:2]) < WINDOW:
            return None
        return POOLINGS[self.pooling](WINDOW if self.is_local else None)

    def class_features(self, features: np.ndarray) -> np.ndarray:
        """What the part "class" takes, of features (batch, ...): float32."""
        if not self.has_maps or self.pooling in POOLINGS:
            return np.asarray(features, np.float32)
        return pooled(features, self.pooling, self.is_local)

    def box_features(self, features: np.ndarray) -> np.ndarray:
        """What the part "box" takes, of features (batch, ...): float32, (batch, places, channels) of maps."""
        return box_cells(features) if self.has_maps else np.asarray(features, np.float32)


@dataclass(frozen=True)
class Start:
    """Where training starts; by default what a trained one is loaded into.

    Attributes:
        rng: draws the weights; None for zeros.
        prior: (C,) of the training rows, which scores start at.
        mean_box: (4,) of the training rows, which boxes start at.
    """

    rng: np.random.Generator | None = None
    prior: np.ndarray | None = None
    mean_box: np.ndarray | None = None


def build(architecture: Architecture, start: Start) -> Chains:
    """The parts of a perceptron."""
    return {name: Chain(layers) for name, layers in _layers(architecture, start).items()}


def n_numbers(architecture: Architecture) -> int:
    """How many numbers its layers are, learned or not; none is made."""
    parts = _layers(architecture, Start()).values()
    arrays = [each for part in parts for layer in part.values() for each in _arrays_of(layer)]
    return sum(each.size for each in arrays)


def _arrays_of(layer: Layer) -> list[np.ndarray]:
    return [*layer.learned.values(), *layer.kept.values()]


def _layers(architecture: Architecture, start: Start) -> dict[str, dict[str, Layer]]:
    """The layers of each part, by name; kernels that are not drawn take no memory as yet."""
    parts = {}
    if architecture.n_classes:
        parts["class"] = _class_layers(architecture, start)
    if architecture.has_box:
        parts["box"] = _box_layers(architecture, start)
    return parts


def _class_layers(architecture: Architecture, start: Start) -> dict[str, Layer]:
    layers: dict[str, Layer] = {}
    pooling = architecture.pooling_layer
    if pooling is not None:
        layers["pooling"] = pooling
    shape = _class_shape(architecture)
    width, dropout = shape[-1], architecture.dropout
    # What a layer behind learns itself is left out, which spares the gradient of all that it takes.
    layers["norm"] = BatchNorm(width, learns=() if architecture.is_local else ("shift",))
    if architecture.is_local:
        layers["drop"] = Dropout(dropout / 2, of_channels=len(shape) == 3)
        layers["flat"] = Flatten()
        width = int(np.prod(shape))
    if architecture.n_columns:
        embedding = (
            _glorot(start.rng, architecture.n_embedded, EMBEDDING) if architecture.n_embedded else None
        )
        layers["metadata"] = Join(embedding)
        width += architecture.n_columns - architecture.n_embedded + EMBEDDING * bool(architecture.n_embedded)
    if architecture.is_local:
        for number, share in ((1, dropout), (2, dropout / 2)):
            layers[f"dense_{number}"] = _affine(start.rng, width, DENSE_UNITS)
            layers[f"norm_{number}"] = BatchNorm(DENSE_UNITS)
            layers[f"drop_{number}"] = Dropout(share)
            width = DENSE_UNITS
    else:
        layers["drop"] = Dropout(dropout)
    n = architecture.n_classes
    layers["scores"] = Affine(np.zeros((width, n), np.float32), _prior_scores(architecture, start))
    if architecture.is_calibrated:
        layers["calibrated"] = Affine(np.zeros((n, n)), np.zeros(n))
    return layers


def _class_shape(architecture: Architecture) -> tuple[int, ...]:
    """The shape of what the layers behind the pooling take, of one image."""
    seen = architecture.class_features(np.zeros((1, *architecture.feature_shape), np.float32))
    pooling = architecture.pooling_layer
    return (seen if pooling is None else pooling.forward(seen, Shown())).shape[1:]


def _prior_scores(architecture: Architecture, start: Start) -> np.ndarray:
    """The biases (C,) of the scores: the prior's logarithm, of tags its logit."""
    if start.prior is None:
        return np.zeros(architecture.n_classes)
    prior = np.asarray(start.prior, np.float64)
    return np.asarray(np.log(prior) - (np.log1p(-prior) if architecture.is_tagged else 0.0))


def _box_layers(architecture: Architecture, start: Start) -> dict[str, Layer]:
    """Box corners from sigmoid centre and size; of maps every place is looked at by itself."""
    shape = architecture.box_features(np.zeros((1, *architecture.feature_shape), np.float32)).shape[1:]
    n_channels, rng = shape[-1], start.rng
    layers: dict[str, Layer] = {}
    width = n_channels
    if architecture.has_maps:
        layers["cells"] = Cells(_glorot(rng, n_channels, CELL_UNITS))
        width = shape[0] * CELL_UNITS
    else:
        layers["norm"] = BatchNorm(n_channels)
    layers["drop"] = Dropout(architecture.dropout / 2)
    layers["hidden"] = _affine(rng, width, BOX_UNITS)
    layers["logits"] = Affine(np.zeros((BOX_UNITS, 4)), _box_logits(start.mean_box))
    layers["corners"] = Corners()
    return layers


def _box_logits(mean_box: np.ndarray | None) -> np.ndarray:
    """The logits (4,) of the centre and the size of a box."""
    if mean_box is None:
        return np.zeros(4)
    low, high = np.asarray(mean_box[:2], np.float64), np.asarray(mean_box[2:], np.float64)
    wanted = np.clip(np.append((low + high) / 2, high - low), 0.01, 0.99)
    return np.asarray(np.log(wanted / (1 - wanted)))


def _affine(rng: np.random.Generator | None, n: int, units: int) -> Affine:
    return Affine(_glorot(rng, n, units), np.zeros(units), rectified=True)


def _glorot(rng: np.random.Generator | None, n: int, units: int) -> np.ndarray:
    """A kernel (n, units), drawn as Glorot & Bengio (2010) have it, or of zeros."""
    if rng is None:
        return np.zeros((n, units), np.float32)
    limit = np.sqrt(6 / (n + units))
    return rng.uniform(-limit, limit, (n, units)).astype(np.float32)


def from_json(value: dict[str, Any]) -> Architecture:
    """The architecture whose fields JSON kept; TypeError or ValueError where it is something else."""
    found = Architecture(**{**value, "feature_shape": tuple(value["feature_shape"])})
    numbers = [*found.feature_shape, found.n_classes, found.n_columns, found.n_embedded]
    is_sound = (
        all(type(each) is int and each >= 0 for each in numbers)
        and len(found.feature_shape) in (1, 3)
        and 0 < math.prod(found.feature_shape) <= MOST_FEATURES
        and found.head in HEADS
        and found.pooling in (*FIXED_POOLINGS, *POOLINGS)
    )
    if not is_sound:
        raise ValueError("it is no architecture of this version")
    return found
