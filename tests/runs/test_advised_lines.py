"""Every command line that an error advises, run as it is printed, mends what the error says."""

import os
import shlex
import shutil
from pathlib import Path

import pytest
from conftest import write_competition
from typer.testing import CliRunner

from fishcli.basics.errors import FishError
from fishcli.cli import app
from fishcli.features.backbones.networks import fishnet
from fishcli.features.store.again import features_line, line_for
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore
from fishcli.options.command_lines import advised, asked_for, command_line
from fishcli.options.features import FeaturesConfig
from fishcli.options.seeing import RunsConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.run import Run

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

PLACES = ["--data-dir", "the data", "--features-dir", "features there", "--models-dir", "my models"]
STORE = ["--backbone", "fishnet", "--weights", "own.npz", "--image-size", "64x48", "--resize", "letterbox"]
STORE += ["--layer", "conv4_block1_out", "--pool", "avg", "--batch-size", "8"]
TRAIN = ["train", *PLACES, "--folds", "3", "--head", "linear", "--name", "first"]


def invoke(words, exit_code=0):
    """What a command says, on stderr and stdout; its last line breaks become blanks."""
    result = CliRunner().invoke(app, words)
    assert result.exit_code == exit_code, result.output
    assert "Traceback" not in result.output
    return result.stderr + result.stdout


def advised_in(said):
    """The words of the first command line in an error, less `fishcli`; a stop, a comma or a break ends it."""
    words, said = [], said[max(said.find("Error:"), 0) :]
    for word in shlex.split(said[said.index("fishcli ") :].split("\n")[0]):
        words.append(word.rstrip(".,;"))
        if word != words[-1]:
            break
    return words[1:]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    root = tmp_path_factory.mktemp("advised")
    write_competition(root / "the data")
    shutil.copy(Path(fishnet.__file__).with_name("fishnet.npz"), root / "own.npz")
    here = Path.cwd()
    os.chdir(root)
    try:
        invoke(["features", *PLACES[:4], *STORE])
        invoke(TRAIN)
    finally:
        os.chdir(here)
    return root


