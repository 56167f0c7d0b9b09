"""fishcli.toml: defaults that the command line and variables go before."""

import pytest
from typer.testing import CliRunner

from fishcli.basics.errors import FishError
from fishcli.cli import app
from fishcli.options.commands import COMMANDS
from fishcli.options.project import find_project, read_project

CONFIGS = {name: config for name, (config, _) in COMMANDS.items()}
runner = CliRunner()


def read(folder, text):
    (folder / "fishcli.toml").write_text(text, encoding="utf-8")
    return read_project(folder / "fishcli.toml", CONFIGS)


@pytest.fixture
def seen(monkeypatch, tmp_path):
    """The configs that train is called with, in a folder of its own."""
    found = []
    monkeypatch.setattr("fishcli.commands.train.run", lambda config: found.append(config) or "")
    monkeypatch.chdir(tmp_path)
    return found


def test_an_option_at_the_top_is_for_all_commands_that_have_it_and_a_table_goes_before(tmp_path):
    found = read(tmp_path, 'seed = 3\nview-set = "square"\n[train]\nseed = 4\nlr = 1\n')
    assert found["train"] == {"seed": 4, "view_set": "square", "lr": 1.0}
    assert found["finetune"] == {"seed": 3}
    assert "seed" not in found["predict"]


def test_paths_are_relative_to_the_files_folder(tmp_path):
    found = read(tmp_path, 'data_dir = "data"\nmodels_dir = "~/m"\nfeatures_dir = "s3://b/f"\n')["train"]
    assert found == {"data_dir": str(tmp_path / "data"), "models_dir": "~/m", "features_dir": "s3://b/f"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nfold = 3\n", "line 1: a is not an option"),
        ("\nfold = 3\n", "line 2: fold is not an option.* Did you mean 'folds'"),
        ("[trian]\nseed = 1\n", r"line 1: \[trian\] is not a command's name.* Did you mean 'train'"),
        ("[train]\n\ntta = 2\n", "line 3: tta is not an option"),
        ('folds = "five"\n', "line 1: folds = 'five': expected a whole number"),
        ("folds = true\n", "line 1: folds = True: expected a whole number"),
        ("[train]\nbalance = 3\n", "line 2: balance = 3: expected one of "),
        ("folds = 5\n[train]\nlr = 2.0\n", "line 3: lr = 2.0: expected a number from 1e-07 to 1.0"),
        ('view_set = "sqare"\n', "line 1: .*expected one of upright, square. Did you mean 'square'"),
        ('truncated = "yes"\n', "line 1: truncated = 'yes': expected true or false"),
        ("data_dir = 3\n", "line 1: data_dir = 3: expected text in quotes"),
        ("folds = \n", "malformed TOML .*line 1"),
    ],
)
def test_what_no_command_can_take_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(FishError, match=message):
        read(tmp_path, text)


def test_a_list_stands_where_an_option_takes_several(tmp_path):
    found = read(
        tmp_path, '[score]\nsubmissions = ["a.csv", "/b.csv"]\n[compare]\nheads = ["gap", "linear"]\n'
    )
    assert found["score"]["submissions"] == [str(tmp_path / "a.csv"), "/b.csv"]
    assert found["compare"]["heads"] == "gap,linear"


def test_it_is_found_in_the_folder_or_the_nearest_above(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_project(inner) is None
    (tmp_path / "fishcli.toml").write_text("")
    assert find_project(inner) == tmp_path / "fishcli.toml"
    (inner.parent / "fishcli.toml").write_text("")
    assert find_project(inner) == inner.parent / "fishcli.toml"


def test_the_command_line_goes_before_variables_and_these_before_the_file(seen, tmp_path, monkeypatch):
    read(tmp_path, 'folds = 3\nseed = 3\nhead = "linear"\n')
    monkeypatch.setenv("FISHCLI_SEED", "4")
    monkeypatch.setenv("FISHCLI_HEAD", "forest")
    result = runner.invoke(app, ["train", "--head", "svm"])
    assert result.exit_code == 0, result.stderr
    assert (seen[0].folds, seen[0].seed, seen[0].head) == (3, 4, "svm")
    assert f"defaults from {tmp_path / 'fishcli.toml'}" in result.stderr


def test_a_damaged_file_stops_a_command_in_one_line_but_no_help_and_no_new_file(seen, tmp_path):
    read_text = "folds = 'x'\n"
    (tmp_path / "fishcli.toml").write_text(read_text)
    result = runner.invoke(app, ["train"])
    assert result.exit_code == 1 and "line 1: folds = 'x'" in result.stderr
    assert not seen
    assert runner.invoke(app, ["doctor"]).exit_code == 0


def test_without_a_file_nothing_changes(seen):
    result = runner.invoke(app, ["train"])
    assert seen[0] == CONFIGS["train"]() and "defaults" not in result.stderr
