"""What fine-tuning would cost here and usually brings: a line at the end of `train`, where it is so."""

import dataclasses
import math
import time
from contextlib import suppress

import numpy as np

from fishcli.basics.backends import find_device, processor_name
from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json, write_json
from fishcli.basics.progress import duration
from fishcli.features.backbones.backbone import load_backbone, load_tail
from fishcli.features.backbones.choice import BackboneChoice, is_kept_outside
from fishcli.features.backbones.descriptors.names import is_descriptor
from fishcli.features.backbones.facts import facts_path
from fishcli.features.backbones.stored import choice_of
from fishcli.features.store.store import FeatureStore
from fishcli.heads.joined import parts_of
from fishcli.options.command_lines import advised
from fishcli.options.finetune import FINETUNE, FinetuneConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.folders.listing import read_run
from fishcli.runs.folders.picking import list_runs
from fishcli.runs.run import Run
from fishcli.runs.training.inputs import TrainData
from fishcli.tuning.fit import usual_epochs

PHOTOS = (200, 20_000)
"""From fewer photos nobody has seen it pay; of more it takes hours."""
BROUGHT = "on grouped folds of two data sets it had 0.15 less and 0.09 more log loss than blend"
STEP = 3.5
"""So many times as long as a forward pass a training step takes: 3.5 to 3.8 on CPUs, above stage3 of
EfficientNet-lite0 (224x224) and of MobileNetV2 0.35 (160x160), 32 rows, TensorFlow."""


def outlook(config: TrainConfig, this_run: Run, data: TrainData) -> str:
    """The command that trains the backbone itself, with what it costs and brings; "" where it is not so.

    It is so on grouped folds, after the best run of some hundred photos or more, until something was
    fine-tuned on them.

    Args:
        config: as the user asked for it.
        this_run: complete.
        data: what it was trained on.
    """
    stores = parts_of(data.store)
    if len(stores) > 1 or stores[0].weights == "random" or data.groups is None or len(data.class_names) == 1:
        return ""
    backbone = stores[0].recipe.backbone
    # which can't be fine-tuned, or not above every cut
    if is_kept_outside(backbone) or is_descriptor(backbone) or data.is_tagged:
        return ""
    if not PHOTOS[0] <= len(data.images) <= PHOTOS[1] or not _is_best(this_run):
        return ""
    names = ("folds", "groups", "calibrate", "seed", "metric", "metadata", "boxes", "features")
    tuned = FinetuneConfig(**{name: getattr(config, name) for name in names})
    if "size-embedding" in tuned.metadata:  # learned by gradient, which the head it starts from is not
        tuned = dataclasses.replace(tuned, metadata=tuned.metadata.replace("size-embedding", "size"))
    line = advised(FINETUNE, FinetuneConfig, **{name: getattr(tuned, name) for name in names})
    seconds = seconds_of_training(tuned, stores[0], len(data.images))
    cost = "" if seconds is None else f"about {duration(seconds)} of training here; "
    return f"to train the backbone itself from here ({cost}{BROUGHT}): {line}"


def seconds_of_training(config: FinetuneConfig, store: FeatureStore, n_photos: int) -> float | None:
    """About how long the folds would train here.

    None where it means little: on a GPU it is nobody's wait, and a step costs something else there.
    """
    if find_device().is_gpu:
        return None
    try:
        step = _seconds_of_step(dataclasses.replace(choice_of(store), layer=config.cut, pool="none"), config)
    except FishError:  # its weights are gone, or no such stage: finetune itself says so
        return None
    n_steps = math.ceil(n_photos * (1 - 1 / config.folds) / config.batch_size)
    return step * n_steps * (config.epochs or usual_epochs(n_photos)) * config.folds


def _seconds_of_step(choice: BackboneChoice, config: FinetuneConfig) -> float:
    """Of a training step above a cut: forward passes of a batch, timed once a machine and then known."""
    asked = {name: getattr(choice, name) for name in ("backbone", "image_size", "layer")}
    asked |= {"batch_size": config.batch_size, "processor": processor_name()}
    path = facts_path(asked, []).with_suffix(".step.json")
    with suppress(FishError, KeyError, TypeError, ValueError):
        return float(read_json(path)["seconds"])
    below = load_backbone(choice)
    tail = load_tail(dataclasses.replace(choice, layer=below.recipe.layer))
    maps = np.random.default_rng(0).random((config.batch_size, *below.feature_shape), np.float32)
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        tail.predict_on_batch(maps)
        seconds.append(time.perf_counter() - started)
    step = STEP * float(np.median(seconds[1:]))  # the first one traces
    with suppress(OSError):
        write_json(path, {"seconds": step}, sealed=True)
    return step


def _is_best(this_run: Run) -> bool:
    """Whether no other run on these images and kind of folds has a lower loss, and none is fine-tuned."""
    models_dir = this_run.run_dir.parent
    lines = [read_run(models_dir, path.name) for path in list_runs(models_dir)]
    lines = [line for line in lines if line.dataset == this_run.dataset]
    if any(line.head == FINETUNE for line in lines):
        return False
    losses = {line.name: line.log_loss for line in lines if line.folds == "grouped"}
    known = [loss for loss in losses.values() if loss is not None]
    return bool(known) and losses.get(this_run.name) == min(known)
