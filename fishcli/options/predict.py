"""What the commands take that write a submission or score one."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from fishcli.basics.errors import FishError
from fishcli.options.data import DataConfig
from fishcli.options.train import AUTO_METRIC, MetricName, RunConfig


@dataclass(frozen=True, kw_only=True)
class SubmissionConfig(RunConfig):
    """What the commands that write a submission share."""

    submissions_dir: Annotated[Path, Option(help="The submissions' folder.")] = Path("submissions")
    out: Annotated[
        Path | None,
        Option(
            help="The submission's file; a folder where there are several samples.",
            show_default="SUBMISSIONS_DIR/RUN.csv",
        ),
    ] = None
    tta: Annotated[
        str, Option(help="Average the first N views of the run's set; auto: as many as paid out of fold.")
    ] = "1"
    clip: Annotated[
        float, Option(help="Lift probabilities to at least EPS, then renormalise.", min=0.0, max=0.1)
    ] = 0.0
    strict: Annotated[
        bool,
        Option("--strict", help="Fail where a test photo can't be read; else the prior answers it."),
    ] = False
    workers: Annotated[int | None, Option(help="Decoding threads.", min=1, show_default="cores")] = None
    slug: Annotated[
        str | None,
        Option(
            help="The competition's name in its URL at Kaggle, to hand submissions in.", show_default="none"
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class PredictConfig(SubmissionConfig):
    """Average test-time views, ensemble the folds, write a valid submission CSV."""

    run: Annotated[str | None, Option(help="The run's name.", show_default="the newest")] = None
    mean: Annotated[Literal["arithmetic", "geometric", "vote"], Option(help="How folds are averaged.")] = (
        "arithmetic"
    )
    smooth: Annotated[
        bool,
        Option(
            "--smooth",
            help="Average test photos that are alike, such as frames of one video; how alike is chosen "
            "out of fold. It brought 0.02 of log loss out of fold, on the demo's test photos nothing.",
        ),
    ] = False
    pack: Annotated[
        Path | None,
        Option(help="Predict with what fishcli pack made, not a run.", show_default="none"),
    ] = None
    time_limit: Annotated[
        str | None,
        Option(
            help="Of --pack, such as 8h or 1h30m: views, then folds, are left out to end in time.",
            show_default="none",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class PackConfig(RunConfig):
    """Pack all that predicting needs for a machine without network: a run, or several blended."""

    runs: Annotated[list[str], Argument(metavar="RUN ...", help="Names of runs; several are blended.")]
    out: Annotated[Path, Option(help="The folder, or .zip file, to make.")]
    tta: Annotated[
        str, Option(help="Average the first N views of each run's set; auto: as many as paid out of fold.")
    ] = "1"
    blend: Annotated[Literal["oof", "equal", "greedy"], Option(help="As ensemble has it.")] = "oof"
    mean: Annotated[
        Literal["arithmetic", "geometric", "vote", "auto"],
        Option(help="Of a run's folds, as predict has it; of several runs, as ensemble has it."),
    ] = "arithmetic"
    metric: MetricName = AUTO_METRIC


BLEND_HELP = (
    "oof: the weights of least log loss out of fold; equal; greedy: run after run as often as it helps "
    "(bagged selection); stack: a regression on all runs' answers."
)


def seconds_of(text: str | None) -> float | None:
    """The seconds that `--time-limit` means, None where there is none; FishError where it means nothing."""
    if text is None:
        return None
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip())
    hours, minutes, seconds_alone = (int(n or 0) for n in (found.groups() if found else ("0", "0", "0")))
    seconds = 3600 * hours + 60 * minutes + seconds_alone
    if not seconds:
        raise FishError(f"--time-limit {text!r}: expected hours, minutes, seconds, such as 8h, 1h30m or 90s.")
    return float(seconds)


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig(SubmissionConfig):
    """Blend runs, by weights found on their out-of-fold predictions, into a submission CSV."""

    runs: Annotated[
        list[str] | None, Argument(metavar="RUN RUN ...", help="Names of runs.", show_default=False)
    ] = None
    all: Annotated[
        bool, Option("--all", help="Blend all runs of the folder that have the newest one's folds.")
    ] = False
    blend: Annotated[Literal["oof", "equal", "greedy", "stack"], Option(help=BLEND_HELP)] = "oof"
    mean: Annotated[
        Literal["arithmetic", "geometric", "auto"],
        Option(help="Of runs; auto: the one with less log loss out of fold, weights found on other folds."),
    ] = "arithmetic"
    metric: MetricName = AUTO_METRIC
    name: Annotated[str | None, Option(help="The submission's name.", show_default="RUN+RUN")] = None


@dataclass(frozen=True, kw_only=True)
class ScoreConfig(DataConfig):
    """The metrics of submissions, offline: one by stage and group, or several side by side."""

    submissions: Annotated[list[Path], Argument(metavar="SUBMISSION ...", help="Submission CSVs.")]
    solution: Annotated[Path, Option(help="CSV with image, class_name, perhaps stage or Usage, group.")]
    models_dir: Annotated[Path, Option(help="The runs' folder, for what they promised.")] = Path("models")
    metric: MetricName = AUTO_METRIC
