"""Settings by which runs are known: of train, of finetune, and of what came before."""

import dataclasses
from pathlib import Path

import pytest

from fishcli.basics.errors import FishError
from fishcli.basics.files import write_json
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.folders.settings import settings_of
from fishcli.runs.run import Run


def run_of(run_dir: Path, settings: dict) -> Run:
    """A run of these settings, written and opened again."""
    made = Run(run_dir, ["ALB", "BET"], "a-64x64-0", "0", "0", settings)
    run_dir.mkdir()
    write_json(run_dir / "config.json", made.to_json(), sealed=True)
    return Run.open(run_dir)


def test_a_run_of_the_head_tail_is_still_read(tmp_path):
    run = run_of(tmp_path / "old", settings_of(TrainConfig(head="tail", seeds=2), 0))
    assert run.model_path(1, 1).name == "fold_1_1.weights.npz"
    assert run.n_members == 2 and run.mean_of_members == "arithmetic"


def test_a_fine_tuned_run_has_a_member_a_recipe_and_says_what_makes_it_again(tmp_path):
    config = FinetuneConfig(augment="light,flip:0.5", cut="block_5_add", view_names="identity,centre90")
    run = run_of(tmp_path / "new", settings_of(config, 12))
    assert run.n_members == 2 and run.mean_of_members == "geometric"
    assert run.views == ["identity", "centre90"]
    line = run.train_line(models_dir=Path("models"))
    assert line.startswith("fishcli finetune --features a-64x64-0 ")
    for option in ("--cut block_5_add", "--augment light,flip:0.5", "--view-names identity,centre90"):
        assert option in line


def test_a_run_that_lacks_a_setting_is_another_versions(tmp_path):
    settings = settings_of(FinetuneConfig(), 0)
    del settings["interpolate"]
    with pytest.raises(FishError, match="is no run of this version"):
        run_of(tmp_path / "new", settings)


def test_where_things_lie_and_what_the_store_says_is_no_setting():
    usual = settings_of(FinetuneConfig(), 0)
    other = FinetuneConfig(
        data_dir=Path("d"),
        models_dir=Path("m"),
        features="f",
        backbone="vgg16",
        weights="w",
        image_size="8x8",
    )
    assert settings_of(dataclasses.replace(other, memory_budget=1.0, skip_unreadable=True), 0) == usual


def test_what_later_versions_ask_for_is_named_by_those_runs_alone_that_have_it():
    assert not {"generate", "codebook", "pyramid"} & set(settings_of(TrainConfig(), 0))
    assert settings_of(TrainConfig(generate=50), 0)["generate"] == 50