@pytest.fixture
def root(reference, tmp_path, monkeypatch):
    shutil.copytree(reference, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    path = next((tmp_path / "features there").glob("*/recipe.json"))
    path.write_text(path.read_text().replace(str(reference), str(tmp_path)))
    return tmp_path


def store_of(root):
    (store_dir,) = (root / "features there").iterdir()
    return FeatureStore(store_dir)


def test_maps_for_a_head_that_needs_them(root):
    before = store_of(root).recipe
    invoke(advised_in(invoke([*TRAIN[:-3], "fcn"], 1)))
    recipes = [FeatureStore(each).recipe for each in (root / "features there").iterdir()]
    (made,) = [each for each in recipes if each != before]
    assert made == Recipe(**{**vars(before), "pool": "none"})


def test_photos_that_can_not_be_read(root):
    for path in sorted((root / "the data" / "train/ALB").iterdir())[:5]:
        path.write_bytes(b"no photo")
    said = invoke(TRAIN, 1)
    assert "unreadable.json has all)" in said and len(said[said.index("Error:") :]) < 700
    invoke(advised_in(said))
    store_of(root)  # no other one was made
    invoke([*TRAIN[:-1], "second"])


@pytest.mark.parametrize("damage", ["images.csv", "identity/zarr.json"])
def test_damaged_files_of_a_store(root, damage):
    folder = store_of(root).store_dir / "test"
    shutil.copy(root / "own.npz", folder / damage)
    said = invoke(["predict", *PLACES], 1)
    shutil.rmtree(folder if damage == "images.csv" else folder / "identity")
    invoke(advised_in(said))
    assert store_of(root).is_complete("test", "identity")
    invoke(["predict", *PLACES])


def test_chunks_that_are_gone(root):
    (store_of(root).store_dir / "train" / "identity" / "1.0").unlink()
    store = FeatureStore(Path("features there", store_of(root).store_dir.name))
    config = FeaturesConfig(data_dir="the data", features_dir="features there")
    with asked_for(config), pytest.raises(FishError) as raised:
        store.read("train", "identity")
    said = invoke(advised_in(str(raised.value)), 1)
    invoke(advised_in(said))
    assert "are whole" in invoke(advised_in(str(raised.value)))


def test_weights_that_are_gone(root):
    (root / "own.npz").rename(root / "moved.npz")
    said = invoke(["predict", *PLACES, "--tta", "2"], 1)
    invoke([word.replace("PATH", "moved.npz") for word in advised_in(said)])
    store_of(root)
    invoke(["predict", *PLACES, "--tta", "2"])


@pytest.mark.parametrize("name", ["fold_1.json", "fold_2.head.npz", "metrics.json", "oof.csv"])
def test_damaged_files_of_a_run(root, name):
    run_dir = root / "my models" / "first"
    whole = (run_dir / "oof.csv").read_bytes()
    (run_dir / name).write_text("{")
    said = invoke(["predict", *PLACES], 1)
    if "Remove " in said:
        (run_dir / f"{name.split('.')[0]}.json").unlink()
        (run_dir / "metrics.json").unlink()
    invoke(advised_in(said))
    assert (run_dir / "oof.csv").read_bytes() == whole
    invoke(["predict", *PLACES])


@pytest.mark.parametrize("command", [["runs", "--models-dir", "my models"], ["predict", *PLACES, "--run"]])
def test_a_comparisons_run_that_is_not_complete(root, command):
    compare = ["compare", *PLACES, "--folds", "3", "--heads", "linear", "--metadata", "none"]
    invoke(compare)
    run_dir = root / "my models" / "compare" / "linear-none-largest-grouped-0"
    (run_dir,) = [each for each in run_dir.parent.glob("*grouped*") if each.is_dir()]
    whole = (run_dir / "oof.csv").read_bytes()
    for name in ("metrics.json", "fold_1.json", "oof.csv"):
        (run_dir / name).unlink()
    is_runs = command[0] == "runs"
    said = invoke(command if is_runs else [*command, f"compare/{run_dir.name}"], 0 if is_runs else 1)
    invoke([*advised_in(said[said.index("Go on") :]), *(PLACES[:4] if is_runs else [])])
    assert (run_dir / "oof.csv").read_bytes() == whole
    assert Run.open(run_dir).is_complete


def test_views_that_nobody_knows_the_worth_of(root):
    said = invoke(["predict", *PLACES, "--tta", "2"])
    invoke(advised_in(said[said.index("find out") :]))
    assert "out-of-fold log loss" in invoke(["predict", *PLACES, "--tta", "2", "--run", "first-views2"])


def test_lines_carry_the_folders_that_were_named():
    assert advised("train", TrainConfig) == "fishcli train"
    config = TrainConfig(data_dir="a b", models_dir="m")
    with asked_for(config):
        assert advised("train", TrainConfig, groups="g") == (
            "fishcli train --data-dir 'a b' --models-dir m --groups g"
        )
        assert advised("features", FeaturesConfig) == "fishcli features --data-dir 'a b'"
        assert advised("train", TrainConfig, models_dir=Path("x")).endswith("--models-dir x")
    with asked_for(RunsConfig(models_dir="m")):
        assert advised("features", FeaturesConfig) == "fishcli features"
    assert advised("train", TrainConfig) == command_line("train", TrainConfig())


def test_a_store_names_its_folders_where_nobody_else_does(tmp_path):
    recipe = Recipe("vgg16", "block5_pool", "0" * 64, (32, 64), "crop", "max", "keras", "pillow")
    store = FeatureStore.create(tmp_path / "features", recipe, "imagenet")
    assert features_line(store.store_dir) == (
        f"fishcli features --data-dir {tmp_path} --backbone vgg16 --image-size 32x64 --resize crop "
        "--layer block5_pool --pool max"
    )
    with asked_for(FeaturesConfig(data_dir=tmp_path)):
        assert f"--data-dir {tmp_path} --backbone" in features_line(store.store_dir)
    line = line_for(store.store_dir, "train", ["hflip", "augment_2", "augment_2_boxes"])
    assert line.endswith("--view-names hflip --augment 2 --splits train")
    (store.store_dir / "recipe.json").write_text("{")
    assert features_line(store.store_dir) == f"fishcli features --data-dir {tmp_path}"
