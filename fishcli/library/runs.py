"""A run, as Python has it: out-of-fold predictions, what they are worth, and what can be asked of it."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fishcli.basics.files import read_csv, read_json
from fishcli.basics.remote import parse_path
from fishcli.library import showing
from fishcli.library.calls import Told, ask
from fishcli.library.kept import Kept
from fishcli.library.pages import Heatmaps, Page
from fishcli.library.signatures import takes

if TYPE_CHECKING:
    import pandas as pd

    from fishcli.runs.run import Run as RunFiles

WIDTH = 640  # CSS pixels of a plot


@dataclass(frozen=True)
class Prediction:
    """What was predicted for the test photos.

    Attributes:
        paths: the submissions, ready to be handed in: one a sample submission.
        table: `split`, `image`, a column `proba_<class>` a class, and the box as fractions of the photo; of a
            blend of runs None.
        said: what the command said of it.
    """

    paths: list[Path]
    table: "pd.DataFrame | None" = field(repr=False)
    said: str = field(repr=False)

    @property
    def submissions(self) -> "list[pd.DataFrame]":
        """What stands in the submissions, in their order."""
        return [read_csv(path, []) for path in self.paths]

    def _repr_html_(self) -> str:
        parts = [showing.lines(str(path)) + showing.table(read_csv(path, []).head(5)) for path in self.paths]
        return showing.card("Submissions", *parts)


@dataclass(frozen=True, repr=False)
class Run(Kept):
    """A run that classifies, complete: what its folder holds.

    Attributes:
        told: what commands are told that are asked of it.
        path: its folder.
    """

    told: Told
    path: Path

    @cached_property
    def _files(self) -> "RunFiles":
        from fishcli.runs.run import Run as RunFiles

        return RunFiles.open(self.path)

    @property
    def classes(self) -> list[str]:
        """The classes in the order of all that it answers."""
        return list(self._files.class_names)

    @property
    def config(self) -> dict[str, Any]:
        """The options that it was made with, of those that change its result."""
        return dict(self._files.settings)

    @property
    def store(self) -> str:
        """The name of the features that it learned from."""
        return self._files.store

    @property
    def metrics(self) -> dict[str, Any]:
        """What it is worth out of fold, as metrics.json has it: `folds` says on which kind."""
        return {name: value for name, value in self._files.read_metrics().items() if name != "files"}

    @property
    def folds(self) -> "pd.DataFrame":
        """`image`, `fold`, `group` ("" where none are known) of the training images."""
        return self._files.read_result("folds.csv", ["image", "fold"], ["image", "group"])

    @property
    def oof(self) -> "pd.DataFrame":
        """Out-of-fold predictions of the plain photo: one row a training image.

        `image`, `class_name`, `fold`, `group`, and a column `proba_<class>` for each of `classes`.
        """
        found = self._files.read_oof(1)
        if found is None:
            raise self._files.results_damaged(self.path / "oof.csv", "it is missing.")
        return found

    @takes("predict", "run", "models_dir", "pack", "time_limit")
    def predict(self, **options: Any) -> Prediction:
        """Predict the test photos and write the submissions: `predict(tta=8)`, `predict(tta="auto")`."""
        config, said = self._ask("predict", options)
        from fishcli.basics.progress import quietly
        from fishcli.runs.predicting.views import tta_of

        with quietly(True):
            n_views = tta_of(self._files, config.tta)
        table = read_csv(self.path / f"test_tta{n_views}.csv", ["split", "image"], ["split", "image"])
        return Prediction([parse_path(line) for line in said.splitlines()], table, said)

    @takes("report", "run", "models_dir")
    def report(self, **options: Any) -> Page:
        """Write the page about it: what it is worth, where it fails, how to make it again."""
        return Page(parse_path(self._ask("report", options)[1]))

    @takes("heatmap", "run", "models_dir", "images")
    def heatmap(self, *images: str, **options: Any) -> Heatmaps:
        """Draw where it looks in these training images, or in those that it predicts worst."""
        said = self._ask("heatmap", options, images=list(images) or None)[1]
        return Heatmaps(parse_path(said.splitlines()[-1]), said)

    @takes("summary", "run", "models_dir")
    def summary(self, **options: Any) -> str:
        """The layers of its head, their shapes and parameters, as text."""
        return str(self._ask("summary", options)[1])

    @takes("runs note", "run", "models_dir")
    def note(self, **options: Any) -> str:
        """Keep beside it what the competition's leaderboard said: `note(public=1.31)`."""
        return str(self._ask("runs note", options)[1])

    def remove(self) -> None:
        """Remove it for good, with all its files."""
        ask(self.told, "runs rm", {}, {"runs": [self.name], "models_dir": self.path.parent, "yes": True})

    def _ask(self, command: str, options: dict[str, Any], **fixed: Any) -> tuple[Any, Any]:
        return ask(self.told, command, options, {"run": self.name, "models_dir": self.path.parent, **fixed})

    def __repr__(self) -> str:
        """Its name, and what it is worth."""
        return f"Run({self.name!r}: {self._worth()})"

    def _worth(self) -> str:
        metrics = self.metrics
        kind = f"{metrics['folds']} folds"
        if "log_loss" not in metrics:
            return f"box IoU {metrics['box_iou']:.4f} ({kind})" if "box_iou" in metrics else kind
        return f"log loss {metrics['log_loss']:.4f} ({kind}; class prior {metrics['prior_log_loss']:.4f})"

    def _repr_html_(self) -> str:
        from fishcli.library.plots import confusion_of, curves_of

        metrics = self.metrics
        scores = showing.table(_scores(metrics["by_fold"] if "by_fold" in metrics else metrics["by_seed"]))
        parts = [scores, confusion_of(self, WIDTH), curves_of(self._files, WIDTH)]
        return showing.card(self.name, showing.lines(f"out of fold: {self._worth()}"), *parts)


