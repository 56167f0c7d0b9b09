"""`fishcli audit-leakage`: what metadata alone gives away of the label, and whether that is an accident."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from fishcli import __version__
from fishcli.audit.gains import Gain, HeldOut, label_entropy, measure_gain
from fishcli.audit.inputs import AuditInputs, load_audit_inputs, usual_folds
from fishcli.audit.luck.nulls import Null, permute_groups, permute_images
from fishcli.audit.luck.selftest import check_worlds
from fishcli.audit.luck.simulate import N_IMAGES
from fishcli.audit.models import (
    find_store,
    fish_or_background,
    read_cached,
    read_tests,
    what_a_model_sees,
    worlds_of,
)
from fishcli.audit.per_field import FieldGain, gains_by_field, with_p_values
from fishcli.audit.per_tag import gains_by_tag, tags_sentence
from fishcli.audit.text import fields_text, gains_text, selftest_text, sentence, tags_text
from fishcli.audit.twins.search import twins_of
from fishcli.basics.cluster import joblib_on
from fishcli.basics.errors import FishError, LimitError
from fishcli.basics.files import write_json, write_text
from fishcli.basics.locks import alone
from fishcli.basics.progress import say, track
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import class_order, labels_of
from fishcli.dataset.fields import FIELDS
from fishcli.dataset.folds import make_folds
from fishcli.dataset.layout.images import is_tagged
from fishcli.dataset.sizes import class_by_size
from fishcli.features.store.store import FeatureStore
from fishcli.options.audit import AuditConfig
from fishcli.options.command_lines import advised
from fishcli.options.features import FeaturesConfig
from fishcli.report.contact_sheets import twin_sheet
from fishcli.report.pages.audit import audit_page
from fishcli.runs.seeing.audit_maps import maps_of_a_run
from fishcli.runs.tagged import refuse_tags

SCHEMA = 2


@dataclasses.dataclass(frozen=True)
class _Core:
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


def run(config: AuditConfig) -> str:
    """Audit and write audit.json and audit.html; returns the table and one plain sentence, last.

    Raises:
        LimitError: the gain passes --fail-above-bits.
    """
    if config.list_fields:
        return _list_fields()
    if config.selftest:
        return _selftest(config)
    inputs = load_audit_inputs(config)
    if inputs.images is not None and is_tagged(inputs.images):
        return _of_tags(config, inputs, inputs.images)
    store = find_store(config)
    _check(config, inputs, store)
    with joblib_on(config.scheduler):
        core = _measure(config, inputs)
    cached = None if inputs.images is None else read_cached(store, "train", inputs.images)
    tests = read_tests(config, inputs)
    fold, losses = core.folds["random"], core.held_out[0].losses
    twins = twins_of(inputs, tests, store, cached, fold, losses, config.reading)
    audit = {
        **_metadata_part(config, inputs, core),
        "seen": what_a_model_sees(config, inputs, cached, fold, core.fields),
        "class_maps": maps_of_a_run(config),
        "background": fish_or_background(config, inputs, store, core.folds),
        "twins": None if twins is None else dataclasses.asdict(twins),
        "worlds": worlds_of(config, inputs, tests, store, cached),
    }
    pictures = {}
    if inputs.images is not None and twins is not None and twins.examples:
        paths = dict(zip(inputs.images["image"], inputs.images["path"], strict=True))
        pictures["twins"] = twin_sheet(audit["twins"]["examples"], paths, config.reading)
    page = audit_page(audit, pictures)
    with alone(config.out):  # both files of one process
        write_json(config.out / "audit.json", audit)
        write_text(config.out / "audit.html", page)
    say(f"{config.out / 'audit.html'} has the plots and all that was found")
    gains = [each.gain for each in core.held_out]
    names = next(iter(inputs.sections.values()))
    headline = [field for field in core.fields if field.field in names]
    text = "\n\n".join([gains_text(gains), fields_text(headline), audit["sentence"]])
    _check_limit(config, gains, text)
    return text


def _of_tags(config: AuditConfig, inputs: AuditInputs, images: pd.DataFrame) -> str:
    """Audit each tag by itself, by the headline's fields, and write audit.json; returns what `run` does."""
    refuse_tags(config.background, "audit-leakage --background", "without it each tag is audited")
    refuse_tags(config.run is not None, "audit-leakage --run", "without it each tag is audited")
    _check_folds(config, inputs)
    names = class_order(images["class_name"])
    section, fields = next(iter(inputs.sections.items()))
    settings = (inputs.n_folds, config.permutations, config.seed)
    with joblib_on(config.scheduler):
        tags = (names, labels_of(images["class_name"], names))
        folds = _folds(images["class_name"], inputs, config.seed)
        gains = gains_by_tag(inputs.table.only(fields), tags, folds, section, settings)
    said = tags_sentence(gains, len(names))
    audit = {
        "schema": SCHEMA,
        "fishcli": __version__,
        "source": str(inputs.source),
        "seed": config.seed,
        "n_folds": inputs.n_folds,
        "tags": [dataclasses.asdict(gain) for gain in gains],
        "sentence": said,
    }
    with alone(config.out):
        write_json(config.out / "audit.json", audit)
    text = f"{tags_text(gains)}\n\n{said}"
    measured = [each.grouped if config.on == "grouped" else each.random for each in gains]
    known = [gain for gain in measured if gain is not None and gain.bits_low is not None]
    _check_limit(config, sorted(known, key=lambda gain: -(gain.bits_low or 0.0))[:1], text)
    return text


