"""What methods return: the files that commands wrote, as tables, figures and HTML whose names are escaped."""

import html
import json
import os

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from drawn_stores import draw_store
from fake_audit import NASTY, rich_audit
from fake_localiser import write_localiser

import fishcli
from fishcli.library import showing
from fishcli.library.pages import Audit, Page

CLASSES = ["ALB", "<b>BET", "NoF"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("library")
    write_competition(root / "data", classes=CLASSES)
    draw_store(root, 1, shape=(2, 2, 4), views=("identity", "hflip"))
    return root


@pytest.fixture(scope="module")
def competition(root):
    places = {"models_dir": root / "models", "submissions_dir": root / "submissions"}
    return fishcli.Competition(root / "data", **places, quiet=True)


@pytest.fixture(scope="module")
def run(competition):
    return competition.train(head="linear", folds=2, views=2, boxes="none", name="first")


def test_a_run_has_its_predictions_figures_and_folds(run, root):
    assert (run.name, run.path, run.classes) == ("first", root / "models" / "first", sorted(CLASSES))
    assert list(run.oof.columns[:4]) == ["image", "class_name", "fold", "group"]
    assert np.allclose(run.oof[[f"proba_{name}" for name in run.classes]].sum(axis=1), 1)
    assert run.metrics["folds"] == "grouped" and "files" not in run.metrics
    assert run.config["head"] == "linear"
    assert run.folds["image"].equals(run.oof["image"])
    assert f"log loss {run.metrics['log_loss']:.4f} (grouped folds; class prior" in repr(run)


def test_a_run_shows_its_folds_and_plots_without_another_file_and_escapes_names(run):
    shown = run._repr_html_()
    assert shown.count('src="data:image/svg+xml;base64,') == 1  # a linear head has no curves
    assert "http" not in shown and "<b>BET" not in shown
    assert f"{run.metrics['log_loss']:.4f}" in shown and "<td>1</td>" in shown


def test_predictions_are_a_table_and_the_submissions_files(run, root):
    found = run.predict(tta=2)
    assert found.paths == [root / "submissions" / "first.csv"]
    assert set(found.table["image"]) == set(found.submissions[0]["image"])
    joined = found.submissions[0].merge(found.table, on="image")
    assert np.allclose(joined["NoF"], joined["proba_NoF"], atol=1e-6)
    assert str(found.paths[0]) in found._repr_html_()


def test_tables_are_scored_as_files_are_whatever_the_order_of_their_rows(competition, run, root):
    found = run.predict()
    by_file = competition.score(found, root / "data" / "solution.csv")
    table = found.submissions[0].sample(frac=1, random_state=0)
    by_table = competition.score(table, pd.read_csv(root / "data" / "solution.csv"))
    assert by_file.equals(by_table)
    assert {"part", "images", "log loss", "prior"} <= set(by_file) and by_file["part"][0] == "all"
    both = competition.score([table, found.paths[0]], root / "data" / "solution.csv")
    assert list(both["submission"]) == ["table_1", "first"]


def test_earlier_runs_are_listed_and_opened(competition, run):
    assert list(competition.runs()["name"]) == ["first"]
    assert competition.run("first").path == competition.run().path == run.path
    assert competition.predict(run="first", tta=1).paths == competition.predict().paths
    with pytest.raises(fishcli.FishError, match="unknown run 'frist'. Did you mean 'first'"):
        competition.run("frist")


def test_a_run_of_several_fold_seeds_shows_each_of_them(competition):
    run = competition.train(head="linear", folds=2, boxes="none", repeats=2, name="twice")
    assert "<th>seed</th>" in run._repr_html_() and len(run.metrics["by_seed"]) == 2
    run.note(public=1.5)
    assert competition.runs().set_index("name")["public"]["twice"] == 1.5
    run.remove()


def test_runs_are_blended_by_name_or_as_they_are_and_removed(competition, run):
    other = competition.train(head="linear", folds=2, views=2, boxes="none", metadata="none", name="second")
    found = competition.ensemble(run, "second", name="blend")
    assert [path.name for path in found.paths] == ["blend.csv"] and found.table is None
    assert "weight" in found.said
    other.remove()
    assert list(competition.runs()["name"]) == ["first"]


def test_features_are_arrays_whose_rows_are_named(competition, root):
    store = competition.store()
    assert store.shape == (24, 2, 2, 4)
    assert store.views == {"test": ["hflip", "identity"], "train": ["hflip", "identity"]}
    assert store.read("test", "hflip").shape == (6, 2, 2, 4)
    assert len(store.images("test")) == 6 and "image" in store.images()
    assert store.recipe["backbone"] == "vgg16" and store.name in store._repr_html_()
    with pytest.raises(fishcli.FishError, match="unknown split 'tset'. Did you mean 'test'"):
        store.images("tset")


def test_a_comparison_is_a_table_and_a_plot(competition):
    found = competition.compare(heads=["linear"], folds=2, boxes="none", metadata=("none", "size"))
    assert set(found.table["metadata"]) == {"none", "size"}
    assert found.plot.is_file() and "data:image/png" in found._repr_html_()


def test_a_localiser_has_its_detections(tmp_path):
    write_competition(tmp_path / "data")
    write_localiser(tmp_path)
    competition = fishcli.Competition(tmp_path / "data", models_dir=tmp_path / "models")
    found = competition.localiser()
    assert list(found.detections) == ["split", "image", "confidence", "x_min", "y_min", "x_max", "y_max"]
    assert set(found.detections["split"]) == {"train"} and found.detections["confidence"].between(0, 1).all()
    assert (found.detections["x_max"] > found.detections["x_min"]).all()
    assert f"box IoU {found.metrics['box_iou']:.4f} (grouped folds" in repr(found)
    assert "mean_box_iou" in found._repr_html_()
    page = found.report()
    assert "<iframe" in page._repr_html_() and os.fspath(page) == str(tmp_path / "models/locate/report.html")
    with pytest.raises(fishcli.FishError, match="is no localiser's run. Make one: fishcli locate"):
        competition.localiser("other")


def test_the_files_of_a_competition_are_pictured(competition, root):
    found = competition.data(out=root / "picture")
    assert len(found.images) == 30 and set(found.images["split"]) == {"train", "test"}
    assert "&lt;html" in found._repr_html_()


def test_groups_are_a_table_that_train_takes(competition, root):
    found = competition.groups(features="none", out=root / "found.csv")
    assert set(found.table.columns) == {"image", "group"} and len(found.table) == 24
    assert found.sheets_dir.is_dir() and "Groups found" in found._repr_html_()
    run = competition.train(head="linear", folds=2, boxes="none", groups=found, name="by-found")
    assert dict(zip(run.folds["image"], run.folds["group"], strict=True)) == dict(found.table.to_numpy())
    run.remove()


def test_an_audit_has_its_bits_by_kind_of_folds_and_escapes_names(tmp_path):
    audit = rich_audit()
    (tmp_path / "audit.json").write_text(json.dumps(audit))
    found = Audit(tmp_path)
    assert found.bits == {each["folds"]: each["bits"] for each in audit["gains"] if each["fields"] == "file"}
    assert len(found.table) == len(audit["gains"]) and found.fields["random_bits"].is_monotonic_decreasing
    assert audit["sentence"] in repr(found)
    shown = found._repr_html_()
    assert html.escape(audit["sentence"]) in shown and "<img" not in shown


def test_what_a_command_prints_is_text(competition):
    assert "size_key" in competition.command("audit-leakage", list_fields=True)


def test_a_page_is_whole_in_a_frame_that_runs_nothing(tmp_path):
    path = tmp_path / "page.html"
    path.write_text('<p title="a">café</p>', encoding="utf-8")
    shown = Page(path)._repr_html_()
    assert 'srcdoc="&lt;p title=&quot;a&quot;&gt;café&lt;/p&gt;"' in shown and " sandbox " in shown


def test_tables_in_notebooks_escape_names_and_say_how_much_is_left_out():
    shown = showing.table(pd.DataFrame({"<i>": [NASTY] * 30, "x": [1 / 3] * 30}))
    assert "<script>" not in shown and "<i>" not in shown
    assert "0.3333" in shown and "... and 10 more" in shown
