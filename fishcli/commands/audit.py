"""`fishcli audit-leakage`: what image size alone gives away of the label."""

import math

import pandas as pd

from fishcli.audit.leakage import (
    Leakage,
    class_by_size,
    label_entropy,
    measure_leakage,
    permutation_p_value,
)
from fishcli.configs import AuditConfig
from fishcli.dataset.groups import load_groups
from fishcli.dataset.images import load_train
from fishcli.errors import FishError, examples
from fishcli.progress import table_text, warn


def run(config: AuditConfig) -> str:
    """Audit the training images; returns the tables and one plain sentence, last."""
    images = _readable(load_train(config.data_dir))
    groups = load_groups(config.groups, config.data_dir, images)
    by_folds = [measure_leakage(images, None, config.folds, config.seed)]
    if groups is not None:
        by_folds.append(measure_leakage(images, groups, config.folds, config.seed))
    p_value = permutation_p_value(images, by_folds[0].bits, config.permutations, config.folds, config.seed)
    majority = float(images["class_name"].value_counts(normalize=True).iloc[0])
    rows = [
        {
            "folds": found.folds,
            "log loss": found.log_loss,
            "prior": found.prior_log_loss,
            "bits": found.bits,
            "accuracy": found.accuracy,
            "majority": majority,
        }
        for found in by_folds
    ]
    return "\n\n".join(
        [
            table_text(class_by_size(images)),
            table_text(pd.DataFrame(rows)),
            _sentence(by_folds, label_entropy(images), p_value, config.permutations),
        ]
    )


def _readable(train: pd.DataFrame) -> pd.DataFrame:
    """The images whose size is known."""
    broken = train["problem"] != ""
    if broken.any():
        warn(
            f"{broken.sum():,} images have no readable size and are left out: "
            f"{examples(train['image'][broken].tolist())}"
        )
    images = train[~broken].reset_index(drop=True)
    if images["class_name"].nunique() < 2:
        raise FishError("the audit needs images of two classes at least; train/ has fewer that can be read.")
    return images


def _sentence(by_folds: list[Leakage], entropy: float, p_value: float, n_permutations: int) -> str:
    random = by_folds[0]
    share = random.bits * math.log(2) / random.prior_log_loss
    text = (
        f"Size alone tells {random.bits:.2f} of {entropy:.2f} bits ({share:.0%}) under random folds, "
        f"p = {p_value:.3g} ({n_permutations} shuffles of the labels over images; too small where frames "
        "repeat)"
    )
    if len(by_folds) == 1:
        return f"{text}; without groups nobody knows what of it survives on unseen ones."
    grouped = by_folds[1].bits
    verdict = f"it tells {grouped:.2f} bits" if grouped > 0 else f"it tells nothing ({grouped:.2f})"
    return f"{text}; on unseen groups {verdict}."
