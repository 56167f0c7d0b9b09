"""What `fishcli locate` takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Option

from fishcli.options.train import RunConfig
from fishcli.options.views import ViewNames, first_views, named_views

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class LocateConfig(RunConfig):
    """Find the fish in every photo: K-fold localisers learn from boxes/ and write detections.json."""

    features: Annotated[
        str | None, Option(help="A store of maps to learn on.", show_default="one of its own")
    ] = None
    backbone: Annotated[
        str | None, Option(help="Of its own store.", show_default="that of the store used last")
    ] = None
    weights: Annotated[
        str | None, Option(help="As features takes them.", show_default="those of that store")
    ] = None
    preprocess: Annotated[
        str | None, Option(help="Of an ONNX file, as features takes it.", show_default="likewise")
    ] = None
    image_size: Annotated[
        str,
        Option(
            help="The backbone's input, HEIGHTxWIDTH; auto has the photos' shape, and the area that their "
            "things need: 224x224's to 448x640's."
        ),
    ] = AUTO
    layer: Annotated[
        str, Option(help="Cut here; stage4 is the last layer whose map has a 16th of the input's sides.")
    ] = "stage4"
    views: Annotated[int, Option(help="Learn from the first N views, and average them.", min=1)] = 2
    view_names: ViewNames = None
    folds: Annotated[int, Option(help="Folds.")] = 5
    groups: Annotated[
        str, Option(help="What must not straddle a fold: auto (groups.csv), none, size, or a CSV.")
    ] = AUTO
    epochs: Annotated[
        int | None,
        Option(
            help="Epochs; the last one is kept.", min=1, show_default="12 from 480 photos on, 60 up to 214"
        ),
    ] = None
    ends: Annotated[
        bool,
        Option(
            "--ends",
            help="Learn head and tail, too, for features --crop-align. It takes three times as long.",
        ),
    ] = False
    seed: Annotated[int, Option(help="Of folds, weights and draws.", min=0, max=1_000_000)] = 0
    name: Annotated[str, Option(help="The run's name.")] = "locate"
    memory_budget: Annotated[
        float, Option(help="GiB of maps to hold in memory; more are read from a file.", min=0.0)
    ] = 4.0
    workers: Annotated[int | None, Option(help="Decoding threads.", min=1, show_default="cores")] = None
    skip_unreadable: Annotated[
        bool, Option("--skip-unreadable", help="Go on without images that can't be read.")
    ] = False

    @property
    def chosen_views(self) -> list[str]:
        """The names of the views to learn from; FishError for unknown ones."""
        return first_views(self.views) if self.view_names is None else named_views(self.view_names.split(","))


def detections_path(run_dir: Path) -> Path:
    """Where a localiser's run keeps what it finds."""
    return run_dir / "detections.json"
