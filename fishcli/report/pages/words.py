"""Plots that several pages have, in words: rows of parts, reliability, training curves, overlaps."""

from typing import Any

from fishcli.report.plots.run import Rows
from fishcli.report.run_facts import Curves, Part

FOLDS_SAID = {"grouped": "On groups it has not seen (grouped folds)", "random": "On random folds"}


def score_rows(parts: list[Part]) -> Rows | None:
    """Log losses beside the prior's; box IoU beside the mean box's where there is no log loss."""
    notes = {part.name: f"{part.n_images:,} image{'s' * (part.n_images != 1)}" for part in parts}
    losses = [(part.name, part.log_loss, part.prior_log_loss) for part in parts]
    ious = [(part.name, part.box_iou, part.mean_box_iou) for part in parts]
    for values, label, lower in (
        (losses, "log loss, out of fold", True),
        (ious, "box IoU, out of fold", False),
    ):
        known = [(name, a, b) for name, a, b in values if a is not None and b is not None]
        if known:
            names, found, references = zip(*known, strict=True)
            return Rows(
                list(names), [notes[name] for name in names], list(found), list(references), label, lower
            )
    return None


def rows_said(rows: Rows) -> str:
    """Rows of dots in words."""
    order = sorted(range(len(rows.names)), key=lambda k: rows.values[k], reverse=rows.lower_is_better)
    say = "{:.1%}".format if rows.is_share else "{:.3f}".format
    said = [f"{rows.names[k]} {say(rows.values[k])} against {say(rows.references[k])}" for k in order[:3]]
    return f"{rows.label}, {len(rows.names)} rows with what there is to beat. Worst: {', '.join(said)}."


def reliability_said(content: Any) -> str:
    """A reliability diagram in words."""
    bins, raw = content
    before = "" if raw is None else f"; before the temperature {raw.error:.3f}"
    said = [
        f"{sure:.0%} sure, {right:.0%} right"
        for sure, right in zip(bins.confidence, bins.accuracy, strict=True)
    ]
    return f"Reliability diagram, expected calibration error {bins.error:.3f}{before}. {'; '.join(said)}."


def curves_said(curves: dict[str, list[Curves]]) -> str:
    """Training curves in words."""
    said = []
    for member, folds in curves.items():
        for name in folds[0]:
            first, last = (sum(each[name][k][1] for each in folds) / len(folds) for k in (0, -1))
            said.append(f"{member}{', ' if member else ''}{name} from {first:.3g} to {last:.3g}")
    n_epochs = folds[0]["loss"][-1][0]
    return f"Training losses of {len(folds)} folds over {n_epochs} epochs, on average: {'; '.join(said)}."


def ious_said(content: Any) -> str:
    """A histogram of overlaps in words."""
    ious, mean_ious = content
    return (
        f"Histogram of the IoU of {len(ious):,} predicted boxes with the true ones: mean {ious.mean():.2f}, "
        f"{(ious > 0.5).mean():.0%} over 0.5; the mean box has {mean_ious.mean():.2f}."
    )
