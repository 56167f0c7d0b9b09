"""`features --verify`: flipped bits, cut and lost chunks are named, and just they are computed again."""

import os
import shlex
import shutil

import pytest
from conftest import write_competition
from pipeline import compute, features_config, fit, tree_hash
from typer.testing import CliRunner

from fishcli.basics.errors import FishError
from fishcli.cli import app
from fishcli.commands import features
from fishcli.features.store.store import FeatureStore

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    root = tmp_path_factory.mktemp("reference")
    write_competition(root / "data")
    compute(root, views=2, augment=1)
    return root


@pytest.fixture
def root(reference, tmp_path):
    shutil.copytree(reference, tmp_path, dirs_exist_ok=True)
    return tmp_path


def store_dir(root):
    return next((root / "data" / "features").iterdir())


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= 1
    path.write_bytes(bytes(data))


def verify(root):
    return features.run(features_config(root, verify=True))


def test_a_whole_store_is_whole_and_stays_as_it_is(root):
    before = tree_hash(root)
    assert verify(root) == f"{store_dir(root)}: all 14 chunks are whole"
    assert tree_hash(root) == before


def test_what_is_damaged_or_missing_is_named_and_only_that_is_computed(root):
    before = tree_hash(store_dir(root))
    train = store_dir(root) / "train"
    flip(train / "identity" / "1.0.0.0", 0.5)
    flip(train / "augment_1_boxes" / "0.0.0", 0.2)
    (train / "hflip" / "2.0.0.0").unlink()
    (store_dir(root) / "test" / "identity" / "0.0.0.0").write_bytes(b"")
    kept = {path: path.stat().st_mtime_ns for path in train.glob("identity/*.0.0.0")}
    with pytest.raises(FishError, match="4 of 14 chunks") as raised:
        verify(root)
    said = str(raised.value)
    for named in (
        f"damaged: {train}/identity/1.0.0.0",
        f"damaged: {train}/augment_1_boxes/0.0.0",
        f"missing: {train}/hflip/2.0.0.0",
        f"damaged: {store_dir(root)}/test/identity/0.0.0.0",
    ):
        assert named in said
    commands = [line.split() for line in said.splitlines() if line.startswith("  fishcli features")]
    assert len(commands) == 2
    for line in said.splitlines():
        if line.startswith("  fishcli"):
            done = CliRunner().invoke(app, shlex.split(line)[1:])
            assert done.exit_code == 0, done.stderr
    assert tree_hash(store_dir(root)) == before
    same = [path.name for path, time in kept.items() if path.stat().st_mtime_ns == time]
    assert sorted(same) == ["0.0.0.0", "2.0.0.0"]


@pytest.mark.parametrize("place", [0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999, 1.0])
def test_no_flipped_bit_goes_unnoticed(root, place):
    chunk = store_dir(root) / "train" / "identity" / "0.0.0.0"
    flip(chunk, place)
    with pytest.raises(FishError, match=r"identity are damaged.*fishcli features .*--verify"):
        FeatureStore(store_dir(root)).read("train", "identity")
    with pytest.raises(FishError, match=f"damaged: {chunk}"):
        verify(root)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 15, 100])
def test_a_chunk_cut_short_is_damaged(root, size):
    chunk = store_dir(root) / "train" / "identity" / "0.0.0.0"
    os.truncate(chunk, size)
    with pytest.raises(FishError, match=f"damaged: {chunk}"):
        verify(root)


def test_a_chunk_that_is_gone_is_no_row_of_nan(root):
    (store_dir(root) / "train" / "identity" / "1.0.0.0").unlink()
    store = FeatureStore(store_dir(root))
    assert len(store.read("train", "identity", slice(0, 8))) == 8
    with pytest.raises(FishError, match="1 chunks .* are not there"):
        store.read("train", "identity", slice(0, 9))


@pytest.mark.parametrize(
    "name", ["recipe.json", "train/images.csv", "train/identity/zarr.json", "train/unreadable.json"]
)
def test_a_damaged_description_is_named(root, name):
    (store_dir(root) / name).write_bytes(b'{"half')
    with pytest.raises(FishError, match=name):
        verify(root)


def test_where_nothing_can_be_removed_it_says_so(root, monkeypatch):
    chunk = store_dir(root) / "train" / "identity" / "1.0.0.0"
    flip(chunk, 0.5)

    def refuse(*args, **options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(FishError, match="First remove the 1 damaged files"):
        verify(root)
    assert chunk.exists()


def test_nothing_to_verify(tmp_path):
    with pytest.raises(FishError, match="nothing to verify"):
        verify(tmp_path)


def test_train_names_the_command_and_goes_on_after_it(root):
    flip(store_dir(root) / "train" / "identity" / "1.0.0.0", 0.5)
    with pytest.raises(FishError, match="features .*--verify"):
        fit(root, head="linear", epochs=60)
    with pytest.raises(FishError):
        verify(root)
    assert (fit(root, head="linear", epochs=60) / "metrics.json").exists()
