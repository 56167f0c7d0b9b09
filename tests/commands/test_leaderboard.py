"""The leaderboard of runs, made from files that a test writes, and the removal of runs."""

import csv
import io
import json
import sys

import pytest
from typer.testing import CliRunner

from fishcli.basics.errors import FishError
from fishcli.cli import app
from fishcli.runs.folders.picking import pick_run

runner = CliRunner()


def write_run(run_dir, folds="grouped", loss=1.5, *, n_done=2, complete=True, **settings):
    """A run folder as train writes it, less what the leaderboard doesn't read."""
    run_dir.mkdir(parents=True)
    known = {"folds": 2, "groups": "auto" if folds == "grouped" else "none", "views": 1, "seed": 0}
    known |= {"head": "gap", "metadata": "size", "boxes": "largest", "lr": 0.001, **settings}
    config = {
        "run_dir": run_dir.name,
        "class_names": ["ALB", "BET"],
        "store": "mobilenet_v2_035-224x224-8c7f65110d40",
        "dataset": "d" * 64,
        "targets": folds,
        "settings": known,
    }
    (run_dir / "config.json").write_text(json.dumps(config))
    for k in range(n_done):
        (run_dir / f"fold_{k}.json").write_text(json.dumps({"seconds": 10.5, "n_parameters": 1000}))
    scores = {"n_images": 48, "box_iou": 0.4, "mean_box_iou": 0.3}
    if loss is not None:
        scores |= {"log_loss": loss, "prior_log_loss": 2.0, "accuracy": 0.5}
    if complete:
        metrics = {"folds": folds, **scores, "by_views": {"1": scores}}
        (run_dir / "metrics.json").write_text(json.dumps(metrics))
    return run_dir


def _runs(models_dir, *options):
    return runner.invoke(app, ["runs", "--models-dir", str(models_dir), *options])


def _listed(models_dir, *options):
    return json.loads(_runs(models_dir, "--json", *options).stdout)


def _remove(models_dir, *arguments):
    return runner.invoke(app, ["runs", "rm", "--models-dir", str(models_dir), *arguments])


def test_losses_stand_under_their_folds_beside_the_prior(tmp_path):
    write_run(tmp_path / "one", "grouped", 1.25, head="fcn")
    write_run(tmp_path / "two", "random", 0.5, lr=0.1)
    lines = _runs(tmp_path).stdout.splitlines()
    place = {name: lines[0].split().index(name) for name in ("grouped", "random")}
    assert [line.split()[0] for line in lines[1:3]] == ["one", "two"]
    assert lines[1].split()[place["grouped"]] == "1.2500"
    assert lines[1].split()[place["random"]] == "-"
    assert lines[2].split()[place["random"]] == "0.5000"
    assert "prior (grouped) 2.0000; prior (random) 2.0000" in " ".join(lines)


def test_runs_that_differ_only_by_folds_share_a_line(tmp_path):
    write_run(tmp_path / "compare" / "gap-size-grouped-0", "grouped", 1.25)
    write_run(tmp_path / "compare" / "gap-size-random-0", "random", 0.5)
    write_run(tmp_path / "compare" / "gap-none-random-0", "random", 0.75, metadata="none")
    lines = _runs(tmp_path).stdout.splitlines()
    assert lines[1].split()[:3] == ["compare/gap-size-{grouped,random}-0", "1.2500", "0.5000"]
    assert lines[2].split()[0] == "compare/gap-none-random-0"
    rows = {row["name"]: row for row in _listed(tmp_path)}
    assert rows["compare/gap-size-grouped-0"]["paired_with"] == "compare/gap-size-random-0"
    assert rows["compare/gap-none-random-0"]["paired_with"] is None


@pytest.mark.parametrize("change", [{"seed": 1}, {"lr": 0.1}, {"views": 2}])
def test_runs_that_differ_by_more_do_not(tmp_path, change):
    write_run(tmp_path / "a", "grouped")
    write_run(tmp_path / "b", "random", **change)
    assert {row["paired_with"] for row in _listed(tmp_path)} == {None}


