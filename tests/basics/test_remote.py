"""Data, a store of crops, runs and submissions on S3, served over HTTP on this machine."""

import os
import sys
from urllib.request import Request, urlopen

import pandas as pd
import pytest
from conftest import noise, write_competition
from pipeline import compute, features_config, fit, predict_config, train_config, tree_hash, write_found
from served_bucket import s3fs, served_bucket
from typer.testing import CliRunner

from fishcli.basics import remote
from fishcli.basics.errors import FishError
from fishcli.basics.files import whole_file
from fishcli.basics.remote import is_remote, list_files, parse_path, read_bytes
from fishcli.cli import app
from fishcli.commands import features, leaderboard, predict, train
from fishcli.features.store.store import FeatureStore
from fishcli.options.seeing import RunsConfig

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.fixture(scope="module")
def bucket():
    with served_bucket("fish") as url:
        yield url


@pytest.fixture(scope="module")
def both(tmp_path_factory, bucket):
    """The same competition here and there, with features of crops, a run and a submission."""
    here = tmp_path_factory.mktemp("here")
    write_competition(here / "data", n_per_class=2, n_test=2)
    write_found(here)
    s3fs.S3FileSystem().put(f"{here}/data/", "fish/data", recursive=True)
    there = parse_path(bucket)
    for root in (here, there):
        compute(root, **made_of(here))
        fit(root, head="gap", folds=2, epochs=1)
        predict.run(predict_config(root, tta=2))
    return here, there


def made_of(here):
    """What the features are made of."""
    return {"views": 2, "augment": 1, "crop": str(here / "found.json"), "batch_size": 4}


def contents_below(folder):
    return {name: read_bytes(folder / name) for name in list_files(folder)}


def test_the_store_has_the_same_chunks(both):
    here, there = both
    names = [name for name in tree_hash(here / "data" / "features") if not name.endswith(".csv")]
    found = contents_below(there / "data" / "features")
    assert {name: found[name] for name in names} == {
        name: (here / "data" / "features" / name).read_bytes() for name in names
    }
    assert set(found) - set(names) == {name for name in found if name.endswith(".csv")}
    assert {name.rpartition("/")[2] for name in found if name.endswith(".csv")} == {"images.csv", "crops.csv"}


def test_runs_and_submissions_are_the_same(both):
    here, there = both
    for name in ("folds.csv", "oof.csv", "oof_boxes.csv", "test_tta2.csv"):
        expected = (here / "models" / "run" / name).read_bytes()
        assert read_bytes(there / "models" / "run" / name) == expected
    submission = read_bytes(there / "submissions" / "run.csv")
    assert submission == (here / "submissions" / "run.csv").read_bytes()


def test_nothing_but_what_belongs_there_is_left_there(both):
    here, there = both
    runs = {f"models/{name}" for name in tree_hash(here / "models") if "/." not in f"/{name}"}
    assert {f"models/{name}" for name in list_files(there / "models")} == runs
    assert not [name for name in list_files(there) if "partial" in name or ".lock" in name]


def test_runs_are_listed(both):
    _, there = both
    listed = leaderboard.run(RunsConfig(models_dir=there / "models"))
    assert "run" in listed
    assert "complete" in listed or "gap" in listed


def test_a_lost_chunk_is_computed_again_and_others_are_kept(both):
    here, there = both
    store = FeatureStore(there / "data" / "features" / next((here / "data" / "features").iterdir()).name)
    before = list_files(store.store_dir)
    lost = "train/hflip/1.0.0.0"
    content = read_bytes(store.store_dir / lost)
    (store.store_dir / lost).unlink()
    assert store.missing_chunks("train", "hflip") == {1}
    with pytest.raises(
        FishError, match=r"1 chunks of the features in s3://fish/data/features/\S+ are not there"
    ):
        store.read("train", "hflip")
    compute(there, **made_of(here))
    after = list_files(store.store_dir)
    assert read_bytes(store.store_dir / lost) == content
    assert {name for name in after if after[name] != before[name]} <= {lost, "recipe.json"}


def test_verify_names_a_damaged_chunk(both):
    here, there = both
    store_dir = there / "data" / "features" / next((here / "data" / "features").iterdir()).name
    path = store_dir / "test" / "identity" / "0.0.0.0"
    content = read_bytes(path)
    path.write_bytes(content[:-3] + b"abc")
    with pytest.raises(FishError, match=r"damaged: s3://fish/\S+/test/identity/0\.0\.0\.0"):
        features.run(features_config(there, verify=True))
    compute(there, **made_of(here))
    assert read_bytes(path) == content


