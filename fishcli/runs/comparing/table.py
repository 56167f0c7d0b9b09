"""The table of a comparison: losses on the same folds, and paired intervals of their differences."""

import math
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.files import read_json
from fishcli.basics.intervals import FEW_GROUPS, paired_interval
from fishcli.basics.progress import warn
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import labels_of, proba_columns
from fishcli.options.train import CompareConfig
from fishcli.options.views import view_prefixes
from fishcli.runs.deciding import METRIC, asked_metric, beside_loss
from fishcli.runs.expecting import expect, expected_said, interval_said
from fishcli.runs.run import Run
from fishcli.scoring.metrics import Metric, log_losses

EXPECTED = {
    "expected_low": "low",
    "expected_high": "high",
    "expected_groups": "new_groups",
    "groups": "groups",
}
"""Columns of what to expect of groups to come, and what `expect` calls them."""
CELL = ["features", "head", "metadata", "boxes"]


def compare_cells(
    kinds: list[str], runs: list[list[Run]], groups: pd.Series | None, n_test: int | None
) -> pd.DataFrame:
    """One row a cell: its loss beside the prior's, and its difference to the best cell on the same folds.

    Args:
        kinds: of each cell, "grouped" or "random" folds.
        runs: the runs of each cell, one a fold seed; their losses are averaged image by image.
        groups: the group of each image, by image id; differences are resampled by group. None: by image.
        n_test: of how many groups the test set is; None where nobody knows.

    Returns:
        `features`, `head`, `metadata`, `boxes`, `folds`, `log_loss`, `prior_log_loss`, `difference`, `low`,
        `high`, `within_noise`, `box_iou` and the constant mean box's `mean_box_iou`, `seconds_a_fold`,
        `parameters`; on grouped folds what to expect of groups to come (`EXPECTED`); made for another metric
        than log loss, that and what there is to beat; each kind of folds from best to worst.
    """
    rows, losses = [], []
    for kind, members in zip(kinds, runs, strict=True):
        losses.append(pd.concat([_losses(each) for each in members], axis=1).mean(axis=1))
        rows.append(_describe(kind, members, losses[-1]))
    table = pd.DataFrame(rows)
    if groups is not None and "grouped" in kinds:
        table = table.assign(**dict.fromkeys(EXPECTED, math.nan))
    if groups is not None and groups.nunique() < FEW_GROUPS:
        warn(f"{groups.nunique()} groups are few: the intervals of the differences are too narrow")
    joined = pd.concat(losses, axis=1)
    by_image = joined.to_numpy().T
    resampled = None if groups is None else groups.loc[joined.index].to_numpy()
    for kind in dict.fromkeys(kinds):
        here = np.flatnonzero(table["folds"] == kind)
        best = here[np.argmin(by_image[here].mean(axis=1))]
        for row in here:
            if kind == "grouped" and resampled is not None:
                table.loc[row, list(EXPECTED)] = _expected(by_image[row], resampled, n_test)
            difference = by_image[row] - by_image[best]
            interval = paired_interval(difference, resampled)
            table.loc[row, ["difference", "low", "high"]] = (
                [difference.mean(), interval.low, interval.high] if row != best else [0.0, np.nan, np.nan]
            )
            table.loc[row, "within_noise"] = bool(row == best or interval.is_noise)
    table["within_noise"] = table["within_noise"].astype(bool)
    return table.sort_values(["folds", "log_loss"], kind="stable", ignore_index=True)


def _expected(losses: np.ndarray, groups: np.ndarray, n_test: int | None) -> list[float]:
    found = expect(losses, groups, n_test)
    return [math.nan if found[name] is None else found[name] for name in EXPECTED.values()]


def _losses(this_run: Run) -> pd.Series:
    """Each training image's out-of-fold log loss, all views averaged, by image id."""
    oof = this_run.read_oof(view_prefixes(this_run.settings["views"])[-1])
    assert oof is not None
    labels = labels_of(oof["class_name"], this_run.class_names)
    return pd.Series(log_losses(labels, oof[proba_columns(this_run.class_names)].to_numpy()), oof["image"])


def _describe(kind: str, members: list[Run], losses: pd.Series) -> dict[str, object]:
    settings = members[0].settings
    metrics = [read_json(each.run_dir / "metrics.json") for each in members]
    folds = [read_json(each.fold_path(k, ".json")) for each in members for k in range(settings["folds"])]
    views = str(view_prefixes(settings["views"])[-1])
    found = [beside_loss(each["by_views"][views][METRIC]) for each in metrics if METRIC in each]
    boxes = pd.DataFrame(metrics).reindex(columns=["box_iou", "mean_box_iou"]).mean()
    return {
        **{name: members[0].store if name == "features" else settings[name] for name in CELL},
        "folds": kind,
        "log_loss": losses.mean(),
        "prior_log_loss": np.mean([each["prior_log_loss"] for each in metrics]),
        "difference": 0.0,
        "low": np.nan,
        "high": np.nan,
        "within_noise": True,
        "box_iou": boxes["box_iou"],
        "mean_box_iou": boxes["mean_box_iou"],
        "seconds_a_fold": np.mean([each["seconds"] for each in folds]),
        "parameters": max(each["n_parameters"] for each in folds),
        **(
            {name: np.array([each[name] for each in found], np.float64).mean() for name in found[0]}
            if found
            else {}
        ),
    }


