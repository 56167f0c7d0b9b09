"""The run that settings make: a new one, or the interrupted one of the same settings."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError
from fishcli.basics.files import digest, read_csv, write_json
from fishcli.basics.locks import alone
from fishcli.basics.progress import say
from fishcli.dataset.folds import make_folds
from fishcli.dataset.layout.images import dataset_digest
from fishcli.dataset.layout.layout import read_training
from fishcli.heads.joined import name_of, parts_of
from fishcli.options.command_lines import flag
from fishcli.options.finetune import RunMaker
from fishcli.options.train import TrainConfig
from fishcli.runs.folders.listing import CONFIG
from fishcli.runs.folders.picking import is_of_localiser, list_runs, pick_one_seed
from fishcli.runs.folders.settings import MEASURED_BY, settings_of
from fishcli.runs.locating.crops import check_folds
from fishcli.runs.run import METRICS, Run
from fishcli.runs.training.inputs import TrainData


@contextmanager
def claimed_run(config: RunMaker, data: TrainData) -> Iterator[tuple[Run, pd.DataFrame]]:
    """What `open_run` returns, with the run held against other processes while it is trained."""
    wanted, _ = open_run(config, data)
    while True:
        with alone(wanted.run_dir):
            this_run, folds = open_run(config, data)  # anew: another process may have made it meanwhile
            if this_run.run_dir == wanted.run_dir:
                if (this_run.run_dir / "config.json").exists():
                    _keep_what_is_not_trained(this_run)
                    say(f"the run {this_run.name} exists with these settings; what it has is kept")
                yield this_run, folds
                return
        wanted = this_run


def _keep_what_is_not_trained(this_run: Run) -> None:
    """Write down another --view-set or --metric of a run that was trained as now.

    The one says which views come next, the other what it is measured by.
    """
    if Run.open(this_run.run_dir).settings != this_run.settings:
        write_json(this_run.run_dir / "config.json", this_run.to_json(), sealed=True)


def open_run(config: RunMaker, data: TrainData) -> tuple[Run, pd.DataFrame]:
    """The run, new or the interrupted one of the same settings, and its folds; nothing is written yet.

    Returns:
        The run, and `image`, `fold`, `group` in the order of `data.images`.

    Raises:
        FishError: folds that can't be made or have nothing to learn; a run of that name with other settings.
    """
    if isinstance(config, TrainConfig) and config.balance == "group" and data.groups is None:
        raise FishError("--balance group: there are no groups. Write a groups.csv, or pass --groups size.")
    fold = make_folds(data.images["class_name"], data.groups, config.folds, config.seed)
    groups = [""] * len(data.images) if data.groups is None else list(data.groups)
    dealt = pd.DataFrame({"image": data.images["image"], "fold": fold, "group": groups})
    this_run, folds = _open_run(config, data, dealt)
    for part in parts_of(data.store):
        check_folds(part, folds)
    _check_there_is_something_to_learn(data, folds["fold"].to_numpy())
    return this_run, folds


def _check_there_is_something_to_learn(data: TrainData, fold: np.ndarray) -> None:
    """Raise FishError where one class only is left, and a fold has no box to learn from."""
    for k in np.unique(fold) if len(data.class_names) == 1 else []:
        if np.isnan(data.boxes[fold != k]).all():
            raise FishError(
                f"fold {k}: there is one class only, and its training part has no box: nothing to learn. "
                "Pass fewer --folds or other --groups, or annotate more images."
            )


def _open_run(config: RunMaker, data: TrainData, dealt: pd.DataFrame) -> tuple[Run, pd.DataFrame]:
    """The run's folder, a new one or the interrupted run of the same settings, and its folds."""
    known = [path.name for path in list_runs(config.models_dir)]
    name = config.name
    if name is None:
        backbones = dict.fromkeys(part.recipe.backbone for part in parts_of(data.store))
        prefix = f"{'+'.join(backbones)}-{config.head}-"
        counters = [each.removeprefix(prefix) for each in known if each.startswith(prefix)]
        number = max((int(counter) for counter in counters if counter.isdecimal()), default=0)
        if number and (
            going_on := _interrupted(config, data, config.models_dir / f"{prefix}{number}", dealt)
        ):
            return going_on
        name = f"{prefix}{number + 1}"
    run_dir = config.models_dir / name
    if name not in known:
        if is_of_localiser(run_dir / CONFIG):
            raise FishError(f"--name {name}: {run_dir} is a localiser's run. Choose another --name.")
        return _fresh_run(config, data, run_dir, dealt), dealt
    again, folds, difference = _made_again(config, data, Run.open(run_dir), dealt)
    if difference:
        raise FishError(
            f"the run {run_dir} exists with other {difference}. Choose another --name, or remove its folder."
        )
    return again, folds


