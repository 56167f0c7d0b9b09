"""What a command's config is made of: keywords, the competition's own, variables, project file, defaults."""

import dataclasses
import inspect
from pathlib import Path

import pytest

import fishcli
from fishcli.library.calls import HINTS, config_of, tell
from fishcli.library.pages import Groups
from fishcli.library.runs import Localiser, Run
from fishcli.options.commands import COMMANDS
from fishcli.options.values import fitting


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Without the variables and project files of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in {name for hints in HINTS.values() for name in hints}:
        monkeypatch.delenv(f"FISHCLI_{name.upper()}", raising=False)


@pytest.fixture
def asked(monkeypatch):
    """The configs that commands are run with; they say nothing but a folder."""
    found = []
    for module in ("train", "predict", "features"):
        monkeypatch.setattr(
            f"fishcli.commands.{module}.run", lambda config: found.append(config) or "models/made"
        )
    return found


def test_a_keyword_goes_before_the_competitions_own_these_before_variables_and_the_file(
    asked, monkeypatch, tmp_path
):
    (tmp_path / "fishcli.toml").write_text(
        'folds = 2\nseed = 2\nhead = "a"\nmetadata = "none"\n[train]\nlr = 0.5\n'
    )
    monkeypatch.setenv("FISHCLI_SEED", "3")
    monkeypatch.setenv("FISHCLI_HEAD", "b")
    monkeypatch.setenv("FISHCLI_SMOTE", "1")
    monkeypatch.setenv("FISHCLI_METADATA", "size")
    monkeypatch.setenv("FISHCLI_FEATURES", "")
    fishcli.Competition("d", head="c", metadata="detection").train(metadata=["none"])
    config = asked[0]
    assert (config.data_dir, config.folds, config.lr) == (Path("d"), 2, 0.5)
    assert (config.seed, config.head, config.metadata, config.smote) == (3, "c", "none", True)
    assert (config.features, config.epochs) == (None, 60)


def test_without_arguments_the_project_file_above_the_working_folder_is_heeded(
    asked, monkeypatch, tmp_path, capsys
):
    (tmp_path / "fishcli.toml").write_text('data_dir = "its"\n')
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    competition = fishcli.Competition()
    competition.train()
    assert asked[0].data_dir == tmp_path / "its"
    assert capsys.readouterr().err == f"defaults from {tmp_path / 'fishcli.toml'}\n"


def test_without_anything_defaults_are_the_command_lines_own(asked):
    fishcli.Competition().train()
    assert asked == [COMMANDS["train"][0]()]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.train(hed="gap"), r"train\(hed='gap'\): hed is not an option here. Did you mean 'head'"),
        (lambda c: c.train(folds="five"), r"train\(folds='five'\): expected a whole number"),
        (lambda c: c.train(pooling="agv"), r"train\(pooling='agv'\): expected one of auto, avg.*mean 'avg'"),
        (lambda c: c.train(quiet="very"), r"train\(quiet='very'\): expected true or false"),
        (lambda c: c.score("a.csv", "b.csv", solution="c.csv"), "multiple values"),
        (lambda c: c.runs(json=True), r"runs\(json=True\) returns text.*command\('runs', json=True\)"),
        (lambda c: c.features("fishnet", verify=True), "returns text"),
        (lambda c: c.command("tran"), "unknown command 'tran'. Did you mean 'train'"),
        (lambda c: c.command("score"), r"score\(...\): submissions is missing"),
        (
            lambda c: fishcli.Competition("d", model_dir="m"),
            "model_dir is not an option. Did you mean 'models_dir'",
        ),
        (
            lambda c: fishcli.Competition("d", view_set="round"),
            r"Competition\(view_set='round'\): expected one of",
        ),
        (lambda c: fishcli.Competition(quiet="very"), r"Competition\(quiet='very'\): expected true or false"),
        (lambda c: fishcli.Competition(3), r"Competition\(data_dir=3\): expected text"),
        (lambda c: Run(c._told, Path("m/a")).predict(run="b"), r"predict\(run='b'\): run is settled here"),
    ],
)
def test_what_a_method_can_not_take_is_named_with_what_it_expects(asked, call, message):
    with pytest.raises((fishcli.FishError, TypeError), match=message):
        call(fishcli.Competition())
    assert not asked


