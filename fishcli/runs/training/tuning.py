"""Fine-tuning the folds of a run, and what is kept of them."""

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.cluster import stop_if_cancelled
from fishcli.basics.errors import FishError
from fishcli.basics.progress import bar, say
from fishcli.dataset.metadata import check_metadata
from fishcli.features.backbones.stored import reload_tail
from fishcli.features.photos.recipes import MIXED, NONE, OF_COPIES, copies_of, magnitudes_of, parse_recipes
from fishcli.features.store.recipe import INPUT
from fishcli.heads.classical.fits import ClassicalHead
from fishcli.heads.inputs import HeadInputs
from fishcli.heads.joined import parts_of
from fishcli.heads.lent import learned_from
from fishcli.heads.trained import KerasHead
from fishcli.options.finetune import FinetuneConfig
from fishcli.runs.run import Run
from fishcli.runs.training.fold_fits import FitDone, finish_fold, kept_of, predict_views
from fishcli.runs.training.frozen import Frozen, frozen_by
from fishcli.runs.training.inputs import TrainData, read_inputs
from fishcli.runs.training.interpolating import ends_path
from fishcli.tuning.fit import TuningPlan, make_ready, seconds_of_steps, tune
from fishcli.tuning.interpolate import SHARES, Weights, go_between, moving_weights, parse_share, save_ends
from fishcli.tuning.network import build_network
from fishcli.tuning.rows import TuningRows


@dataclass(frozen=True)
class TuningSource:
    """What all folds of a run share.

    Attributes:
        config: how; its epochs are settled.
        inputs: of all images; their features are the cut's maps.
        frozen: the frozen backbone's heads, from which networks start.
        tail: the pre-trained layers above the cut.
        fold: (n,) the fold of each row.
    """

    config: FinetuneConfig
    inputs: HeadInputs
    frozen: Frozen
    tail: Any
    fold: np.ndarray

    @property
    def recipes(self) -> list[str]:
        """A network a fold is trained on each."""
        return parse_recipes(self.config.augment)

    def n_steps(self, ks: Sequence[int]) -> int:
        """Steps of all networks of some folds."""
        a_pass = sum(math.ceil((self.fold != k).sum() / self.config.batch_size) for k in ks)
        return a_pass * int(self.config.epochs or 0) * len(self.recipes)


@dataclass(frozen=True)
class Member:
    """A network of a fold on its way.

    Attributes:
        k: the fold.
        number: which of the fold's members it is.
        linear: the frozen backbone's head, from which it starts.
        start: its weights before the first step.
        plan: how it is trained.
        trained: what is trained of it.
        head: what predicts with it.
        seconds: that it has taken so far.
    """

    k: int
    number: int
    linear: ClassicalHead
    start: Weights
    plan: TuningPlan
    trained: Any
    head: KerasHead
    seconds: float


def check_tuning(config: FinetuneConfig) -> None:
    """Refuse options that mean nothing; FishError."""
    recipes = parse_recipes(config.augment)
    parse_share(config.interpolate)
    usual = FinetuneConfig()
    if recipes == [NONE] and config.copies != usual.copies:
        raise FishError("--copies means nothing with --augment none. Leave it out.")
    if config.cut == INPUT:
        if config.copies != usual.copies:
            raise FishError("--copies means nothing with --cut input, where none are cached. Leave it out.")
        for recipe in set(recipes) - {NONE}:
            if MIXED in recipe:
                raise FishError(f"--augment {recipe}: a mix is of cached copies. Name another --cut.")
            if cached := [name for name in magnitudes_of(recipe) if name in OF_COPIES]:
                raise FishError(
                    f"--augment {recipe}: {cached[0]} is for cached copies, not for --cut input. Leave "
                    "it out, or name another --cut."
                )
    if "size-embedding" in check_metadata(config.metadata):
        raise FishError(
            "--metadata size-embedding is learned by gradient, which the head that fine-tuning starts from "
            "is not. Pass --metadata size."
        )


def tuning_source(
    config: FinetuneConfig, data: TrainData, folds: pd.DataFrame, frozen: Frozen | None = None
) -> TuningSource:
    """Read what all folds learn from; what could refuse the run comes here, before its folder is made.

    Args:
        config: how.
        data: what they learn from.
        folds: `image`, `fold`, `group`.
        frozen: where it is known from another cut.
    """
    tail = reload_tail(parts_of(data.store)[0])
    if config.cut == INPUT:  # from a file, so that memory doesn't grow with the photos
        config = dataclasses.replace(config, memory_budget=0.0)
    inputs = read_inputs(config, data)
    frozen = frozen or frozen_by(tail, inputs, len(config.chosen_views))
    return TuningSource(config, inputs, frozen, tail, folds["fold"].to_numpy())


