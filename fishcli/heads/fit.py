"""One fold's head, whoever fits it: trained, and loaded again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.choices import ENCODE, HEADS, OF_ARRAYS, kind_of
from fishcli.heads.examples import PseudoRows
from fishcli.heads.inputs import HeadInputs
from fishcli.heads.lent import learned_from
from fishcli.heads.networks import kept
from fishcli.heads.networks.kept import Networks
from fishcli.heads.trained import OLD_SUFFIX, FoldHead, load_keras_head
from fishcli.options.train import TrainConfig

PERCEPTRON = ".perceptron.npz"
SUFFIXES = {"keras": kept.SUFFIX, "numpy": PERCEPTRON, "sklearn": ".skops"}
ARRAYS = ".head.npz"
ENCODING = ".encoding.npz"
OLD_SUFFIXES = {
    kept.SUFFIX: (OLD_SUFFIX,),
    PERCEPTRON: (kept.SUFFIX, OLD_SUFFIX),
    ARRAYS: (SUFFIXES["sklearn"],),
}
"""How the names of files of older versions end, by how they do now."""


def fit_fold(
    config: TrainConfig,
    inputs: HeadInputs,
    train_rows: np.ndarray,
    seed: int,
    pseudo: PseudoRows | None = None,
) -> tuple[FoldHead, dict[str, list[float]]]:
    """Fit a head on `train_rows`; no other row is looked at.

    Args:
        config: the head and how it is fitted.
        inputs: what heads see.
        train_rows: (m,) rows of `inputs`.
        seed: of weights and draws.
        pseudo: test images with another run's predictions, to learn from as well.

    Returns:
        The head, and each epoch's training losses by name (none for heads of scikit-learn).

    Raises:
        FishError: a training loss that is not finite.
    """
    inputs = learned_from(inputs, train_rows)
    if config.head in ENCODE:
        from fishcli.heads.encoding.fits import fit_encoding

        return fit_encoding(config, inputs, train_rows, seed), {}
    fitted_by = HEADS[config.head].fitted_by
    if fitted_by == "sklearn":
        from fishcli.heads.classical.fits import fit_classical

        return fit_classical(config, inputs, train_rows, seed), {}
    fit: Callable[..., Any]
    if fitted_by == "numpy":
        from fishcli.heads.perceptrons.fitting import fit_perceptron as fit
    else:
        from fishcli.heads.networks.training import fit_keras as fit
    if config.loss == "hinge":
        from fishcli.heads.classical.hinge import fit_hinge

        return fit_hinge(fit, config, inputs, train_rows, seed)
    return fit(config, inputs, train_rows, seed, pseudo)


def suffix_of(head: str) -> str:
    """How the name of a head's file ends."""
    if head in ENCODE:
        return ENCODING
    return ARRAYS if head in OF_ARRAYS else SUFFIXES[kind_of(head).fitted_by]


def found(path: Path) -> Path:
    """Where a head lies that is written to `path`: where older versions wrote it, if only that is there."""
    for suffix, older in OLD_SUFFIXES.items():
        if path.name.endswith(suffix) and not path.exists():
            others = (path.with_name(path.name.removesuffix(suffix) + each) for each in older)
            return next((other for other in others if other.exists()), path)
    return path


def files_of(path: Path) -> list[Path]:
    """All files that a head is: its own, which lies at `path`, and what it shares with others."""
    return [path, kept.architecture_of(path)] if path.name.endswith(kept.SUFFIX) else [path]


def load_fold(
    path: Path, encoder: MetadataEncoder, counts: np.ndarray, networks: Networks | None = None
) -> FoldHead:
    """Load a head that `fit_fold` fitted.

    Args:
        path: of its file.
        encoder: of metadata.
        counts: (C,) training images of each class.
        networks: where it is to predict and no more: those that Keras heads were loaded with so far, which
            those that are alike share.

    Raises:
        FishError: the file is missing or damaged.
    """
    if path.name.endswith((kept.SUFFIX, OLD_SUFFIX)):
        return load_keras_head(path, encoder, counts, networks)
    if path.name.endswith(PERCEPTRON):
        from fishcli.heads.perceptrons.head import load_perceptron

        return load_perceptron(path, encoder, counts)
    if path.name.endswith(ENCODING):
        from fishcli.heads.encoding.fits import load_encoding

        return load_encoding(path, encoder, counts)
    from fishcli.heads.classical.fits import load_classical

    return load_classical(path, encoder, counts)
