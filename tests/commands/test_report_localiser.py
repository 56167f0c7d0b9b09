"""`fishcli report` of a localiser's run, and what other commands say of one. No network is built."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from conftest import write_competition
from fake_localiser import write_localiser
from pages import MAX_BYTES, Page

from fishcli.basics.errors import FishError
from fishcli.commands import heatmap, leaderboard, report, summary
from fishcli.options.command_lines import asked_for
from fishcli.options.seeing import HeatmapConfig, ReportConfig, RunsConfig, SummaryConfig
from fishcli.runs.seeing.located import gather_located

MISSED = "ALB/img_000.jpg"


def config_of(root, config_class=ReportConfig, **changes):
    return config_class(
        **{"data_dir": root / "data", "models_dir": root / "models", "run": "locate", **changes}
    )


@pytest.fixture(scope="module")
def located(tmp_path_factory):
    root = tmp_path_factory.mktemp("located")
    write_competition(root / "data")
    return root, *write_localiser(root, missed=[MISSED])


@pytest.fixture
def root(located, tmp_path):
    shutil.copytree(located[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_page_says_what_the_boxes_are_worth_on_which_folds_beside_the_mean_box(root, located):
    path = report.run(config_of(root))
    assert path == str(root / "models" / "locate" / "report.html")
    html = (root / "models" / "locate" / "report.html").read_text(encoding="utf-8")
    assert len(html.encode()) < MAX_BYTES
    page = Page(html)
    assert "(grouped folds), locate puts the centre of its surest box into a true one in 94%" in page.said(
        "h1"
    )
    assert "the mean box alone has" in page.said("h1")
    assert MISSED in page.said("figcaption")
    assert "Crops are likely to pay." in page.said("p")
    assert "--crop" in page.said("span")


def test_the_pages_figures_are_those_of_metrics_json(located):
    root, run, _ = located
    facts = gather_located(run, config_of(root))
    kept = json.loads((run.run_dir / "metrics.json").read_text())
    for name in ("box_iou", "centre_in_box", "average_precision", "mean_box_iou", "auc_any"):
        assert facts.scores[name] == pytest.approx(kept[name])
    assert [each["n_images"] for each in facts.by_fold.values()] == [
        each["n_images"] for each in kept["by_fold"]
    ]
    assert sum(each["n_images"] for each in facts.by_group.values()) == 24
    assert facts.crops.verdict == kept["crops"]["verdict"]
    assert facts.ious[0].mean() == pytest.approx(kept["box_iou"])
    assert facts.ious[1].mean() == pytest.approx(kept["mean_box_iou"])


def test_the_surest_mistakes_come_first_and_right_photos_not_at_all(located):
    root, run, _ = located
    facts = gather_located(run, config_of(root))
    assert [each.image for each in facts.sheets[1]] == [MISSED]
    assert facts.n_wrong == 1
    assert len(facts.sheets[0]) == 16
    assert all(each.photo for sheet in facts.sheets for each in sheet)


def test_locate_prints_its_word_on_crops_and_how_to_know(located):
    _, run, said = located
    lines = said.splitlines()
    assert lines[-1] == str(run.run_dir / "detections.json")
    word = lines.index("crops are likely to pay")
    assert lines[word - 1].startswith("crops hold the middle of a true box in ")
    assert lines[word - 1].endswith("(grouped folds)")
    assert lines[word + 2 : word + 4] == ["fishcli features --crop it", "fishcli train"]


def test_changed_boxes_are_said_and_other_photos_refused(root, capsys):
    run, _ = write_localiser(root)
    path = root / "data" / "boxes" / "alb_labels.json"
    entries = json.loads(path.read_text())
    for each in entries[0]["annotations"]:
        each["x"] += 10
    path.write_text(json.dumps(entries))
    gather_located(run, config_of(root))
    assert "the boxes are others than when locate was trained" in capsys.readouterr().err
    shutil.rmtree(root / "data" / "boxes")
    with pytest.raises(FishError, match="there are no boxes in"):
        gather_located(run, config_of(root))
    (root / "data" / "train" / MISSED).unlink()
    with pytest.raises(FishError, match=r"trained on other images.*fishcli locate"):
        gather_located(run, config_of(root))


def test_random_folds_are_named_and_have_no_groups(root):
    run, said = write_localiser(root, groups="none")
    assert "(random folds)" in said
    facts = gather_located(run, config_of(root))
    assert facts.folds == "random"
    assert facts.by_group == {}
    page = Page(_page_of(root))
    assert "On random folds, locate puts" in page.said("h1")
    assert "--groups none" in page.said("span")


def _page_of(root):
    report.run(config_of(root))
    return (root / "models" / "locate" / "report.html").read_text(encoding="utf-8")


def test_an_unfinished_localiser_is_listed_with_what_goes_on(root):
    shutil.rmtree(root / "models")
    run, _ = write_localiser(root, is_complete=False)
    with pytest.raises(FishError, match=r"locate is not complete. Go on: fishcli locate .*--folds 2"):
        report.run(config_of(root))
    table = leaderboard.run(RunsConfig(models_dir=root / "models"))
    assert "1 of 2 folds are trained" in table
    assert f"fishcli locate --models-dir {root / 'models'} --features {run.store} --folds 2" in table


def test_a_complete_one_is_listed_beside_its_mean_box(root):
    table = leaderboard.run(RunsConfig(models_dir=root / "models"))
    assert "box IoU (grouped)" in table and "mean box's (grouped)" in table
    kept = json.loads((root / "models" / "locate" / "metrics.json").read_text())
    assert f"{kept['box_iou']:.4f}" in table


@pytest.mark.parametrize(
    ("command", "config_class"),
    [(summary, SummaryConfig), (heatmap, HeatmapConfig)],
    ids=["summary", "heatmap"],
)
def test_what_a_localiser_has_not_is_refused_with_what_it_has(root, command, config_class):
    config = config_of(root, config_class)
    with asked_for(config), pytest.raises(FishError) as error:
        command.run(config)
    said = str(error.value)
    assert "the run locate is a localiser's" in said
    assert f"fishcli report --data-dir {root / 'data'} --models-dir {root / 'models'} locate" in said
    assert f"fishcli features --data-dir {root / 'data'} --crop {root / 'models' / 'locate'}" in said


def test_without_a_name_a_localiser_is_never_meant(root):
    with pytest.raises(FishError, match="no runs in"):
        report.run(dataclasses.replace(config_of(root), run=None))


def test_found_boxes_on_a_photo_are_few(located):
    root, run, _ = located
    facts = gather_located(run, config_of(root))
    assert max(each.said.count("%") for each in facts.sheets[0]) <= 3
    assert np.all([each.said.endswith("sure") for each in facts.sheets[0]])
