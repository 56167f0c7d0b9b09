"""What metadata tell of each tag, where an image has several labels: a tag against its absence."""

from dataclasses import dataclass, replace

import numpy as np

from fishcli.audit.gains import Gain, label_entropy, measure_gain
from fishcli.audit.luck.nulls import LEVEL, permute_groups, permute_images
from fishcli.audit.table import AuditTable
from fishcli.basics.progress import track

N_TAGS = 30
"""Of so many tags: those that are nearest to half, which have most to tell; each takes seconds."""


@dataclass(frozen=True)
class TagGain:
    """What the fields together tell of one tag.

    Attributes:
        tag: its name.
        n_images: how many have it.
        entropy_bits: of having it or not.
        random: under random folds.
        grouped: under grouped folds; None without groups.
        p_images: of labels shuffled over images, adjusted for looking at many tags.
        p_groups: of metadata permuted over groups, likewise; None where that could not be tested.
    """

    tag: str
    n_images: int
    entropy_bits: float
    random: Gain
    grouped: Gain | None
    p_images: float | None
    p_groups: float | None


def gains_by_tag(
    table: AuditTable,
    tags: tuple[list[str], np.ndarray],
    folds: dict[str, np.ndarray],
    fields: str,
    settings: tuple[int, int, int],
) -> list[TagGain]:
    """Measure each tag as `measure_gain` does a label of two classes, and test it by the audit's two nulls.

    Args:
        table: n rows; its labels are not looked at.
        tags: their names, and which of them the rows have (n, C).
        folds: (n,) int by "random" and, where groups are known, "grouped".
        fields: a word for what is looked at.
        settings: how many folds and permutations the tests have, and their seed.

    Returns:
        One a tag, most telling first; of N_TAGS tags at most.
    """
    names, targets = tags
    share = targets.mean(axis=0)
    varying = [tag for tag in np.argsort(abs(share - 0.5), kind="stable") if 0 < share[tag] < 1][:N_TAGS]
    found: list[TagGain] = []
    for tag in track(varying, "tags", "tag"):
        labels = targets[:, tag].astype(np.int64)
        only = replace(table, class_names=["without", "with"], labels=labels)
        gains = {kind: measure_gain(only, fold, fields, kind).gain for kind, fold in folds.items()}
        p_groups = permute_groups(only, *settings)[0].p_value if "grouped" in folds else None
        found.append(
            TagGain(
                tag=names[tag],
                n_images=int(labels.sum()),
                entropy_bits=label_entropy(labels),
                random=gains["random"],
                grouped=gains.get("grouped"),
                p_images=permute_images(only, *settings)[0].p_value,
                p_groups=p_groups,
            )
        )
    of_images, of_groups = (
        adjusted([getattr(each, name) for each in found]) for name in ("p_images", "p_groups")
    )
    both = zip(found, of_images, of_groups, strict=True)
    kept = [replace(each, p_images=p_images, p_groups=p_groups) for each, p_images, p_groups in both]
    return sorted(kept, key=lambda each: -each.random.bits)


def adjusted(p_values: list[float | None]) -> list[float | None]:
    """P-values adjusted for how many there are (Holm 1979); None stays."""
    known = [place for place, p_value in enumerate(p_values) if p_value is not None]
    found, least = list(p_values), 0.0
    for rank, place in enumerate(sorted(known, key=lambda place: p_values[place] or 0.0)):
        least = max(least, min(1.0, (len(known) - rank) * (p_values[place] or 0.0)))
        found[place] = least
    return found


def tags_sentence(gains: list[TagGain], n_tags: int) -> str:
    """What a competitor should remember of `gains_by_tag`, of `n_tags` in all."""
    sure = [
        each
        for each in gains
        if each.p_images is not None and each.p_images <= LEVEL and each.random.bits > 0
    ]
    looked = "" if len(gains) == n_tags else f" {len(gains)} of"
    if not sure:
        return f"Metadata alone tell nothing sure of any of{looked} {n_tags} tags under random folds."
    best = sure[0]
    text = (
        f"Metadata alone tell of {len(sure)} of{looked} {n_tags} tags under random folds, most of "
        f"{best.tag}: {best.random.bits:.2f} of {best.entropy_bits:.2f} bits"
    )
    if best.grouped is None:
        return f"{text}; without groups nobody knows what of it survives on unseen ones."
    stays = [each for each in gains if each.grouped is not None and (each.grouped.bits_low or 0.0) > 0]
    named = ", ".join(each.tag for each in stays[:3])
    return f"{text}; on unseen groups " + (
        f"it tells of {len(stays)} ({named})." if stays else "it tells of none."
    )
