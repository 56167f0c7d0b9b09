"""What the commands take that show runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from fishcli.options.places import Config
from fishcli.options.train import RunConfig


@dataclass(frozen=True, kw_only=True)
class HeatmapConfig(RunConfig):
    """Draw where a run looks: class maps over photos, and their share inside the fish's box."""

    run: Annotated[str | None, Argument(metavar="RUN", help="The run's name.", show_default="the newest")] = (
        None
    )
    images: Annotated[list[str] | None, Argument(metavar="IMAGE ...", help="Training images to draw.")] = None
    worst: Annotated[
        int | None,
        Option(help="Draw the N images that are predicted worst.", min=1, show_default="20, without IMAGES"),
    ] = None
    class_name: Annotated[
        str | None, Option("--class", metavar="C", help="Draw images of this class only.", show_default="all")
    ] = None
    out: Annotated[
        Path | None, Option(help="The pictures' folder.", show_default="MODELS_DIR/RUN/heatmaps")
    ] = None


@dataclass(frozen=True, kw_only=True)
class ReportConfig(RunConfig):
    """Write one HTML page about a run: what it is worth, where it fails, how to make it again."""

    run: Annotated[str | None, Argument(metavar="RUN", help="The run's name.", show_default="the newest")] = (
        None
    )
    out: Annotated[Path | None, Option(help="The page.", show_default="MODELS_DIR/RUN/report.html")] = None


@dataclass(frozen=True, kw_only=True)
class DoubtsConfig(RunConfig):
    """Find labels that out-of-fold predictions contradict: a page of photos, and a relabel.csv to mend."""

    runs: Annotated[
        list[str] | None,
        Argument(metavar="RUN ...", help="Runs, averaged.", show_default="the newest"),
    ] = None
    out: Annotated[Path, Option(help="The folder for doubts.html and relabel.csv.")] = Path("doubts")
    shown: Annotated[int, Option(help="Photos on the page at most; the CSV has all.", min=1)] = 200
    force: Annotated[bool, Option("--force", help="Replace --out's relabel.csv; never DATA_DIR's.")] = False


@dataclass(frozen=True, kw_only=True)
class RunsConfig(Config):
    """List the runs, best first; `runs rm` removes one, `runs note` keeps what a leaderboard said of it."""

    models_dir: Annotated[Path, Option(help="The runs' folder.")] = Path("models")
    sort: Annotated[
        Literal["grouped", "random", "iou", "seconds", "date", "name"],
        Option(help="By the loss on grouped or random folds, box IoU, seconds, date (newest first), name."),
    ] = "grouped"
    json: Annotated[bool, Option("--json", help="A list of all that is known of each run.")] = False
    csv: Annotated[bool, Option("--csv", help="The same as CSV.")] = False


@dataclass(frozen=True, kw_only=True)
class RemoveConfig(Config):
    """Remove runs, after asking."""

    runs: Annotated[list[str], Argument(metavar="RUN ...", help="Names of runs, or of comparisons.")]
    models_dir: Annotated[Path, Option(help="The runs' folder.")] = Path("models")
    yes: Annotated[bool, Option("--yes", help="Don't ask.")] = False


@dataclass(frozen=True, kw_only=True)
class NoteConfig(Config):
    """Keep beside a run what the competition's leaderboard said of it; `runs` shows it."""

    run: Annotated[str, Argument(metavar="RUN", help="The run's name.")]
    models_dir: Annotated[Path, Option(help="The runs' folder.")] = Path("models")
    public: Annotated[
        float | None, Option(help="The score on the public leaderboard.", show_default="as it was")
    ] = None
    private: Annotated[
        float | None, Option(help="The score on the private leaderboard.", show_default="as it was")
    ] = None
    text: Annotated[str | None, Option(help="What else to remember.", show_default="as it was")] = None


@dataclass(frozen=True, kw_only=True)
class SummaryConfig(RunConfig):
    """The layers of a run's head, their shapes and parameters."""

    run: Annotated[str | None, Argument(metavar="RUN", help="The run's name.", show_default="the newest")] = (
        None
    )
    plot: Annotated[
        Path | None, Option(help="Draw the layers into this .png, .svg or .pdf; needs graphviz and pydot.")
    ] = None
