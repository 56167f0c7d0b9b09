"""How much of the label the background gives away, and how much the fish."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fishcli.audit.ends import interval_ends, interval_method
from fishcli.audit.gains import row_losses
from fishcli.audit.seen.components import scores_by_fold
from fishcli.audit.seen.image_learner import held_out_proba
from fishcli.audit.seen.painting import PaintedFeatures
from fishcli.basics.progress import track
from fishcli.dataset.classes import fold_priors

LIMITS = (
    'A painted box still shows where it is and how large: "boxes" says what that alone tells. What of a fish '
    "sticks out of its box counts as background, and what of the background is in the box as fish."
)


@dataclass(frozen=True)
class Look:
    """What one version of the photos tells of the label.

    Attributes:
        look: "photo", "background" (fish painted over), "fish" (all else painted over), or "boxes": only the
            number, place and size of the boxes.
        folds: "random" or "grouped".
        log_loss: held-out, bits.
        prior_log_loss: of the smoothed class prior of each fold's training part, bits.
        bits: the second less the first.
        bits_low: the lower end of its 95% interval; None where there is but one group.
        bits_high: the upper end.
        share_of_prior: `bits` as a share of `prior_log_loss`.
        accuracy: share right.
    """

    look: str
    folds: str
    log_loss: float
    prior_log_loss: float
    bits: float
    bits_low: float | None
    bits_high: float | None
    share_of_prior: float
    accuracy: float


@dataclass(frozen=True)
class FishLead:
    """By how much the fish tells more than the background: paired, of the same images and folds.

    Attributes:
        folds: "random" or "grouped".
        bits: the log loss on the background less that on the fish; negative where the background tells more.
        bits_low: the lower end of its 95% interval; None where there is but one group.
        bits_high: the upper end.
    """

    folds: str
    bits: float
    bits_low: float | None
    bits_high: float | None


@dataclass(frozen=True)
class Background:
    """The background against the fish.

    Attributes:
        n_images: photos with a box, which all of this is about.
        n_without_boxes: photos that were left out, having no box.
        n_unreadable: photos that were left out, since they can't be decoded.
        n_classes: classes of the photos with a box.
        looks: each look under each kind of folds; empty where there are fewer than two classes.
        fish_leads: one for each kind of folds.
        interval: the method of all intervals.
        limits: what to keep in mind.
    """

    n_images: int
    n_without_boxes: int
    n_unreadable: int
    n_classes: int
    looks: list[Look]
    fish_leads: list[FishLead]
    interval: str
    limits: str


def measure_background(
    painted: PaintedFeatures,
    labels: np.ndarray,
    groups: np.ndarray | None,
    folds: Mapping[str, np.ndarray],
) -> Background:
    """Cross-fit the label on each look, by the same learner on the same folds.

    The learner is a multinomial logistic regression on principal components, its penalty chosen within the
    training part.

    Args:
        painted: of m of the n images.
        labels: (n,) int64, of all images.
        groups: (n,) int64 of all images, or None; whole groups are drawn for the intervals where known.
        folds: (n,) int by "random" and "grouped": the fold in which each image is held out.
    """
    present, kept = np.unique(labels[painted.rows], return_inverse=True)
    units = None if groups is None else groups[painted.rows]
    looks: list[Look] = []
    leads: list[FishLead] = []
    for kind, whole in folds.items() if len(present) > 1 else ():
        fold = whole[painted.rows]
        prior = row_losses(kept, fold_priors(kept, fold, len(present))) / math.log(2)
        losses = {}
        for name, features in track(list(painted.by_look.items()), f"looks, {kind} folds", "look"):
            proba = _cross_fit(features, kept, fold)
            losses[name] = row_losses(kept, proba) / math.log(2)
            low, high = interval_ends(prior - losses[name], units)
            looks.append(
                Look(
                    look=name,
                    folds=kind,
                    log_loss=float(losses[name].mean()),
                    prior_log_loss=float(prior.mean()),
                    bits=float((prior - losses[name]).mean()),
                    bits_low=low,
                    bits_high=high,
                    share_of_prior=float((prior - losses[name]).sum() / prior.sum()),
                    accuracy=float((proba.argmax(axis=1) == kept).mean()),
                )
            )
        lead = losses["background"] - losses["fish"]
        leads.append(FishLead(kind, float(lead.mean()), *interval_ends(lead, units)))
    return Background(
        n_images=len(painted.rows),
        n_without_boxes=painted.n_without_boxes,
        n_unreadable=painted.n_unreadable,
        n_classes=len(present),
        looks=looks,
        fish_leads=leads,
        interval=interval_method(units),
        limits=LIMITS,
    )


def _cross_fit(features: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
    proba = np.zeros((len(labels), int(labels.max()) + 1))
    for k, scores in scores_by_fold(features, fold):
        proba[fold == k] = held_out_proba(scores, labels, fold, k)
    return proba
