"""What the report tells of a fine-tuned run: against the frozen head, recipe by recipe, fold by fold."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fishcli.basics.files import write_csv, write_json
from fishcli.options.reading import USUAL
from fishcli.runs.run import Run
from fishcli.runs.seeing.answers import Answers
from fishcli.runs.seeing.tuned import FROZEN, curves_by_member, what_tuning_brought
from fishcli.runs.training.interpolating import _rewrite
from fishcli.scoring.calibration import nested_calibration
from fishcli.scoring.ensembling import average
from fishcli.scoring.metrics import log_loss

N, C = 60, 3
FOLD = np.arange(N) % 2
LABELS = np.arange(N) % C
IMAGES = np.array([f"{k:02}.jpg" for k in range(N)])


def run_of(run_dir, augment="light,strong", calibrate="temperature", head="finetune"):
    """A run of two folds; what its folds kept is far from sure, each recipe by itself a little worse."""
    settings = {"folds": 2, "head": head, "augment": augment, "calibrate": calibrate, "seeds": 1}
    run = Run(run_dir, ["a", "b", "c"], "store", "", "", settings)
    write_csv(run_dir / "folds.csv", pd.DataFrame({"image": IMAGES, "fold": FOLD, "group": ""}))
    write_json(run_dir / "metrics.json", {})
    rng = np.random.default_rng(0)
    frozen, *members = (some_proba(rng, right) for right in (0.2, 1.2, 1.0))
    whole = average(np.stack(members), "geometric")
    for k in range(2):
        mine = {"proba": whole, "frozen": frozen, "boxes": np.full((1, N, 4), np.nan)}
        if augment.count(","):
            mine["members_proba"] = np.stack(members)
        kept = {name: value[..., k == FOLD, :] for name, value in mine.items()}
        np.savez(run.fold_path(k, ".npz"), **kept)
    return run, {"frozen": frozen[0], "light": members[0][0], "strong": members[1][0], "run": whole[0]}


def some_proba(rng, right):
    """(1, n, C): the larger `right`, the more on the true class; too sure by a factor of 3."""
    scores = 3 * (rng.normal(size=(1, N, C)) + right * np.eye(C)[LABELS])
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)


def answers_of(groups=None, order=None):
    order = np.arange(N) if order is None else order
    nothing = np.full((N, 4), np.nan)
    return Answers(
        class_names=["a", "b", "c"],
        images=IMAGES[order],
        labels=LABELS[order],
        fold=FOLD[order],
        **dict.fromkeys(("proba", "losses", "prior_losses", "ious", "mean_ious"), np.zeros(N)),
        groups=None if groups is None else groups[order],
        groups_from="",
        true_boxes=nothing,
        boxes=nothing,
        boxes_note="",
        paths=None,
        all_boxes=pd.DataFrame(),
        reading=USUAL,
    )


def test_each_way_is_scored_as_the_run_is_and_held_against_the_frozen_head(tmp_path):
    run, kept = run_of(tmp_path)
    tuned = what_tuning_brought(run, answers_of())
    assert [way.name for way in tuned.ways] == [FROZEN, "light alone", "strong alone", tmp_path.name]
    for way, proba in zip(tuned.ways, kept.values(), strict=True):
        assert way.raw_log_loss == pytest.approx(log_loss(LABELS, proba))
        assert way.log_loss == pytest.approx(log_loss(LABELS, nested_calibration(LABELS, proba, FOLD)[0]))
        assert way.temperature > 1.2
        assert way.difference == pytest.approx(way.log_loss - tuned.ways[0].log_loss)
        assert way.low <= way.difference <= way.high
    assert tuned.ways[-1].high < 0
    best, difference, low, high = tuned.blended
    assert best == "light alone"
    assert difference == pytest.approx(tuned.ways[-1].log_loss - tuned.ways[1].log_loss)
    assert low < difference < high


def test_answers_in_another_order_say_the_same(tmp_path):
    run, _ = run_of(tmp_path)
    groups = np.array([f"boat {k % 7}" for k in range(N)])
    order = np.random.default_rng(1).permutation(N)
    one, other = (what_tuning_brought(run, answers_of(groups, each)) for each in (None, order))
    assert [way.log_loss for way in one.ways] == pytest.approx([way.log_loss for way in other.ways])
    assert {part.name: part.log_loss for part in one.parts} == pytest.approx(
        {part.name: part.log_loss for part in other.parts}
    )


def test_parts_are_groups_the_largest_first_and_folds_where_no_groups_are_known(tmp_path):
    run, _ = run_of(tmp_path)
    groups = np.array(["small"] * 10 + ["large"] * 50)
    by_group, by_fold = (what_tuning_brought(run, answers_of(each)) for each in (groups, None))
    assert [(part.name, part.n_images) for part in by_group.parts] == [("large", 50), ("small", 10)]
    assert [(part.name, part.n_images) for part in by_fold.parts] == [("fold 0", 30), ("fold 1", 30)]
    for tuned in (by_group, by_fold):
        counts = np.array([part.n_images for part in tuned.parts])
        for name, way in (("log_loss", tuned.ways[-1]), ("frozen_log_loss", tuned.ways[0])):
            mean = counts @ np.array([getattr(part, name) for part in tuned.parts]) / N
            assert mean == pytest.approx(way.log_loss)


def test_a_run_that_is_not_calibrated_is_shown_uncalibrated(tmp_path):
    run, _ = run_of(tmp_path, calibrate="none")
    for way in what_tuning_brought(run, answers_of()).ways:
        assert (way.temperature, way.log_loss) == (1.0, pytest.approx(way.raw_log_loss))


def test_of_one_recipe_and_of_runs_that_kept_no_more_the_run_stands_against_the_frozen_head_alone(tmp_path):
    run, _ = run_of(tmp_path, augment="light")
    older = dataclasses.replace(run, settings={**run.settings, "augment": "light,strong"})
    for each in (run, older):
        tuned = what_tuning_brought(each, answers_of())
        assert [way.name for way in tuned.ways] == [FROZEN, tmp_path.name]
        assert tuned.blended is None


def test_other_runs_have_nothing_to_tell(tmp_path):
    run, _ = run_of(tmp_path, augment="light", head="gap")
    assert what_tuning_brought(run, answers_of()) is None
    assert curves_by_member(run, [[{"loss": [2.0, 1.0]}]]) == {"": [{"loss": [(1, 2.0), (2, 1.0)]}]}


def test_curves_of_several_recipes_are_told_apart():
    run = Run(Path("tuned"), [], "", "", "", {"head": "finetune", "augment": "light,strong"})
    folds = [[{"loss": [2.0 + k]}, {"loss": [5.0 + k]}] for k in range(2)]
    found = curves_by_member(run, folds)
    assert found == {
        "light": [{"loss": [(1, 2.0)]}, {"loss": [(1, 3.0)]}],
        "strong": [{"loss": [(1, 5.0)]}, {"loss": [(1, 6.0)]}],
    }


def test_the_recipes_own_answers_follow_the_share_that_is_chosen(tmp_path):
    run, _ = run_of(tmp_path)
    by_share = np.random.default_rng(2).random((2, 6, 1, 30, C))
    np.savez(
        run.fold_path(0, ".npz"),
        proba=by_share[:, -1].mean(axis=0),
        by_share=by_share.mean(axis=0),
        members_by_share=by_share,
        members_proba=by_share[:, -1],
    )
    _rewrite(run, 0, 2)
    with np.load(run.fold_path(0, ".npz"), allow_pickle=False) as kept:
        np.testing.assert_array_equal(kept["members_proba"], by_share[:, 2])
        np.testing.assert_array_equal(kept["proba"], by_share[:, 2].mean(axis=0))