def _fresh_run(config: RunMaker, data: TrainData, run_dir: Path, folds: pd.DataFrame) -> Run:
    """The run that these settings make on these folds."""
    return Run(
        run_dir=run_dir,
        class_names=data.class_names,
        store=name_of(data.store),
        dataset=dataset_digest(data.train),
        targets=digest(folds.to_csv(index=False), data.boxes.tobytes(), *_teacher(config)),
        settings=settings_of(config, len(data.views) - len(config.chosen_views)),
        layout=read_training(config.data_dir, config.layout).said,
        is_tagged=data.is_tagged,
    )


def _interrupted(
    config: RunMaker, data: TrainData, run_dir: Path, dealt: pd.DataFrame
) -> tuple[Run, pd.DataFrame] | None:
    """A folder's run and its folds, where it is interrupted and these settings make it.

    One that can't be read (another version's) is not.
    """
    try:
        last = Run.open(run_dir)
    except FishError:
        return None
    again, folds, difference = _made_again(config, data, last, dealt)
    return None if last.is_complete or difference else (again, folds)


def _made_again(
    config: RunMaker, data: TrainData, last: Run, dealt: pd.DataFrame
) -> tuple[Run, pd.DataFrame, str]:
    """What these settings make in the place of a run, on which folds, and how it differs from the run.

    A run that another version of fishcli began keeps its own folds, which may have been dealt otherwise.
    """
    for folds in (dealt, _folds_of(last.run_dir, dealt)):
        again = _fresh_run(config, data, last.run_dir, folds)
        if last.store in data.other_stores:
            again = dataclasses.replace(again, store=last.store)
        difference = _difference(last, again)
        if not difference:
            break
    return again, folds, difference


def _folds_of(run_dir: Path, dealt: pd.DataFrame) -> pd.DataFrame:
    """The folds that a run has; `dealt` where none can be read, or they are of other images or groups."""
    try:
        kept = read_csv(run_dir / "folds.csv", required=["image", "fold", "group"], text=["image", "group"])
    except FishError:
        return dealt
    others = ["image", "group"]
    is_same = len(kept) == len(dealt) and (kept[others] == dealt[others].to_numpy()).all(axis=None)
    return dealt.assign(fold=kept["fold"].to_numpy()) if is_same else dealt


def _teacher(config: RunMaker) -> list[str]:
    """What the run that `--pseudo` names is, in text: another one of its name is another teacher."""
    if not isinstance(config, TrainConfig) or config.pseudo is None:
        return []
    teacher = pick_one_seed(config.models_dir, config.pseudo)
    return [(teacher.run_dir / name).read_text(encoding="utf-8") for name in ("config.json", METRICS)]


def _difference(one: Run, other: Run) -> str:
    """What tells two runs apart, by name; "" where they are the same but for their folder."""
    said = {
        "class_names": "classes",
        "is_tagged": "labels an image",
        "store": "features",
        "dataset": "images",
        "targets": "groups, folds, boxes or --pseudo run",
    }
    fields = [what for name, what in said.items() if getattr(one, name) != getattr(other, name)]
    names = list(one.settings | other.settings)  # some are named by runs that ask for them only
    options = [name for name in names if one.settings.get(name) != other.settings.get(name)]
    # What is trained are the views by name; the set only says which ones come next.
    said_once = {"view_set", *MEASURED_BY} | ({"view_names"} if "views" in options else set())
    words = {"copies": "augmented copies", "view_names": "views"}
    flags = [words.get(name, flag(name)) for name in options if name not in said_once]
    return ", ".join([*flags, *fields])
