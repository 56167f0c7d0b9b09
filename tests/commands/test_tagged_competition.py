"""A competition of several labels an image, drawn small: from features to a score, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import make_image
from pipeline import compute, fit, predict_config, submit, train_config

from fishcli.basics.errors import FishError
from fishcli.commands import (
    audit,
    compare,
    data,
    ensemble,
    finetune,
    heatmap,
    pack,
    predict,
    report,
    score,
    train,
)
from fishcli.dataset.tags import tags_in
from fishcli.options.audit import AuditConfig
from fishcli.options.data import PictureConfig
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.predict import EnsembleConfig, PackConfig, ScoreConfig
from fishcli.options.seeing import HeatmapConfig, ReportConfig
from fishcli.options.train import CompareConfig
from fishcli.runs.run import Run

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

COLOURS = {"blue": 2, "green": 1, "red": 0}
FOLDS = {"folds": 2, "boxes": "none", "metadata": "none"}


def draw(folder, tags, rng):
    """A grey photo with a square of each tag's colour, at random."""
    for name, said in tags.items():
        pixels = rng.integers(90, 130, (64, 64, 3), dtype=np.uint8)
        for tag in said.split():
            x, y = rng.integers(0, 24, 2)
            pixels[y : y + 40, x : x + 40, COLOURS[tag]] = 250
        make_image(folder / name, pixels=pixels)


