"""What the files of run folders tell without a heavy import: the lines of the leaderboard."""

import dataclasses
import math
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json
from fishcli.runs.folders.finding import seeds_in
from fishcli.runs.folders.notes import read_notes
from fishcli.runs.folders.settings import with_later
from fishcli.runs.folders.train_lines import locate_line, train_line

CONFIG, METRICS = "config.json", "metrics.json"
"""The first and the last file that a run gets: one that has both is complete."""
LOCATE = "locate"
"""The `kind` in the config.json of a localiser's run; runs that classify have none."""


@dataclass(frozen=True)
class RunLine:
    """A run as the leaderboard has it; what is unknown is None.

    Attributes:
        name: its folder's path below the runs' folder, such as "gap" or "compare/gap-none-none-grouped-0".
        status: "complete", "incomplete" or "unreadable".
        problem: what is wrong, "" where it is complete.
        folds: "grouped" or "random".
        log_loss: out of fold, of the plain photo; None where there is one class only.
        prior_log_loss: the class prior's on the same folds.
        expected_low, expected_high: the 95% interval of the log loss on groups to come; None on random folds,
            of one class or group, and of early runs.
        expected_groups: how many groups that is for.
        accuracy: out of fold.
        metric: the name of the metric that it was made for; None where that is log loss.
        metric_value: out of fold; None where it is undefined.
        metric_baseline: the same answer's for all images, on the same folds.
        metric_baseline_of: which answer that is, "majority" or "prior".
        box_iou: out of fold, mean.
        mean_box_iou: that of the constant mean box.
        best_views: how many test-time views have the lowest out-of-fold log loss.
        best_views_log_loss: that loss.
        head: the head.
        metadata: what of the image size goes in.
        boxes: which box is the target.
        backbone: of the features.
        store: the features' name.
        views: views that each fold was trained on.
        n_images: training images.
        n_folds: folds.
        seconds: of training, all folds.
        parameters: of a fold's head.
        finished: when, local time to the second, ISO 8601; of an incomplete run, when it was begun.
        public: its score on the competition's public leaderboard, as `runs note` keeps it.
        private: likewise on the private one.
        note: what else the user wrote of it.
        dataset: the digest of the training images.
        same_but_folds: what runs that differ only by their folds have in common.
        go_on: of an incomplete run, the command line that goes on with it.
    """

    name: str
    status: str
    problem: str = ""
    folds: str | None = None
    log_loss: float | None = None
    prior_log_loss: float | None = None
    expected_low: float | None = None
    expected_high: float | None = None
    expected_groups: int | None = None
    accuracy: float | None = None
    metric: str | None = None
    metric_value: float | None = None
    metric_baseline: float | None = None
    metric_baseline_of: str | None = None
    box_iou: float | None = None
    mean_box_iou: float | None = None
    best_views: int | None = None
    best_views_log_loss: float | None = None
    head: str | None = None
    metadata: str | None = None
    boxes: str | None = None
    backbone: str | None = None
    store: str | None = None
    views: int | None = None
    n_images: int | None = None
    n_folds: int | None = None
    seconds: float | None = None
    parameters: int | None = None
    finished: str | None = None
    public: float | None = None
    private: float | None = None
    note: str | None = None
    dataset: str | None = None
    same_but_folds: tuple[str, ...] = field(default=(), repr=False)
    go_on: str = field(default="", repr=False)


def read_run(models_dir: Path, name: str) -> RunLine:
    """Read a run's files; one that can't be read says why."""
    run_dir = models_dir / name
    try:
        return dataclasses.replace(_read(run_dir, name), **read_notes(run_dir))
    except FishError as error:
        return RunLine(name, "unreadable", str(error))
    except OSError as error:
        return RunLine(name, "unreadable", f"{error.filename or run_dir}: {error.strerror or error}.")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        return RunLine(name, "unreadable", f"its files are not what fishcli train writes ({said}).")


