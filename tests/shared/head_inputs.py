"""What heads are fitted on in tests."""

import numpy as np
import pandas as pd

from fishcli.heads.inputs import HeadInputs
from fishcli.heads.perceptrons.head import PerceptronHead
from fishcli.options.train import TrainConfig


def some_inputs(n=48, shape=(3, 4, 8), n_views=1, with_boxes=True, seed=0):
    """Features that give the label away, and boxes that lie where channel 0 says."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    features = rng.normal(size=(n_views, n, *shape)).astype(np.float16)
    features[..., 1:4] += 3 * np.eye(3, dtype=np.float16)[labels].reshape(1, n, *[1] * (len(shape) - 1), 3)
    images = pd.DataFrame(
        {
            "image": [f"{i}.jpg" for i in range(n)],
            "class_name": [f"c{label}" for label in labels],
            "height": 48,
            "width": np.where(labels == 0, 64, 80),
        }
    )
    boxes = np.full((n_views, n, 4), np.nan, np.float32)
    if with_boxes:
        boxes[:, ::2] = MEAN_BOX
    return HeadInputs(images, labels, None, ["identity", "hflip"][:n_views], features, boxes)


def weights_of(head):
    """All arrays of a head that is trained step by step."""
    is_plain = isinstance(head, PerceptronHead)
    return list(head.model.arrays().values()) if is_plain else head.model.get_weights()


CONFIG = TrainConfig(head="gap", epochs=30, batch_size=16, lr=1e-2, metadata="size")


MEAN_BOX = np.array([0.2, 0.3, 0.6, 0.9])
