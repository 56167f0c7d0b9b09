"""What a run's page shows, measured already: numbers and names, no files."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Curves = dict[str, list[tuple[int, float]]]
"""The training losses of a fold by name: (epoch from 1, loss)."""


@dataclass(frozen=True)
class Part:
    """What a run is worth on some of the images, out of fold; None for what is not known.

    Attributes:
        name: of the class, group or fold.
        n_images: how many there are.
        log_loss: their mean, nats.
        prior_log_loss: the class prior's on the same images.
        accuracy: the share whose most probable class is right.
        box_iou: mean IoU of predicted and true box.
        mean_box_iou: the same for the mean box of the fold's training images.
        taken_for: the wrong class that most of them are taken for, "" where none is.
    """

    name: str
    n_images: int
    log_loss: float | None = None
    prior_log_loss: float | None = None
    accuracy: float | None = None
    box_iou: float | None = None
    mean_box_iou: float | None = None
    taken_for: str = ""


@dataclass(frozen=True)
class Gap:
    """The same settings on random and on grouped folds, the same images.

    Attributes:
        sibling: the run on the other kind of folds.
        losses: each kind's log loss.
        priors: each kind's class prior's log loss.
        accuracies: each kind's share of right answers.
        low, high: 95% interval of the grouped loss less the random one; None where it is unknown.
        n_groups: that the interval draws from.
    """

    sibling: str
    losses: dict[str, float]
    priors: dict[str, float]
    accuracies: dict[str, float]
    low: float | None
    high: float | None
    n_groups: int

    @property
    def difference(self) -> float:
        """The grouped loss less the random one."""
        return self.losses["grouped"] - self.losses["random"]


@dataclass(frozen=True)
class Bins:
    """A reliability diagram: (b,) arrays, a bin each, and its expected calibration error.

    `counts` are of what `unit` says.
    """

    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    error: float
    error_by_chance: float
    unit: str = "images"


@dataclass(frozen=True)
class Looked:
    """How much of the true class's map lies inside the true boxes, mean of some images.

    Attributes:
        name: of the class or group.
        n_images: how many there are.
        share: of the map's mass inside, 0 to 1.
        area: of the photo that the boxes cover.
        elsewhere: of the map's mass inside other photos' boxes; None where there is no other.
    """

    name: str
    n_images: int
    share: float
    area: float
    elsewhere: float | None


@dataclass(frozen=True)
class Mistake:
    """A photo whose answer is sure and wrong, or whose box misses.

    Attributes:
        image: its id.
        said: what is wrong, in a line.
        detail: what else there is to know of it.
        photo: a small JPEG, None where it can't be read.
        heatmap: likewise, None where there is none.
    """

    image: str
    said: str
    detail: str
    photo: bytes | None = None
    heatmap: bytes | None = None


@dataclass(frozen=True)
class Way:
    """One way to answer the same images: with a frozen backbone, with one recipe's networks, with all.

    Attributes:
        name: of the way.
        log_loss: out of fold, nats, scored as the run is: calibrated where that pays.
        raw_log_loss: before the temperature.
        temperature: 1 where none is used.
        accuracy: the share whose most probable class is right.
        difference: the loss less the frozen head's.
        low, high: its 95% interval; None where unknown.
    """

    name: str
    log_loss: float
    raw_log_loss: float
    temperature: float
    accuracy: float
    difference: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Versus:
    """A fine-tuned run's log loss on some images, and that of the frozen head that it started from."""

    name: str
    n_images: int
    log_loss: float
    frozen_log_loss: float


@dataclass(frozen=True)
class Tuned:
    """What fine-tuning brought.

    Attributes:
        ways: the frozen head first, the run last; between them each recipe alone, where there are several.
        blended: the best recipe alone, the run's loss less its, and the 95% interval's ends (None where
            unknown); None of a single recipe, or where its own answers are not kept.
        by: what `parts` are: "group" or "fold".
        parts: of the images, the group with the most first.
    """

    ways: list[Way]
    blended: tuple[str, float, float | None, float | None] | None
    by: str
    parts: list[Versus]


@dataclass(frozen=True)
class RunFacts:
    """All that the page of a run shows.

    Attributes:
        name: the run's.
        source: the competition's folder.
        folds: "grouped" or "random".
        n_groups: None where no groups are known.
        groups_from: what said which image is of which group, "" where nothing did.
        class_counts: (name, images) in the run's class order.
        scores: as in metrics.json for the plain photo.
        expected: what to expect of groups to come, a sentence; "" where nobody knows.
        lead: the 95% interval of the prior's loss less the run's; (None, None) where unknown.
        by_class, by_group, by_fold: parts of the images.
        by_views: number of test-time views -> scores as in metrics.json.
        confusion: (C, C) images of a class (row) by their most probable class (column).
        bins: after the temperature; None with one class.
        raw_bins: before it; None where there is no temperature.
        curves: for each fold the mean of its heads, as ""; or by the recipe that its networks learned from.
        tuned: None of a run that is not fine-tuned.
        gap: None where no other run has these settings; then `gap_note` and `gap_command` say how to get one.
        ious: (n,) of the images with a true and a predicted box, and (n,) of the mean box's on them.
        boxes_note: why there are no `ious`.
        looked: of "all", by "class" and by "group"; empty where it is not known.
        looked_lead: the 95% interval of `share` less `elsewhere` of all; (None, None) where unknown.
        mistakes: the surest first.
        settings: option -> its value, and whether that is the default.
        facts: what else defines the run, by name.
        commands: what makes the run again, a line each.
        commands_note: what else to know of it.
    """

    name: str
    source: str
    folds: str
    n_groups: int | None
    groups_from: str
    class_counts: list[tuple[str, int]]
    scores: dict[str, Any]
    expected: str
    lead: tuple[float | None, float | None]
    by_class: list[Part]
    by_group: list[Part]
    by_fold: list[Part]
    by_views: dict[str, dict[str, Any]]
    confusion: np.ndarray
    bins: Bins | None
    raw_bins: Bins | None
    curves: dict[str, list[Curves]]
    tuned: Tuned | None
    gap: Gap | None
    gap_note: str
    gap_command: str
    ious: tuple[np.ndarray, np.ndarray] | None
    boxes_note: str
    looked: dict[str, list[Looked]]
    looked_lead: tuple[float | None, float | None]
    mistakes: list[Mistake]
    settings: dict[str, tuple[str, bool]]
    facts: dict[str, str]
    commands: list[str]
    commands_note: str

    @property
    def has_classes(self) -> bool:
        """Whether there is a log loss: with one class there are only boxes."""
        return len(self.class_counts) > 1
