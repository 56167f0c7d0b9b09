"""The stores of several layers brought up to date by one decode and one pass of the backbone."""

from collections.abc import Sequence
from contextlib import ExitStack

import pandas as pd

from fishcli.basics.locks import alone
from fishcli.features.backbones.choice import is_onnx
from fishcli.features.backbones.engines.loading import N_CHECKED, checked, load_engine
from fishcli.features.backbones.joint import join
from fishcli.features.backbones.network import Backbone
from fishcli.features.extract import extract
from fishcli.features.photo_inputs import SplitPlan, first_inputs
from fishcli.features.plans import Upkeep, is_complete, renewed_plan
from fishcli.features.store.recipe import INT8
from fishcli.features.store.store import FeatureStore
from fishcli.features.upkeep import announce, bring_up_to_date, lacks_nothing

Layer = tuple[FeatureStore, Backbone]


def bring_layers_up_to_date(
    layers: Sequence[Layer], wanted: dict[str, tuple[pd.DataFrame, list[str]]], upkeep: Upkeep
) -> None:
    """Compute what some layers' stores lack, each as `bring_up_to_date` would by itself.

    What several of them lack is computed in one pass where it can be: in this process, by Keras or OpenVINO,
    not in 8 bits, where each store has a network of its own, and where their lists of images are alike.

    Args:
        layers: the stores, and what makes them, of `joint.load_layers`.
        wanted: as `bring_up_to_date` takes it.
        upkeep: how.

    Raises:
        FishError: see `bring_up_to_date`.
    """
    lacking = [layer for layer in layers if not lacks_nothing(layer[0], wanted, upkeep)]
    recipe = layers[0][1].recipe
    is_joint = not is_onnx(recipe.backbone) and recipe.precision != INT8 and upkeep.scheduler is None
    if len(lacking) > 1 and is_joint:
        with ExitStack() as locks:
            for store, _ in sorted(lacking, key=lambda layer: layer[0].store_dir):  # as all processes do
                locks.enter_context(alone(store.store_dir))
            for split, (images, views) in wanted.items():
                _compute_together(lacking, split, images, views, upkeep)
    for store, backbone in layers:
        bring_up_to_date(store, wanted, upkeep, backbone)


def _compute_together(
    layers: Sequence[Layer], split: str, images: pd.DataFrame, views: list[str], upkeep: Upkeep
) -> None:
    """Compute what those stores lack of a split that are alike in its images and their chunks."""
    from joblib import cpu_count  # of this process, not of the machine

    alike: dict[tuple[object, ...], list[tuple[Layer, SplitPlan]]] = {}
    for store, backbone in layers:
        plan = renewed_plan(store, split, images, views, upkeep)
        if not is_complete(store, plan):
            key = (*plan.images, store.chunk_size(split))
            alike.setdefault(key, []).append(((store, backbone), plan))
    for group in alike.values():
        if len(group) == 1:
            continue
        plan = group[0][1]
        for (store, backbone), _ in group:
            announce(store, backbone, [plan])
            store.sweep()
        joint = join([backbone for (_, backbone), _ in group])
        engine = load_engine(joint, upkeep.engine, upkeep.batch_size)
        engine = checked(engine, joint, first_inputs(plan, joint, N_CHECKED), upkeep.batch_size)
        stores = [store for (store, _), _ in group]
        extract(stores, joint, engine, plan, upkeep.batch_size, upkeep.workers or cpu_count())
