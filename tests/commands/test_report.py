"""`fishcli report`: what it measures, the sibling it finds, and the command lines that make a run again."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from fake_audit import NASTY
from pages import MAX_BYTES, Page
from pipeline import compute, fit, parse, train_config

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json, write_json
from fishcli.basics.intervals import paired_interval
from fishcli.commands import features, report, train
from fishcli.dataset.classes import proba_columns
from fishcli.options import command_lines
from fishcli.options.features import FeaturesConfig
from fishcli.options.seeing import ReportConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.run import Run
from fishcli.runs.seeing.answers import read_answers
from fishcli.runs.seeing.gap import find_sibling, measure_gap, sibling_command
from fishcli.runs.seeing.measures import confusion, mean_curves
from fishcli.runs.seeing.mistakes import surest_mistakes
from fishcli.scoring.metrics import log_losses
from fishcli.scoring.reliability import reliability

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


def report_config(root, **changes):
    return ReportConfig(**{"data_dir": root / "data", "models_dir": root / "models", "run": "run", **changes})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Features of two views; a grouped run, one of whose classes is named NASTY, and its report."""
    root = tmp_path_factory.mktemp("report run")
    write_competition(root / "data")
    images = sorted(path for path in (root / "data" / "train").glob("*/*.jpg"))
    ids = [path.relative_to(root / "data" / "train").as_posix() for path in images]
    labels = [NASTY if each.startswith("ALB") else Path(each).parent.name for each in ids]
    pd.DataFrame({"image": ids, "label": labels}).to_csv(root / "data" / "train.csv", index=False)
    compute(root, views=2)
    fit(root, views=2, metadata="none", lr=5e-3, epochs=4)
    return root, report.run(report_config(root))


@pytest.fixture(scope="module")
def both(trained, tmp_path_factory):
    """The same, with the random run beside it that the report has the command for."""
    root = tmp_path_factory.mktemp("both") / "a b"
    shutil.copytree(trained[0], root)
    config = report_config(root)
    _, line = sibling_command(Run.open(root / "models" / "run"), config)
    return root, Path(train.run(parse(line)).splitlines()[-1])


def test_a_page_of_the_run_is_written_into_its_folder(trained):
    root, path = trained
    assert path == str(root / "models" / "run" / "report.html")
    html = Path(path).read_text(encoding="utf-8")
    assert len(html.encode()) < MAX_BYTES
    pytest.importorskip("html5lib").HTMLParser(strict=True).parse(html)
    page = Page(html)
    assert not page.all("script")
    assert NASTY in page.said("dd")
    assert NASTY in page.said("text")
    metrics = json.loads((root / "models" / "run" / "metrics.json").read_text())
    assert f"{metrics['log_loss']:.3f}; the class prior alone has" in page.said("h1")
    assert "(grouped folds)" in page.said("h1")
    assert "has these settings on random folds. This makes one:" in page.said("p")
    assert "--groups none" in page.said("span")


def test_parts_add_up_to_the_metrics(trained):
    root, _ = trained
    facts = report.gather(Run.open(root / "models" / "run"), report_config(root))
    for parts in (facts.by_class, facts.by_group, facts.by_fold):
        counts = np.array([part.n_images for part in parts])
        assert counts.sum() == facts.scores["n_images"] == facts.confusion.sum()
        for name in ("log_loss", "prior_log_loss", "accuracy"):
            mean = counts @ np.array([getattr(part, name) for part in parts]) / counts.sum()
            assert mean == pytest.approx(facts.scores[name])
    assert np.trace(facts.confusion) / facts.confusion.sum() == pytest.approx(facts.scores["accuracy"])
    assert facts.ious[0].mean() == pytest.approx(facts.scores["box_iou"])
    assert facts.ious[1].mean() == pytest.approx(facts.scores["mean_box_iou"])
    assert [
        fold["log_loss"] for fold in json.loads((root / "models/run/metrics.json").read_text())["by_fold"]
    ] == (pytest.approx([part.log_loss for part in facts.by_fold]))
    assert all(mistake.photo[:2] == b"\xff\xd8" for mistake in facts.mistakes)
    assert [curve["loss"][-1][0] for curve in facts.curves[""]] == [4, 4, 4]


