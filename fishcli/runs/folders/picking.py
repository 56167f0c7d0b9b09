"""Which run is meant: the one of a name, or the newest."""

import shlex
from pathlib import Path

from fishcli.basics.errors import FishError, choose
from fishcli.basics.files import read_json
from fishcli.basics.progress import note, say
from fishcli.options.command_lines import advised
from fishcli.options.features import FeaturesConfig
from fishcli.options.seeing import ReportConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.folders.listing import CONFIG, is_localiser
from fishcli.runs.locating.localiser import LocaliserRun
from fishcli.runs.run import METRICS, Run


def list_runs(models_dir: Path) -> list[Path]:
    """The folders of all runs that classify, the one finished or begun last first."""
    dirs = [path.parent for path in models_dir.glob(f"*/{CONFIG}") if not is_of_localiser(path)]
    newest = {
        each: max(path.stat().st_mtime for path in (each / "config.json", each / METRICS) if path.exists())
        for each in dirs
    }
    return sorted(dirs, key=lambda each: newest[each], reverse=True)


def is_of_localiser(path: Path) -> bool:
    """Whether a run's config.json is a localiser's; not where it is missing or damaged."""
    try:
        return is_localiser(read_json(path))
    except FishError:  # a damaged run says so where it is opened
        return False


def pick_run(models_dir: Path, name: str | None) -> Run:
    """The run of that name, or the newest that is complete; "compare/x" is the run x of a comparison.

    Raises:
        FishError: there is none, it is a localiser's, or it is not complete.
    """
    if name is not None:
        if is_of_localiser(models_dir / name / CONFIG):
            raise FishError(
                f"the run {name} is a localiser's: it finds boxes and knows no classes. What it is worth: "
                f"{advised('report', ReportConfig, models_dir=models_dir)} {shlex.quote(name)}. Compute "
                "features of what it finds, for heads to learn from: "
                f"{advised('features', FeaturesConfig, crop=str(models_dir / name))}."
            )
        models_dir, name = (models_dir / name).parent, Path(name).name
    run_dirs = list_runs(models_dir)
    if not run_dirs:
        raise FishError(f"no runs in {models_dir}. Train one first: {advised('train', TrainConfig)}.")
    if name is None:
        name = next((each.name for each in run_dirs if (each / METRICS).exists()), run_dirs[0].name)
        say(f"run {name} (the newest; --run NAME picks another)")
    run = Run.open(models_dir / choose(name, [each.name for each in run_dirs], "run"))
    if not run.is_complete:
        raise FishError(f"the run {name} is not complete. Go on: {run.train_line()}.")
    return run


def pick_one_seed(models_dir: Path, name: str | None) -> Run:
    """What `pick_run` picks; of a run that averages fold seeds the first, for what needs heads of its own."""
    this_run = pick_run(models_dir, name)
    first = this_run.by_seed()[0]
    if this_run.seed_dirs:
        note(f"{this_run.name} averages {len(this_run.seed_dirs)} fold seeds: {first.name} is looked at")
    return first


def pick_localiser(models_dir: Path, name: str | None) -> LocaliserRun | None:
    """The localiser's run of that name; None where no name is given, or it is none's.

    Raises:
        FishError: it is not complete.
    """
    if name is None or not is_of_localiser(models_dir / name / CONFIG):
        return None
    run = LocaliserRun.open(models_dir / name)
    if not run.is_complete:
        raise FishError(f"the run {name} is not complete. Go on: {run.locate_line()}.")
    return run
