"""`fishcli audit-leakage`: what metadata alone gives away of the label, and whether that is an accident."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from fishcli import __version__
from fishcli.audit.core import Core, deal, measure
from fishcli.audit.gains import Gain, label_entropy
from fishcli.audit.inputs import AuditInputs, load_audit_inputs, usual_folds
from fishcli.audit.luck.selftest import check_worlds
from fishcli.audit.luck.simulate import N_IMAGES
from fishcli.audit.models import (
    begin_fits,
    find_store,
    fish_or_background,
    read_cached,
    read_tests,
    what_a_model_sees,
)
from fishcli.audit.per_tag import gains_by_tag, tags_sentence
from fishcli.audit.text import fields_text, gains_text, selftest_text, sentence, tags_text
from fishcli.audit.twins.search import twins_of
from fishcli.basics.cluster import joblib_on
from fishcli.basics.errors import FishError, LimitError
from fishcli.basics.files import write_json, write_text
from fishcli.basics.locks import alone
from fishcli.basics.progress import say
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import class_order, labels_of
from fishcli.dataset.fields import FIELDS
from fishcli.dataset.layout.images import is_tagged
from fishcli.dataset.sizes import class_by_size
from fishcli.features.store.store import FeatureStore
from fishcli.options.audit import AuditConfig
from fishcli.options.command_lines import advised
from fishcli.options.features import FeaturesConfig
from fishcli.report.contact_sheets import twin_sheet
from fishcli.report.pages.audit import audit_page
from fishcli.runs.folders.picking import pick_one_seed
from fishcli.runs.seeing.audit_maps import maps_of_a_run
from fishcli.runs.tagged import refuse_tags

SCHEMA = 2


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
        core = measure(inputs, config.permutations, config.seed)
    cached = None if inputs.images is None else read_cached(store, "train", inputs.images)
    tests = read_tests(config, inputs)
    begun = begin_fits(config, inputs, tests, store, cached)
    fold, losses = core.folds["random"], core.held_out[0].losses
    twins = twins_of(inputs, tests, store, cached, fold, losses, config.reading)
    class_maps = maps_of_a_run(config)
    audit = {
        **_metadata_part(config, inputs, core),
        "seen": what_a_model_sees(inputs, cached, fold, core.fields, begun),
        "class_maps": class_maps,
        "background": fish_or_background(config, inputs, store, core.folds),
        "twins": None if twins is None else dataclasses.asdict(twins),
        "worlds": [dataclasses.asdict(each) for each in begun],
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
        folds = deal(images["class_name"], inputs, config.seed)
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
    if config.run is not None:
        pick_one_seed(config.models_dir, config.run)
    if config.background and (store is None or not (config.data_dir / "boxes").is_dir()):
        raise FishError(
            "--background paints photos and computes their features: it needs boxes in "
            f"{config.data_dir / 'boxes'} and a store. First compute one: "
            f"{advised('features', FeaturesConfig)}."
        )


def _check_folds(config: AuditConfig, inputs: AuditInputs) -> None:
    if config.fail_above_bits is not None and config.on == "grouped" and inputs.table.groups is None:
        raise FishError("--on grouped: no groups are known. Pass --groups, or --on random.")


def _metadata_part(config: AuditConfig, inputs: AuditInputs, core: Core) -> dict[str, Any]:
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
