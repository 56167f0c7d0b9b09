"""The heads bow, llc and fisher: a codebook of the training photos' places, encodings by it, a linear end."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fishcli.basics.errors import FishError, cut
from fishcli.basics.files import whole_file
from fishcli.basics.remote import read_bytes
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.classical.blend import softmax
from fishcli.heads.classical.known import over_known_classes
from fishcli.heads.classical.rows import make_rows
from fishcli.heads.encoding.arrays import EncodingModel, read_model, write_model
from fishcli.heads.encoding.encodings import ENCODINGS, encode
from fishcli.heads.encoding.linear import fit_linear
from fishcli.heads.encoding.places import sample_places
from fishcli.heads.inputs import HeadInputs, in_parts
from fishcli.heads.trained import FoldHead
from fishcli.options.train import TrainConfig

SPREAD = 1000.0
"""What encodings vary by, all their columns together: about as much as a network's channels do as the head
linear scales them, so that a penalty means alike to both, and metadata weigh alike."""
LEVELS = 2
"""Of the pyramid where the user names none."""
PRIOR_SHARE = 1e-12
"""As the head linear has it."""


@dataclass(frozen=True)
class EncodingHead(FoldHead):
    """A head that encodes maps; `model` is an EncodingModel."""

    model: EncodingModel

    @property
    def takes_pooled(self) -> bool:
        """Whether the head was trained on pooled features: never."""
        return False

    @property
    def n_parameters(self) -> int:
        """How many numbers were fitted."""
        return self.model.n_numbers

    def save(self, path: Path) -> None:
        """Write an .npz file: arrays, without pickles."""
        with whole_file(path) as partial:
            write_model(partial, self.model)

    def _outputs(
        self, features: np.ndarray, metadata: np.ndarray
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        model = self.model
        encoded = encode(model.head, model.codebook, model.levels, features)
        columns = np.hstack([(encoded - model.mean) * model.scale, metadata]).astype(np.float32)
        boxes = None if model.boxes is None else model.boxes.predict(columns)
        if (self.counts > 0).sum() < 2:
            return None, boxes
        said = softmax(model.scores.predict(columns))
        return over_known_classes(self.counts, model.classes, said, PRIOR_SHARE), boxes


def fit_encoding(config: TrainConfig, inputs: HeadInputs, train_rows: np.ndarray, seed: int) -> EncodingHead:
    """Fit the head "bow", "llc" or "fisher" on `train_rows`; no other row is looked at.

    The codebook is fitted on a sample of these rows' places, without labels; inner folds, by which the
    classifier's penalty is found, share it. Every view and copy of an image is a row, as in
    `classical.fits.fit_classical`.

    Args:
        config: the head, its codebook and pyramid, metadata and class weights.
        inputs: what heads see; features are maps.
        train_rows: (m,) rows of `inputs`.
        seed: of the sample, the codebook and the inner folds.
    """
    from threadpoolctl import threadpool_limits

    head, encoding = config.head, ENCODINGS[config.head]
    images = inputs.images.iloc[train_rows]
    encoder = MetadataEncoder.fit(config.metadata, images)
    n_views, levels = len(inputs.views), config.pyramid or LEVELS
    with threadpool_limits(1):  # so that the codebook is the same on any number of cores
        sample = sample_places(inputs, train_rows, seed)
        codebook = encoding.fit(sample, config.codebook or encoding.size, seed)
        encoded = np.concatenate(
            [
                encode(head, codebook, levels, inputs.features[view, part])
                for view in range(n_views)
                for part in in_parts(train_rows)
            ]
        )
        mean = encoded.mean(axis=0)
        encoded -= mean
        scale = np.sqrt(SPREAD / np.maximum(encoded.var(axis=0).sum(keepdims=True), 1e-12))
        encoded *= scale
        metadata = np.tile(encoder.encode(images), (n_views, 1)).astype(np.float32)
        rows = make_rows(config, inputs, train_rows, np.hstack([encoded, metadata]), seed)
        fitted = fit_linear(rows, seed)
    counts = np.bincount(inputs.labels[train_rows], minlength=int(inputs.labels.max()) + 1)
    model = EncodingModel(
        head=head,
        levels=levels,
        codebook=codebook,
        mean=mean,
        scale=scale,
        classes=fitted.classes,
        scores=fitted.scores,
        boxes=fitted.boxes,
    )
    return EncodingHead(model, encoder, counts)


def load_encoding(path: Path, encoder: MetadataEncoder, counts: np.ndarray) -> EncodingHead:
    """Load a head that `EncodingHead.save` wrote; FishError where the file is missing or damaged."""
    try:
        model = read_model(read_bytes(path), encoder.n_columns, len(counts))
    except Exception as error:  # what a damaged zip raises has no common base
        reason = cut((str(error) or type(error).__name__).splitlines()[0], 160)
        raise FishError(f"{path} can't be loaded ({reason}).") from None
    return EncodingHead(model, encoder, counts)