def _read(run_dir: Path, name: str) -> RunLine:
    config = read_json(run_dir / CONFIG)
    if is_localiser(config):
        return _read_localiser(run_dir, name, config)
    settings, store = with_later(config["settings"]), str(config["store"])
    common = {each: value for each, value in settings.items() if each not in ("groups", "metric")}
    known: dict[str, Any] = {
        **{each: str(settings[each]) for each in ("head", "metadata", "boxes")},
        "backbone": "+".join(dict.fromkeys(each.rsplit("-", 2)[0] for each in store.split("+"))),
        "store": store,
        "views": int(settings["views"]),
        "n_folds": int(settings["folds"]),
        "dataset": str(config["dataset"]),
        "same_but_folds": (store, str(config["dataset"]), *map(str, sorted(common.items()))),
    }
    path = run_dir / METRICS
    seeds = seeds_in(run_dir, settings)
    if not path.exists() or not all((each / METRICS).exists() for each in seeds):
        done = sum((run_dir / f"fold_{k}.json").exists() for k in range(known["n_folds"]))
        problem = f"{done} of {known['n_folds']} folds are trained."
        if seeds:
            done = sum((each / METRICS).exists() for each in seeds)
            problem = f"{done} of {len(seeds)} seeds are trained."
        known["go_on"] = train_line(run_dir, store, settings)
        return RunLine(name, "incomplete", problem, finished=_time_of(run_dir / CONFIG), **known)
    metrics = read_json(path)
    kept = [
        read_json(each / f"fold_{k}.json") for each in seeds or [run_dir] for k in range(known["n_folds"])
    ]
    names = ("log_loss", "prior_log_loss", "accuracy", "box_iou", "mean_box_iou")
    numbers: dict[str, Any] = {each: _number(metrics, each) for each in names}
    if (expected := metrics.get("expected")) is not None:
        numbers |= {f"expected_{end}": _number(expected, end) for end in ("low", "high")}
        known["expected_groups"] = int(expected["new_groups"])
    if "metric" in metrics:
        found = metrics["metric"]
        numbers |= {f"metric_{each}": _number(found, each) for each in ("value", "baseline")}
        known |= {"metric": str(found["name"]), "metric_baseline_of": str(found["baseline_of"])}
    by_views = {int(n): _number(scores, "log_loss") for n, scores in metrics["by_views"].items()}
    losses = {n: loss for n, loss in by_views.items() if loss is not None}
    best = min(losses, key=lambda n: losses[n]) if losses else None
    if metrics["folds"] not in ("grouped", "random"):
        raise ValueError(f"folds {metrics['folds']!r}")
    return RunLine(
        name,
        "complete",
        folds=metrics["folds"],
        **numbers,
        best_views=best,
        best_views_log_loss=None if best is None else losses[best],
        n_images=int(metrics["n_images"]),
        seconds=sum(float(each["seconds"]) for each in kept),
        parameters=max(int(each["n_parameters"]) for each in kept),
        finished=_time_of(path),
        **known,
    )


def is_localiser(config: Any) -> bool:
    """Whether the content of a run's config.json is a localiser's."""
    return isinstance(config, dict) and config.get("kind") == LOCATE


def _read_localiser(run_dir: Path, name: str, config: dict[str, Any]) -> RunLine:
    store, n_folds = str(config["store"]), int(config["settings"]["folds"])
    known: dict[str, Any] = {
        "head": LOCATE,
        "backbone": store.rsplit("-", 2)[0],
        "store": store,
        "views": len(config["settings"]["view_names"]),
        "n_folds": n_folds,
        "dataset": str(config["dataset"]),
        "same_but_folds": (store, name),
    }
    path = run_dir / METRICS
    if not path.exists():
        done = sum((run_dir / f"fold_{k}.json").exists() for k in range(n_folds))
        problem = f"{done} of {n_folds} folds are trained."
        known["go_on"] = locate_line(run_dir, store, config["settings"])
        return RunLine(name, "incomplete", problem, finished=_time_of(run_dir / CONFIG), **known)
    metrics = read_json(path)
    kept = [read_json(run_dir / f"fold_{k}.json") for k in range(n_folds)]
    return RunLine(
        name,
        "complete",
        folds=metrics["folds"],
        box_iou=_number(metrics, "box_iou"),
        mean_box_iou=_number(metrics, "mean_box_iou"),
        n_images=int(metrics["n_images"]),
        seconds=sum(float(each["seconds"]) for each in kept),
        parameters=max(int(each["n_parameters"]) for each in kept),
        finished=_time_of(path),
        **known,
    )


def _number(scores: dict[str, Any], name: str) -> float | None:
    """A score, None where it isn't there; ValueError where it is no number."""
    if scores.get(name) is None:
        return None
    value = float(scores[name])
    if not math.isfinite(value):
        raise ValueError(f"{name} {value}")
    return value


def _time_of(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime).isoformat(sep=" ", timespec="seconds")
