"""Every kind of bad input is told as what it is, by an error that the user can mend."""

import pytest
from corpus import (
    ANNOTATIONS,
    FOLDERS,
    GROUPS_CSV,
    IMAGES,
    PHOTOS,
    SAMPLES,
    TEST_FOLDERS,
    TRAIN_CSV,
    WEIGHTS,
    Bad,
    _flatten,
    start,
)

from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_keras
from fishcli.dataset.annotations import read_boxes
from fishcli.dataset.groups import read_groups
from fishcli.dataset.layout.images import load_tests, load_train
from fishcli.dataset.layout.samples import load_samples
from fishcli.dataset.photos.file_facts import FACT_NAMES, read_facts
from fishcli.dataset.photos.thumbnails import read_thumbnails
from fishcli.features.backbones.networks import fishnet
from fishcli.features.photos.decode import UnreadableImageError, decode
from fishcli.options.layout import LayoutOptions

pytestmark = pytest.mark.tensorflow


def kinds(*lists: list[Bad]):
    return pytest.mark.parametrize("bad", [bad for each in lists for bad in each], ids=lambda bad: bad.name)


@pytest.fixture(scope="session")
def fishnet_model():
    return fishnet.build_fishnet(load_keras(), (32, 32, 3))


@kinds(PHOTOS)
def test_a_bad_photo_is_told_and_the_others_are_read(bad, tmp_path):
    bad.make(start(tmp_path))
    path = tmp_path / "train" / "ALB" / "a.jpg"
    with pytest.raises(UnreadableImageError, match=bad.message):
        decode(path)
    with pytest.raises(UnreadableImageError):
        decode(path, 32)
    train = load_train(tmp_path).set_index("image")
    assert (train.loc["ALB/a.jpg", "height"] == 0) == (train.loc["ALB/a.jpg", "problem"] != "")
    assert train.loc["BET/b.jpg", ["height", "width", "problem"]].tolist() == [48, 64, ""]
    assert list(read_thumbnails(train).is_readable) == [False, True]
    assert "brightness" not in read_facts(path, FACT_NAMES)


@kinds(FOLDERS)
def test_a_bad_folder_is_named(bad, tmp_path):
    bad.make(start(tmp_path))
    with pytest.raises(FishError, match=bad.message):
        load_train(tmp_path)


@kinds(TEST_FOLDERS)
def test_a_bad_test_folder_is_named(bad, tmp_path):
    bad.make(start(tmp_path))
    with pytest.raises(FishError, match=bad.message):
        load_tests(tmp_path)


@kinds(TRAIN_CSV)
def test_a_bad_train_csv_is_named(bad, tmp_path):
    _flatten(start(tmp_path))
    bad.make(tmp_path)
    with pytest.raises(FishError, match=bad.message) as raised:
        load_train(tmp_path)
    assert str(tmp_path / "train.csv") in str(raised.value)


@kinds(GROUPS_CSV)
def test_a_bad_groups_csv_is_named(bad, tmp_path):
    bad.make(tmp_path)
    with pytest.raises(FishError, match=bad.message) as raised:
        read_groups(tmp_path / "groups.csv", IMAGES)
    assert str(tmp_path / "groups.csv") in str(raised.value)


@kinds(SAMPLES)
def test_a_bad_sample_is_named(bad, tmp_path):
    bad.make(start(tmp_path))
    with pytest.raises(FishError, match=bad.message) as raised:
        load_samples(tmp_path, load_tests(tmp_path), ["ALB", "BET"], LayoutOptions())
    assert str(tmp_path / "sample_submission.csv") in str(raised.value)


@kinds(ANNOTATIONS)
def test_a_bad_annotation_is_named(bad, tmp_path):
    bad.make(tmp_path)
    with pytest.raises(FishError, match=bad.message) as raised:
        read_boxes(tmp_path / "boxes", IMAGES)
    assert str(tmp_path / "boxes") in str(raised.value)


@kinds(WEIGHTS)
def test_bad_weights_are_named(bad, tmp_path, fishnet_model):
    bad.make(tmp_path)
    with pytest.raises(FishError, match=bad.message) as raised:
        fishnet.load_weights(fishnet_model, tmp_path / "w.npz")
    assert str(tmp_path / "w.npz") in str(raised.value)
