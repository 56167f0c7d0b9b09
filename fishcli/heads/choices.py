"""Which heads there are, what each of them takes, and which options go together. Imports nothing heavy."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from fishcli.basics.errors import FishError, choose
from fishcli.dataset.metadata import check_metadata
from fishcli.options.command_lines import advised, flag
from fishcli.options.finetune import FINETUNE, FinetuneConfig
from fishcli.options.train import TrainConfig

TAIL = "tail"
"""What `finetune` was called while it was a head."""


@dataclass(frozen=True)
class HeadKind:
    """What a head is fitted by and what it looks at.

    Attributes:
        fitted_by: "keras", "numpy" (the perceptrons) or "sklearn".
        looks_at: "pooled" features, "maps", or "any" of both.
    """

    fitted_by: Literal["keras", "numpy", "sklearn"]
    looks_at: Literal["pooled", "maps", "any"]


HEADS = {
    "blend": HeadKind("sklearn", "pooled"),
    "linear": HeadKind("sklearn", "pooled"),
    "svm": HeadKind("sklearn", "pooled"),
    "forest": HeadKind("sklearn", "pooled"),
    "bow": HeadKind("sklearn", "maps"),
    "llc": HeadKind("sklearn", "maps"),
    "fisher": HeadKind("sklearn", "maps"),
    "gap": HeadKind("numpy", "any"),
    "dense": HeadKind("numpy", "any"),
    "fcn": HeadKind("keras", "maps"),
    "allconv": HeadKind("keras", "maps"),
    "inception": HeadKind("keras", "maps"),
    "residual": HeadKind("keras", "maps"),
    "attention": HeadKind("keras", "maps"),
}
ENCODE = ("bow", "llc", "fisher")
"""The heads that encode maps by a codebook."""
OF_ARRAYS = ("blend", "linear")
"""Heads of pooled features that are arrays and no more, which are fitted and load without scikit-learn."""
OF_FINETUNE = HeadKind("keras", "maps")
"""The kind of what `finetune` trains, and of what earlier runs called the head "tail"."""

POOLED_BY = {"gap": "avg", "dense": "max"}
"""What `--pooling auto` means for the heads that it concerns."""

OF_ONE_HEAD = {"auxiliary": "inception", "residual_version": "residual"}
OF_ENCODE = ("codebook", "pyramid")
OF_GRADIENTS = (
    *("epochs", "lr", "batch_size", "dropout", "metadata_dropout", "box_loss", "box_weight", "loss"),
    *("label_smoothing", "focal", "mixup", "sample_pairing", "balance", "pseudo"),
)
"""Options that change nothing for a head that scikit-learn fits."""
FILLED = ("blend", "linear")
"""Those of scikit-learn's heads that learn from made rows, too, and alone from generated ones."""
TAG_CLASSIFIERS = ("blend", "linear")
"""Those of scikit-learn's heads that learn several labels an image."""
OF_ONE_LABEL = ("loss", "smote", "generate", "balance", "class_weight", "pseudo")
"""Options that mean something only where an image has one label."""


def kind_of(head: str) -> HeadKind:
    """The kind of a run's head; FishError for an unknown one."""
    return OF_FINETUNE if head in (FINETUNE, TAIL) else HEADS[choose(head, HEADS, "head")]


def is_of_one_thread(head: str) -> bool:
    """Whether a head keeps to one thread, so that several are trained at a time."""
    return HEADS[head].fitted_by == "numpy"


def pooling_of(config: TrainConfig) -> str:
    """How a head pools maps: `--pooling`, or the head's own way."""
    return POOLED_BY.get(config.head, "avg") if config.pooling == "auto" else config.pooling


def needs_maps(config: TrainConfig, has_boxes: bool) -> bool:
    """Whether a head makes use of maps; otherwise pooled features give the same result with less memory."""
    kind = HEADS[config.head]
    if kind.looks_at != "any":
        return kind.looks_at == "maps"
    return has_boxes or config.head != "gap" or pooling_of(config) != "avg"


