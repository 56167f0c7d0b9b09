"""The heads that encode maps: what they learn, what they may look at, and the file that keeps them."""

import dataclasses
import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from head_inputs import MEAN_BOX, some_inputs

from fishcli.basics.errors import FishError
from fishcli.heads.choices import ENCODE
from fishcli.heads.classical import estimators
from fishcli.heads.encoding import linear, places
from fishcli.heads.encoding.places import sample_places
from fishcli.heads.fit import fit_fold, load_fold, suffix_of
from fishcli.heads.reading import FileFeatures
from fishcli.options.train import TrainConfig

TRAIN, REST = np.arange(36), np.arange(36, 48)
SHAPE = (4, 5, 8)


def inputs_of(n_views=1, n_groups=0, **options):
    """Maps of which the label shows in one corner only, stronger than everywhere else it is not."""
    inputs = some_inputs(shape=SHAPE, n_views=n_views, **options)
    groups = np.array([f"boat {i // 3 % n_groups}" for i in range(48)], object) if n_groups else None
    return dataclasses.replace(inputs, groups=groups)


def fitted(head, inputs, rows=TRAIN, seed=0, **options):
    config = TrainConfig(head=head, **{"codebook": 6, "metadata": "size", **options})
    return fit_fold(config, inputs, rows, seed)[0]


def predicted(head, inputs, rows=REST):
    return head.predict(inputs.features[0, rows], inputs.images.iloc[rows])


@pytest.mark.parametrize("n_groups", [0, 6])
@pytest.mark.parametrize("head", ENCODE)
def test_a_head_learns_classes_and_boxes_and_survives_saving(head, n_groups, tmp_path):
    inputs = inputs_of(n_views=2, n_groups=n_groups)
    trained = fitted(head, inputs, metadata="none")
    proba, boxes = predicted(trained, inputs)
    assert (proba.argmax(axis=1) == inputs.labels[REST]).mean() > 0.8
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_allclose(boxes, np.tile(MEAN_BOX, (len(REST), 1)), atol=1e-3)
    assert not trained.takes_pooled
    path = tmp_path / f"fold_0{suffix_of(head)}"
    trained.save(path)
    loaded = load_fold(path, trained.encoder, trained.counts)
    for one, other in zip(predicted(loaded, inputs), (proba, boxes), strict=True):
        np.testing.assert_array_equal(one, other)
    assert loaded.n_parameters == trained.n_parameters > 8


@pytest.mark.parametrize("head", ENCODE)
def test_rows_outside_training_do_not_matter(head):
    inputs, changed = (inputs_of(n_views=2, n_groups=6) for _ in range(2))
    changed.features[:, 36:] = 100
    changed.boxes[:, 36:] = 0.5
    changed.labels[36:] = 2
    changed.groups[36:] = "boat 0"
    changed.images.loc[36:, ["height", "width"]] = 999
    one, other = (predicted(fitted(head, each), inputs) for each in (inputs, changed))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("head", ENCODE)
