"""What each command takes: one frozen config a command, whose fields are the command line's options.

Defaults and help texts stand here once; `cli` makes the options from them, and the workflows and tests use
the same classes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from fishcli.places import Config
from fishcli.reading import Reading

Scheduler = Annotated[
    str | None,
    Option(help="Compute on a Dask cluster: tcp://HOST:8786.", show_default="this machine"),
]


@dataclass(frozen=True, kw_only=True)
class DataConfig(Config, Reading):
    """Where the competition lies, and how its photos are read."""

    data_dir: Annotated[Path, Option(help="The competition's folder.")] = Path("data")
    box_categories: Annotated[
        str | None,
        Option(
            help="NAME,...: boxes of these only; iscrowd: COCO's crowds too.", show_default="all but crowds"
        ),
    ] = None


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
class DemoConfig(Config):
    """Draw a competition to learn on: boats whose image size gives the species away."""

    directory: Annotated[Path, Argument(metavar="[DIR]", help="An empty or new folder.")] = Path("demo")
    images: Annotated[int, Option(help="Training images.", min=40)] = 480
    boats: Annotated[int, Option(help="Boats in training.", min=3)] = 8
    seed: Annotated[int, Option(help="Of all that is drawn.", min=0)] = 0


@dataclass(frozen=True, kw_only=True)
class FeaturesConfig(StoreConfig):
    """Compute frozen-conv features of every image and view once, and keep them."""

    backbone: Annotated[str, Option(help="One of keras.applications, such as vgg16, or fishnet.")] = (
        "mobilenet_v2"
    )
    weights: Annotated[
        str | None,
        Option(help="random, or a file (.h5; .npz of fishnet).", show_default="imagenet, or fishnet's own"),
    ] = None
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
    engine: Annotated[
        Literal["auto", "tensorflow", "openvino"],
        Option(help="What computes: auto is a GPU, else OpenVINO where installed, else TensorFlow."),
    ] = "auto"
    mixed_precision: Annotated[
        bool, Option("--mixed-precision", help="float16 on a GPU, where that is faster.")
    ] = False
    skip_unreadable: Annotated[
        bool, Option("--skip-unreadable", help="Go on without images that can't be read.")
    ] = False
    scheduler: Scheduler = None
    verify: Annotated[
        bool,
        Option(
            "--verify", help="Compute nothing: check all stores, name chunks that are damaged or missing."
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class FitConfig(RunConfig):
    """What train and compare share: how heads are built and trained, on which folds."""

    features: Annotated[str | None, Option(help="The store's name.", show_default="the newest")] = None
    folds: Annotated[int, Option(help="Folds.")] = 5
    groups: Annotated[
        str, Option(help="What must not straddle a fold: auto (groups.csv), none, size, or a CSV.")
    ] = "auto"
    views: Annotated[int, Option(help="Draw each row and epoch from the first N views.")] = 1
    epochs: Annotated[int, Option(help="Epochs; the last one is kept.", min=1)] = 60
    lr: Annotated[float, Option(help="Highest learning rate.", min=1e-7, max=1.0)] = 1e-3
    batch_size: Annotated[int, Option(help="Rows a step.", min=2)] = 32
    dropout: Annotated[float, Option(help="Share of inputs dropped.", min=0.0, max=0.95)] = 0.5
    pooling: Annotated[
        Literal["auto", "avg", "max", "gem", "overlap", "stochastic"],
        Option(help="How gap and dense pool maps; auto is avg for gap, max for dense."),
    ] = "auto"
    auxiliary: Annotated[bool, Option("--auxiliary", help="inception: a second classifier halfway.")] = False
    residual_version: Annotated[int, Option(help="residual: 1 or 2 (pre-activation).", min=1, max=2)] = 2
    metadata_dropout: Annotated[
        float, Option(help="Share of rows whose metadata is made unknown in training.", min=0.0, max=1.0)
    ] = 0.0
    box_loss: Annotated[Literal["huber", "mae", "mse", "giou"], Option(help="Loss of the box.")] = "huber"
    box_weight: Annotated[float, Option(help="Weight of the box loss.", min=0.0)] = 10.0
    loss: Annotated[
        Literal["cross-entropy", "hinge"], Option(help="Of the classes; hinge is calibrated on inner folds.")
    ] = "cross-entropy"
    label_smoothing: Annotated[float, Option(help="Share given to all classes.", min=0.0, max=0.5)] = 0.03
    focal: Annotated[float, Option(help="GAMMA: easy images count less (focal loss).", min=0.0, max=10.0)] = (
        0.0
    )
    class_weight: Annotated[
        Literal["none", "balanced"], Option(help="balanced: every class weighs the same in the loss.")
    ] = "none"
    balance: Annotated[
        Literal["none", "group"],
        Option(help="group: draw rows so that groups show the same mix of classes, as far as they can."),
    ] = "none"
    mixup: Annotated[float, Option(help="ALPHA: mix rows and their labels.", min=0.0, max=10.0)] = 0.0
    sample_pairing: Annotated[
        bool, Option("--sample-pairing", help="Average rows with others, keep the first one's label.")
    ] = False
    smote: Annotated[bool, Option("--smote", help="Fill small classes up between neighbours.")] = False
    seeds: Annotated[int, Option(help="Heads a fold, averaged.", min=1)] = 1
    calibrate: Annotated[
        Literal["temperature", "none"],
        Option(help="Make predictions as sure as they are right out of fold."),
    ] = "temperature"
    seed: Annotated[int, Option(help="Of folds, weights and draws.", min=0, max=1_000_000)] = 0
    memory_budget: Annotated[
        float,
        Option(
            help="GiB an array of features may take in memory; a larger one is read from a file.", min=0.0
        ),
    ] = 4.0
    scheduler: Scheduler = None


@dataclass(frozen=True, kw_only=True)
class TrainConfig(FitConfig):
    """Train K-fold heads on cached features: class and bounding box out, out-of-fold predictions kept."""

    head: Annotated[
        str,
        Option(
            help="linear, svm, forest; gap, dense; fcn, allconv, inception, residual, attention; tail (needs "
            "features --layer)."
        ),
    ] = "gap"
    metadata: Annotated[
        str,
        Option(help="Image size: size (one-hot), size-embedding, size-numeric, several with +, or none."),
    ] = "size"
    boxes: Annotated[
        Literal["largest", "union", "none"], Option(help="An image's target among its boxes.")
    ] = "largest"
    pseudo: Annotated[
        str | None, Option(help="RUN: learn from its confident test predictions too.", show_default="none")
    ] = None
    pseudo_share: Annotated[
        float, Option(help="Share of each batch that --pseudo gets.", min=0.01, max=0.9)
    ] = 0.25
    pseudo_confidence: Annotated[
        float, Option(help="Least probability of a --pseudo row.", min=0.0, max=1.0)
    ] = 0.9
    name: Annotated[str | None, Option(help="The run's name.", show_default="BACKBONE-HEAD-COUNTER")] = None


@dataclass(frozen=True, kw_only=True)
class CompareConfig(FitConfig):
    """Train heads x metadata x boxes on the same folds: one table of losses with paired intervals."""

    heads: Annotated[str, Option(help="Heads, with commas.")] = (
        "linear,svm,forest,gap,dense,fcn,allconv,inception,residual,attention"
    )
    metadata: Annotated[str, Option(help="Kinds of --metadata of train, with commas.")] = "none,size"
    boxes: Annotated[str, Option(help="Kinds of --boxes of train, with commas.")] = "largest"
    repeats: Annotated[
        int, Option(help="Fold seeds, counted up from --seed; losses are averaged.", min=1)
    ] = 1
    name: Annotated[str, Option(help="The comparison's folder among the runs.")] = "compare"


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
