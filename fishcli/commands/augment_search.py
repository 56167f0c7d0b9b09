"""`fishcli augment-search`: which augmented copies heads should draw from, and what that is worth."""

import dataclasses
import math
import time
from typing import Any

import numpy as np
import pandas as pd

from fishcli import __version__
from fishcli.basics.errors import FishError
from fishcli.basics.files import write_json
from fishcli.basics.intervals import paired_interval
from fishcli.basics.progress import bar, say
from fishcli.basics.tables import table_text
from fishcli.dataset.classes import fold_priors
from fishcli.dataset.folds import make_folds
from fishcli.dataset.layout.images import is_tagged, load_train
from fishcli.features.photos.policies import MIX
from fishcli.features.photos.recipes import MIXED, NONE, parse_recipes
from fishcli.features.upkeep import Upkeep
from fishcli.heads.choices import HEADS, check_options
from fishcli.heads.joined import name_of, parts_of
from fishcli.options.augment import AugmentSearchConfig
from fishcli.options.command_lines import advised
from fishcli.options.data import StoreConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.locating.crops import check_folds
from fishcli.runs.searching.greedy import Mix
from fishcli.runs.searching.nested import Candidates, Nested, search_nested, search_on
from fishcli.runs.searching.trials import PLAIN, Trials, copies_in
from fishcli.runs.stores import check_serves, pick_stores
from fishcli.runs.tagged import refuse_tags
from fishcli.runs.training.inputs import TrainData, join_train_data, read_inputs
from fishcli.scoring.metrics import log_loss

CANDIDATES = (
    *("light", "strong", "flip:1", "vflip:1", "rotate:15", "rotate:90", "shear:15", "translate:0.15"),
    *("zoom:0.7", "crop:0.25", "crop:0.5", "brightness:0.3", "contrast:0.3", "colour:20", "equalise:1"),
    *("posterise:4", "solarise:0.3", "night:0.6", "blur:7", "sharpen:0.6", "noise:0.1", "jpeg:80"),
    "cutout:0.3",
)
"""What is searched where nobody names recipes: each operation, about as strong as AutoAugment's midway."""


def run(config: AugmentSearchConfig) -> str:
    """Search, and write the policy; returns what the search is worth, and the policy's path."""
    started = time.perf_counter()
    heads = _heads(config)
    candidates = Candidates(_recipes(config), config.copies, config.trials)
    data = _load(heads, candidates)
    fold = make_folds(data.images["class_name"], data.groups, config.folds, config.seed)
    for part in parts_of(data.store):
        check_folds(part, data.images[["image"]].assign(fold=fold))
    trials = Trials(heads, read_inputs(heads, data))
    with bar((config.folds + 1) * config.trials, "searching", "trial") as progress:

        def on_trial() -> None:
            progress.update(1)

        nested = search_nested(trials, candidates, fold, on_trial)
        found = search_on(trials, candidates, np.arange(len(fold)), on_trial)
    policy = _described(config, data, nested, found.mix)
    policy |= {
        "inner_log_loss": {_text(mix): loss for mix, loss in found.losses.items()},
        "store": name_of(data.store),
        "candidates": list(candidates.recipes),
        "seconds": round(time.perf_counter() - started, 1),
    }
    labels = trials.inputs.labels
    policy["log_loss"]["prior"] = log_loss(labels, fold_priors(labels, fold, len(data.class_names)))
    write_json(config.out, policy)
    return "\n\n".join([_table(policy), _sentence(config, policy)])


def _heads(config: AugmentSearchConfig) -> TrainConfig:
    """How the heads are trained that mixes are tried with; FishError for one that takes too long."""
    places = {field.name: getattr(config, field.name) for field in dataclasses.fields(StoreConfig)}
    shared = {name: getattr(config, name) for name in ("features", "head", "metadata", "groups", "folds")}
    heads = TrainConfig(**places, **shared, seed=config.seed, boxes="none")
    check_options(heads)
    if HEADS[heads.head].looks_at != "pooled":
        quick = ", ".join(name for name, kind in HEADS.items() if kind.looks_at == "pooled")
        raise FishError(f"--head {heads.head} takes too long to try so many mixes with. Pass one of {quick}.")
    return heads


