"""Runs of one folder that differ only by their folds: they share a line of the leaderboard."""

from collections import defaultdict
from typing import Any

from fishcli.runs.folders.listing import RunLine

Entry = dict[str, RunLine]
"""A line of the leaderboard: a run, or two that differ only by their folds, by kind of folds."""


def pair_runs(lines: list[RunLine]) -> list[Entry]:
    """Put a run on grouped and one on random folds of a folder together where all else is the same.

    Where there are several of a kind nobody knows which belong together: then each stands alone.
    """
    alike: dict[Any, list[RunLine]] = defaultdict(list)
    for line in lines:
        alike[line.name.rpartition("/")[0], line.same_but_folds].append(line)
    entries = []
    for members in alike.values():
        by_kind = {line.folds or "": line for line in members}
        entries += (
            [by_kind] if len(by_kind) == len(members) else [{line.folds or "": line} for line in members]
        )
    return entries


def first_of(entry: Entry) -> RunLine:
    """The run on grouped folds, where there is one."""
    return entry["grouped"] if "grouped" in entry else entry["random"]


def name_of(entry: Entry) -> str:
    """A run's name; those of two as a shell expands them, the grouped one first: gap-{grouped,random}-0."""
    names = [entry[kind].name for kind in ("grouped", "random") if kind in entry]
    if len(names) == 1:
        return names[0]
    one, other = names
    shorter = min(len(one), len(other))
    head = next((k for k in range(shorter) if one[k] != other[k]), shorter)
    tail = next((k for k in range(shorter - head) if one[-1 - k] != other[-1 - k]), shorter - head)
    # Whole words are easier to read than what is left of them.
    while head and one[head - 1].isalnum():
        head -= 1
    while tail and one[len(one) - tail].isalnum():
        tail -= 1
    middles = ",".join(name[head : len(name) - tail] for name in names)
    return f"{one[:head]}{{{middles}}}{one[len(one) - tail :]}"
