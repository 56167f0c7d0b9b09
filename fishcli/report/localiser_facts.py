"""What the page of a localiser's run shows, measured already: numbers and names, no files."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fishcli.report.run_facts import Bins, Curves


@dataclass(frozen=True)
class Seen:
    """A photo with what was found in it.

    Attributes:
        image: its id.
        said: how sure it is of which boxes, in a line.
        detail: what else there is to know of it.
        photo: a small JPEG with true and found boxes, None where it can't be read.
    """

    image: str
    said: str
    detail: str
    photo: bytes | None


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision over recall at IoU 0.5.

    Attributes:
        recall, precision: (m,) of the 1, 2, ... m surest detections.
        mean_box: recall and precision of the mean box, said of every photo.
        average: the area below, once precision never rises.
    """

    recall: np.ndarray
    precision: np.ndarray
    mean_box: tuple[float, float]
    average: float


@dataclass(frozen=True)
class CropsSaid:
    """Whether crops of what was found pay, in words, and the command lines that tell for sure."""

    figures: str
    verdict: str
    commands: list[str]


@dataclass(frozen=True)
class LocaliserFacts:
    """All that the page of a localiser's run shows; some photos have a true box.

    Attributes:
        name: the run's.
        source: the competition's folder.
        folds: "grouped" or "random".
        n_boxed: photos with a true box.
        n_boxes: true boxes.
        scores: as in metrics.json: of all photos, those of the mean box beside them.
        by_group, by_fold: the same of parts of the photos, by name; groups with many photos first.
        crops: whether they pay.
        precision_recall: of all boxes found.
        bins: how sure of a box's centre being in a true box, against how often it is.
        ious: (n,) of the surest boxes in photos with a true box, and (n,) of the mean box there.
        curves: for each fold the mean training loss: name -> (epoch from 1, loss).
        sheets: photos at equal steps, and those where the surest box is wrong, the surest first.
        n_wrong: how many of those there are in all.
        settings: option -> its value, and whether that is the default.
        facts: what else defines the run, by name.
        commands: what makes the run again, a line each.
    """

    name: str
    source: str
    folds: str
    n_boxed: int
    n_boxes: int
    scores: dict[str, Any]
    by_group: dict[str, dict[str, Any]]
    by_fold: dict[str, dict[str, Any]]
    crops: CropsSaid
    precision_recall: PrecisionRecall
    bins: Bins
    ious: tuple[np.ndarray, np.ndarray]
    curves: list[Curves]
    sheets: tuple[list[Seen], list[Seen]]
    n_wrong: int
    settings: dict[str, tuple[str, bool]]
    facts: dict[str, str]
    commands: list[str]
