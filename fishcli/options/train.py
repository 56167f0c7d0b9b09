"""What the commands take that train heads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from fishcli.basics.errors import FishError
from fishcli.options.data import StoreConfig
from fishcli.options.features import Scheduler
from fishcli.options.views import ViewNames, ViewSet, chosen_views, with_identity

Metadata = Annotated[
    str,
    Option(
        help="Image size: size (one-hot), size-embedding, size-numeric; of crops, how sure the detection is: "
        "detection; several with +, or none."
    ),
]
AUTO_METRIC = "auto"
"""What `--metric` is where the form of the answer says which one."""
MetricName = Annotated[
    str,
    Option(
        help="Shown beside log loss, labels are decided for it: accuracy, balanced-accuracy, macro-f1, auc, "
        "qwk, map@K, micro-ap, log-loss; auto: as the answer's form has it."
    ),
]
BoxRule = Annotated[Literal["largest", "union", "none"], Option(help="An image's target among its boxes.")]


def split_stores(text: str) -> list[str]:
    """The names of stores that `text` joins with "+" or commas; FishError: one is empty or comes twice."""
    names = [name.strip() for name in text.replace(",", "+").split("+")]
    if not all(names) or len(set(names)) < len(names):
        raise FishError(f"--features {text}: expected a store's name, or different ones with + between them.")
    return names


@dataclass(frozen=True, kw_only=True)
class RunConfig(StoreConfig):
    """Where the competition, its feature stores and its runs lie."""

    models_dir: Annotated[Path, Option(help="The runs' folder.")] = Path("models")


@dataclass(frozen=True, kw_only=True)
class FoldsConfig(RunConfig):
    """What all share that train a run: on which features and folds, and what becomes of its predictions."""

    folds: Annotated[int, Option(help="Folds.")] = 5
    groups: Annotated[
        str, Option(help="What must not straddle a fold: auto (groups.csv), none, size, or a CSV.")
    ] = "auto"
    test_groups: Annotated[
        int | None,
        Option(
            help="How many groups the test photos are of, for what to expect of them.",
            min=1,
            show_default="as --groups says, else 10",
        ),
    ] = None
    calibrate: Annotated[
        Literal["temperature", "none"],
        Option(help="Make predictions as sure as they are right out of fold."),
    ] = "temperature"
    metric: MetricName = AUTO_METRIC
    seed: Annotated[int, Option(help="Of folds, weights and draws.", min=0, max=1_000_000)] = 0
    memory_budget: Annotated[
        float,
        Option(
            help="GiB an array of features may take in memory; a larger one is read from a file.", min=0.0
        ),
    ] = 4.0


@dataclass(frozen=True, kw_only=True)
class FitConfig(FoldsConfig):
    """What train and compare share: how heads are built and trained."""

    views: Annotated[int, Option(help="Draw each row and epoch from the first N of the view set.")] = 1
    view_set: ViewSet = "upright"
    epochs: Annotated[int, Option(help="Epochs; the last one is kept.", min=1)] = 60
    lr: Annotated[float, Option(help="Highest learning rate.", min=1e-7, max=1.0)] = 1e-3
    batch_size: Annotated[int, Option(help="Rows a step.", min=2)] = 32
    dropout: Annotated[float, Option(help="Share of inputs dropped.", min=0.0, max=0.95)] = 0.5
    pooling: Annotated[
        Literal["auto", "avg", "max", "gem", "overlap", "stochastic"],
        Option(help="How gap and dense pool maps; auto is avg for gap, max for dense."),
    ] = "auto"
    codebook: Annotated[
        int | None,
        Option(help="Words of bow and llc, Gaussians of fisher.", min=2, show_default="256, fisher 32"),
    ] = None
    pyramid: Annotated[
        int | None,
        Option(
            help="Of bow, llc, fisher: 1 is the photo, 2 its quarters too, 3 theirs.",
            min=1,
            max=3,
            show_default="2",
        ),
    ] = None
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
    smote: Annotated[
        bool,
        Option(
            "--smote",
            help="Fill small classes up between neighbours (blend, grouped folds: 1.49 to 1.44, 1.11 to "
            "1.08; test photos of new boats, new videos: no gain).",
        ),
    ] = False
    generate: Annotated[
        int,
        Option(
            help="Fill classes of fewer than N photos up to N rows that a generator draws (blend, N = 100, "
            "grouped folds: 1.49 to 1.38, 1.11 to 1.02; test photos of new boats: no gain; a minute).",
            min=0,
        ),
    ] = 0
    seeds: Annotated[int, Option(help="Heads a fold, averaged.", min=1)] = 1
    scheduler: Scheduler = None


@dataclass(frozen=True, kw_only=True)
class TrainConfig(FitConfig):
    """Train K-fold heads on cached features: class and bounding box out, out-of-fold predictions kept."""

    features: Annotated[
        str | None,
        Option(
            help="The store's name; of several, A,B, pooled features are joined.", show_default="used last"
        ),
    ] = None
    head: Annotated[
        str,
        Option(
            help="blend, linear, svm, forest; gap, dense; fcn, allconv, inception, residual, attention; bow, "
            "llc, fisher encode maps (fisher of sift: 1.40 on unseen videos, of a network 1.29, gap 1.23)."
        ),
    ] = "blend"
    metadata: Metadata = "size"
    boxes: BoxRule = "largest"
    view_names: ViewNames = None
    augment: Annotated[
        str | None,
        Option(
            help="Copies to draw from, too: RECIPE/RECIPE/... (a copy each), the FILE of augment-search, "
            "or none.",
            show_default="those of features --augment N",
        ),
    ] = None
    pseudo: Annotated[
        str | None, Option(help="RUN: learn from its confident test predictions too.", show_default="none")
    ] = None
    pseudo_share: Annotated[
        float, Option(help="Share of each batch that --pseudo gets.", min=0.01, max=0.9)
    ] = 0.25
    pseudo_confidence: Annotated[
        float, Option(help="Least probability of a --pseudo row.", min=0.0, max=1.0)
    ] = 0.9
    repeats: Annotated[
        int,
        Option(help="Fold seeds, counted up from --seed: a run each in NAME, their average.", min=1),
    ] = 1
    name: Annotated[str | None, Option(help="The run's name.", show_default="BACKBONE-HEAD-COUNTER")] = None

    @property
    def store_names(self) -> list[str] | None:
        """The stores whose features are joined, in order; None for the one used last."""
        return None if self.features is None else split_stores(self.features)

    @property
    def chosen_views(self) -> list[str]:
        """The names of the views to draw from.

        Raises:
            FishError: the options contradict each other, or leave out the plain photo, whose score is the
                run's.
        """
        return with_identity(chosen_views(self.views, self.view_set, self.view_names), self.view_names)


@dataclass(frozen=True, kw_only=True)
class CompareConfig(FitConfig):
    """Train features x heads x metadata x boxes on the same folds: one table, with paired intervals."""

    features: Annotated[
        str | None,
        Option(help="Stores, with commas; A+B joins pooled features.", show_default="the one used last"),
    ] = None
    heads: Annotated[str, Option(help="Heads, with commas.")] = (
        "blend,linear,svm,forest,gap,dense,fcn,allconv,inception,residual,attention"
    )
    metadata: Annotated[str, Option(help="Kinds of --metadata of train, with commas.")] = "none,size"
    boxes: Annotated[str, Option(help="Kinds of --boxes of train, with commas.")] = "largest"
    repeats: Annotated[
        int, Option(help="Fold seeds, counted up from --seed; losses are averaged.", min=1)
    ] = 1
    name: Annotated[str, Option(help="The comparison's folder among the runs.")] = "compare"
