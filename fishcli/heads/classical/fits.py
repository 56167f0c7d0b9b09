"""The heads that scikit-learn fits on pooled features: what every other head has to beat."""

import dataclasses
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError, cut
from fishcli.basics.files import whole_file
from fishcli.basics.remote import read_bytes
from fishcli.dataset.classes import can_learn
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.choices import OF_ARRAYS
from fishcli.heads.classical.arrays import SUFFIX, read_parts, write_parts
from fishcli.heads.classical.blend import blended
from fishcli.heads.classical.columns import fit_scaler, join_columns
from fishcli.heads.classical.estimators import FITTERS, TREES
from fishcli.heads.classical.filling import fill_small_classes
from fishcli.heads.classical.known import over_known_classes
from fishcli.heads.classical.rows import make_rows
from fishcli.heads.classical.skops_files import read_skops
from fishcli.heads.classical.tag_blend import blended_tags
from fishcli.heads.inputs import HeadInputs
from fishcli.heads.trained import FoldHead
from fishcli.options.train import TrainConfig

PSEUDO_VOTES = 3
PRIOR_SHARES = {
    "blend": 1e-12,
    "linear": 1e-12,
    "svm": 1e-12,
    "forest": PSEUDO_VOTES / (TREES + PSEUDO_VOTES),
}
"""What share of a prediction is the smoothed prior, so that no known class gets 0: its log loss is infinite.

A forest does give 0, wherever no tree votes for a class, hence a pseudo-count: PSEUDO_VOTES beside its trees'
votes, which go to the classes as the smoothed prior has them. The others only get to 0 by underflow.
"""
OF_ROOTS = ("blend",)
"""The heads that look at `columns.roots` of the features."""