def test_raw_probabilities_are_those_before_the_temperature(trained):
    root, _ = trained
    run = Run.open(root / "models" / "run")
    from fishcli.runs.seeing.answers import read_kept
    from fishcli.scoring.metrics import log_loss

    answers = read_answers(run, report_config(root), None)
    raw = read_kept(run, answers, "proba")[0]
    metrics = json.loads((run.run_dir / "metrics.json").read_text())
    assert log_loss(answers.labels, raw) == pytest.approx(metrics["raw_log_loss"])


def test_the_sibling_is_made_by_the_command_and_found(both):
    root, sibling_dir = both
    run, config = Run.open(root / "models" / "run"), report_config(root)
    sibling = find_sibling(run, config)
    assert sibling.run_dir == sibling_dir == root / "models" / "run-random"
    assert find_sibling(sibling, config).run_dir == run.run_dir
    gap = measure_gap(run, sibling, config)
    assert gap == dataclasses.replace(measure_gap(sibling, run, config), sibling="run-random")
    grouped, random = (each.read_oof(1).set_index("image") for each in (run, sibling))
    random = random.loc[grouped.index]
    labels = np.array([run.class_names.index(name) for name in grouped["class_name"]])
    losses = [
        log_losses(labels, each[proba_columns(run.class_names)].to_numpy()) for each in (grouped, random)
    ]
    assert gap.difference == pytest.approx((losses[0] - losses[1]).mean())
    interval = paired_interval(losses[0] - losses[1], grouped["group"].to_numpy())
    assert (gap.low, gap.high) == (interval.low, interval.high)
    assert gap.low < gap.difference < gap.high


def test_a_sibling_is_found_in_a_comparison_and_only_where_it_is_one(both, tmp_path):
    root = tmp_path / "moved"
    shutil.copytree(both[0], root)
    run, config = Run.open(root / "models" / "run"), report_config(root)
    (root / "models" / "cmp").mkdir()
    moved = (root / "models" / "run-random").rename(root / "models" / "cmp" / "gap-random")
    assert measure_gap(run, find_sibling(run, config), config).sibling == "cmp/gap-random"
    kept = read_json(moved / "config.json")
    for change in ({"store": "other"}, {"dataset": "0"}, {"settings": {**kept["settings"], "epochs": 5}}):
        write_json(moved / "config.json", {**kept, **change}, sealed=True)
        assert find_sibling(run, config) is None
    (moved / "config.json").write_text(json.dumps({"old": 1}))
    assert find_sibling(run, config) is None
    (moved / "config.json").write_text(json.dumps(kept))
    (moved / "metrics.json").rename(moved / "not.json")
    assert find_sibling(run, config) is None


def test_a_random_run_takes_its_groups_from_its_sibling(both):
    root, _ = both
    config = report_config(root, run="run-random")
    run = Run.open(root / "models" / "run-random")
    answers = read_answers(run, config, find_sibling(run, config))
    assert answers.groups_from == "the folds of run"
    assert set(answers.groups) == {f"boat_{k}" for k in range(4)}
    alone = read_answers(run, config, None)
    assert alone.groups_from.endswith("groups.csv")
    assert list(alone.groups) == list(answers.groups)


@pytest.mark.parametrize(
    ("setting", "said"), [({"balance": "group"}, "--balance"), ({"pseudo": "x"}, "teacher")]
)
def test_a_run_that_can_have_no_sibling_is_offered_none(trained, setting, said):
    root, _ = trained
    run = Run.open(root / "models" / "run")
    run = dataclasses.replace(run, settings={**run.settings, **setting})
    note, line = sibling_command(run, report_config(root))
    assert said in note
    assert line == ""


