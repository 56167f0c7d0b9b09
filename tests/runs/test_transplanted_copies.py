"""Copies on other decks from the photos to what heads and networks learn from."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import write_competition
from head_inputs import some_inputs
from pipeline import compute, fit, train_config

from fishcli.features.store.picking import pick_store
from fishcli.heads.lent import Replaced
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.run import Run
from fishcli.runs.training import tuning
from fishcli.runs.training.inputs import load_train_data, read_inputs

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

COPY = "augment_transplant=1_1"
UNKNOWN = "BET/img_008.jpg"
"""The one photo without a box in a class that has some."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("transplant")
    write_competition(root / "data")
    entries = root / "data/boxes/bet_labels.json"
    entries.write_text(json.dumps(json.loads(entries.read_text())[1:]))
    compute(root, augment="transplant:1")
    return root


def test_train_knows_whose_deck_each_copy_shows(root):
    data = load_train_data(train_config(root, head="linear", augment="transplant:1", boxes="none"))
    inputs = read_inputs(train_config(root, head="linear", boxes="none"), data)
    assert inputs.views == ["identity", COPY]
    ids = list(inputs.images["image"])
    plain, lent = inputs.decks
    assert not plain.any()
    for row, image in enumerate(ids):
        has_deck = image != UNKNOWN
        assert (lent[row] in ids and "NoF" not in lent[row] and lent[row] not in (image, UNKNOWN)) == has_deck
        changed = np.abs(inputs.features[1, [row]] - inputs.features[0, [row]]).max() > 0
        assert changed == has_deck


def test_a_photo_that_is_replaced_changes_the_copies_that_show_it(root, tmp_path):
    store = pick_store(root / "data/features", None)
    before = store.read("train", COPY)
    path = next((root / "data/train/ALB").iterdir())
    content = path.read_bytes()
    path.write_bytes((root / "data/test/test_000.jpg").read_bytes())
    compute(root, augment="transplant:1")
    changed = (store.read("train", COPY) != before).any(axis=(1, 2, 3))
    path.write_bytes(content)
    compute(root, augment="transplant:1")
    np.testing.assert_array_equal(store.read("train", COPY), before)
    data = load_train_data(train_config(root, head="linear", augment="transplant:1"))
    lent = read_inputs(train_config(root, head="linear"), data).decks[1]
    shows = (lent == f"ALB/{path.name}") | (data.images["image"] == f"ALB/{path.name}").to_numpy()
    np.testing.assert_array_equal(changed, shows)


def test_a_run_on_transplants_is_trained_and_says_so(root):
    fit(root, head="linear", epochs=TrainConfig().epochs, augment="transplant:1")
    assert Run.open(root / "models/run").settings["augment"] == "transplant:1"


def test_fine_tuning_sees_no_deck_that_is_held_out(monkeypatch):
    plain = some_inputs(48, shape=(2, 2, 8), n_views=2)
    copies = dataclasses.replace(
        plain,
        views=["identity", "augment_transplant_1"],
        decks=np.array([[""] * 48, np.roll(plain.images["image"], 1)]),
    )
    for name in ("build_network", "make_ready", "moving_weights"):
        monkeypatch.setattr(tuning, name, lambda *inputs: None)
    encoder = SimpleNamespace(encode=lambda images: np.zeros((len(images), 0)))
    linear = SimpleNamespace(encoder=encoder, counts=np.ones(3))
    fold = np.arange(48) // 24
    source = SimpleNamespace(
        config=FinetuneConfig(cut="stage4", augment="transplant", copies=1, view_names="identity"),
        inputs=copies,
        recipes=["transplant"],
        fold=fold,
        frozen=SimpleNamespace(start=lambda *how: (linear, None)),
        tail=None,
    )
    run = SimpleNamespace(fold_path=lambda k, name: name)
    member = tuning.begun(source, run, (0, 0))
    seen = member.plan.source.inputs.features
    assert isinstance(seen, Replaced)
    rows = np.flatnonzero(fold == 1)
    expected = plain.features[1, rows].copy()
    expected[0] = plain.features[0, rows[0]]  # it lies on the last deck of the fold that is held out
    np.testing.assert_array_equal(seen[1, rows], expected)
