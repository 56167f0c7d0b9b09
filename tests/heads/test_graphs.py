"""A fine-tuned network that predicts as one graph predicts the same."""

import numpy as np
import pandas as pd
import pytest

from fishcli.basics.quiet import load_keras
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.graphs import as_graph
from fishcli.heads.trained import PREDICT_BATCH, KerasHead

pytestmark = pytest.mark.tensorflow

keras = load_keras()


def test_rows_of_any_number_are_predicted_alike_by_one_graph():
    traced = []

    class Traced(keras.layers.Layer):
        def call(self, maps):
            traced.append(maps.shape)
            return maps

    features = keras.Input((3, 4, 8), name="features")
    maps = Traced()(keras.layers.Conv2D(5, 1)(features))
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    outputs = {"class": keras.layers.Dense(3, activation="softmax")(pooled)}
    outputs["box"] = keras.layers.Dense(4, activation="sigmoid")(pooled)
    head = KerasHead(
        keras.Model({"features": features}, outputs), MetadataEncoder("none"), np.array([4, 4, 4])
    )
    shown = np.random.default_rng(0).normal(size=(2 * PREDICT_BATCH + 7, 3, 4, 8)).astype(np.float16)
    images = pd.DataFrame({"height": [48] * len(shown), "width": 64})
    expected = head.predict(shown, images)
    quick = as_graph(head)
    assert not quick.takes_pooled
    traced.clear()
    found = quick.predict(shown, images)
    few = quick.predict(shown[:5], images[:5])
    for one, other in zip([*found, *(each[:5] for each in found)], [*expected, *few], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert set(traced) == {(PREDICT_BATCH, 3, 4, 8 - 3)}