def _recipes(config: AugmentSearchConfig) -> list[str]:
    if config.candidates is None:
        return list(CANDIDATES)
    recipes = parse_recipes(config.candidates)
    for recipe in recipes:
        if recipe == NONE or MIXED in recipe:
            raise FishError(f"--candidates {recipe}: expected single recipes, such as light,rotate:30.")
    return recipes


def _load(heads: TrainConfig, candidates: Candidates) -> TrainData:
    """Read all but the features, and compute the copies of all candidates that are not cached yet."""
    train = load_train(heads.data_dir, heads.reading)
    refuse_tags(is_tagged(train), "augment-search", "train --augment takes any mix, such as light/light")
    store = pick_stores(heads.stores_dir, heads.features)
    check_serves(heads, store)
    upkeep = Upkeep(heads.data_dir, heads.reading, box_categories=heads.box_categories)
    copies = copies_in(tuple(recipe for recipe in candidates.recipes for _ in range(candidates.copies)))
    data = join_train_data(heads, store, train, [PLAIN, *copies], upkeep)
    if len(data.class_names) == 1:
        raise FishError(f"train/ has one class only ({data.class_names[0]}): there is no loss to search by.")
    if data.groups is None:
        say("no groups: the search may find what helps to recognise a boat, camera or video")
    return data


def _described(config: AugmentSearchConfig, data: TrainData, nested: Nested, mix: Mix) -> dict[str, Any]:
    """The policy's file: the mix, and what searching is worth where it did not look."""
    difference = nested.searched - nested.plain
    interval = paired_interval(difference, None if data.groups is None else data.groups.to_numpy())
    ends = [None if math.isnan(end) else round(end, 6) for end in (interval.low, interval.high)]
    return {
        "fishcli": __version__,
        MIX: _text(mix),
        "folds": "random" if data.groups is None else "grouped",
        "log_loss": {"plain": float(nested.plain.mean()), "searched": float(nested.searched.mean())},
        "difference": float(difference.mean()),
        "interval": ends,
        "is_noise": interval.is_noise,
        "by_fold": [_text(each) for each in nested.mixes],
        "head": config.head,
        "metadata": config.metadata,
        "seed": config.seed,
        "trials": config.trials,
    }


def _text(mix: Mix) -> str:
    """A mix as `--augment` takes it."""
    return MIXED.join(mix) or NONE


def _table(policy: dict[str, Any]) -> str:
    """What heads lose that drew from the plain photo alone, and what those lose that drew from a mix, too."""
    losses, kind = policy["log_loss"], policy["folds"]
    names = {"prior": "class prior", "plain": "no augmentation", "searched": "mix found on the other folds"}
    loss = f"log loss ({kind} folds)"
    folds = [{"fold": number, "mix": mix} for number, mix in enumerate(policy["by_fold"], 1)]
    return "\n\n".join(
        [
            table_text(pd.DataFrame([{"heads draw from": names[key], loss: losses[key]} for key in names])),
            table_text(pd.DataFrame(folds)),
        ]
    )


def _sentence(config: AugmentSearchConfig, policy: dict[str, Any]) -> str:
    low, high = policy["interval"]
    ends = "interval unknown: one group" if low is None else f"95% interval {low:+.4f} to {high:+.4f}"
    change = f"Where it did not look, searching changes the loss by {policy['difference']:+.4f} ({ends})"
    worth = f"{change}: it may bring nothing." if policy["is_noise"] else f"{change}."
    if policy[MIX] == NONE:
        return f"{worth} On all photos no copy pays.\n{config.out}"
    same = {
        name: getattr(config, name) for name in ("features", "head", "metadata", "groups", "folds", "seed")
    }
    line = advised("train", TrainConfig, **same, augment=str(config.out))
    return f"{worth} Of all photos it finds {policy[MIX]}. Learn from it: {line}\n{config.out}"