def test_a_seed_says_it_all_and_a_file_of_features_changes_nothing(head, tmp_path):
    inputs = inputs_of(n_views=2)
    read = FileFeatures(inputs.features.shape, "float16", tmp_path)
    for view in range(2):
        read[view, slice(0, 48)] = inputs.features[view]
    from_file = dataclasses.replace(inputs, features=read)
    first, again, other = (
        predicted(fitted(head, each, seed=seed), inputs)[0]
        for each, seed in ((inputs, 3), (from_file, 3), (inputs, 4))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("head", ENCODE)
def test_where_a_thing_is_counts_with_a_pyramid_alone(head):
    inputs = inputs_of(with_boxes=False)
    maps = np.random.default_rng(1).normal(size=(1, 48, 8, 10, 8))
    labels = np.arange(48) % 2
    for row, label in enumerate(labels):  # the same things in each photo, at another end
        maps[:, row, :, slice(0, 4) if label else slice(6, 10), 1:3] += 2.5
    inputs = dataclasses.replace(inputs, features=maps.astype(np.float16), labels=labels)
    right = {}
    for pyramid in (1, 2):
        trained = fitted(head, inputs, pyramid=pyramid, codebook=2, metadata="none")
        right[pyramid] = (predicted(trained, inputs)[0].argmax(axis=1) == labels[REST]).mean()
    assert right[2] == 1
    assert right[1] < 0.8


def test_of_very_many_rows_some_say_what_columns_are_turned_into(monkeypatch):
    inputs = inputs_of()
    monkeypatch.setattr(linear, "MOST_AXES", 20)
    proba, boxes = predicted(fitted("bow", inputs, metadata="none"), inputs)
    assert (proba.argmax(axis=1) == inputs.labels[REST]).mean() > 0.8
    np.testing.assert_allclose(boxes, np.tile(MEAN_BOX, (len(REST), 1)), atol=1e-3)
    monkeypatch.setattr(linear, "MOST_AXES", 36)
    assert (predicted(fitted("bow", inputs, metadata="none"), inputs)[0] != proba).any()


@pytest.mark.parametrize("head", ENCODE)
def test_a_class_that_training_lacks_a_class_of_one_image_and_one_class_alone(head):
    inputs = inputs_of(with_boxes=False)
    inputs.labels[:] = np.arange(48) % 2
    inputs.labels[[5, 40]] = 2, 3
    proba, boxes = predicted(fitted(head, inputs), inputs)
    assert (proba > 0).all()
    assert np.isnan(boxes).all()
    np.testing.assert_allclose(proba[:, 3], 0.5 / (36 + 2), rtol=1e-6)
    alone = inputs_of()
    alone.labels[:] = 0
    proba, boxes = predicted(fitted(head, alone), alone)
    assert (proba == 1).all()
    np.testing.assert_allclose(boxes, np.tile(MEAN_BOX, (len(REST), 1)), atol=1e-3)


@pytest.mark.parametrize("head", ENCODE)
def test_balanced_classes_and_metadata_are_learned_from(head, monkeypatch):
    monkeypatch.setattr(estimators, "CS", (0.1,))
    inputs = inputs_of(with_boxes=False)
    inputs.features[:] = np.random.default_rng(2).normal(size=inputs.features.shape)
    rare = np.where(np.arange(48) % 6 == 0, 1, 0)
    inputs.labels[:] = rare
    inputs.images["width"] = np.where(rare == 1, 64, 80)
    plain, sized, balanced = (
        predicted(fitted(head, inputs, **options), inputs)[0][:, 1]
        for options in ({"metadata": "none"}, {}, {"metadata": "none", "class_weight": "balanced"})
    )
    told = np.log(sized / (1 - sized)) - np.log(plain / (1 - plain))
    assert told[rare[REST] == 1].mean() > told[rare[REST] == 0].mean()
    assert (balanced > plain).mean() > 0.8


def test_a_sample_has_as_many_places_of_each_image_and_fits_in_memory(monkeypatch):
    inputs = inputs_of(n_views=2)
    inputs.features[:] = np.arange(48).reshape(48, 1, 1, 1)
    inputs.features[..., 0] = -1  # shares of the others tell the image
    monkeypatch.setattr(places, "SAMPLE", 36 * 3)
    found = sample_places(inputs, TRAIN[1:], 0)
    assert found.shape == (35 * 3, 8)
    _, counts = np.unique(found[:, 1], return_counts=True)
    assert (counts == 3).all()
    monkeypatch.setattr(places, "MOST_IMAGES", 10)
    assert len(sample_places(inputs, TRAIN, 0)) == 10 * 10
    monkeypatch.setattr(places, "MOST_NUMBERS", 8 * 20)
    assert len(sample_places(inputs, TRAIN, 0)) == 10 * 2


@pytest.fixture(scope="module", params=["bow", "fisher"])
def saved(request, tmp_path_factory):
    """A head, and its file's content."""
    trained = fitted(request.param, inputs_of())
    path = tmp_path_factory.mktemp("saved") / "fold_0.encoding.npz"
    trained.save(path)
    return trained, path.read_bytes()


def refused(saved, tmp_path, content):
    path = tmp_path / "fold_0.encoding.npz"
    path.write_bytes(content)
    with pytest.raises(FishError, match=r"fold_0\.encoding\.npz can't be loaded \((.+)\)\.") as raised:
        load_fold(path, saved[0].encoder, saved[0].counts)
    return str(raised.value)


def npz(save=np.savez, **arrays):
    content = io.BytesIO()
    save(content, **arrays)
    return content.getvalue()


def test_a_damaged_file_is_named(saved, tmp_path):
    whole = saved[1]
    middle = len(whole) // 2
    flipped = (
        whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 64]) + whole[middle + 64 :]
    )
    for content in (b"", b"no zip", whole[:-100], flipped):
        refused(saved, tmp_path, content)
    with pytest.raises(FishError, match=r"fold_1\.encoding\.npz can't be loaded"):
        load_fold(tmp_path / "fold_1.encoding.npz", saved[0].encoder, saved[0].counts)


def test_arrays_that_do_not_go_together_are_refused(saved, tmp_path):
    with np.load(io.BytesIO(saved[1])) as arrays:
        held = dict(arrays)
    for name, value in held.items():
        if name in ("head", "levels"):
            continue
        wrong = np.full(value.shape, np.nan) if value.dtype.kind == "f" else value + 7
        refused(saved, tmp_path, npz(**{**held, name: wrong}))
        refused(saved, tmp_path, npz(**{**held, name: np.zeros((2, 3, 4), value.dtype)}))
        refused(saved, tmp_path, npz(**{key: each for key, each in held.items() if key != name}))
        refused(saved, tmp_path, npz(**{**held, name: np.array([{}], object)}))
    for changes in ({"head": "llk"}, {"levels": 9}, {"levels": 1}, {"another": np.zeros(1)}):
        refused(saved, tmp_path, npz(**{**held, **changes}))
    said = refused(saved, tmp_path, npz(np.savez_compressed, **held))
    assert "it is compressed, as no head is" in said
    path = tmp_path / "fold_0.encoding.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("else.txt", "")
    refused(saved, tmp_path, path.read_bytes())


def test_a_head_predicts_where_scikit_learn_was_never_imported(tmp_path):
    trained, inputs = fitted("fisher", inputs_of(), metadata="none"), inputs_of()
    trained.save(tmp_path / "fold_0.encoding.npz")
    np.save(tmp_path / "features.npy", inputs.features[0])
    known = {"encoder": dataclasses.asdict(trained.encoder), "counts": trained.counts.tolist()}
    code = f"""
import json, sys
from pathlib import Path
import numpy as np, pandas as pd
from fishcli.dataset.metadata import encoder_from_json
from fishcli.heads.fit import load_fold
known = json.loads({json.dumps(json.dumps(known))})
head = load_fold(Path("fold_0.encoding.npz"), encoder_from_json(known["encoder"]), np.array(known["counts"]))
proba, _ = head.predict(np.load("features.npy"), pd.DataFrame({{"height": [48] * 48, "width": [64] * 48}}))
np.save("proba.npy", proba)
print(sorted({{"sklearn", "skops", "tensorflow", "keras"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
    proba, _ = predicted(trained, inputs, np.arange(48))
    np.testing.assert_array_equal(np.load(tmp_path / "proba.npy"), proba)