def first_member(source: TuningSource, this_run: Run, k: int) -> tuple[Member, float, float]:
    """The first network of a fold before its first step; and what all others will cost here.

    Returns:
        The network, the seconds that one takes besides its steps, and those of a step.
    """
    member = begun(source, this_run, (k, 0))
    ready, a_step = seconds_of_steps(member.trained, member.plan)
    return member, member.seconds + ready, a_step


def tune_folds(source: TuningSource, this_run: Run, ks: Sequence[int], first: Member) -> None:
    """Train folds of a run, of which `first` is the first one's first network."""
    recipes = source.recipes
    with bar(source.n_steps(ks), "fine-tuning", "step") as progress:

        def on_step(loss: float) -> None:
            progress.set_postfix_str(f"loss {loss:.3f}", refresh=False)
            progress.update(1)

        for k in ks:
            fits, plans = [], []
            for number, recipe in enumerate(recipes):
                member = first if (k, number) == (first.k, 0) else begun(source, this_run, (k, number))
                n_rows, said = len(member.plan.source.rows), f", {recipe}" if len(recipes) > 1 else ""
                say(f"fold {k + 1} of {source.config.folds}{said}: training on {n_rows:,} images")
                started = time.perf_counter() - member.seconds
                losses = tune(member.trained, member.plan, on_step)
                fits.append(_done(source, this_run, member, (losses, started)))
                plans.append(member.plan)
            finish_fold(this_run, k, fits)
            for plan in plans:
                plan.checkpoint.unlink(missing_ok=True)


def begun(source: TuningSource, this_run: Run, part: tuple[int, int]) -> Member:
    """A member of a fold before its first step; `part`: which fold's, and which of its members."""
    started = time.perf_counter()
    config, inputs, (k, number) = source.config, source.inputs, part
    recipe = source.recipes[number]
    drawn = config.chosen_views
    if config.cut != INPUT:
        drawn = [*drawn, *copies_of(recipe, config.copies)]
    rows = np.flatnonzero(source.fold != k)
    seed = int(np.random.SeedSequence([config.seed, k, number]).generate_state(1)[0])
    linear, start = source.frozen.start(config.metadata, rows, seed)
    boxes = inputs.boxes[0, rows]
    known = boxes[~np.isnan(boxes).any(axis=1)]
    learned = TuningRows(
        inputs=learned_from(inputs, rows),
        rows=rows,
        views=np.array([inputs.views.index(name) for name in drawn]),
        metadata=linear.encoder.encode(inputs.images),
        n_classes=len(linear.counts),
        with_boxes=len(known) > 0,
        drawn=magnitudes_of(recipe) if config.cut == INPUT and recipe != NONE else None,
    )
    plan = TuningPlan(config, learned, seed, this_run.fold_path(k, f"_{number}_epochs.npz"))
    mean_box = known.mean(axis=0) if len(known) else None
    how = (config.dropout, seed)
    model = build_network(source.tail, start, learned.metadata.shape[1], mean_box, how)
    trained = make_ready(model, plan)
    head = KerasHead(model, linear.encoder, linear.counts)
    seconds = time.perf_counter() - started
    return Member(k, number, linear, moving_weights(model), plan, trained, head, seconds)


def _done(
    source: TuningSource, this_run: Run, member: Member, trained: tuple[dict[str, list[float]], float]
) -> FitDone:
    """Predict a fold's own rows with a trained member, and save it; `trained`: its losses, and since when."""
    k, head, (losses, started) = member.k, member.head, trained
    rows, n_views = np.flatnonzero(source.fold == k), len(source.config.chosen_views)
    more = {"frozen": predict_views(member.linear, source.frozen.pooled, rows, n_views)[0]}
    share, ends = parse_share(source.config.interpolate), (member.start, moving_weights(head.model))
    if share is None:
        found = []
        for each in SHARES:
            go_between(head.model, ends, each)
            found.append(predict_views(head, source.inputs, rows, n_views)[0])
        more["by_share"] = np.stack(found)
        save_ends(ends_path(this_run, k, member.number), ends)
    else:
        go_between(head.model, ends, share)
    proba, boxes = predict_views(head, source.inputs, rows, n_views)
    stop_if_cancelled()
    head.save(this_run.model_path(k, member.number))
    return FitDone(proba, boxes, kept_of(head), losses, time.perf_counter() - started, more)
