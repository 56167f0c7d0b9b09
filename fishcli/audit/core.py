"""What metadata and labels alone tell: all that an audit measures before it looks at photos."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.audit.gains import HeldOut, measure_gain
from fishcli.audit.inputs import AuditInputs
from fishcli.audit.later import Later, begin
from fishcli.audit.luck.nulls import Null, image_permutations, permute_groups
from fishcli.audit.per_field import (
    FieldGain,
    associations,
    gains_by_field,
    with_families,
    with_p_values,
    without_families,
)
from fishcli.basics.progress import track
from fishcli.dataset.folds import make_folds


@dataclass(frozen=True)
class Core:
    """What is known from metadata and labels alone.

    Attributes:
        held_out: of the headline under random folds and, where groups are known, under grouped ones; then of
            the other sections in the same way.
        nulls: of images and, where groups are known, of groups.
        fields: each field.
        folds: (n,) int by "random" and, where groups are known, "grouped".
    """

    held_out: list[HeldOut]
    nulls: list[Null]
    fields: list[FieldGain]
    folds: dict[str, np.ndarray]


def deal(class_names: pd.Series, inputs: AuditInputs, seed: int) -> dict[str, np.ndarray]:
    """The folds (n,) int by "random" and, where groups are known, "grouped"."""
    folds = {"random": make_folds(class_names, None, inputs.n_folds, seed)}
    groups = inputs.table.groups
    if groups is not None:
        n_folds = min(inputs.n_folds, int(groups.max()) + 1)
        folds["grouped"] = make_folds(class_names, groups, n_folds, seed)
    return folds


def measure(inputs: AuditInputs, n_permutations: int, seed: int) -> Core:
    """Measure it; the fits run on all cores while this process looks at each field alone."""
    from joblib import delayed

    class_names = pd.Series(np.array(inputs.table.class_names)[inputs.table.labels])
    folds = deal(class_names, inputs, seed)
    calls = [(section, kind) for section in inputs.sections for kind in folds]
    tables = {section: inputs.table.only(names) for section, names in inputs.sections.items()}
    fits = [delayed(measure_gain)(tables[section], folds[kind], section, kind) for section, kind in calls]
    headline, random = tables[calls[0][0]], folds["random"]
    settings = (inputs.n_folds, n_permutations, seed)
    association = associations(inputs.table)
    begun = begin(
        [
            Later(fits, lambda made: list(track(made, "fields together", "fit", len(fits)))),
            image_permutations(headline, *settings),
            without_families(headline, association, random),
        ]
    )
    of_groups = [permute_groups(headline, *settings)] if "grouped" in folds else []
    alone = gains_by_field(inputs.table, association, random, folds.get("grouped"))
    held_out, of_images, without = begun
    gains = with_families(alone, [field.name for field in headline.fields], random, held_out[0], without)
    tests = [of_images, *of_groups]
    fields = with_p_values(gains, *(by_field for _, by_field in tests))
    return Core(held_out, [null for null, _ in tests], fields, folds)
