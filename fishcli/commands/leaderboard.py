"""`fishcli runs`: the leaderboard, from the runs' files alone and without a heavy import."""

import csv
import dataclasses
import io
import itertools
import json
import re
import textwrap
from collections.abc import Callable
from typing import Any

from fishcli.basics.errors import FishError, examples
from fishcli.basics.tables import table_text, table_width, terminal_width
from fishcli.options.command_lines import advised
from fishcli.options.seeing import RunsConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.folders.finding import find_runs
from fishcli.runs.folders.listing import RunLine, read_run
from fishcli.runs.folders.pairing import Entry, first_of, name_of, pair_runs

NOT_WRITTEN = {"same_but_folds", "go_on"}
OF_METRIC = {"metric", "metric_value", "metric_baseline", "metric_baseline_of"}
"""Written where a run was made for another metric than log loss."""
UNSEEN = "unseen groups"
"""The column of what to expect of groups to come."""
OPTIONAL = (
    *("seconds", "views", "date", "boxes", "metadata", "mean box's (random)", "mean box's (grouped)"),
    UNSEEN,
    *("box IoU (random)", "box IoU (grouped)", "backbone", "prior (random)", "prior (grouped)", "head"),
)
"""Columns in the order in which they are left out where a terminal is too narrow."""
BASELINES = tuple(f"{what} ({kind})" for what in ("prior", "mean box's") for kind in ("grouped", "random"))
SAME = ("backbone", "head", "metadata", "boxes", "views", *BASELINES)
"""Columns that are said once, below the table, where all rows that have them have the same in them."""
BOARDS = ("public", "private")
"""What `runs note` keeps of the competition's leaderboards."""
N_DIGEST = 6


def run(config: RunsConfig) -> str:
    """Read all runs; returns the table, JSON or CSV.

    Raises:
        FishError: no runs.
    """
    if config.json and config.csv:
        raise FishError("--json and --csv are two forms of the same. Choose one.")
    names = find_runs(config.models_dir) if config.models_dir.is_dir() else []
    if not names:
        raise FishError(f"no runs in {config.models_dir}. Train one first: {advised('train', TrainConfig)}.")
    lines = [read_run(config.models_dir, name) for name in names]
    complete = [line for line in lines if line.status == "complete"]
    entries = sorted(pair_runs(complete), key=_sort_key(config.sort))
    others = [line for line in lines if line.status != "complete"]
    if config.json or config.csv:
        left_out = NOT_WRITTEN | (set() if any(line.metric for line in lines) else OF_METRIC)
        rows = [
            _as_row(line, entry, left_out)
            for entry in entries
            for line in sorted(entry.values(), key=lambda x: x.folds or "")
        ]
        rows += [_as_row(line, {}, left_out) for line in others]
        return json.dumps(rows, indent=2, allow_nan=False) if config.json else _csv(rows)
    parts = [_table(entries)] if entries else []
    return "\n\n".join([*parts, *([_others_text(others)] if others else [])])


def _sort_key(sort: str) -> Callable[[Entry], Any]:
    """What entries are sorted by: those that lack it come last, by name."""

    def key(entry: Entry) -> Any:
        found: list[float | None] = []
        if sort in ("grouped", "random"):
            kinds = (sort, "random" if sort == "grouped" else "grouped")
            found = [entry[kind].log_loss if kind in entry else None for kind in kinds]
        elif sort == "seconds":
            found = [first_of(entry).seconds]
        elif sort == "iou":
            iou = first_of(entry).box_iou
            found = [None if iou is None else -iou]
        newest = max(line.finished or "" for line in entry.values())
        dates = [-ord(letter) for letter in newest] if sort == "date" else []
        natural = [int(part) if part.isdecimal() else part for part in re.split("([0-9]+)", name_of(entry))]
        return [(value is None, value or 0.0) for value in found], dates, natural

    return key