def tables(n, seed):
    rng = np.random.default_rng(seed)
    sets = [[tag for tag in COLOURS if rng.random() < 0.45] or ["red"] for _ in range(n)]
    return {f"{seed}_{k:02}.png": " ".join(said) for k, said in enumerate(sets)}, rng


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The competition, with groups; the runs `run` (blend) and `net` (gap) on it; its truth."""
    root = tmp_path_factory.mktemp("tagged")
    known, rng = tables(48, 1)
    asked, _ = tables(12, 2)
    draw(root / "data" / "train", known, rng)
    draw(root / "data" / "test", asked, rng)
    site = [f"site {k % 6}" for k in range(len(known))]
    table = pd.DataFrame({"image_name": list(known), "tags": list(known.values()), "site": site})
    table.to_csv(root / "data" / "train_tags.csv", index=False)
    sample = pd.DataFrame({"image_name": list(asked), "tags": "red green"})
    sample.to_csv(root / "data" / "sample_submission.csv", index=False)
    truth = pd.DataFrame({"image": list(asked), "class_name": list(asked.values())})
    truth.to_csv(root / "truth.csv", index=False)
    compute(root, pool="avg")
    fit(root, **FOLDS, head="blend", epochs=60)
    fit(root, **FOLDS, head="gap", epochs=20, lr=1e-2, name="net")
    return root


def places(root):
    return {"data_dir": root / "data", "models_dir": root / "models"}


@pytest.mark.parametrize("name", ["run", "net"])
def test_a_run_beats_the_prior_by_the_metric_that_goes_with_tags(root, name):
    metrics = json.loads((root / "models" / name / "metrics.json").read_text())
    assert metrics["folds"] == "grouped"
    assert metrics["log_loss"] < metrics["prior_log_loss"]
    figures = metrics["metric"]
    assert figures["name"] == "mean-f1" and figures["baseline_of"] == "majority"
    assert figures["value"] > figures["baseline"]
    this_run = Run.open(root / "models" / name)
    assert this_run.is_tagged and this_run.class_names == list(COLOURS)
    oof = this_run.read_oof(1)
    assert {tag for text in oof["class_name"] for tag in tags_in(text)} == set(COLOURS)


def test_a_submission_holds_tags_as_the_sample_does_and_scores_as_score_says(root):
    sample = pd.read_csv(root / "data" / "sample_submission.csv")
    submission = submit(root)
    assert list(submission.columns) == ["image_name", "tags"]
    assert list(submission["image_name"]) == list(sample["image_name"])
    assert all(set(cell.split()) <= set(COLOURS) and cell for cell in submission["tags"])
    config = ScoreConfig(
        data_dir=root / "data",
        models_dir=root / "models",
        solution=root / "truth.csv",
        submissions=[root / "submissions" / "run.csv"],
    )
    (row,) = score.scores(config).to_dict("records")
    truth = pd.read_csv(root / "truth.csv")["class_name"]
    pairs = [(set(a.split()), set(b.split())) for a, b in zip(truth, submission["tags"], strict=True)]
    assert row["mean-f1"] == pytest.approx(np.mean([2 * len(a & b) / (len(a) + len(b)) for a, b in pairs]))
    assert row["mean-f1"] > row["majority's mean-f1"]
    assert row["accuracy"] == pytest.approx(np.mean([a == b for a, b in pairs]))


def test_probabilities_of_tags_are_each_ones_own_and_score_by_their_area(root, tmp_path):
    wide = tmp_path / "sample_submission.csv"
    names = pd.read_csv(root / "data" / "sample_submission.csv")["image_name"]
    pd.DataFrame({"image": names, "red": 0.5, "blue": 0.5, "green": 0.5}).to_csv(wide, index=False)
    config = predict_config(root, sample=str(wide), out=tmp_path / "wide.csv")
    submission = pd.read_csv(predict.run(config))
    assert list(submission.columns) == ["image", "red", "blue", "green"]
    assert (submission[list(COLOURS)].sum(axis=1) - 1).abs().max() > 0.1
    asked = {**places(root), "solution": root / "truth.csv", "submissions": [tmp_path / "wide.csv"]}
    (row,) = score.scores(ScoreConfig(**asked)).to_dict("records")
    assert row["auc"] > row["prior's auc"] == 0.5
    assert row["log loss"] < row["prior"]


def test_runs_of_tags_are_blended_packed_and_predicted_alike(root, tmp_path):
    how = {**places(root), "submissions_dir": tmp_path / "submissions"}
    said = ensemble.run(EnsembleConfig(**how, runs=["run", "net"], mean="geometric"))
    blended = pd.read_csv(said.splitlines()[-1])
    assert all(blended["tags"].str.len())
    packed = tmp_path / "tags.zip"
    pack.run(PackConfig(**places(root), runs=["run", "net"], mean="geometric", out=packed))
    again = predict_config(root, run=None, pack=packed, submissions_dir=tmp_path / "packed")
    pd.testing.assert_frame_equal(pd.read_csv(predict.run(again)), blended)


def test_heads_that_learn_no_tags_are_left_out_of_a_comparison_and_refused_by_train(root, capsys):
    config = CompareConfig(**places(root), **FOLDS | {"metadata": "none"}, heads="blend,forest")
    text = compare.run(config)
    assert "images have several labels: forest left out" in capsys.readouterr().err
    assert "mean-f1" in text and "forest" not in text
    with pytest.raises(FishError, match="--head forest: images have several labels"):
        train.run(train_config(root, head="forest", epochs=60))
    with pytest.raises(FishError, match="--metric qwk: images have several labels"):
        train.run(train_config(root, head="linear", epochs=60, metric="qwk", name="other"))


def test_what_makes_nothing_of_tags_says_so_before_anything_is_computed(root, tmp_path):
    refused = "is for one label an image, and images have several here"
    with pytest.raises(FishError, match=f"fishcli finetune {refused}; fishcli train learns them"):
        finetune.run(FinetuneConfig(**places(root)))
    with pytest.raises(FishError, match=f"fishcli report {refused}"):
        report.run(ReportConfig(**places(root), run="run"))
    with pytest.raises(FishError, match=f"fishcli heatmap {refused}"):
        heatmap.run(HeatmapConfig(**places(root), run="net"))


def test_the_picture_of_a_competition_counts_images_of_each_tag(root, tmp_path):
    text = data.run(PictureConfig(data_dir=root / "data", out=tmp_path))
    known, _ = tables(48, 1)
    for tag in COLOURS:
        n = sum(tag in said.split() for said in known.values())
        assert any(line.split()[:2] == [tag, str(n)] for line in text.splitlines())


def test_the_audit_tells_of_each_tag_what_metadata_give_away(root, tmp_path):
    config = AuditConfig(data_dir=root / "data", out=tmp_path, fields="bytes", folds=3, permutations=19)
    text = audit.run(config)
    found = json.loads((tmp_path / "audit.json").read_text())
    assert {each["tag"] for each in found["tags"]} == set(COLOURS)
    assert all(each["grouped"] is not None and each["p_images"] >= 0.05 for each in found["tags"])
    assert found["sentence"] == text.splitlines()[-1]
    with pytest.raises(FishError, match="audit-leakage --run is for one label an image"):
        audit.run(AuditConfig(data_dir=root / "data", out=tmp_path, run="run"))