def test_nobody_knows_which_of_several_belong_together(tmp_path):
    for name, folds in {"a": "grouped", "b": "grouped", "c": "random"}.items():
        write_run(tmp_path / name, folds)
    assert {row["paired_with"] for row in _listed(tmp_path)} == {None}


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("grouped", ["b", "a", "c", "d"]),
        ("random", ["c", "b", "a", "d"]),
        ("seconds", ["d", "a", "b", "c"]),
        ("name", ["a", "b", "c", "d"]),
    ],
)
def test_sorting_puts_what_is_unknown_last(tmp_path, sort, names):
    write_run(tmp_path / "a", "grouped", 1.5)
    write_run(tmp_path / "b", "grouped", 1.0, head="fcn")
    write_run(tmp_path / "c", "random", 0.5, head="dense")
    quick = write_run(tmp_path / "d", "grouped", None, head="linear")
    (quick / "fold_0.json").write_text(json.dumps({"seconds": 0.1, "n_parameters": 1}))
    assert [row["name"] for row in _listed(tmp_path, "--sort", sort)] == names


def test_what_to_expect_of_groups_to_come_has_a_column_where_a_run_tells_it(tmp_path):
    write_run(tmp_path / "before", loss=1.5, lr=0.1)
    assert "unseen groups" not in _runs(tmp_path).stdout
    run_dir = write_run(tmp_path / "now", loss=1.25)
    metrics = json.loads((run_dir / "metrics.json").read_text())
    metrics["expected"] = {"log_loss": 1.25, "low": 0.98, "high": 1.612, "groups": 78, "new_groups": 26}
    (run_dir / "metrics.json").write_text(json.dumps(metrics))
    lines = _runs(tmp_path).stdout.splitlines()
    assert "unseen groups" in lines[0]
    assert "0.98 to 1.61" in lines[1]
    assert "log loss on 26 groups to come lies, 95% of times" in " ".join(lines)
    rows = {row["name"]: row for row in _listed(tmp_path)}
    named = ("expected_low", "expected_high", "expected_groups")
    assert [rows["now"][name] for name in named] == [0.98, 1.612, 26]
    assert [rows["before"][name] for name in named] == [None, None, None]


def test_numbers_in_names_count_as_numbers(tmp_path):
    for k in (10, 9, 1):
        write_run(tmp_path / f"gap-{k}", lr=k)
    assert [row["name"] for row in _listed(tmp_path, "--sort", "name")] == ["gap-1", "gap-9", "gap-10"]


def test_csv_and_json_say_the_same(tmp_path):
    write_run(tmp_path / "a")
    (row,) = _listed(tmp_path)
    (same,) = csv.DictReader(io.StringIO(_runs(tmp_path, "--csv").stdout))
    assert {key: "" if value is None else str(value) for key, value in row.items()} == same
    assert row["backbone"] == "mobilenet_v2_035"
    assert row["seconds"] == 21.0
    assert (row["log_loss"], row["prior_log_loss"], row["folds"]) == (1.5, 2.0, "grouped")


def _broken(run_dir, name, text):
    write_run(run_dir)
    (run_dir / name).write_text(text)


