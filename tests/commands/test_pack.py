"""`fishcli pack`, and predicting with what it made: the same answers without what it was made of."""

import dataclasses
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from packs import seal_again
from pipeline import CLASSES, compute, fit, predict_config, tree_hash

from fishcli.basics.errors import FishError
from fishcli.basics.files import digests_of, read_json, write_json
from fishcli.basics.quiet import load_keras
from fishcli.commands import ensemble, finetune, locate, pack, predict
from fishcli.features.backbones.stored import pack_backbone, unpack_backbone
from fishcli.features.store.store import FeatureStore
from fishcli.heads.networks.kept import save_network
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.locate import LocateConfig
from fishcli.options.predict import EnsembleConfig, PackConfig
from fishcli.runs.packing import streaming
from fishcli.runs.packing.files import opened_pack
from fishcli.runs.packing.streaming import predict_pack

LINEAR = {"head": "linear", "epochs": 60, "metadata": "none", "boxes": "none", "folds": 2}

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.usefixtures("untraced"),
    pytest.mark.filterwarnings("ignore:Even though the `tf.config"),  # said of untraced examples
]


def places(root):
    return {"data_dir": root / "data", "models_dir": root / "models"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Runs on two folds: `whole` on two views, `crops` of what was located, `both`, `repeated`, `tuned`."""
    root = tmp_path_factory.mktemp("packed")
    write_competition(root / "data", n_per_class=6, n_test=5)
    whole = compute(root, views=2)
    fit(root, **LINEAR, views=2, name="whole")
    small = {"backbone": "fishnet", "image_size": "64x64", "layer": "stage3", "folds": 2, "epochs": 2}
    locate.run(LocateConfig(**places(root), **small))
    crops = compute(root, crop=str(root / "models" / "locate"), pool="avg")
    more = {"head": "gap", "epochs": 2, "folds": 2, "metadata": "size-numeric+detection"}
    fit(root, **more, features=crops.name, name="crops")
    fit(root, **LINEAR, features=f"{whole.name}+{crops.name}", name="both")
    fit(root, **LINEAR, features=whole.name, repeats=2, name="repeated")
    tuning = {"cut": "conv4_block3_out", "folds": 2, "epochs": 1, "batch_size": 8, "augment": "none"}
    finetune.run(FinetuneConfig(**places(root), **tuning, features=whole.name, name="tuned"))
    return root


def make(root, out, *runs, **changes):
    return pack.run(PackConfig(**places(root), runs=list(runs), out=out, **changes)).splitlines()[-1]


def answers(root, out, path, **changes):
    """What a pack answers; only `data` of its folder is looked at."""
    config = predict_config(root, run=None, models_dir="nowhere", pack=path, out=out, **changes)
    return pd.read_csv(predict.run(config))


def submitted(root, out, **changes):
    return pd.read_csv(predict.run(predict_config(root, out=out, **changes)))


def check_same(one, other):
    assert list(one["image"]) == list(other["image"])
    np.testing.assert_allclose(one[CLASSES], other[CLASSES], atol=1e-5)
    assert np.ptp(one[CLASSES].to_numpy(), axis=0).min() > 1e-4  # photos are told apart


@pytest.fixture
def test_photos_alone(root, tmp_path):
    """The test photos and the sample, where there is nothing else."""
    shutil.copytree(root / "data" / "test", tmp_path / "data" / "test")
    shutil.copy(root / "data" / "sample_submission.csv", tmp_path / "data")
    return tmp_path


@pytest.fixture(scope="module")
def packed(root):
    """A function that packs a run, once."""
    made = {}

    def get(run):
        if run not in made:
            made[run] = make(root, root / "packs" / run, run, tta="2" if run == "whole" else "1")
        return made[run]

    return get


@pytest.mark.parametrize("run", ["whole", "crops", "tuned"])
def test_a_pack_answers_as_its_run_does(root, test_photos_alone, packed, run):
    there = test_photos_alone
    expected = submitted(root, there / "expected.csv", run=run, tta="2" if run == "whole" else "1")
    packed(run)
    before = tree_hash(there / "data"), tree_hash(root / "packs")
    check_same(answers(there, there / "out" / "it.csv", packed(run)), expected)
    assert (tree_hash(there / "data"), tree_hash(root / "packs")) == before


def test_a_pack_of_several_runs_is_their_ensemble_from_a_zip_too(root, test_photos_alone, monkeypatch):
    there = test_photos_alone
    runs, how = ["both", "repeated", "crops"], {"mean": "geometric", "blend": "equal"}
    ensemble.run(EnsembleConfig(**places(root), runs=runs, out=there / "expected.csv", **how))
    path = make(root, there / "all.zip", *runs, **how)
    monkeypatch.setattr(streaming, "BLOCK", 2)  # blocks change nothing
    check_same(answers(there, there / "it.csv", path), pd.read_csv(there / "expected.csv"))
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    assert not [name for name in names if name.endswith((".csv", "fold_0.npz", "detections.json"))]
    assert sum(name.startswith("backbones/") for name in names) == 2  # one serves whole photos and crops
    assert "requirements.txt" in names


def test_a_photo_that_is_none_gets_the_prior_and_the_pack_knows_the_form(
    root, test_photos_alone, packed, capsys
):
    there = test_photos_alone
    expected = submitted(root, there / "expected.csv", run="whole", tta="2").set_index("image")
    (there / "data/test/test_001.jpg").write_bytes(b"no photo")
    (there / "data/sample_submission.csv").unlink()
    table = answers(there, there / "it.csv", packed("whole"))
    assert "1 images of test can't be read: test_001.jpg (no image format" in capsys.readouterr().err
    assert list(table.columns) == ["image", *CLASSES]
    found = table.set_index("image")
    np.testing.assert_allclose(found.loc["test_001.jpg"], 1 / 3)
    rest = ["test_000.jpg", "test_002.jpg", "test_003.jpg", "test_004.jpg"]
    np.testing.assert_allclose(found.loc[rest], expected.loc[rest], atol=1e-5)
    with pytest.raises(FishError, match="leave --strict out"):
        answers(there, there / "it.csv", packed("whole"), strict=True)


def test_a_clock_that_runs_fast_leaves_views_then_folds_then_photos_out(
    test_photos_alone, packed, monkeypatch, capsys
):
    there = test_photos_alone
    monkeypatch.setattr(streaming, "BLOCK", 1)
    now = iter(range(0, 100_000, 10))  # ten seconds each time that somebody looks
    config = predict_config(there, pack=packed("whole"), time_limit="200s")
    tests = predict.load_tests(there / "data", config.reading)
    with opened_pack(config.pack) as opened:
        found = predict_pack(config, opened, tests, lambda: float(next(now))).set_index("image")
    said = capsys.readouterr().err
    assert "photos to go would take" in said
    assert "they are predicted with 1 view and" in said
    assert "of 3 minutes no more is left" in said
    assert "the class prior answers the" in said
    columns = [f"proba_{name}" for name in CLASSES]
    np.testing.assert_allclose(found[columns].iloc[-1], 1 / 3)
    assert np.abs(found[columns].iloc[0] - 1 / 3).max() > 1e-3
    assert len(found) == 5


def test_several_samples_take_a_folder(test_photos_alone, packed):
    there = test_photos_alone
    data = there / "data"
    shutil.copytree(data / "test", data / "test_stg2")
    (data / "test").rename(data / "test_stg1")
    sample = data / "sample_submission.csv"
    shutil.copy(sample, data / "sample_submission_stg1.csv")
    sample.rename(data / "sample_submission_stg2.csv")
    config = predict_config(there, run=None, pack=packed("whole"), out=there / "one.csv")
    with pytest.raises(FishError, match=r"--out .*one.csv: there are 2 samples .* so name a folder"):
        predict.run(config)
    paths = predict.run(dataclasses.replace(config, out=there / "out")).splitlines()
    assert [path.rpartition("/")[2] for path in paths] == ["whole_stg1.csv", "whole_stg2.csv"]
    assert all(pd.read_csv(path)[CLASSES].notna().all(axis=None) for path in paths)


def test_what_means_nothing_is_refused(root, tmp_path, packed):
    for option, said in (
        ({"run": "whole"}, "--run whole: a pack has its own"),
        ({"tta": "2"}, "--tta 2: a pack has its own"),
        ({"time_limit": "8"}, "expected hours, minutes, seconds"),
    ):
        with pytest.raises(FishError, match=said):
            predict.run(predict_config(root, **{"run": None, "pack": packed("whole"), **option}))
    with pytest.raises(FishError, match="--time-limit is of --pack"):
        predict.run(predict_config(root, run="whole", time_limit="8h"))
    with pytest.raises(FishError, match="--mean vote is of one run's folds"):
        make(root, tmp_path / "other", "whole", "crops", mean="vote")
    with pytest.raises(FishError, match="a run is named twice"):
        make(root, tmp_path / "other", "whole", "whole")
    assert not (tmp_path / "other").exists()


def test_a_fold_that_holds_code_is_not_loaded(test_photos_alone, packed):
    keras, there = load_keras(), test_photos_alone
    folder = there / "tuned"
    shutil.copytree(packed("tuned"), folder)
    run = folder / read_json(folder / "pack.json")["members"][0]["runs"][0]
    inputs = keras.Input((4,), name="features")
    outputs = {"class": keras.layers.Lambda(lambda x: x)(inputs)}
    save_network(keras.Model({"features": inputs}, outputs), run / "fold_0.weights.npz")
    kept = read_json(run / "fold_0.json")
    write_json(run / "fold_0.json", {**kept, "files": digests_of([run / "fold_0.weights.npz"])}, sealed=True)
    seal_again(folder)
    with pytest.raises(FishError, match=r"the pack tuned, .* can't be loaded here: .*holds code"):
        answers(there, there / "it.csv", folder)


def test_packed_weights_make_the_recipes_backbone_and_no_others(tmp_path):
    write_competition(tmp_path / "data", n_per_class=2, n_test=1)
    store = FeatureStore(compute(tmp_path, weights="random", layer="stage2", image_size="32x32"))
    path = tmp_path / "weights.npz"
    pack_backbone(store, path)
    assert unpack_backbone(store.recipe, path, is_random=True).recipe == store.recipe
    other = dataclasses.replace(store.recipe, weights_sha256="0" * 64)
    with pytest.raises(FishError, match="weights.npz are not those of"):
        unpack_backbone(other, path, is_random=True)
