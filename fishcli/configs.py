"""What each command takes: one frozen config a command, whose fields are the command line's options.

Defaults and help texts stand here once; `cli` makes the options from them, and the workflows and tests use
the same classes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the competition lies."""

    data_dir: Annotated[Path, Option(help="The competition's folder.")] = Path("data")


@dataclass(frozen=True, kw_only=True)
class StoreConfig(DataConfig):
    """Where the competition and its feature stores lie."""

    features_dir: Annotated[
        Path | None, Option(help="The feature stores' folder.", show_default="DATA_DIR/features")
    ] = None

    @property
    def stores_dir(self) -> Path:
        """The folder of all feature stores."""
        return self.features_dir or self.data_dir / "features"


@dataclass(frozen=True, kw_only=True)
class RunConfig(StoreConfig):
    """Where the competition, its feature stores and its runs lie."""

    models_dir: Annotated[Path, Option(help="The runs' folder.")] = Path("models")


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """Draw a competition to learn on: boats whose image size gives the species away."""

    directory: Annotated[Path, Argument(metavar="[DIR]", help="An empty or new folder.")] = Path("demo")
    images: Annotated[int, Option(help="Training images.", min=40)] = 480
    boats: Annotated[int, Option(help="Boats in training.", min=3)] = 8
    seed: Annotated[int, Option(help="Of all that is drawn.", min=0)] = 0


@dataclass(frozen=True, kw_only=True)
class FeaturesConfig(StoreConfig):
    """Compute frozen-conv features of every image and view once, and keep them."""

    backbone: Annotated[str, Option(help="A backbone of keras.applications, such as vgg16.")] = "mobilenet_v2"
    weights: Annotated[str, Option(help="imagenet, random, or the path of an .h5 file.")] = "imagenet"
    image_size: Annotated[str, Option(help="The backbone's input, HEIGHTxWIDTH.")] = "224x224"
    resize: Annotated[Literal["squash", "letterbox", "crop"], Option(help="How photos get to that size.")] = (
        "squash"
    )
    layer: Annotated[str | None, Option(help="Cut at this layer's output.", show_default="the last")] = None
    pool: Annotated[Literal["none", "avg", "max"], Option(help="Keep maps, or pool them.")] = "none"
    views: Annotated[int, Option(help="The first N of the views, of training and test images.")] = 1
    view_names: Annotated[
        str | None, Option(help="Views by name instead: identity,hflip,...", show_default="none")
    ] = None
    augment: Annotated[int, Option(help="Seeded augmented copies of each training image.", min=0)] = 0
    splits: Annotated[str | None, Option(help="Only these: train,test_stg1,...", show_default="all")] = None
    batch_size: Annotated[int, Option(help="Images a batch, and a chunk of a new store.", min=1)] = 32
    workers: Annotated[int | None, Option(help="Decoding threads.", min=1, show_default="cores")] = None
    skip_unreadable: Annotated[
        bool, Option("--skip-unreadable", help="Go on without images that can't be read.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class TrainConfig(RunConfig):
    """Train K-fold heads on cached features: class and bounding box out, out-of-fold predictions kept."""

    features: Annotated[str | None, Option(help="The store's name.", show_default="the newest")] = None
    head: Annotated[str, Option(help="gap or dense.")] = "gap"
    folds: Annotated[int, Option(help="Folds.")] = 5
    groups: Annotated[
        str, Option(help="What must not straddle a fold: auto (groups.csv), none, size, or a CSV.")
    ] = "auto"
    metadata: Annotated[
        Literal["size", "size-numeric", "none"], Option(help="Image size as one-hot, as numbers, or not.")
    ] = "size"
    boxes: Annotated[
        Literal["largest", "union", "none"], Option(help="An image's target among its boxes.")
    ] = "largest"
    box_weight: Annotated[float, Option(help="Weight of the box loss.", min=0.0)] = 10.0
    views: Annotated[int, Option(help="Draw each row and epoch from the first N views.")] = 1
    epochs: Annotated[int, Option(help="Epochs; the last one is kept.", min=1)] = 60
    lr: Annotated[float, Option(help="Highest learning rate.", min=1e-7, max=1.0)] = 1e-3
    batch_size: Annotated[int, Option(help="Rows a step.", min=2)] = 32
    dropout: Annotated[float, Option(help="Share of inputs dropped.", min=0.0, max=0.95)] = 0.5
    label_smoothing: Annotated[float, Option(help="Share given to all classes.", min=0.0, max=0.5)] = 0.03
    seed: Annotated[int, Option(help="Of folds, weights and draws.", min=0, max=1_000_000)] = 0
    name: Annotated[str | None, Option(help="The run's name.", show_default="BACKBONE-HEAD-COUNTER")] = None


@dataclass(frozen=True, kw_only=True)
class SubmissionConfig(RunConfig):
    """What the commands that write a submission share."""

    submissions_dir: Annotated[Path, Option(help="The submissions' folder.")] = Path("submissions")
    tta: Annotated[int, Option(help="Average the first N test-time views.")] = 1
    clip: Annotated[
        float, Option(help="Lift probabilities to at least EPS, then renormalise.", min=0.0, max=0.1)
    ] = 0.0
    workers: Annotated[int | None, Option(help="Decoding threads.", min=1, show_default="cores")] = None


@dataclass(frozen=True, kw_only=True)
class PredictConfig(SubmissionConfig):
    """Average test-time views, ensemble the folds, write a valid submission CSV."""

    run: Annotated[str | None, Option(help="The run's name.", show_default="the newest")] = None
    mean: Annotated[Literal["arithmetic", "geometric", "vote"], Option(help="How folds are averaged.")] = (
        "arithmetic"
    )


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig(SubmissionConfig):
    """Blend runs, by weights found on their out-of-fold predictions, into a submission CSV."""

    runs: Annotated[list[str], Argument(metavar="RUN RUN ...", help="Names of runs.")]
    blend: Annotated[Literal["oof", "equal"], Option(help="Weights by out-of-fold log loss, or equal.")] = (
        "oof"
    )
    name: Annotated[str | None, Option(help="The submission's name.", show_default="RUN+RUN")] = None


@dataclass(frozen=True, kw_only=True)
class ScoreConfig(DataConfig):
    """The competition's multiclass log loss of a submission, offline, by stage and group."""

    submission: Annotated[Path, Argument(metavar="SUBMISSION", help="A submission CSV.")]
    solution: Annotated[Path, Option(help="CSV with image, class_name and perhaps stage and group.")]


@dataclass(frozen=True, kw_only=True)
class AuditConfig(DataConfig):
    """Measure how well image size alone predicts the label, in bits."""

    groups: Annotated[
        str, Option(help="What must not straddle a fold: auto (groups.csv), none, size, or a CSV.")
    ] = "auto"
    folds: Annotated[int, Option(help="Folds.")] = 5
    permutations: Annotated[int, Option(help="Shuffles of the labels for the p-value.", min=1)] = 199
    seed: Annotated[int, Option(help="Of folds and shuffles.", min=0, max=1_000_000)] = 0