def screen_table(table: pd.DataFrame, config: CompareConfig) -> str:
    """The comparison for the screen: a row an entry of the grid, best first, and what the marks mean.

    `table` is that of `compare_cells`, its features under short labels.
    """
    kinds, metric = list(dict.fromkeys(table["folds"])), asked_metric(config.metric)
    shown = [name for name in CELL if name == "head" or len(set(table[name])) > 1]
    rows = []
    for cell, part in table.groupby(CELL, sort=False):
        row: dict[str, object] = dict(zip(CELL, cell, strict=True))
        row = {name: row[name] for name in shown}
        for found, value in zip(part.itertuples(index=False), _column(part, metric), strict=True):
            row[str(found.folds)] = found.log_loss
            row[f"{found.folds} - best"] = _against_best(found)
            if unseen := _unseen(found):
                row["unseen groups"] = unseen
            if metric is not None:
                row[f"{metric.name} ({found.folds})"] = value
        first = part.iloc[0]
        row[f"box IoU ({first['folds']})"], row["mean box's"] = first["box_iou"], first["mean_box_iou"]
        row["s/fold"] = f"{part['seconds_a_fold'].mean():.1f}"
        row["parameters"] = int(first["parameters"])
        rows.append(row)
    lines = [table_text(pd.DataFrame(rows).dropna(axis=1, how="all")), ""]
    for kind in kinds:
        prior = table.loc[table["folds"] == kind, "prior_log_loss"].iloc[0]
        lines.append(f"{kind} folds: out-of-fold log loss; the class prior's is {prior:.4f}")
        if metric is not None:
            first = table[table["folds"] == kind].iloc[0]
            against = [
                f"{name} {first[name]:.4f}" for name in map(str, table) if name.endswith(f"'s {metric.name}")
            ]
            direction = "higher" if metric.higher_is_better else "lower"
            lines.append(f"{kind} folds: out-of-fold {metric.name}, {direction} is better; {against[0]}")
    lines += _expected_said(table, shown)
    views = view_prefixes(config.views)[-1]
    lines.append(
        f"{config.folds} folds, {_count(config.repeats, 'fold seed')}, {_count(config.seeds, 'head')} a "
        f"fold, {_count(views, 'view')} averaged. In brackets: 95% interval of the paired difference; ~ it "
        "holds 0, so the difference may be noise. The best is picked after the fact."
    )
    useful = table["within_noise"] & (table["log_loss"] < table["prior_log_loss"])
    cheap = table[(table["folds"] == kinds[0]) & useful].sort_values("seconds_a_fold")
    names = [" ".join(str(row[name]) for name in shown) for _, row in cheap.iterrows()]
    lines.append(
        f"{kinds[0]} folds, no worse than noise, cheapest first: {', '.join(names)}"
        if names
        else f"{kinds[0]} folds: nothing here is better than the class prior"
    )
    return "\n".join([*lines, ""])


def _unseen(found: Any) -> str:
    """The interval on groups to come of a row of the table; "" where it is unknown."""
    low = getattr(found, "expected_low", math.nan)
    return "" if math.isnan(low) else interval_said(low, found.expected_high)


def _expected_said(table: pd.DataFrame, shown: list[str]) -> list[str]:
    """A sentence on what to expect of the best on grouped folds, where that is known."""
    known = table[table["expected_low"].notna()] if "expected_low" in table else table[:0]
    if known.empty:
        return []
    best = known.iloc[0]
    found = {"log_loss": best["log_loss"], **{what: best[name] for name, what in EXPECTED.items()}}
    said = expected_said({**found, "of_test": False})
    return [f"{' '.join(str(best[name]) for name in shown)}: {said}"]


def _column(part: pd.DataFrame, metric: Metric | None) -> list[float]:
    return [math.nan] * len(part) if metric is None else part[metric.name].tolist()


def _against_best(found: Any) -> str:
    """The interval of the difference to the best, marked; a head that is no better than the prior fails."""
    fails = "FAILS (prior is better) " if found.log_loss >= found.prior_log_loss else ""
    if math.isnan(found.low):
        return f"{fails}{'best' if found.difference == 0 else '?'}"
    return f"{fails}{'~' if found.within_noise else ' '} [{found.low:+.3f}, {found.high:+.3f}]"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n > 1)}"