def test_a_replaced_photo_is_noticed(both):
    from PIL import Image

    here, there = both
    store = FeatureStore(there / "data" / "features" / next((here / "data" / "features").iterdir()).name)
    listed = store.images("train")
    image = listed["image"][0]
    old = read_bytes(there / "data" / "train" / image)
    before = store.read("train", "identity", slice(0, 1))
    picture = here / "other.jpg"
    Image.fromarray(noise((48, 64), 7)).save(picture)
    (there / "data" / "train" / image).write_bytes(picture.read_bytes())
    compute(there, **made_of(here))
    assert (store.read("train", "identity", slice(0, 1)) != before).any()
    (there / "data" / "train" / image).write_bytes(old)
    compute(there, **made_of(here))
    assert (store.read("train", "identity", slice(0, 1)) == before).all()


def test_local_photos_may_have_a_remote_store(both):
    here, there = both
    options = {"features_dir": there / "mixed", **made_of(here)}
    compute(here, **options)
    tokens = list_files(there / "mixed")
    compute(here, **options)
    again = list_files(there / "mixed")
    assert {name for name in again if again[name] != tokens[name]} <= {
        name for name in again if name.endswith("recipe.json")
    }
    config = train_config(here, features_dir=there / "mixed", name="mixed", head="gap", folds=2, epochs=1)
    run_dir = train.run(config).splitlines()[-1]
    kept = pd.read_csv(f"{run_dir}/oof.csv")
    pd.testing.assert_frame_equal(kept, pd.read_csv(here / "models" / "run" / "oof.csv"))


def test_the_command_line_takes_urls(both):
    _, there = both
    done = CliRunner().invoke(app, ["runs", "--models-dir", f"{there}/models", "--json"])
    assert done.exit_code == 0, done.output
    assert '"run"' in done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s3://elsewhere/data", "there is no bucket 'elsewhere'"),
        ("s3://fish/nothing", "no training images: there is no folder s3://fish/nothing/train"),
        ("nosuch://x/data", "no URL that can be read"),
    ],
)
def test_what_is_not_there_is_named(bucket, text, message):
    done = CliRunner().invoke(app, ["features", "--data-dir", text])
    assert done.exit_code in (1, 2)
    assert message in done.output
    assert "Traceback" not in done.output


def test_a_server_that_does_not_answer_is_named(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    done = CliRunner().invoke(app, ["features", "--data-dir", "s3://fish/data"])
    s3fs.S3FileSystem.clear_instance_cache()
    assert done.exit_code == 1
    assert "s3://fish/data can't be reached" in done.output.replace("\n", " ")


def test_wrong_credentials_are_named(both):
    reset = f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/reset-auth"
    plain = {"Content-Type": "text/plain"}
    urlopen(Request(reset, b"0", plain)).read()
    try:
        done = CliRunner().invoke(app, ["runs", "--models-dir", "s3://fish/models"])
    finally:
        urlopen(Request(reset, b"inf", plain)).read()
    assert done.exit_code == 1
    assert "s3://fish/models can't be reached or used (PermissionError" in done.output


def test_a_connection_that_breaks_is_no_damaged_photo_or_fold(both, monkeypatch):
    _, there = both

    def broken(*args, **options):
        raise OSError(5, "connection reset")

    monkeypatch.setattr(parse_path("s3://fish/data").fs, "cat_file", broken)
    places = ["--data-dir", str(there / "data"), "--models-dir", str(there / "models")]
    for words in (["data", *places[:2]], ["predict", "--run", "run", *places]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 1
        assert "can't be reached or used (OSError: [Errno 5] connection reset)" in done.output
        assert "damaged" not in done.output


def test_urls_without_their_packages_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "upath", None)
    with pytest.raises(FishError, match=r"pip install 'fishcli\[remote\]'"):
        parse_path("s3://bucket/x")


def test_remote_files_exist_only_when_they_are_whole(bucket):
    path = parse_path(f"{bucket}/folder/file.txt")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as local:
        local.write_text("half")
        raise KeyboardInterrupt
    assert not path.exists()
    with whole_file(path) as local:
        local.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert not local.parent.exists()


def test_local_paths_stay_paths():
    path = parse_path("data/x")
    assert isinstance(path, os.PathLike)
    assert not is_remote(path)
    assert not is_remote("text")
    assert remote.names_in(parse_path("."))
