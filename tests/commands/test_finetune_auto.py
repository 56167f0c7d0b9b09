"""`fishcli finetune --cut auto`: what is tried, what is chosen, and going on with it after a kill."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from pipeline import compute, submit

from fishcli.commands import finetune, report
from fishcli.features.backbones.backbone import cuts_at
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.store.picking import pick_store
from fishcli.options.finetune import STAGES_TRIED, FinetuneConfig
from fishcli.options.seeing import ReportConfig
from fishcli.runs.run import Run
from fishcli.runs.training import cuts, tuning_inputs

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

STAGES = ["conv5_block1_preact_relu", "conv4_block1_preact_relu", "conv3_block1_preact_relu"]
TRIED = STAGES[:2]
"""Here: each costs seconds to build and to keep."""


@pytest.fixture(scope="module", autouse=True)
def two_are_tried():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning_inputs, "STAGES_TRIED", tuning_inputs.STAGES_TRIED[:2])
        yield


def tune(root: Path, **changes) -> Path:
    """Run `finetune --cut auto`; returns the run's folder."""
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    usual = {"cut": "auto", "folds": 3, "epochs": 1, "batch_size": 8, "metadata": "none", "boxes": "none"}
    config = FinetuneConfig(**{**places, **usual, "view_names": "identity", "name": "auto", **changes})
    return Path(finetune.run(config).splitlines()[-1])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A competition with a run that was killed before a cut was chosen, and went on; its trials are kept."""
    root = tmp_path_factory.mktemp("auto")
    write_competition(root / "data", n_per_class=4)
    compute(root)
    trials = root / "models" / "auto" / cuts.TRIALS
    with pytest.MonkeyPatch.context() as patch:

        def killed(*arguments):
            raise KeyboardInterrupt

        patch.setattr(cuts, "_compared", killed)
        with pytest.raises(KeyboardInterrupt):
            tune(root)
    before = {path: path.stat().st_mtime_ns for path in trials.glob("*/fold_*")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finetune, "forget_trials", lambda run: shutil.copytree(trials, root / "trials"))
        # Of all, then without the first and the second fold, whatever they are worth.
        losses = iter([[0.1, 0.3], [0.3, 0.2], [0.1, 0.2]])
        patch.setattr(cuts, "calibrated_losses", lambda labels, proba: next(losses))
        tune(root)
    assert before == {path: path.stat().st_mtime_ns for path in trials.glob("*/fold_*")}
    return root


def test_the_cuts_are_those_below_the_last_three_stages():
    choice = BackboneChoice("fishnet", "formula", (64, 64))
    assert cuts_at(choice, STAGES_TRIED) == STAGES


def test_every_fold_is_predicted_with_its_own_cut_and_networks_are_of_the_chosen_one(root):
    run, oof = Run.open(root / "models" / "auto"), pd.read_csv(root / "models" / "auto" / "oof.csv")
    told = run.read_metrics()["cut"]
    assert (told["chosen"], told["by_fold"]) == (TRIED[0], {"0": TRIED[1], "1": TRIED[0]})
    assert told["log_loss"] == dict(zip(TRIED, [0.1, 0.3], strict=True))
    assert told["prior_log_loss"] > 0 and told["n_images"] == (oof["fold"] < 2).sum()
    store = pick_store(root / "data" / "features", run.store)
    assert store.recipe.layer == TRIED[0] and run.settings["cut"] == "auto"
    for k in range(2):
        own, taken = (root / "trials" / cut / f"fold_{k}" for cut in (told["by_fold"][str(k)], TRIED[0]))
        assert run.fold_path(k, ".npz").read_bytes() == Path(f"{own}.npz").read_bytes()
        assert run.model_path(k, 0).read_bytes() == Path(f"{taken}.weights.npz").read_bytes()
    assert np.isfinite(run.read_metrics()["log_loss"]) and len(run.load_folds()) == 3


def test_every_cut_starts_from_the_same_frozen_heads(root):
    for k in range(2):
        kept = [np.load(root / "trials" / cut / f"fold_{k}.npz", allow_pickle=False) for cut in TRIED]
        np.testing.assert_array_equal(kept[0]["frozen"], kept[1]["frozen"])
        assert np.abs(kept[0]["proba"] - kept[1]["proba"]).max() > 1e-6


def test_the_run_is_predicted_with_and_is_known_again_by_any_of_its_stores(root, capsys):
    assert len(submit(root, run="auto", tta=1))
    run = Run.open(root / "models" / "auto")
    before = run.model_path(0, 0).stat().st_mtime_ns
    tune(root)
    assert not (run.run_dir / cuts.TRIALS).exists()
    tune(root, features=run.store)
    assert run.model_path(0, 0).stat().st_mtime_ns == before
    assert f"{TRIED[0]} is taken" not in capsys.readouterr().err


@pytest.mark.usefixtures("undrawn")
def test_the_report_says_what_was_tried(root):
    config = ReportConfig(data_dir=root / "data", models_dir=root / "models", run="auto")
    page = Path(report.run(config).splitlines()[-1]).read_text()
    assert f"Networks are trained above {TRIED[0]}." in page
    assert f"{TRIED[0]} 0.100, {TRIED[1]} 0.300" in page


def test_a_fold_that_was_lost_is_trained_above_the_chosen_cut(root):
    run = Run.open(root / "models" / "auto")
    for name in ("fold_1.json", "fold_1.weights.npz", "metrics.json"):
        (run.run_dir / name).unlink()
    tune(root)
    assert run.load_fold(1)[0].model.input["features"].shape == (None, 4, 4, 256)
    assert run.read_metrics()["cut"]["chosen"] == TRIED[0]