def _table(entries: list[Entry]) -> str:
    """The table for the screen, as wide as the terminal allows, and what stands in all its rows below it."""
    kinds = [kind for kind in ("grouped", "random") if any(kind in entry for entry in entries)]
    n_data = len({line.dataset for entry in entries for line in entry.values()})
    metrics = {
        line.metric: str(line.metric_baseline_of)
        for entry in entries
        for line in entry.values()
        if line.metric is not None
    }
    rows = [_row(entry, kinds, metrics) for entry in entries]
    baselines = {*BASELINES, *(_baseline(*each, kind) for each in metrics.items() for kind in kinds)}
    shown = {name for name in rows[0] if any(row[name] is not None for row in rows)}
    if n_data == 1:
        shown.discard("data")
    same = {}
    for name in (*SAME, *sorted(baselines - set(SAME))) if len(rows) > 1 else ():
        values = {row.get(name) for row in rows} - ({None} if name in baselines else set())
        if name in shown and len(values) == 1:
            same[name] = values.pop()
            shown.discard(name)
    rows = [{name: value for name, value in row.items() if name in shown} for row in rows]
    width, left_out = terminal_width(), []
    for name in OPTIONAL:
        if width is not None and table_width(rows) > width and name in rows[0]:
            left_out.append(name)
            rows = [{key: value for key, value in row.items() if key != name} for row in rows]
    notes = [f"{len(entries):,} lines, of {sum(map(len, entries)):,} runs"]
    if same:
        notes.append("in all lines: " + "; ".join(f"{name} {_said(value)}" for name, value in same.items()))
    notes.append(
        f"log loss and IoU out of fold, on {' and '.join(kinds)} folds, of the plain photo; prior: the class "
        "prior's loss"
    )
    if UNSEEN in shown:
        found = {line.expected_groups or 0 for entry in entries for line in entry.values()} - {0}
        n_new = " or ".join(map(str, sorted(found)))
        notes.append(f"{UNSEEN}: where the log loss on {n_new} groups to come lies, 95% of times")
    if metrics:
        notes.append(f"{', '.join(metrics)}: out of fold, higher is better, beside one answer to all images")
    if any(len(entry) > 1 for entry in entries):
        notes.append("{a,b}: two runs that differ only by their folds, a's grouped, b's random")
    if n_data > 1:
        notes.append(f"{n_data} data sets: compare losses within one only")
    useless = [line.name for entry in entries for line in entry.values() if _is_useless(line)]
    if useless:
        notes.append(f"no better than the class prior: {examples(useless, 5)}")
    if left_out:
        notes.append(f"no room for {', '.join(left_out)}: a wider window, --json and --csv have them")
    notes = notes if width is None else [textwrap.fill(note, width) for note in notes]
    return "\n".join([table_text(rows, width), "", *notes])


def _baseline(metric: str, of: str, kind: str) -> str:
    """The column of what there is to beat by a metric."""
    return f"{of}'s {metric} ({kind})"


def _row(entry: Entry, kinds: list[str], metrics: dict[str, str]) -> dict[str, object]:
    """A line's cells; `metrics` are those of all lines, and whose figure is to be beaten by each."""
    first = first_of(entry)
    row: dict[str, object] = {"run": name_of(entry)}
    for kind in kinds:
        line = entry.get(kind)
        row[kind] = None if line is None else line.log_loss
        row |= {f"{board} ({kind})": None if line is None else getattr(line, board) for board in BOARDS}
        row[f"prior ({kind})"] = None if line is None else line.prior_log_loss
    row[UNSEEN] = _expected(entry.get("grouped"))
    for (name, of), kind in itertools.product(metrics.items(), kinds):
        line = entry.get(kind)
        if line is not None and line.metric != name:
            line = None
        row[f"{name} ({kind})"] = None if line is None else line.metric_value
        row[_baseline(name, of, kind)] = None if line is None else line.metric_baseline
    for kind in kinds:
        row[f"box IoU ({kind})"] = entry[kind].box_iou if kind in entry else None
        row[f"mean box's ({kind})"] = entry[kind].mean_box_iou if kind in entry else None
    finished = max(line.finished or "" for line in entry.values())
    return {
        **row,
        **{name: getattr(first, name) for name in ("head", "metadata", "boxes", "backbone", "views")},
        "seconds": round(first.seconds or 0.0),
        "date": finished[:10],
        "data": (first.dataset or "")[:N_DIGEST],
    }


def _expected(line: RunLine | None) -> str | None:
    """What to expect of groups to come, in words, of a run on grouped folds."""
    if line is None or line.expected_low is None or line.expected_high is None:
        return None
    return f"{line.expected_low:.2f} to {line.expected_high:.2f}"


def _is_useless(line: RunLine) -> bool:
    loss, prior = line.log_loss, line.prior_log_loss
    return loss is not None and prior is not None and loss >= prior


def _as_row(line: RunLine, entry: Entry, left_out: set[str]) -> dict[str, Any]:
    """A run with all that is known of it, and the name of the run that it is paired with."""
    values = {key: value for key, value in dataclasses.asdict(line).items() if key not in left_out}
    pair = next((other.name for other in entry.values() if other is not line), None)
    return {**values, "paired_with": pair}


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def _others_text(lines: list[RunLine]) -> str:
    """What is not complete, each with why."""
    said = []
    for line in lines:
        advice = f" Go on (its --data-dir besides, if it is not data): {line.go_on}" if line.go_on else ""
        said.append(f"{line.status}: {line.name}: {line.problem}{advice}")
    return "\n".join(said)


def _said(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
