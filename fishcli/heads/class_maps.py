"""Where a head looks: for each image one map of what its places say for a class."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.backends import gradient
from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_keras
from fishcli.heads.choices import ENCODE, OF_ARRAYS
from fishcli.heads.classical.blend import pooled_scores
from fishcli.heads.classical.columns import roots
from fishcli.heads.inputs import pool_maps
from fishcli.heads.perceptrons.head import PerceptronHead
from fishcli.heads.trained import FoldHead, KerasHead, NetworkHead, named_inputs

BATCH = 64
"""Images whose gradients are in memory at a time."""
METHODS = {
    "class maps": "the scores of each place, which the head averages",
    "CAM": "the class's weights times the features of each place (Zhou 2016)",
    "Grad-CAM": "the class score's mean gradients times the features of each place (Selvaraju 2017)",
    "attention": "how much each place weighs, whatever the class",
    "box gradients": "gradients times features of each place, of the box: there is one class only",
}
OF_NO_CLASS = ("attention", "box gradients")


def map_method(head: str, pooling: str, n_classes: int) -> str:
    """How the maps of a head are made: one of METHODS.

    Args:
        head: its name.
        pooling: `--pooling`.
        n_classes: with one class, there is a box output only.

    Raises:
        FishError: the head has no place to point at.
    """
    if head in ("svm", "forest", *ENCODE) or (head in OF_ARRAYS and n_classes == 1):
        seen = "the photo's encoding" if head in ENCODE else "an average over the photo"
        raise FishError(
            f"the head {head} sees {seen}, of which no map can be made. "
            "Train one with --head gap, or see fishcli train --help for the others."
        )
    if n_classes == 1:
        return "box gradients"
    if head in ("fcn", "allconv"):
        return "class maps"
    if head == "attention":
        return "attention"
    return "CAM" if head in OF_ARRAYS or (head == "gap" and pooling in ("auto", "avg")) else "Grad-CAM"


def class_maps(
    members: Sequence[FoldHead], method: str, features: np.ndarray, images: pd.DataFrame, labels: np.ndarray
) -> np.ndarray:
    """Maps (n, h, w) float64 of what each place says for a class, averaged over the heads of a fold.

    A place's value is what it adds to the class's score, before the softmax, less what it adds to all
    classes' scores on average, which the softmax does not see. Biases, such as the class prior, belong to no
    place and are left out. Maps of OF_NO_CLASS are of no class and nowhere negative.

    For a head whose score is linear in the averaged features, Grad-CAM is CAM (Selvaraju 2017, section 3.1),
    so both come from the gradient; there the mean over the map, plus a constant, is the class's score.

    Args:
        members: the heads of one fold.
        method: of METHODS.
        features: (n, h, w, channels) of the plain view of `images`.
        images: `height`, `width`.
        labels: (n,) the class of each map.

    Returns:
        NaN where the fold's training images had none of the class, so that its heads know nothing of it.
    """
    makers: dict[str, Callable[..., np.ndarray]] = {
        "class maps": _direct,
        "CAM": _from_weights,
        "Grad-CAM": _from_gradients,
        "attention": _attention,
        "box gradients": _from_gradients,
    }
    maps = np.mean([makers[method](head, features, images, labels) for head in members], axis=0)
    if method not in OF_NO_CLASS:
        maps[members[0].counts[labels] == 0] = np.nan
    return maps


def _direct(head: KerasHead, features: np.ndarray, images: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
    scores = head.maps(features, images, "class_maps") - np.asarray(head.model.get_layer("class_maps").bias)
    own = np.take_along_axis(scores, labels[:, None, None, None], axis=-1)[..., 0]
    return np.asarray(own - scores.mean(axis=-1), np.float64)


def _attention(head: KerasHead, features: np.ndarray, images: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
    return np.asarray(head.maps(features, images, "attention_map")[..., 0], np.float64)


def _from_weights(
    head: FoldHead, features: np.ndarray, images: pd.DataFrame, labels: np.ndarray
) -> np.ndarray:
    """CAM; of what NumPy computes by its weights, those of OF_ARRAYS being of scaled features.

    Where they are of roots, what a channel adds to the score is dealt to the places as they share its mean:
    the mean over the map is what all channels add, as for other heads, where no feature is negative.
    """
    if isinstance(head, KerasHead):
        return _from_gradients(head, features, images, labels)
    own, places = _weights(head, features.shape[-1])[labels], features.astype(np.float64)
    if not isinstance(head, PerceptronHead) and head.model["roots"]:
        own = own * roots(pool_maps(features)) / np.maximum(np.abs(places).mean(axis=(1, 2)), 1e-12)
    return np.einsum("nhwc,nc->nhw", places, own)


def _weights(head: FoldHead, n_channels: int) -> np.ndarray:
    """What each channel's mean, or its root, adds to each class's score, less than to all: (C, channels)."""
    if isinstance(head, PerceptronHead):
        found = head.score_weights().T.astype(np.float64)
        return np.asarray(found - found.mean(axis=0))
    weights, classifier = np.zeros((len(head.counts), n_channels)), head.model["classifier"]
    if classifier is not None:
        coefficients = pooled_scores(classifier)[0][:, :n_channels] / head.model["scaler"].scale_
        weights[head.model["classes"]] = coefficients - coefficients.mean(axis=0)
    return weights


def _from_gradients(
    head: NetworkHead, features: np.ndarray, images: pd.DataFrame, labels: np.ndarray
) -> np.ndarray:
    """CAM and Grad-CAM of a network; of a head with one class, the box's gradients times the features."""
    if isinstance(head, PerceptronHead):
        return _of_perceptron(head, features, images, labels)
    keras = load_keras()
    has_classes = len(head.counts) > 1
    output = head.model.get_layer("class").input if has_classes else head.model.output["box"]
    model = keras.Model(head.model.input, output)
    metadata, maps = head.encoder.encode(images), []
    for start in range(0, len(features), BATCH):
        part = slice(start, start + BATCH)
        seen = pool_maps(features[part]) if head.takes_pooled else features[part]
        inputs = named_inputs(seen.astype(np.float32), metadata[part])
        places = features[part].astype(np.float64)
        if has_classes:
            weights = _gradient(model, inputs, labels[part])
            weights = weights if weights.ndim == 2 else weights.sum(axis=(1, 2))
            maps.append(np.einsum("nhwc,nc->nhw", places, weights))
        else:
            corners = [_gradient(model, inputs, np.full(len(places), k), False) for k in range(4)]
            maps.append(sum(np.abs((places * each).sum(axis=-1)) for each in corners))
    return np.concatenate(maps)