def test_a_variable_that_an_option_can_not_take_is_named(asked, monkeypatch):
    monkeypatch.setenv("FISHCLI_FOLDS", "five")
    with pytest.raises(fishcli.FishError, match="FISHCLI_FOLDS='five': expected a whole number"):
        fishcli.Competition().train()


def test_results_stand_where_options_take_names(asked):
    told = tell({}, None)
    groups, run = Groups(Path("g.csv"), Path("g"), ""), Run(told, Path("models/first"))
    assert config_of(told, "train", {"groups": groups, "pseudo": run}, {}).groups == "g.csv"
    assert config_of(told, "train", {"groups": groups, "pseudo": run}, {}).pseudo == "first"
    assert (
        config_of(told, "features", {"crop": Localiser(told, Path("models/locate"))}, {}).crop
        == "models/locate"
    )
    assert config_of(told, "ensemble", {}, {"runs": [run, "second"]}).runs == ["first", "second"]


def test_a_run_remembers_what_its_command_was_told_of_the_data(asked):
    run = fishcli.Competition("d", models_dir="m").train(data_dir="elsewhere", group_column="boat")
    config = config_of(run.told, "predict", {}, {"run": run.name, "models_dir": run.path.parent})
    assert (config.data_dir, config.group_column, config.models_dir) == (
        Path("elsewhere"),
        "boat",
        Path("models"),
    )


def test_quiet_leaves_lines_out_until_the_command_is_done(monkeypatch, capsys):
    from fishcli.basics.progress import say

    monkeypatch.setattr("fishcli.commands.train.run", lambda config: say("working") or "m/a")
    fishcli.Competition(quiet=True).train()
    fishcli.Competition().train(quiet=True)
    assert capsys.readouterr().err == ""
    fishcli.Competition().train()
    assert capsys.readouterr().err == "working\n"


def test_an_audit_is_its_folder_and_the_limits_error_is_raised_with_what_was_found(monkeypatch):
    def passed(config):
        if config.fail_above_bits is None:
            return "table"
        raise fishcli.LimitError("0.5 bits", "table")

    monkeypatch.setattr("fishcli.commands.audit.run", passed)
    competition = fishcli.Competition(quiet=True)
    assert competition.audit_leakage(out="there").path == Path("there")
    with pytest.raises(fishcli.LimitError, match=r"0.5 bits") as raised:
        competition.audit_leakage(fail_above_bits=0.1)
    assert raised.value.result == "table"


def test_a_pack_takes_runs_and_predicts_without_one(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "fishcli.commands.pack.run", lambda config: seen.append(config) or f"losses\n{config.out}"
    )
    monkeypatch.setattr("fishcli.commands.predict.run", lambda config: seen.append(config) or "a.csv\nb.csv")
    competition = fishcli.Competition(quiet=True)
    path = competition.pack("first", Run(competition._told, Path("models/second")), out="p.zip")
    found = competition.predict(pack=path, quiet=True)
    assert path == Path("p.zip") and seen[0].runs == ["first", "second"] and seen[1].pack == path
    assert found.paths == [Path("a.csv"), Path("b.csv")] and found.table is None


METHODS = {
    "train": "train",
    "finetune": "finetune",
    "features": "features",
    "locate": "locate",
    "compare": "compare",
    "ensemble": "ensemble",
    "score": "score",
    "audit_leakage": "audit-leakage",
    "groups": "groups",
    "data": "data",
    "runs": "runs",
}


@pytest.mark.parametrize(("method", "command"), METHODS.items())
def test_a_methods_signature_names_the_commands_options_with_their_defaults(method, command):
    config_class, _ = COMMANDS[command]
    parameters = inspect.signature(getattr(fishcli.Competition, method)).parameters
    fields = inspect.signature(config_class).parameters
    shared = set(parameters) & set(fields)
    assert len(shared) >= len(fields) - 3
    own = {"solution", "runs"}  # a table or a file; names one after another
    assert all(parameters[name].default == fields[name].default for name in shared - own)
    assert "quiet" in parameters and f"fishcli {command}" in getattr(fishcli.Competition, method).__doc__


@pytest.mark.parametrize("command", COMMANDS)
def test_every_options_default_is_a_value_that_it_takes(command):
    for field in dataclasses.fields(COMMANDS[command][0]):
        if field.default is not dataclasses.MISSING:
            assert fitting(field.name, field.default, HINTS[command][field.name], field.name) == field.default
