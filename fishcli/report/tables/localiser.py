"""The tables of a localiser's page."""

from typing import Any

from fishcli.report.tables.cells import Cell, Table, number, percent
from fishcli.report.tables.run import MAX_ROWS

LEGEND = {
    "IoU > 0.5": "Photos with a box where the surest found one overlaps a true one by more than half.",
    "centre in": "Photos with a box where the centre of the surest found one lies in a true one.",
    "mean box’s": "The same figure of one box for all photos: the mean of the training photos’ largest ones.",
    "AP at 0.5": "Average precision: the area under precision over recall of all found boxes.",
    "AUC of any": "How well the surest box’s confidence tells photos with boxes from those without.",
}
OF_ENDS = {
    "end error": "Median distance of the found head and tail to the true ones, in lengths of the fish.",
    "direction": "Photos where tail and head lie within 30 degrees of the true direction.",
    "mean ends’": "The same figure of one head and tail for all photos: the mean of the training photos’.",
}


def located_table(parts: dict[str, dict[str, Any]], what: str) -> Table:
    """What a localiser is worth by group or fold: a row a part, MAX_ROWS at most.

    Args:
        parts: figures as in metrics.json, by name.
        what: "group" or "fold".
    """
    headings = [what, "images", "box IoU", "mean box’s", "IoU > 0.5", "centre in", "mean box’s"]
    headings += ["AP at 0.5", "AUC of any"]
    has_ends = any("end_error" in scores for scores in parts.values())
    if has_ends:
        headings += ["end error", "mean ends’", "direction", "mean ends’"]
    rows = [
        [
            Cell(name),
            Cell(f"{scores['n_images']:,}"),
            Cell(number(scores["box_iou"], 2)),
            Cell(number(scores["mean_box_iou"], 2)),
            percent(scores["box_iou_over_half"]),
            percent(scores["centre_in_box"]),
            percent(scores["mean_centre_in_box"]),
            Cell(number(scores["average_precision"], 2)),
            Cell(number(scores["auc_any"], 2)),
            *(_ends_cells(scores) if has_ends else []),
        ]
        for name, scores in list(parts.items())[:MAX_ROWS]
    ]
    return Table(
        f"Out-of-fold figures by {what}", headings, rows, legend=LEGEND | (OF_ENDS if has_ends else {})
    )


def _ends_cells(scores: dict[str, Any]) -> list[Cell]:
    """Figures of heads and tails; gaps where no photo of the part has any."""
    names = [("end_error", "direction_right"), ("mean_end_error", "mean_direction_right")]
    (error, right), (mean_error, mean_right) = [[scores.get(name) for name in pair] for pair in names]
    return [Cell(number(error, 2)), Cell(number(mean_error, 2)), percent(right), percent(mean_right)]