def _of_perceptron(
    head: PerceptronHead, features: np.ndarray, images: pd.DataFrame, labels: np.ndarray
) -> np.ndarray:
    """`_from_gradients` of a head that NumPy computes."""
    places = features.astype(np.float64)
    if len(head.counts) > 1:
        weights = head.place_weights(features, images, labels)
        return np.einsum("nhwc,nc->nhw", places, weights)
    parts = [slice(start, start + BATCH) for start in range(0, len(features), BATCH)]
    return np.concatenate(
        [np.abs((places[part] * head.box_slopes(features[part])).sum(axis=-1)).sum(axis=0) for part in parts]
    )


def _gradient(
    model: Any, inputs: dict[str, np.ndarray], targets: np.ndarray, centred: bool = True
) -> np.ndarray:
    """The gradient (n, ...) of each row's output `targets` (n,), less the mean output, by the features."""
    ops = load_keras().ops
    at, others = inputs["features"], {name: ops.convert_to_tensor(inputs[name]) for name in inputs}

    def wanted(features: Any) -> Any:
        outputs = model({**others, "features": features}, training=False)
        own = ops.take_along_axis(outputs, targets[:, None], axis=1)[:, 0]
        return ops.sum(own - ops.mean(outputs, axis=1) if centred else own)

    return gradient(wanted, at)