def check_options(config: TrainConfig) -> None:
    """Refuse options that don't go together.

    Raises:
        FishError: an unknown head or metadata; an option that the head has no use for, or two that exclude
            each other.
    """
    if config.head == TAIL:
        raise FishError(f"--head tail is a command of its own: {advised(FINETUNE, FinetuneConfig)}.")
    kind = HEADS[choose(config.head, HEADS, "head")]
    check_metadata(config.metadata)
    if kind.fitted_by == "sklearn" and "size-embedding" in config.metadata:
        raise FishError(
            f"--metadata size-embedding is learned by gradient, which --head {config.head} is not. "
            "Pass --metadata size."
        )
    for name, why in unused_options(config).items():
        usual = "fisher" if name in OF_ENCODE else "blend" if name in ("smote", "generate") else "gap"
        taker = OF_ONE_HEAD.get(name, usual) if why == _to_head(config) else ""
        mended = f", or pass --head {taker}" if taker else ""
        raise FishError(f"{flag(name)} means nothing {why}. Leave it out{mended}.")
    mixing = [name for name in ("mixup", "sample_pairing", "smote") if getattr(config, name)]
    if len(mixing) > 1:
        raise FishError(f"{flag(mixing[0])} and {flag(mixing[1])} both mix rows. Choose one.")
    if config.smote and config.generate:
        raise FishError("--smote and --generate both fill small classes up. Choose one.")
    if config.loss == "hinge":
        soft = [name for name in ("mixup", "focal", "pseudo") if getattr(config, name)]
        if soft:
            raise FishError(
                f"{flag(soft[0])} needs probabilities, but --loss hinge has hard labels and scores. "
                "Pass --loss cross-entropy."
            )


def takes_tags(head: str) -> bool:
    """Whether a head learns several labels an image."""
    return HEADS[head].fitted_by != "sklearn" or head in TAG_CLASSIFIERS


def check_takes_tags(config: TrainConfig) -> None:
    """Refuse a head, or an option, that makes nothing of images with several labels.

    Raises:
        FishError: so it is.
    """
    if not takes_tags(config.head):
        able = ", ".join(filter(takes_tags, HEADS))
        raise FishError(f"--head {config.head}: images have several labels here. Pass one of {able}.")
    for name in OF_ONE_LABEL:
        if getattr(config, name) != default_of(name):
            raise FishError(
                f"{flag(name)} {getattr(config, name)}: images have several labels here, and it is of one. "
                "Leave it out."
            )


def unused_options(config: TrainConfig) -> dict[str, str]:
    """Options that were asked for, to another value than their default, and mean nothing; each with why."""
    by_head = [name for name, head in OF_ONE_HEAD.items() if head != config.head]
    if config.head not in POOLED_BY:
        by_head.append("pooling")
    if config.head not in ENCODE:
        by_head += OF_ENCODE
    if HEADS[config.head].fitted_by == "sklearn":
        by_head += [*OF_GRADIENTS, *([] if config.head in FILLED else ["smote"])]
    if config.head not in FILLED:
        by_head.append("generate")
    reasons = {
        _to_head(config): by_head,
        "with --loss hinge": ["label_smoothing"] if config.loss == "hinge" else [],
        "with --boxes none": ["box_loss", "box_weight"] if config.boxes == "none" else [],
        "with --metadata none": ["metadata_dropout"] if config.metadata == "none" else [],
        "without --pseudo": ["pseudo_share", "pseudo_confidence"] if config.pseudo is None else [],
    }
    return {
        name: why
        for why, names in reasons.items()
        for name in names
        if getattr(config, name) != default_of(name)
    }


def _to_head(config: TrainConfig) -> str:
    return f"to --head {config.head}"


def check_store(config: TrainConfig, has_maps: bool, store_name: str, mending: str) -> None:
    """Refuse a head, or a way of pooling, that needs maps where the store holds pooled features.

    `mending` is the command that computes maps.

    Raises:
        FishError: see above.
    """
    if not has_maps and (needed := _what_needs_maps(config)):
        raise FishError(
            f"{needed} needs maps, but the store {store_name} holds pooled features. Compute maps: "
            f"{mending}, then name that store with --features."
        )


def check_joined(config: TrainConfig) -> None:
    """Refuse a head, or a way of pooling, that needs maps where the features of several stores are joined.

    Raises:
        FishError: see above.
    """
    if needed := _what_needs_maps(config):
        pooled = ", ".join(name for name, kind in HEADS.items() if kind.looks_at != "maps")
        raise FishError(
            f"{needed} needs maps, but what is joined of several stores are pooled features. Name one store "
            f"with --features, or pass --head {pooled} without --pooling."
        )


def without_boxes(config: TrainConfig) -> TrainConfig:
    """The same config, but where the features of several stores are joined no box is learned.

    A box lies in the input of one store: a crop's is not the photo's.
    """
    joined = config.store_names is not None and len(config.store_names) > 1
    return dataclasses.replace(config, boxes="none") if joined else config


def _what_needs_maps(config: TrainConfig) -> str:
    """The option that needs maps, "" where none does."""
    if config.pooling != "auto":
        return f"--pooling {config.pooling}"
    return f"--head {config.head}" if HEADS[config.head].looks_at == "maps" else ""


def default_of(name: str) -> Any:
    """The default of an option of `train`."""
    return {field.name: field.default for field in dataclasses.fields(TrainConfig)}[name]