def _check(config: AuditConfig, inputs: AuditInputs, store: FeatureStore | None) -> None:
    """Refuse what can't be done before anything slow."""
    _check_folds(config, inputs)
    if config.run is not None and config.table is not None:
        raise FishError("--run is of photos: leave out --table, or --run.")
    if config.background and (store is None or not (config.data_dir / "boxes").is_dir()):
        raise FishError(
            "--background paints photos and computes their features: it needs boxes in "
            f"{config.data_dir / 'boxes'} and a store. First compute one: "
            f"{advised('features', FeaturesConfig)}."
        )


def _check_folds(config: AuditConfig, inputs: AuditInputs) -> None:
    if config.fail_above_bits is not None and config.on == "grouped" and inputs.table.groups is None:
        raise FishError("--on grouped: no groups are known. Pass --groups, or --on random.")


def _folds(class_names: pd.Series, inputs: AuditInputs, seed: int) -> dict[str, np.ndarray]:
    """The folds (n,) int by "random" and, where groups are known, "grouped"."""
    folds = {"random": make_folds(class_names, None, inputs.n_folds, seed)}
    groups = inputs.table.groups
    if groups is not None:
        n_folds = min(inputs.n_folds, int(groups.max()) + 1)
        folds["grouped"] = make_folds(class_names, groups, n_folds, seed)
    return folds


def _measure(config: AuditConfig, inputs: AuditInputs) -> _Core:
    from joblib import Parallel, delayed

    class_names = pd.Series(np.array(inputs.table.class_names)[inputs.table.labels])
    folds = _folds(class_names, inputs, config.seed)
    calls = [(section, kind) for section in inputs.sections for kind in folds]
    tables = {section: inputs.table.only(names) for section, names in inputs.sections.items()}
    fits = (delayed(measure_gain)(tables[section], folds[kind], section, kind) for section, kind in calls)
    found = Parallel(n_jobs=-1, return_as="generator")(fits)
    held_out = list(track(found, "fields together", "fit", len(calls)))
    headline = tables[calls[0][0]]
    settings = (inputs.n_folds, config.permutations, config.seed)
    tests = [permute_images(headline, *settings)]
    if "grouped" in folds:
        tests.append(permute_groups(headline, *settings))
    gains = gains_by_field(inputs.table, headline, folds["random"], folds.get("grouped"), held_out[0])
    fields = with_p_values(gains, *(by_field for _, by_field in tests))
    return _Core(held_out, [null for null, _ in tests], fields, folds)


def _metadata_part(config: AuditConfig, inputs: AuditInputs, core: _Core) -> dict[str, Any]:
    """The content of audit.json that metadata and labels alone tell."""
    table = inputs.table
    entropy = label_entropy(table.labels)
    gains = [each.gain for each in core.held_out]
    counts = np.bincount(table.labels).tolist()
    return {
        "schema": SCHEMA,
        "fishcli": __version__,
        "source": str(inputs.source),
        "seed": config.seed,
        "n_folds": inputs.n_folds,
        "data": {
            "n_images": len(table.labels),
            "n_groups": None if table.groups is None else int(table.groups.max()) + 1,
            "entropy_bits": entropy,
            "classes": [{"name": name, "n": n} for name, n in zip(table.class_names, counts, strict=True)],
            "constant_fields": inputs.constant,
        },
        "class_by_size": None if inputs.images is None else class_by_size(inputs.images),
        "gains": [dataclasses.asdict(gain) for gain in gains],
        "nulls": [dataclasses.asdict(null) for null in core.nulls],
        "per_field": [dataclasses.asdict(field) for field in core.fields],
        "sentence": sentence(gains[: len(core.folds)], core.nulls, entropy),
    }


def _check_limit(config: AuditConfig, gains: list[Gain], result: str) -> None:
    if config.fail_above_bits is None:
        return
    low = next((gain.bits_low for gain in gains if gain.folds == config.on), None)
    if low is not None and low > config.fail_above_bits:
        raise LimitError(
            f"the lower end of the interval under {config.on} folds, {low:.3f} bits, passes "
            f"--fail-above-bits {config.fail_above_bits:g}.",
            result,
        )


def _list_fields() -> str:
    rows = [
        {
            "field": field.name,
            "section": field.section,
            "family": field.family,
            "at test time": field.at_test_time,
            "what it is": field.explanation,
        }
        for field in FIELDS.values()
    ]
    return table_text(pd.DataFrame(rows))


def _selftest(config: AuditConfig) -> str:
    n_folds = config.folds or usual_folds(N_IMAGES)
    with joblib_on(config.scheduler):
        checks = check_worlds(config.simulations, N_IMAGES, n_folds, config.permutations, config.seed)
    return selftest_text(checks)