@dataclass(frozen=True, repr=False)
class Localiser(Kept):
    """A run of `locate`: it finds boxes, and knows no classes. `features(crop=it)` takes it.

    Attributes:
        told: what commands are told that are asked of it.
        path: its folder.
    """

    told: Told
    path: Path

    @property
    def as_option(self) -> str:
        """What an option takes in its place: its folder."""
        return str(self.path)

    @property
    def metrics(self) -> dict[str, Any]:
        """What its boxes are worth out of fold, as metrics.json has it."""
        return {
            name: value for name, value in read_json(self.path / "metrics.json").items() if name != "files"
        }

    @property
    def detections(self) -> "pd.DataFrame":
        """`split`, `image`, `confidence`, and the box as fractions of the photo: a row a detection.

        Those in training photos are out of fold. Photos in which nothing was found have no row.
        """
        import pandas as pd

        from fishcli.dataset.annotations import BOX_COLUMNS
        from fishcli.dataset.annotations.megadetector import photos_in
        from fishcli.options.locate import detections_path

        path = detections_path(self.path)
        rows = [
            (*name.split("/", 1), each.confidence, *each.box.corners)
            for name, found in photos_in(path, read_json(path))
            for each in found
        ]
        return pd.DataFrame(rows, columns=["split", "image", "confidence", *BOX_COLUMNS])

    @takes("report", "run", "models_dir")
    def report(self, **options: Any) -> Page:
        """Write the page about it: how good its boxes are, and where it fails."""
        fixed = {"run": self.name, "models_dir": self.path.parent}
        return Page(parse_path(ask(self.told, "report", options, fixed)[1]))

    def __repr__(self) -> str:
        """Its name, and what it is worth."""
        return f"Localiser({self.name!r}: {self._worth()})"

    def _worth(self) -> str:
        metrics = self.metrics
        mean_box = f"the mean box's {metrics['mean_box_iou']:.4f}"
        return f"box IoU {metrics['box_iou']:.4f} ({metrics['folds']} folds; {mean_box})"

    def _repr_html_(self) -> str:
        worth = showing.lines(f"out of fold: {self._worth()}")
        return showing.card(self.name, worth, showing.table(_scores(self.metrics["by_fold"])))


def _scores(parts: list[dict[str, Any]]) -> "pd.DataFrame":
    """What each fold, or fold seed, is worth: the figures that are numbers."""
    import pandas as pd

    rows = [{name: value for name, value in each.items() if isinstance(value, int | float)} for each in parts]
    return pd.DataFrame(rows).dropna(axis=1, how="all")
