"""Test-time views of a run: which they are, how many paid, and how to find out."""

from fishcli.basics.progress import say
from fishcli.options.views import SETS, as_options, first_of, parse_tta, view_prefixes
from fishcli.runs.run import METRICS, Run


def tta_of(this_run: Run, asked: str) -> int:
    """How many of a run's views `--tta` means; FishError where there are not so many."""
    n_views = parse_tta(asked)
    if n_views is not None:
        return len(views_of(this_run, n_views))
    best, scored = _best(this_run), view_prefixes(len(this_run.views))
    why = f"best out of fold of {', '.join(map(str, scored))}" if len(scored) > 1 else "as it was trained"
    say(f"{this_run.name}: --tta auto takes {best} view{'s' * (best > 1)} ({why})")
    return best


def views_of(this_run: Run, n_views: int) -> list[str]:
    """The first `n_views` of the run's own views and, behind them, of the others of its set.

    Raises:
        FishError: fewer than 1 or more than there are.
    """
    own = this_run.views
    others = [name for name in SETS[this_run.settings["view_set"]] if name not in own]
    return first_of([*own, *others], n_views, "--tta")


def line_on_views(this_run: Run, n_views: int) -> str:
    """The command line that makes such a run on the first `n_views` of its views."""
    options = as_options(views_of(this_run, n_views), this_run.settings["view_set"])
    return this_run.train_line(**options, name=f"{this_run.name}-views{n_views}")


def _best(this_run: Run) -> int:
    """How many of the run's views paid most out of fold: by log loss, with one class by box IoU."""
    try:
        by_views = {int(n): scores for n, scores in this_run.read_metrics()["by_views"].items()}
        if all("log_loss" in scores for scores in by_views.values()):
            return min(by_views, key=lambda n: float(by_views[n]["log_loss"]))
        return max(by_views, key=lambda n: float(by_views[n].get("box_iou", 0.0)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise this_run.results_damaged(
            this_run.run_dir / METRICS, f"{type(error).__name__} {error}."
        ) from None
