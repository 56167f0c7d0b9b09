"""A store's backbone in 8 bits, calibrated once for all that the store will hold."""

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.progress import say
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.backbones.engines.int8 import GRAPH, is_quantised, quantise
from fishcli.features.photo_inputs import SplitPlan, inputs_of
from fishcli.features.store.checks import list_arrays
from fishcli.features.store.store import FeatureStore

N_CALIBRATING = 64
"""Photos that the ranges of activations are taken from."""


def make_int8(store: FeatureStore, backbone: Backbone, plan: SplitPlan) -> None:
    """Keep the backbone in 8 bits in its store, where it isn't yet.

    It is calibrated on photos that are spread over the split: the first ones are of one class, or one
    camera.

    Args:
        store: the store.
        backbone: the one that made it.
        plan: the first split that is computed.

    Raises:
        FishError: none of those photos can be read; the store has features, and what made them is gone; or
            see `quantise`.
    """
    if is_quantised(store.store_dir):
        return
    if next(iter(list_arrays(store)), None) is not None:
        raise FishError(
            f"{store.store_dir / GRAPH}, which made the features there, is gone. Remove {store.store_dir} "
            "and compute them anew."
        )
    n_images = len(plan.paths)
    rows = np.unique(np.linspace(0, n_images - 1, min(n_images, N_CALIBRATING)).round().astype(int))
    images = inputs_of(plan, backbone, rows.tolist(), N_CALIBRATING)
    if not len(images):
        raise FishError(f"--precision int8: none of {len(rows)} photos of {plan.split} can be read.")
    say(f"int8: calibrated on {len(images)} photos of {plan.split}")
    quantise(store.store_dir, backbone, images)
