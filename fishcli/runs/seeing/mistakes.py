"""The surest mistakes of a run, with their photos."""

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.progress import say
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.dataset.layout.pools import has_training
from fishcli.options.train import RunConfig
from fishcli.report.heatmaps import Boxes
from fishcli.report.run_facts import Mistake
from fishcli.runs.run import Run
from fishcli.runs.seeing.answers import Answers
from fishcli.runs.seeing.map_drawings import draw_images
from fishcli.runs.seeing.map_inputs import load_map_inputs
from fishcli.runs.seeing.small_photos import boxed_photo, jpeg_of

N_MISTAKES = 8
PHOTO = (420, 300)  # pixels, width and height at most: about twice what the page shows


def surest_mistakes(answers: Answers) -> np.ndarray:
    """The rows of mistakes, the surest first: wrong classes by probability, or boxes by how far they miss.

    Of the same group, class and answer one only: frames of one sequence would fill the list.
    """
    found, sure = answers.proba.argmax(axis=1), answers.proba.max(axis=1)
    if len(answers.class_names) == 1:
        order = np.argsort(answers.ious, kind="stable")
        rows = order[~np.isnan(answers.ious[order])]
    else:
        order = np.argsort(-sure, kind="stable")
        rows = order[found[order] != answers.labels[order]]
    if answers.groups is not None:
        kinds = pd.DataFrame(
            {"group": answers.groups[rows], "true": answers.labels[rows], "found": found[rows]}
        )
        rows = rows[~kinds.duplicated().to_numpy()]
    return rows[:N_MISTAKES]


def small_heatmaps(run: Run, config: RunConfig, images: list[str]) -> dict[str, bytes]:
    """A small JPEG of the map of each image's answer over its photo; none where the run can't be drawn."""
    if not images or not has_training(config.data_dir, config.layout):
        return {}
    try:
        inputs = load_map_inputs(run, config)
    except FishError as error:
        say(f"the report is written without heatmaps: {error}")
        return {}
    return {drawn.image: jpeg_of(drawn.small) for drawn in draw_images(inputs, images)}


def describe_mistakes(answers: Answers, rows: np.ndarray, heatmaps: dict[str, bytes]) -> list[Mistake]:
    """The mistakes in words, with photo and heatmap where there are any."""
    found = []
    for row in rows:
        image, true = str(answers.images[row]), answers.class_names[answers.labels[row]]
        detail = [f"fold {answers.fold[row]}"]
        if answers.groups is not None:
            detail.insert(0, f"group {answers.groups[row]}")
        if len(answers.class_names) == 1:
            said = f"box IoU {answers.ious[row]:.2f}"
        else:
            proba = answers.proba[row]
            said = f"{true} taken for {answers.class_names[proba.argmax()]}, {proba.max():.0%} sure"
            detail.insert(0, f"{true} at {proba[answers.labels[row]]:.1%}")
            if not np.isnan(answers.ious[row]):
                detail.append(f"box IoU {answers.ious[row]:.2f}")
        found.append(Mistake(image, said, " · ".join(detail), _photo(answers, row), heatmaps.get(image)))
    return found


def _photo(answers: Answers, row: int) -> bytes | None:
    """A small JPEG of a photo with its true boxes and the predicted one; None where it can't be read."""
    if answers.paths is None:
        return None
    mine = answers.all_boxes[answers.all_boxes["image"] == answers.images[row]]
    boxes = Boxes(mine[BOX_COLUMNS].to_numpy(np.float64), answers.boxes[row])
    return boxed_photo(answers.paths[row], boxes, PHOTO, answers.reading)
