"""The plots of a run as a notebook shows them: those of its page, each an image of its own."""

from typing import TYPE_CHECKING

import numpy as np

from fishcli.basics.files import read_json
from fishcli.dataset.classes import labels_of, proba_columns
from fishcli.dataset.tags import are_tags
from fishcli.report.pages.page import fit
from fishcli.report.plots.answers import confusion_matrix
from fishcli.report.plots.inline_svg import picture
from fishcli.report.plots.run import training_curves
from fishcli.runs.run import Run as RunFiles
from fishcli.runs.seeing.tuned import curves_by_member

if TYPE_CHECKING:
    from fishcli.library.runs import Run


def curves_of(run: RunFiles, width: float) -> str:
    """The training curves of all folds, of all fold seeds; "" of a head that is not trained by epochs."""
    paths = [each.fold_path(k, ".json") for each in run.by_seed() for k in range(run.settings["folds"])]
    kept = [read_json(path)["losses"] for path in paths]
    curves = curves_by_member(run, kept)
    if not any(map(any, curves.values())):
        return ""
    return picture(training_curves(fit(curves), width), "Training losses over epochs, a line a fold.")


def confusion_of(run: "Run", width: float) -> str:
    """The most probable class of each training image, out of fold, by its class; "" with one, or of tags."""
    names = run.classes
    if len(names) == 1 or are_tags(run.oof["class_name"]):
        return ""
    oof = run.oof
    counts = np.zeros((len(names), len(names)), int)
    answers = oof[proba_columns(names)].to_numpy().argmax(axis=1)
    np.add.at(counts, (labels_of(oof["class_name"], names), answers), 1)
    said = f"Out of fold, {counts.diagonal().sum():,} of {counts.sum():,} images are right."
    return picture(confusion_matrix((fit(names), counts), width), said)
