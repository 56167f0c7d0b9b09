"""The numbers of a run's report, from its out-of-fold answers."""

import dataclasses

import numpy as np

from fishcli.basics.intervals import paired_interval
from fishcli.options.train import RunConfig
from fishcli.report.run_facts import Bins, Curves, Looked, Part
from fishcli.runs.run import Run
from fishcli.runs.seeing.answers import Answers, read_kept
from fishcli.runs.seeing.class_map_mass import class_map_mass, summarise
from fishcli.runs.seeing.gap import known
from fishcli.scoring.reliability import reliability

MAX_POINTS = 120
"""Of a training curve: more are not seen, but weigh."""


def class_parts(answers: Answers) -> list[Part]:
    """What a run is worth on each class, in its class order; classes without an image are left out."""
    found = [(name, answers.labels == label) for label, name in enumerate(answers.class_names)]
    return [answers.part(name, rows) for name, rows in found if rows.any()]


def group_parts(answers: Answers) -> list[Part]:
    """What a run is worth on each group, that with the most images first; empty where none are known."""
    if answers.groups is None:
        return []
    names, counts = np.unique(answers.groups, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [answers.part(str(names[k]), answers.groups == names[k]) for k in order]


def fold_parts(answers: Answers) -> list[Part]:
    """What a run is worth on each fold."""
    return [answers.part(f"fold {k}", answers.fold == k) for k in np.unique(answers.fold)]


def lead_over_prior(answers: Answers) -> tuple[float | None, float | None]:
    """The 95% interval of the prior's loss less the run's, over groups where they are known."""
    if len(answers.class_names) == 1:
        return None, None
    return _ends(answers.prior_losses - answers.losses, answers.groups)


def confusion(answers: Answers) -> np.ndarray:
    """(C, C) int: images of a class (row) by their most probable class (column)."""
    n_classes = len(answers.class_names)
    cells = answers.labels * n_classes + answers.proba.argmax(axis=1)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def reliability_bins(run: Run, answers: Answers, temperature: float) -> tuple[Bins | None, Bins | None]:
    """The reliability diagram, and the one before the temperature; None where there is none."""
    if len(answers.class_names) == 1:
        return None, None
    raw = read_kept(run, answers, "proba") if temperature != 1.0 else None
    made = [
        None if proba is None else Bins(**dataclasses.asdict(reliability(answers.labels, proba)))
        for proba in (answers.proba, None if raw is None else raw[0])
    ]
    return made[0], made[1]


def mean_curves(losses: list[dict[str, list[float]]]) -> Curves:
    """The training losses of a fold, mean of its heads, by name: (epoch from 1, loss), MAX_POINTS at most.

    Args:
        losses: of each head: name -> the mean loss of each epoch.
    """
    curves = {}
    for name in losses[0]:
        values = np.mean([each[name] for each in losses], axis=0)
        epochs = np.unique(np.linspace(0, len(values) - 1, min(MAX_POINTS, len(values))).round().astype(int))
        curves[name] = [(int(epoch) + 1, float(values[epoch])) for epoch in epochs]
    return curves


def where_it_looks(
    run: Run, config: RunConfig, answers: Answers
) -> tuple[dict[str, list[Looked]], tuple[float | None, float | None]]:
    """The share of class maps inside the true boxes: of "all", by "class", by "group" (frequent first).

    Returns:
        That, empty where the run has no maps or the competition no boxes; and the 95% interval of how much
        larger the share is than inside other photos' boxes.
    """
    mass = class_map_mass(run, config)
    if mass is None or mass["share"].isna().all():
        return {}, (None, None)
    if answers.groups is not None:
        mass = mass.assign(group=mass["image"].map(dict(zip(answers.images, answers.groups, strict=True))))
    summary = summarise(mass)
    found: dict[str, list[Looked]] = {}
    for row in summary.sort_values("n_images", ascending=False, kind="stable").to_dict("records"):
        part = Looked(
            name=row["name"] or "all images",
            n_images=row["n_images"],
            share=row["share"],
            area=row["area"],
            elsewhere=known(row["elsewhere"]),
        )
        found.setdefault(row["by"], []).append(part)
    found["class"] = sorted(found.get("class", []), key=lambda part: part.name)
    low, high = summary[["low", "high"]].to_numpy(float)[0]
    return found, (known(low), known(high))


def _ends(difference: np.ndarray, groups: np.ndarray | None) -> tuple[float | None, float | None]:
    """The ends of the paired interval, None where they are unknown."""
    interval = paired_interval(difference, groups)
    return known(interval.low), known(interval.high)
