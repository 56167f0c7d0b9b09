"""The tables of a run's page."""

from typing import Any

from fishcli.report.run_facts import Gap, Looked, Part
from fishcli.report.tables.cells import UNKNOWN, Cell, Table, number, percent

MAX_ROWS = 200


def parts_table(parts: list[Part], what: str) -> Table:
    """What the run is worth by class, group or fold: a row a part, MAX_ROWS at most.

    Args:
        parts: one at least.
        what: "class", "group" or "fold".
    """
    has_losses = parts[0].log_loss is not None
    has_boxes = any(part.box_iou is not None for part in parts)
    headings = [what, "images"]
    headings += ["log loss", "prior", "explained", "right"] if has_losses else []
    headings += ["most taken for"] if what == "class" else []
    headings += ["box IoU", "mean box’s"] if has_boxes else []
    rows = []
    for part in parts[:MAX_ROWS]:
        row = [Cell(part.name), Cell(f"{part.n_images:,}")]
        if part.log_loss is not None and part.prior_log_loss is not None:
            explained = 1 - part.log_loss / part.prior_log_loss
            row += [
                Cell(number(part.log_loss)),
                Cell(number(part.prior_log_loss)),
                percent(explained),
                percent(part.accuracy),
            ]
        if what == "class":
            row.append(Cell(part.taken_for or UNKNOWN, is_quiet=not part.taken_for))
        if has_boxes:
            row += [Cell(number(part.box_iou)), Cell(number(part.mean_box_iou))]
        rows.append(row)
    return Table(f"Out-of-fold scores by {what}", headings, rows)


def gap_table(gap: Gap) -> Table:
    """The two kinds of folds, beside the prior."""
    headings = ["folds", "log loss", "prior", "explained", "right"]
    rows = [
        [
            Cell(kind, said),
            Cell(number(gap.losses[kind])),
            Cell(number(gap.priors[kind])),
            percent(1 - gap.losses[kind] / gap.priors[kind]),
            percent(gap.accuracies[kind]),
        ]
        for kind, said in (
            ("random", "images of one group on both sides"),
            ("grouped", "whole groups held out"),
        )
    ]
    return Table("Random and grouped folds", headings, rows)


def views_table(by_views: dict[str, dict[str, Any]]) -> Table:
    """Scores by the number of test-time views."""
    first = next(iter(by_views.values()))
    columns = {
        "log loss": ("log_loss", number),
        "prior": ("prior_log_loss", number),
        "before temperature": ("raw_log_loss", number),
        "temperature": ("temperature", lambda value: number(value, 2)),
        "right": ("accuracy", lambda value: percent(value).text),
        "box IoU": ("box_iou", number),
        "IoU > 0.5": ("box_iou_over_half", lambda value: percent(value).text),
    }
    if "metric" in first:
        by_views = {n: {**scores, "metric": scores["metric"]["value"]} for n, scores in by_views.items()}
        columns[first["metric"]["name"]] = ("metric", number)
    known = {heading: how for heading, how in columns.items() if how[0] in first}
    rows = [
        [Cell(f"{n} view{'s' * (n != '1')}"), *(Cell(say(scores.get(key))) for key, say in known.values())]
        for n, scores in by_views.items()
    ]
    return Table("Scores by test-time views", ["averaged", *known], rows)


def looked_table(parts: list[Looked], what: str) -> Table:
    """How much of the maps lies inside the boxes: a row a part, MAX_ROWS at most."""
    headings = [what, "images", "map inside", "box’s area", "times", "in others’ boxes"]
    rows = [
        [
            Cell(part.name),
            Cell(f"{part.n_images:,}"),
            percent(part.share),
            percent(part.area),
            Cell(UNKNOWN if part.area == 0 else number(part.share / part.area, 1)),
            percent(part.elsewhere),
        ]
        for part in parts[:MAX_ROWS]
    ]
    return Table(f"Share of the class map inside the boxes by {what}", headings, rows)


def settings_table(settings: dict[str, tuple[str, bool]], command: str = "train") -> Table:
    """The options of a command, those that are not at their default first."""
    order = sorted(settings.items(), key=lambda each: each[1][1])
    rows = [
        [Cell(name), Cell(value, is_quiet=is_default), Cell("default" if is_default else "", is_quiet=True)]
        for name, (value, is_default) in order
    ]
    return Table(f"Options of {command}", ["option", "value", ""], rows, n_text=3)