def test_what_is_not_complete_is_listed_with_why(tmp_path):
    write_run(tmp_path / "good")
    write_run(tmp_path / "begun", n_done=1, complete=False)
    _broken(tmp_path / "cut", "metrics.json", '{"folds": "gro')
    _broken(tmp_path / "list", "config.json", "[]")
    _broken(tmp_path / "nan", "metrics.json", '{"folds": "grouped", "log_loss": NaN, "by_views": {}}')
    _broken(tmp_path / "folds", "metrics.json", '{"folds": "half", "n_images": 1, "by_views": {}}')
    write_run(tmp_path / "bare")
    (tmp_path / "bare" / "config.json").unlink()
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    result = _runs(tmp_path)
    assert result.exit_code == 0
    store = "mobilenet_v2_035-224x224-8c7f65110d40"
    go_on = f"fishcli train --models-dir {tmp_path} --folds 2 --view-set square --features {store}"
    assert "incomplete: begun: 1 of 2 folds are trained. Go on" in result.stdout
    assert f"{go_on} --head gap --name begun\n" in result.stdout
    for name in ("cut", "list", "nan", "folds", "bare"):
        assert f"unreadable: {name}: " in result.stdout
    assert "empty" not in result.stdout
    rows = {row["name"]: row for row in _listed(tmp_path)}
    assert {name for name, row in rows.items() if row["status"] == "complete"} == {"good"}
    assert rows["begun"]["log_loss"] is None
    assert len(rows) == 7


def test_heads_that_are_no_better_than_the_prior_are_named(tmp_path):
    write_run(tmp_path / "bad", loss=2.5)
    write_run(tmp_path / "good", loss=1.5, lr=0.1)
    assert "no better than the class prior: bad" in _runs(tmp_path).stdout


def test_a_narrow_terminal_keeps_losses_and_says_what_it_left_out(tmp_path, monkeypatch):
    write_run(tmp_path / ("long-name" * 4), loss=1.25)
    write_run(tmp_path / "other", "random", 0.5, head="fcn", views=4)
    from fishcli.commands import leaderboard
    from fishcli.options.seeing import RunsConfig

    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr("fishcli.commands.leaderboard.terminal_width", lambda: 80)
    text = leaderboard.run(RunsConfig(models_dir=tmp_path))
    assert max(map(len, text.splitlines())) <= 80
    assert "1.2500" in text
    assert "no room for" in text


def test_no_runs_is_an_error(tmp_path):
    for models_dir in (tmp_path, tmp_path / "missing"):
        result = _runs(models_dir)
        assert result.exit_code == 1
        assert "Train one first: fishcli train" in result.stderr


def test_rm_removes_what_it_names_and_no_more(tmp_path):
    write_run(tmp_path / "models" / "a")
    write_run(tmp_path / "models" / "b")
    write_run(tmp_path / "models" / "compare" / "c")
    write_run(tmp_path / "models" / "compare" / "d")
    assert _remove(tmp_path / "models", "--yes", "a", "compare/c").exit_code == 0
    left = sorted(path.parent.name for path in (tmp_path / "models").rglob("config.json"))
    assert left == ["b", "d"]
    assert _remove(tmp_path / "models", "--yes", "compare").exit_code == 0
    assert not (tmp_path / "models" / "compare").exists()


def test_rm_asks_first(tmp_path, monkeypatch):
    write_run(tmp_path / "a")
    result = _remove(tmp_path, "a")
    assert result.exit_code == 1
    assert "pass --yes" in result.stderr
    monkeypatch.setattr("fishcli.commands.remove_runs._can_ask", lambda: True)
    for answer, is_left in (("n\n", True), ("\n", True), ("y\n", False)):
        arguments = ["runs", "rm", "--models-dir", str(tmp_path), "a"]
        result = runner.invoke(app, arguments, input=answer)
        assert (tmp_path / "a").exists() == is_left
        assert "4 files" in result.stderr


@pytest.mark.parametrize(
    "name", ["..", "../models/a", "a/../../other", "/etc", "~/a", "", ".", "a/b/c", "x\\y"]
)
def test_rm_stays_inside(tmp_path, name):
    write_run(tmp_path / "models" / "a")
    write_run(tmp_path / "other")
    result = _remove(tmp_path / "models", "--yes", "--", name)
    assert result.exit_code == 1
    assert (tmp_path / "other" / "config.json").exists()
    assert (tmp_path / "models" / "a" / "config.json").exists()


def test_rm_removes_nothing_where_one_name_is_wrong(tmp_path):
    write_run(tmp_path / "vgg")
    result = _remove(tmp_path, "--yes", "vgg", "vgh")
    assert result.exit_code == 1
    assert "Did you mean 'vgg'?" in result.stderr
    assert (tmp_path / "vgg").exists()


