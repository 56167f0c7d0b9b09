"""Keras heads that NumPy computes say what Keras says of them."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from fishcli.basics.errors import FishError
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.class_maps import class_maps
from fishcli.heads.fit import load_fold
from fishcli.heads.graphs import as_graph
from fishcli.heads.networks.architectures import build_head
from fishcli.heads.networks.plain import PlainNetwork
from fishcli.heads.networks.shared import OwnWeights
from fishcli.heads.trained import KerasHead
from fishcli.options.train import TrainConfig

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

MAPS, POOLED = (5, 7, 6), (6,)
BOX = np.array([0.2, 0.3, 0.6, 0.9])
IMAGES = pd.DataFrame({"height": 48, "width": [64, 80, 96, 64]})


def head_of(folder, name="gap", shape=MAPS, box=BOX, is_tagged=False, metadata="size", **options):
    """A head with random weights, and its file."""
    rng = np.random.default_rng(0)
    encoder = MetadataEncoder.fit(metadata, pd.concat([IMAGES] * 6))
    config = TrainConfig(head=name, metadata=metadata, **options)
    model = build_head(config, shape, encoder, np.array([0.5, 0.3, 0.2]), box, is_tagged)
    for each in model.weights:
        each.assign(rng.uniform(0.1, 1.0, each.shape) * rng.choice([1, 1 if "variance" in each.path else -1]))
    counts = np.array([[2, 3, 3], [2, 1, 1]]) if is_tagged else np.array([4, 3, 2])
    head = KerasHead(model, encoder, counts)
    path = folder / "fold_0.weights.npz"
    head.save(path)
    return head, path


def features(shape=MAPS):
    return np.random.default_rng(1).normal(size=(len(IMAGES), *shape)).astype(np.float16)


@pytest.mark.parametrize("name", ["gap", "dense"])
@pytest.mark.parametrize("shape", [MAPS, POOLED], ids=["maps", "pooled"])
@pytest.mark.parametrize(
    "options",
    [{}, {"box": None, "metadata": "none"}, {"is_tagged": True}, {"loss": "hinge"}, {"pooling": "max"}],
    ids=str,
)
def test_numpy_says_what_keras_says(tmp_path, name, shape, options):
    head, path = head_of(tmp_path, name, shape, **options)
    plain = load_fold(path, head.encoder, head.counts, {})
    assert isinstance(plain.model, PlainNetwork) and as_graph(plain) is plain
    assert plain.takes_pooled == head.takes_pooled and plain.n_parameters == head.n_parameters
    for one, other in zip(*(each.predict(features(shape), IMAGES) for each in (plain, head)), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        ("fcn", MAPS, {}),
        ("attention", MAPS, {}),
        ("gap", MAPS, {"pooling": "gem"}),
        ("gap", MAPS, {"pooling": "overlap"}),
        ("dense", MAPS, {"pooling": "avg"}),
        ("gap", MAPS, {"metadata": "size-embedding"}),
        ("gap", (12, 4, 6), {}),  # whose cells for the box are larger than a place
    ],
    ids=str,
)
def test_keras_computes_the_others(tmp_path, name, shape, options):
    head, path = head_of(tmp_path, name, shape, **options)
    other = load_fold(path, head.encoder, head.counts, {})
    assert isinstance(other.model, OwnWeights)
    for one, wanted in zip(*(each.predict(features(shape), IMAGES) for each in (other, head)), strict=True):
        np.testing.assert_allclose(one, wanted, atol=2e-6)


@pytest.mark.parametrize("shape", [MAPS, POOLED], ids=["maps", "pooled"])
def test_the_cam_of_its_weights_is_that_of_keras_gradients(tmp_path, shape):
    head, path = head_of(tmp_path, "gap", shape)
    plain = load_fold(path, head.encoder, head.counts, {})
    maps, labels = np.abs(features()), np.array([0, 1, 2, 1])
    one, other = (class_maps([each], "CAM", maps, IMAGES, labels) for each in (plain, head))
    assert np.abs(other).max() > 0.01
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("change", ["lost", "more", "of another shape", "whole numbers"])
def test_weights_of_another_architecture_are_refused(tmp_path, change):
    head, path = head_of(tmp_path)
    with np.load(path) as kept:
        arrays = dict(kept)
    kernel = arrays.pop("scores/kernel")
    arrays |= {
        "lost": {},
        "more": {"scores/kernel": kernel, "scores/other": kernel},
        "of another shape": {"scores/kernel": kernel[:, :1]},
        "whole numbers": {"scores/kernel": kernel.astype(np.int64)},
    }[change]
    np.savez(path, **arrays)
    with pytest.raises(FishError, match="can't be loaded .*architecture"):
        load_fold(path, head.encoder, head.counts, {})


def test_keras_is_not_imported_for_them(tmp_path):
    head, _ = head_of(tmp_path, metadata="none")
    np.save(tmp_path / "features.npy", features())
    code = f"""
import sys
from pathlib import Path
import numpy as np, pandas as pd
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.fit import load_fold
head = load_fold(Path("fold_0.weights.npz"), MetadataEncoder("none"), np.array({head.counts.tolist()}), {{}})
images = pd.DataFrame({{"height": [48] * 4, "width": [64] * 4}})
np.save("proba.npy", head.predict(np.load("features.npy"), images)[0])
print(sorted({{"tensorflow", "keras"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
    np.testing.assert_allclose(
        np.load(tmp_path / "proba.npy"), head.predict(features(), IMAGES)[0], atol=2e-6
    )
