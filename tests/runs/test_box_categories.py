"""The boxes that --box-categories chooses reach all that learns from boxes, and the run's reproduction."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import write_competition
from pipeline import compute, features_config, fit, parse, train_config

import fishcli
from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json, write_json
from fishcli.commands import features, report, train
from fishcli.commands.data import _load
from fishcli.features.store.picking import pick_store
from fishcli.options.data import PictureConfig
from fishcli.options.seeing import ReportConfig
from fishcli.options.train import RunConfig
from fishcli.runs.folders.listing import read_run
from fishcli.runs.run import Run
from fishcli.runs.seeing.answers import read_answers
from fishcli.runs.seeing.map_inputs import load_map_inputs
from fishcli.runs.training.inputs import load_train_data

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

FISH = (0.25, 0.25, 0.5, 0.5)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A competition whose photos each have a fish and, around it, a whole-photo "deck"; a run on the fish."""
    root = tmp_path_factory.mktemp("categories")
    write_competition(root / "data", with_boxes=False)
    (root / "data/boxes").mkdir()
    lines = ["image,x_min,y_min,x_max,y_max,class"]
    for path in sorted((root / "data/train").glob("*/*.jpg")):
        lines += [f"{path.name},0,0,1,1,deck", f"{path.name},{','.join(map(str, FISH))},fish"]
    (root / "data/boxes/boxes.csv").write_text("\n".join(lines))
    compute(root, augment=1, box_categories="fish")
    fit(root, head="gap", epochs=1, box_categories="fish")
    return root


def places(root, **changes):
    return RunConfig(data_dir=root / "data", models_dir=root / "models", **changes)


def test_every_caller_of_read_boxes_passes_the_choice():
    calls = [
        node
        for path in Path(fishcli.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "read_boxes"
    ]
    assert len(calls) >= 6
    assert all(len(call.args) == 3 and "box_categories" in ast.unparse(call.args[2]) for call in calls)


def test_the_choice_is_what_is_learned_drawn_and_counted(root):
    run = Run.open(root / "models/run")
    assert run.settings["box_categories"] == "fish"
    data = load_train_data(train_config(root, head="gap", box_categories="fish"))
    assert np.allclose(data.boxes, FISH)
    known = _load(PictureConfig(data_dir=root / "data", box_categories="deck"))
    assert known.boxes["x_max"].unique().tolist() == [1.0]
    for config, n in ((places(root), 1), (places(root, box_categories="fish,deck"), 2)):
        assert {len(boxes) for boxes in load_map_inputs(run, config).boxes.values()} == {n}
        assert len(read_answers(run, config, None).all_boxes) == n * len(data.images)


def test_augmented_copies_have_the_chosen_boxes(root):
    store = pick_store(root / "data/features", None)

    def made_by():
        return store.array("train", "augment_1").attrs["made_by"]

    of_fish = made_by()
    load_train_data(train_config(root, box_categories="fish"))
    assert made_by() == of_fish
    features.run(features_config(root, augment=1, box_categories="deck"))
    assert made_by() != of_fish
    load_train_data(train_config(root, box_categories="fish"))
    assert made_by() == of_fish


def test_the_command_lines_make_the_same_run(root):
    config = ReportConfig(data_dir=root / "data", models_dir=root / "models", run="run")
    lines = report.gather(Run.open(root / "models/run"), config).commands
    assert all("--box-categories fish" in line for line in lines)
    features.run(parse(lines[0]))
    assert train.run(parse(lines[1])).endswith(str(root / "models/run"))


def test_other_categories_are_another_run(root):
    with pytest.raises(FishError, match="box_categories|box-categories"):
        fit(root, head="gap", epochs=1, box_categories="deck")


def test_a_run_that_names_no_categories_is_one_of_all(root, tmp_path):
    whole = read_json(root / "models/run/config.json")
    whole["settings"]["box_categories"] = None
    early = {**whole, "settings": {k: v for k, v in whole["settings"].items() if k != "box_categories"}}
    write_json(tmp_path / "new/config.json", {**whole, "run_dir": "new"}, sealed=True)
    write_json(tmp_path / "early/config.json", {**early, "run_dir": "early"}, sealed=True)
    assert Run.open(tmp_path / "early").settings == Run.open(tmp_path / "new").settings
    assert "box_categories" not in json.loads((tmp_path / "early/config.json").read_text())["settings"]
    assert read_run(tmp_path, "early").same_but_folds == read_run(tmp_path, "new").same_but_folds != ()