@dataclass(frozen=True)
class ClassicalHead(FoldHead):
    """A head that scikit-learn fitted.

    `model` has `skops_files.PARTS`: the scaler of the features, or of their `roots`; the classes (k,) that
    were learned, their classifier and the regressor of boxes (None where there is nothing to learn from), and
    the prior's share.
    """

    @property
    def takes_pooled(self) -> bool:
        """Whether the head was trained on pooled features: always."""
        return True

    @property
    def n_parameters(self) -> int:
        """How many numbers were fitted.

        Means and scales of the scaler; coefficients and intercepts; support vectors' coordinates and dual
        coefficients; 2 for each calibrated class; nodes of trees.
        """
        return sum(count_numbers(self.model[part]) for part in ("scaler", "classifier", "boxes"))

    def save(self, path: Path) -> None:
        """Write an .npz or a .skops file: zips of arrays and JSON, not pickles, which can run any code."""
        with whole_file(path) as partial:
            if path.suffix == SUFFIX:
                write_parts(partial, self.model)
                return
            import skops.io

            skops.io.dump(self.model, partial, compression=zipfile.ZIP_DEFLATED)

    def _outputs(
        self, features: np.ndarray, metadata: np.ndarray
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        columns = join_columns(self.model["scaler"], self.model["roots"], features, metadata)
        boxes = None if self.model["boxes"] is None else self.model["boxes"].predict(columns)
        return (self._proba(columns) if can_learn(self.counts) else None), boxes

    def _proba(self, columns: np.ndarray) -> np.ndarray:
        """What the classifier says (n, C); known classes that it did not learn get their smoothed prior."""
        said = np.zeros((len(columns), 0))
        if self.model["classifier"] is not None:
            say = blended_tags if self.is_tagged else _class_scores
            said = say(self.model["classifier"], columns)
        return over_known_classes(self.counts, self.model["classes"], said, self.model["prior_share"])


def fit_classical(
    config: TrainConfig, inputs: HeadInputs, train_rows: np.ndarray, seed: int, *, chooses: bool = True
) -> ClassicalHead:
    """Fit the head "blend", "linear", "svm" or "forest" on `train_rows`; no other row is looked at.

    Every view and copy of an image is a row, weighted so that an image counts once. The columns are the
    features, scaled, and then the metadata as they are: a rare size's small standard deviation would blow its
    column up. Boxes are learned from the same columns, from the rows that have one.

    Args:
        config: the head, its metadata and class weights.
        inputs: what heads see; features are pooled.
        train_rows: (m,) rows of `inputs`.
        seed: of inner folds and trees.
        chooses: strengths by inner folds; else those that hold where nothing can be held out, in a fifth of
            the time, for who fits hundreds of heads to compare.
    """
    from threadpoolctl import threadpool_limits

    counts = inputs.counts(train_rows)
    encoder = MetadataEncoder.fit(config.metadata, inputs.images.iloc[train_rows])
    n_photos, fold = len(train_rows), None
    if config.smote or config.generate:
        inputs, fold = fill_small_classes(config, inputs, train_rows, seed)
        train_rows = np.arange(len(fold))
    features = np.concatenate([inputs.features[v, train_rows] for v in range(len(inputs.views))])
    metadata = np.tile(encoder.encode(inputs.images.iloc[train_rows]), (len(inputs.views), 1))
    # Linear models and RBF kernels are blind to the means, so inner folds may share one scaler.
    is_of_roots = config.head in OF_ROOTS
    is_photo = np.tile(np.arange(len(train_rows)) < n_photos, len(inputs.views))
    scaler = _scaler_of(config.head, features[is_photo])
    columns = join_columns(scaler, is_of_roots, features, metadata)
    rows = make_rows(config, inputs, train_rows, columns, seed, fold)
    if not chooses and config.head != "svm":  # whose classes are calibrated on inner folds
        rows = dataclasses.replace(rows, fold=np.minimum(rows.fold, 0))
    fit_classes, fit_boxes = FITTERS[config.head]
    model = {"scaler": scaler, "roots": is_of_roots, "boxes": None, "prior_share": PRIOR_SHARES[config.head]}
    model["classes"], model["classifier"] = np.zeros(0, np.int64), None
    with threadpool_limits(1):  # matrices are small: threads that wait for each other are slower than one
        if can_learn(counts):
            model["classes"], model["classifier"] = fit_classes(rows, seed)
        has_box = ~np.isnan(rows.boxes).any(axis=1)
        if has_box.any():
            model["boxes"] = fit_boxes(rows.where(has_box), seed)
    return ClassicalHead(model, encoder, counts)


def _scaler_of(head: str, features: np.ndarray) -> Any:
    """What scales features (n, channels): arrays, or, for heads that skops keeps, a StandardScaler."""
    if head in OF_ARRAYS:
        return fit_scaler(features, head in OF_ROOTS)
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit(features.astype(np.float32))


def load_classical(path: Path, encoder: MetadataEncoder, counts: np.ndarray) -> ClassicalHead:
    """Load a head that `ClassicalHead.save` wrote.

    Raises:
        FishError: the file is missing or damaged, or `read_skops` refuses it.
    """
    try:
        stored = read_bytes(path)
        if path.suffix == SUFFIX:
            return ClassicalHead(read_parts(stored, encoder.n_columns), encoder, counts)
        return ClassicalHead(read_skops(stored), encoder, counts)
    except Exception as error:  # what a damaged zip raises has no common base
        reason = cut((str(error) or type(error).__name__).splitlines()[0], 160)
        raise FishError(f"{path} can't be loaded ({reason}).") from None


def _class_scores(classifier: Any, columns: np.ndarray) -> np.ndarray:
    """Probabilities (n, k) of k classes; a classifier for each class has them in a list, not summing to 1."""
    if isinstance(classifier, dict):
        return blended(classifier, columns)
    proba = classifier.predict_proba(columns)
    return np.stack([each[:, 1] for each in proba], axis=1) if isinstance(proba, list) else proba


def count_numbers(fitted: Any) -> int:
    """How many numbers were fitted, as `n_parameters` counts them; 0 for None."""
    if isinstance(fitted, dict):
        weighed = "exponents" if len(fitted["exponents"]) > 1 else "intercepts"
        return sum(fitted[name].size for name in {"coefficients", "intercepts", weighed})
    if hasattr(fitted, "calibrated_classifiers_"):
        calibrated = fitted.calibrated_classifiers_
        return sum(count_numbers(each.estimator) + 2 * len(each.calibrators) for each in calibrated)
    if hasattr(fitted, "estimators_"):
        return sum(count_numbers(each) for each in fitted.estimators_)
    if hasattr(fitted, "tree_"):
        return int(fitted.tree_.node_count)
    arrays = ("mean_", "scale_", "support_vectors_", "dual_coef_", "coef_", "intercept_")
    # An RBF machine has no coef_, and says so by an AttributeError.
    return sum(int(np.size(getattr(fitted, name))) for name in arrays if hasattr(fitted, name))