def test_the_command_lines_make_the_same_run(trained):
    root, path = trained
    facts = report.gather(Run.open(root / "models" / "run"), report_config(root))
    store_line, train_line = facts.commands
    store_dir = root / "data" / "features" / facts.facts["Features"]
    assert features.run(parse(store_line)) == str(store_dir)
    parsed = parse(train_line)
    assert parsed == train_config(
        root, views=2, metadata="none", lr=5e-3, epochs=4, features=store_dir.name, memory_budget=4.0
    )
    said = train.run(parsed)  # refused where anything differed: the run is there
    assert said.endswith(str(root / "models" / "run"))
    said = Page(Path(path).read_text(encoding="utf-8")).said("span")
    assert train_line in said


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(),
        TrainConfig(
            data_dir=Path("a 'b' $c"), features_dir=Path("-f"), head="inception", auxiliary=True, lr=1e-5
        ),
        TrainConfig(mixup=0.25, seeds=3, groups="my groups.csv", pseudo="teacher", name="a;b", folds=7),
        FeaturesConfig(),
        FeaturesConfig(weights="w w.h5", layer="block_13", pool="avg", augment="3", skip_unreadable=True),
    ],
)
def test_a_command_line_parses_back_to_its_config(config):
    name = "train" if isinstance(config, TrainConfig) else "features"
    assert parse(command_lines.command_line(name, config)) == config


def test_every_option_of_train_comes_back():
    other = {int: 3, float: 0.5, bool: True, str: "x"}
    for field in dataclasses.fields(TrainConfig):
        values = {"data_dir": Path("d"), "models_dir": Path("m"), "features_dir": Path("f")}
        kind = type(field.default)
        choices = {"pooling": "gem", "box_loss": "giou", "loss": "hinge", "class_weight": "balanced"}
        choices |= {"balance": "group", "calibrate": "none", "boxes": "union", "residual_version": 1}
        choices |= {"transparency": "white", "view_set": "square", "answer": "top-k", "test_groups": 3}
        choices |= {"codebook": 64, "pyramid": 3}
        value = values.get(field.name) or choices.get(field.name) or other.get(kind, "x")
        config = TrainConfig(**{field.name: value})
        assert parse(command_lines.command_line("train", config)) == config, field.name


@pytest.mark.usefixtures("undrawn")
def test_without_the_competition_the_numbers_of_the_run_are_left(trained, tmp_path, capsys):
    shutil.copytree(trained[0] / "models", tmp_path / "models")
    page = Page(Path(report.run(report_config(tmp_path))).read_text(encoding="utf-8"))
    assert "--data-dir" in capsys.readouterr().err
    assert not page.all("img")
    assert "Skipped: the photos and their boxes are not at hand" in page.said("p")
    assert "The features are not in" in page.said("p")
    assert "Loss by group" in page.said("h2")


def test_other_images_are_refused(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "data" / "train.csv").unlink()
    with pytest.raises(FishError, match="other images"):
        report.run(report_config(tmp_path))


def test_a_photo_that_can_not_be_read_leaves_its_words(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path, dirs_exist_ok=True)
    run = Run.open(tmp_path / "models" / "run")
    answers = read_answers(run, report_config(tmp_path), None)
    row = surest_mistakes(answers)[0]
    size = answers.paths[row].stat().st_size
    answers.paths[row].write_bytes(bytes(size))
    facts = report.gather(run, report_config(tmp_path))
    assert [mistake.photo is None for mistake in facts.mistakes][:2] == [True, False]
    assert facts.mistakes[0].image == answers.images[row]


