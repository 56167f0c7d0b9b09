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


def located_table(parts: dict[str, dict[str, Any]], what: str) -> Table:
    """What a localiser is worth by group or fold: a row a part, MAX_ROWS at most.

    Args:
        parts: figures as in metrics.json, by name.
        what: "group" or "fold".
    """
    headings = [what, "images", "box IoU", "mean box’s", "IoU > 0.5", "centre in", "mean box’s"]
    headings += ["AP at 0.5", "AUC of any"]
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
        ]
        for name, scores in list(parts.items())[:MAX_ROWS]
    ]
    return Table(f"Out-of-fold figures by {what}", headings, rows, legend=LEGEND)
