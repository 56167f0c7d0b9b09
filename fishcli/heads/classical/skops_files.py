"""Heads in skops' files: zips of arrays and JSON of known types. Imports scikit-learn when it reads."""

import warnings
from functools import cache
from typing import Any

import numpy as np

from fishcli.basics.errors import examples
from fishcli.basics.progress import warn
from fishcli.heads.classical.arrays import Affine, Scaler

TRUSTED = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.tree._tree.Tree",
)
"""All that a file may hold beside what skops itself takes for safe."""
PARTS = {"scaler", "roots", "classes", "classifier", "boxes", "prior_share"}


def read_skops(stored: bytes) -> dict[str, Any]:
    """The PARTS of a head, of a file's bytes; linear ones as arrays.

    Raises:
        ValueError: types beyond TRUSTED, no head, or a tree that scikit-learn would follow out of its memory;
            and whatever else a damaged zip raises, which has no common base.
    """
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    untrusted = sorted(set(skops.io.get_untrusted_types(data=stored)) - set(TRUSTED))
    if untrusted:
        raise ValueError(f"it holds types that no head has: {examples(untrusted)}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InconsistentVersionWarning)
        model = skops.io.loads(stored, trusted=list(TRUSTED))
    for each in caught:
        if isinstance(each.message, InconsistentVersionWarning):
            _tell_version(each.message.original_sklearn_version, each.message.current_sklearn_version)
    if isinstance(model, dict):
        model.setdefault("roots", False)  # earlier heads know of none
    if not isinstance(model, dict) or set(model) != PARTS:
        raise ValueError("it holds no head")
    if not (_is_sound(model["classifier"]) and _is_sound(model["boxes"])):
        raise ValueError("it holds a tree that leads nowhere")
    return _with_arrays(model)


def _with_arrays(model: dict[str, Any]) -> dict[str, Any]:
    """A model whose linear parts are arrays: scikit-learn's estimators held them in earlier files."""
    scaler, classifier, boxes = model["scaler"], model["classifier"], model["boxes"]
    if not (hasattr(classifier, "coef_") or hasattr(boxes, "coef_")):
        return model
    if hasattr(classifier, "coef_"):
        coefficients, intercepts = classifier.coef_, classifier.intercept_
        if len(coefficients) == 1:  # of two classes, scikit-learn keeps what tells the second from the first
            coefficients = np.vstack([-coefficients, coefficients]) / 2
            intercepts = np.concatenate([-intercepts, intercepts]) / 2
        classifier = {
            "coefficients": coefficients[None],
            "intercepts": intercepts[None],
            "exponents": np.ones(1),
            "cs": np.array([classifier.C]),
        }
    if hasattr(boxes, "coef_"):
        boxes = Affine(boxes.coef_, boxes.intercept_)
    arrays = {"scaler": Scaler(scaler.mean_, scaler.scale_), "classifier": classifier, "boxes": boxes}
    return {**model, **arrays}


@cache
def _tell_version(fitted_by: str, current: str) -> None:
    """Warn, once, of heads that another scikit-learn fitted: it promises nothing of them."""
    warn(
        f"the run's heads were fitted by scikit-learn {fitted_by}, this is {current}: predictions may "
        "differ. To be sure train it again under another --name: fishcli report has the command line."
    )


def _is_sound(fitted: Any) -> bool:
    """Whether all trees end in leaves and read columns that exist: scikit-learn follows numbers unchecked."""
    for tree in (each.tree_ for each in getattr(fitted, "estimators_", []) if hasattr(each, "tree_")):
        inner = np.flatnonzero(tree.children_left != -1)
        children = np.stack([tree.children_left, tree.children_right])[:, inner]
        features = tree.feature[inner]
        if (children <= inner).any() or (children >= tree.node_count).any():
            return False
        if (features < 0).any() or (features >= fitted.n_features_in_).any():
            return False
    return True