def test_a_run_of_one_class_has_boxes_and_no_loss(tmp_path):
    write_competition(tmp_path / "data", classes=("fish",), n_per_class=12, with_groups=False)
    compute(tmp_path)
    fit(tmp_path, metadata="none", folds=2, epochs=1)
    page = Page(Path(report.run(report_config(tmp_path))).read_text(encoding="utf-8"))
    assert "On random folds, the boxes of run overlap the true ones by" in page.said("h1")
    assert "The boxes that miss most" in page.said("h2")
    assert "log loss" not in page.said().lower()
    assert len(page.all("img")) >= 8


@pytest.mark.usefixtures("undrawn")
def test_a_head_without_epochs_has_no_curves(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "models" / "run").glob("fold_?.json"):
        write_json(path, {**read_json(path), "losses": [{}]}, sealed=True)
    page = Page(Path(report.run(report_config(tmp_path))).read_text(encoding="utf-8"))
    assert "Skipped: this head is not trained in epochs." in page.said("p")


def test_without_groups_they_come_first(both, tmp_path):
    root = tmp_path / "ungrouped"
    shutil.copytree(both[0], root)
    shutil.rmtree(root / "models" / "run")
    (root / "data" / "groups.csv").unlink()
    facts = report.gather(Run.open(root / "models" / "run-random"), report_config(root))
    assert facts.gap is None
    assert facts.by_group == []
    assert "fishcli groups" in facts.gap_note
    assert parse(facts.gap_command).groups == "auto"
    assert parse(facts.gap_command).name == "run-random-grouped"


def test_the_surest_mistakes_are_wrong_sure_and_of_different_kinds(trained):
    root, _ = trained
    answers = read_answers(Run.open(root / "models" / "run"), report_config(root), None)
    n, labels = len(answers.labels), answers.labels
    proba = np.full((n, 3), 0.05)
    proba[np.arange(n), (labels + 1) % 3] = 0.9 - 0.01 * np.arange(n)
    proba[0, labels[0]] = 2.0  # right and surest
    answers = dataclasses.replace(answers, proba=proba)
    rows = surest_mistakes(answers)
    assert 0 not in rows
    assert rows[0] == 1
    assert (np.diff(proba.max(axis=1)[rows]) < 0).all()
    kinds = list(zip(answers.groups[rows], labels[rows], strict=True))
    assert len(kinds) == len(set(kinds)) == 8
    without = surest_mistakes(dataclasses.replace(answers, groups=None))
    assert list(without) == list(range(1, 9))
    assert confusion(answers)[labels[1], (labels[1] + 1) % 3] > 0


def test_reliability_of_answers_that_are_as_sure_as_right():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 4000)
    labels = (rng.random(4000) > sure).astype(int)
    honest = reliability(labels, np.stack([sure, 1 - sure], axis=1))
    assert honest.error < honest.error_by_chance < 0.04
    inside = (honest.low <= honest.accuracy) & (honest.accuracy <= honest.high)
    assert inside.all()
    boasting = reliability(labels, np.stack([sure**0.3, 1 - sure**0.3], axis=1))
    assert boasting.error > 3 * boasting.error_by_chance


def test_the_calibration_error_is_that_of_the_paper():
    proba = np.array([[0.92, 0.08], [0.98, 0.02], [0.4, 0.6], [0.38, 0.62]])
    found = reliability(np.array([0, 1, 1, 1]), proba)
    np.testing.assert_allclose(found.confidence, [0.61, 0.95])
    np.testing.assert_allclose(found.accuracy, [1.0, 0.5])
    assert found.counts.tolist() == [2, 2]
    assert found.error == pytest.approx(0.5 * 0.39 + 0.5 * 0.45)
    assert reliability(np.array([0]), np.array([[1.0, 0.0]])).error == 0


def test_curves_are_means_and_keep_their_ends():
    losses = [{"loss": list(np.arange(500.0))}, {"loss": list(np.arange(500.0) + 2)}]
    curve = mean_curves(losses)["loss"]
    assert curve[0] == (1, 1.0)
    assert curve[-1] == (500, 500.0)
    assert len(curve) == 120
    assert mean_curves([{}]) == {}
