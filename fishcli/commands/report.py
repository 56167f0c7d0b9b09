"""`fishcli report`: one HTML page about a run, of heads or of a localiser."""

import dataclasses
from typing import Any

import numpy as np

from fishcli import __version__
from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json, write_text
from fishcli.basics.locks import alone
from fishcli.features.store.again import features_line
from fishcli.features.store.store import FeatureStore
from fishcli.options.command_lines import flag
from fishcli.options.seeing import ReportConfig
from fishcli.options.train import split_stores
from fishcli.options.views import as_options
from fishcli.report.pages.localiser import localiser_page
from fishcli.report.pages.run import run_page
from fishcli.report.run_facts import Gap, RunFacts
from fishcli.runs.expecting import EXPECTED, expected_of, expected_said
from fishcli.runs.folders.picking import pick_localiser, pick_run
from fishcli.runs.folders.settings import usual_settings
from fishcli.runs.run import Run
from fishcli.runs.seeing import measures as measures
from fishcli.runs.seeing.answers import Answers, read_answers
from fishcli.runs.seeing.gap import find_sibling, measure_gap, sibling_command
from fishcli.runs.seeing.located import gather_located
from fishcli.runs.seeing.mistakes import describe_mistakes, small_heatmaps, surest_mistakes
from fishcli.runs.seeing.tuned import curves_by_member, what_tuning_brought
from fishcli.runs.tagged import refuse_tags

PAGE = "report.html"


def run(config: ReportConfig) -> str:
    """Write the page, into the run's folder if nothing else is said; returns its path."""
    localiser = pick_localiser(config.models_dir, config.run)
    if localiser is not None:
        run_dir, page = localiser.run_dir, localiser_page(gather_located(localiser, config))
    else:
        this_run = pick_run(config.models_dir, config.run)
        refuse_tags(this_run.is_tagged, "report", "fishcli runs has the run's figures")
        run_dir, page = this_run.run_dir, run_page(gather(this_run, config))
    path = config.out or run_dir / PAGE
    with alone(path):
        write_text(path, page)
    return str(path)


def gather(this_run: Run, config: ReportConfig) -> RunFacts:
    """Measure all that the page of a run shows.

    Raises:
        FishError: the competition's images are others than the run's, or a file of the run is damaged.
    """
    metrics = this_run.read_metrics()
    sibling = find_sibling(this_run, config) if len(this_run.class_names) > 1 else None
    answers = read_answers(this_run, config, sibling)
    gap, gap_note, gap_command = _gap(this_run, config, sibling, answers)
    bins, raw_bins = measures.reliability_bins(this_run, answers, metrics.get("temperature", 1.0))
    rows = surest_mistakes(answers)
    heatmaps = small_heatmaps(this_run.by_seed()[0], config, answers.images[rows].tolist())
    looked, looked_lead = measures.where_it_looks(this_run.by_seed()[0], config, answers)
    has_iou = ~np.isnan(answers.ious)
    facts, commands, commands_note = _reproduce(this_run, config)
    usual = usual_settings(this_run.settings["head"])
    kept = [
        read_json(each.fold_path(k, ".json"))
        for each in this_run.by_seed()
        for k in range(this_run.settings["folds"])
    ]
    counts = np.bincount(answers.labels, minlength=len(this_run.class_names)).tolist()
    return RunFacts(
        name=this_run.name,
        source=str(config.data_dir),
        folds=metrics["folds"],
        n_groups=None if answers.groups is None else len(np.unique(answers.groups)),
        groups_from=answers.groups_from,
        class_counts=list(zip(this_run.class_names, counts, strict=True)),
        scores={
            name: value
            for name, value in metrics.items()
            if name not in ("by_fold", "by_views", "files", EXPECTED)
        },
        expected=_expected_said(this_run, metrics),
        lead=measures.lead_over_prior(answers),
        by_class=measures.class_parts(answers),
        by_group=measures.group_parts(answers),
        by_fold=measures.fold_parts(answers),
        by_views=metrics["by_views"],
        confusion=measures.confusion(answers),
        bins=bins,
        raw_bins=raw_bins,
        curves=curves_by_member(this_run, [each["losses"] for each in kept]),
        tuned=what_tuning_brought(this_run, answers),
        gap=gap,
        gap_note=gap_note,
        gap_command=gap_command,
        ious=(answers.ious[has_iou], answers.mean_ious[has_iou]) if has_iou.any() else None,
        boxes_note=answers.boxes_note,
        looked=looked,
        looked_lead=looked_lead,
        mistakes=describe_mistakes(answers, rows, heatmaps),
        settings={
            flag(name): (str(value), value == usual.get(name))
            for name, value in this_run.settings.items()
            if name != "copies"
        },
        facts={
            **facts,
            "Parameters of a head": f"{max(each['n_parameters'] for each in kept):,}",
            "Seconds of training": f"{sum(each['seconds'] for each in kept):,.1f}",
        },
        commands=commands,
        commands_note=commands_note,
    )


def _gap(
    this_run: Run, config: ReportConfig, sibling: Run | None, answers: Answers
) -> tuple[Gap | None, str, str]:
    """The gap between random and grouped folds; where there is none, why, and the command that makes one."""
    if len(this_run.class_names) == 1:
        return None, "There is one class, so there is no log loss to compare.", ""
    gap = None if sibling is None else measure_gap(this_run, sibling, config)
    if gap is not None:
        return gap, "", ""
    if answers.groups is None:
        note = "No groups are known. Write groups.csv (fishcli groups finds cameras), then train on them:"
        return None, note, sibling_command(this_run, config)[1]
    return None, *sibling_command(this_run, config)


def _expected_said(this_run: Run, metrics: dict[str, Any]) -> str:
    """What to expect of groups to come; runs of before it was written down are measured now."""
    found = metrics.get(EXPECTED) or expected_of(this_run, None)
    return "" if found is None else expected_said(found)


def _reproduce(this_run: Run, config: ReportConfig) -> tuple[dict[str, str], list[str], str]:
    """What defines a run besides its options, the command lines that make it again, and what else to know."""
    facts = {
        "fishcli": __version__,
        "Features": this_run.store,
        "Augmented copies": str(this_run.settings["copies"]),
        "Images, sha256": this_run.dataset,
        "Folds, groups and boxes, sha256": this_run.targets,
    }
    shared = {name: getattr(config, name) for name in ("data_dir", "features_dir", "max_pixels")}
    train = this_run.train_line(**shared)
    try:
        stores = [FeatureStore(config.stores_dir / name) for name in split_stores(this_run.store)]
    except FishError:
        note = (
            f"The features are not in {config.stores_dir}, so what made them is known by their name only. "
            "Name their folder with --features-dir."
        )
        return facts, [train], note
    for number, store in enumerate(stores, 1):
        recipe = dataclasses.asdict(store.recipe)
        height, width = recipe.pop("image_size")
        recipe = {"image_size": f"{height}x{width} (height x width)", "weights": store.weights, **recipe}
        which = f" ({number})" if len(stores) > 1 else ""
        named = {f"{name.replace('_', ' ').capitalize()}{which}": value for name, value in recipe.items()}
        facts |= {name: str(value) for name, value in named.items()}
    features = [
        features_line(
            store.store_dir,
            **shared,
            **as_options(this_run.views, this_run.settings["view_set"]),
            augment="0"
            if this_run.is_tuned
            else this_run.settings["augment"] or str(this_run.settings["copies"]),
            box_categories=this_run.settings["box_categories"] if this_run.settings["copies"] else None,
            skip_unreadable=bool(store.unreadable("train")),
        )
        for store in stores
    ]
    return facts, [*features, train], ""