def test_rm_does_not_follow_links(tmp_path):
    models_dir = tmp_path / "models"
    real = write_run(tmp_path / "elsewhere" / "real")
    write_run(models_dir / "a")
    (models_dir / "a" / "inner").symlink_to(tmp_path / "elsewhere")
    (models_dir / "linked").symlink_to(real)
    (models_dir / "many").symlink_to(tmp_path / "elsewhere")
    refused = _remove(models_dir, "--yes", "many/real")
    assert refused.exit_code == 1
    assert "is a link" in refused.stderr
    assert _remove(models_dir, "--yes", "a", "linked", "many").exit_code == 0
    assert list(models_dir.iterdir()) == []
    assert (real / "metrics.json").exists()


def test_a_removal_that_is_cut_short_leaves_no_complete_run(tmp_path, monkeypatch):
    run_dir = write_run(tmp_path / "a")

    def fail(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.rmtree", fail)
    assert _remove(tmp_path, "--yes", "a").exit_code == 1
    assert run_dir.exists()
    assert _listed(tmp_path)[0]["status"] == "incomplete"


def test_runs_of_a_comparison_are_picked_by_their_path(tmp_path):
    write_run(tmp_path / "compare" / "c")
    # Its settings are not all there: what matters is that it is found.
    with pytest.raises(FishError, match="compare/c/config.json is no run of this version"):
        pick_run(tmp_path, "compare/c")
    with pytest.raises(FishError, match="Did you mean 'c'"):
        pick_run(tmp_path, "compare/cc")


def _note(models_dir, *arguments):
    return runner.invoke(app, ["runs", "note", "--models-dir", str(models_dir), *arguments])


def test_what_the_leaderboard_said_stands_beside_what_was_promised(tmp_path):
    write_run(tmp_path / "one", "grouped", 1.25)
    write_run(tmp_path / "two", "grouped", 1.5, lr=0.1)
    assert _note(tmp_path, "one", "--public", "1.31", "--text", "first try").exit_code == 0
    said = _note(tmp_path, "one", "--private", "1.4").stdout
    assert said == "one: public 1.31, private 1.4, note first try\n"
    header, first, second = (line.split() for line in _runs(tmp_path).stdout.splitlines()[:3])
    place = header.index("grouped")
    assert first[place : place + 3] == ["1.2500", "1.3100", "1.4000"]
    assert second[place : place + 3] == ["1.5000", "-", "-"]
    row = _listed(tmp_path)[0]
    assert (row["public"], row["private"], row["note"]) == (1.31, 1.4, "first try")
    rows = list(csv.DictReader(io.StringIO(_runs(tmp_path, "--csv").stdout)))
    assert [each["public"] for each in rows] == ["1.31", ""]
    assert not list((tmp_path / "one").glob(".*"))


def test_without_notes_the_table_is_what_it_was(tmp_path):
    write_run(tmp_path / "one", "grouped", 1.25)
    assert "public" not in _runs(tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["one"], "nothing to note: fishcli runs note one --public"),
        (["onne", "--public", "1"], "Did you mean 'one'?"),
        (["one", "--public", "nan"], "--public nan: expected a number"),
        (["../one", "--public", "1"], "unknown run '../one'"),
    ],
)
def test_notes_that_mean_nothing_are_refused(tmp_path, arguments, said):
    write_run(tmp_path / "one")
    done = _note(tmp_path, *arguments)
    assert done.exit_code == 1
    assert said in done.stderr
    assert not (tmp_path / "one" / "notes.json").exists()


def test_damaged_notes_are_named_where_runs_are_listed(tmp_path):
    run_dir = write_run(tmp_path / "one")
    (run_dir / "notes.json").write_text('{"public": "1.3"}')
    assert "unreadable: one:" in _runs(tmp_path).stdout
    assert "notes.json holds no notes" in _runs(tmp_path).stdout
