"""The command line's own behaviour: help, exit codes, errors without a traceback."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from fishcli import __version__
from fishcli.cli import COMMANDS, app

runner = CliRunner()


def test_help_lists_the_commands_and_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['fishcli', '--help']\n"
        "from fishcli.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'pandas', 'numpy', 'sklearn', 'cv2', 'zarr', 'PIL'} & "
        "set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert name in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    result = runner.invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_version():
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.strip() == f"fishcli {__version__}"


def test_unknown_command_is_a_usage_error_with_the_near_match():
    result = runner.invoke(app, ["tran"])
    assert result.exit_code == 2
    assert "train" in result.stderr


def test_unknown_choice_is_a_usage_error():
    result = runner.invoke(app, ["features", "--pool", "median"])
    assert result.exit_code == 2
    assert "avg" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["features", "--backbone", "resnet5"], "unknown backbone 'resnet5'. Did you mean 'resnet50'?"),
        (["features", "--image-size", "224"], "--image-size '224': expected HEIGHTxWIDTH"),
        (["features", "--image-size", "0x64"], "--image-size '0x64'"),
        (["features", "--views", "9"], "--views 9: expected 1 to 8"),
        (["features", "--view-names", "hflop"], "unknown view 'hflop'. Did you mean 'hflip'?"),
        (["train", "--head", "gapp"], "unknown head 'gapp'. Did you mean 'gap'?"),
        (["train", "--views", "0"], "--views 0"),
        (["predict", "--tta", "9"], "--tta 9: expected 1 to 8"),
        (["ensemble", "one"], "an ensemble takes two or more different runs"),
        (["ensemble", "one", "one"], "an ensemble takes two or more different runs"),
    ],
)
def test_wrong_values_are_one_line_on_stderr(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = runner.invoke(app, options)
    assert result.exit_code == 1
    assert f"Error: {message}" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_demo_refuses_a_folder_that_is_not_empty(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    result = runner.invoke(app, ["demo", str(tmp_path)])
    assert result.exit_code == 1
    assert "is not an empty folder" in result.stderr
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_an_operating_system_error_is_one_line(tmp_path, monkeypatch):
    def full(config):
        raise OSError(28, "No space left on device", str(tmp_path / "x"))

    monkeypatch.setattr("fishcli.commands.score.run", full)
    result = runner.invoke(app, ["score", "a.csv", "--solution", "b.csv"])
    assert result.exit_code == 1
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_interrupt_exits_with_130(monkeypatch):
    def interrupted(config):
        raise KeyboardInterrupt

    monkeypatch.setattr("fishcli.commands.score.run", interrupted)
    result = runner.invoke(app, ["score", "a.csv", "--solution", "b.csv"])
    assert result.exit_code == 130
    assert "run the command again" in result.stderr
