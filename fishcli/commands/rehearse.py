"""`fishcli rehearse`: what folds promise of unseen groups, and what comes, on this very competition."""

import dataclasses

import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import write_csv
from fishcli.basics.locks import alone
from fishcli.basics.progress import say, track, warn
from fishcli.basics.tables import table_text
from fishcli.heads.choices import check_options
from fishcli.heads.joined import parts_of
from fishcli.options.command_lines import advised
from fishcli.options.data import GroupsConfig
from fishcli.options.rehearse import RehearseConfig
from fishcli.options.train import TrainConfig
from fishcli.report.plots.rehearsal import write_rehearsal_plot
from fishcli.runs.folders.folder import check_name
from fishcli.runs.rehearsing import rehearse_split
from fishcli.runs.training.inputs import load_train_data, read_inputs

OWN = ("splits",)
"""Options that are no options of train."""
ENDS, ENDS_OF_MEAN = ("low", "high"), ("mean_low", "mean_high")
"""Columns of the prediction interval, and of the confidence interval of the mean."""


def run(config: RehearseConfig) -> str:
    """Rehearse split after split; returns the table, what it says, and the paths of its CSV and plot.

    Raises:
        FishError: no groups, too few of them, or one class.
    """
    check_name(config.name)
    shared = {each.name: getattr(config, each.name) for each in dataclasses.fields(config)}
    options = TrainConfig(**{name: value for name, value in shared.items() if name not in OWN}, boxes="none")
    check_options(options)
    data = load_train_data(options)
    if data.groups is None:
        raise FishError(
            "there are no groups to hold back. Write groups.csv (image,group), or find some: "
            f"{advised('groups', GroupsConfig)}."
        )
    if len(data.class_names) == 1:
        raise FishError(f"train/ has one class only ({data.class_names[0]}): there is no loss to promise.")
    if any(part.recipe.crop is not None for part in parts_of(data.store)):
        warn("the crops were found by localisers that know the groups held back: what comes is too good")
    inputs, groups = read_inputs(options, data), data.groups.to_numpy()
    seeds = range(config.seed, config.seed + config.splits)
    rows = [rehearse_split(options, inputs, groups, split) for split in track(seeds, "splits", "split")]
    table = pd.DataFrame(rows)
    folder = config.models_dir / config.name
    say(f"{table['held_groups'].iloc[0]} of {len(set(groups))} groups held back, {config.head}, log loss")
    with alone(folder):
        write_csv(folder / "rehearsal.csv", table)
        write_rehearsal_plot(folder / "rehearsal.png", table)
    paths = [str(folder / name) for name in ("rehearsal.csv", "rehearsal.png")]
    return "\n".join([table_text(_shown(table)), "", *_said(table), *paths])


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """The table for the screen."""
    ends = zip(table["low"], table["high"], strict=True)
    return pd.DataFrame(
        {
            "split": table["split"].astype(int),
            "random promised": table["random"],
            "grouped promised": table["grouped"],
            "95%": [f"{low:.2f} to {high:.2f}" for low, high in ends],
            "came": table["came"],
            "inside": ["yes" if inside else "NO" for inside in table["inside"]],
            "prior": table["prior"],
            "public": table["public"],
            "private": table["private"],
        }
    )


def _said(table: pd.DataFrame) -> list[str]:
    """What the splits say together."""
    n_splits, n_inside = len(table), int(table["inside"].sum())
    worse = int((table["random_came"] >= table["prior"]).sum())
    width, of_mean = (float((table[high] - table[low]).mean()) for low, high in (ENDS, ENDS_OF_MEAN))
    return [
        _of_folds("random folds", table["random"], table["random_came"])
        + (f"; in {worse} of {n_splits} splits that was no better than the class prior" if worse else ""),
        _of_folds("grouped folds", table["grouped"], table["came"]),
        f"what came lay in {n_inside} of {n_splits} of their 95% prediction intervals, {width:.2f} wide on "
        f"average (one of the old groups' mean would be {of_mean:.2f} wide, which says nothing of new ones)",
        _of_folds("the public stage, half of what is held back,", table["public"], table["private"]),
    ]


def _of_folds(what: str, promised: pd.Series, came: pd.Series) -> str:
    """A sentence on promises and what came of them."""
    gap = came - promised
    spread = f", standard deviation {gap.std():.3f}" if len(gap) > 1 else ""
    return (
        f"{what} promised {promised.mean():.3f} on average, and {came.mean():.3f} came "
        f"({gap.mean():+.3f}{spread})"
    )
