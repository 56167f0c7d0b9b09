"""The command line's own behaviour: help, exit codes, errors without a traceback."""

import dataclasses
import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pandas as pd
import pytest
from typer.testing import CliRunner

from fishcli import __version__
from fishcli.basics.progress import say, warn
from fishcli.basics.remote import is_remote
from fishcli.cli import app
from fishcli.dataset.groups import load_groups
from fishcli.features.backbones.choice import weights_file
from fishcli.options import features, predict
from fishcli.options.commands import COMMANDS

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


def test_no_command_imports_keras_or_what_fits_or_draws_before_it_knows_what_to_compute():
    code = (
        "import importlib, sys\n"
        "from fishcli.options.commands import COMMANDS\n"
        "for _, module in COMMANDS.values(): importlib.import_module(f'fishcli.commands.{module}')\n"
        "for late in ('heads.classical.fits', 'report.pages.audit', 'report.plots.comparison'):\n"
        "    importlib.import_module(f'fishcli.{late}')\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'skops', 'scipy', 'openvino', 'matplotlib', 'jinja2',\n"
        "         'dask', 'distributed'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    result = runner.invoke(app, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_version():
    result = runner.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.strip() == f"fishcli {__version__}"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("tran", "train"),
        ("audit", "audit-leakage"),
        ("RUNS", "runs"),
        ("Predict", "predict"),
        ("h", "heatmap"),
    ],
)
def test_unknown_command_is_a_usage_error_with_the_near_match(name, near):
    result = runner.invoke(app, [name])
    assert result.exit_code == 2
    assert f"No such command {name!r}. Did you mean {near!r}?" in result.stderr


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
        (["train", "--head", "GAP"], "unknown head 'GAP'. Did you mean 'gap'?"),
        (["features", "--backbone", "VGG16"], "unknown backbone 'VGG16'. Did you mean 'vgg16'?"),
        (["train", "--views", "0"], "--views 0"),
        (["predict", "--tta", "0"], "--tta 0: expected a number of views, 1 or more, or auto"),
        (["ensemble", "a", "b", "--tta", "all"], "--tta all: expected a number of views, 1 or more, or auto"),
        (["train", "--view-names", "hflip"], "--view-names hflip: identity must be among them"),
        (["train", "--views", "2", "--view-names", "identity"], "--views or --view-set, and --view-names"),
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


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize(
    ("command", "path", "options"),
    [
        (["doctor"], "x", ""),
        (["train"], "models/run/oof.csv", " with --models-dir"),
        (["train", "--models-dir", "m"], "m/run", " with --models-dir"),
        (["features"], "data/features/x/recipe.json", " with --features-dir"),
        (["predict"], "submissions/a.csv", " with --submissions-dir"),
        (["predict", "--out", "there/it.csv"], "there/it.csv", " with --out"),
        (["predict"], "elsewhere", " with --submissions-dir or --features-dir or --models-dir"),
        (["heatmap", "run"], "models/run/heatmaps/a.png", " with --out"),
        (["data"], "data_picture/data.html", " with --out"),
        (["demo", "there"], "there/train", ""),
    ],
)
def test_what_can_not_be_written_names_the_option_that_helps(
    tmp_path, monkeypatch, code, command, path, options
):
    def full(config):
        raise OSError(code, os.strerror(code), str(tmp_path / path))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"fishcli.commands.{command[0]}.run", full)
    result = runner.invoke(app, command)
    assert result.exit_code == 1
    assert os.strerror(code) in result.stderr and path in result.stderr
    assert f"or name another folder{options}, then run" in result.stderr
    assert "Traceback" not in result.stderr


def test_other_operating_system_errors_are_one_line(monkeypatch):
    def broken(config):
        raise OSError(errno.EIO, "Input/output error", "x")

    monkeypatch.setattr("fishcli.commands.score.run", broken)
    result = runner.invoke(app, ["score", "a.csv", "--solution", "b.csv"])
    assert (result.exit_code, result.stderr) == (1, "Error: Input/output error: x.\n")


@pytest.mark.parametrize("charset", ["ascii", "cp1252"])
def test_what_a_stream_can_not_encode_is_escaped(monkeypatch, charset):
    def run(config):
        say("class 鯖")
        warn("no class 鯖")
        return "鯖 \udcff.jpg"

    monkeypatch.setattr("fishcli.commands.score.run", run)
    result = CliRunner(charset=charset).invoke(app, ["score", "a.csv", "--solution", "b.csv"])
    assert result.exit_code == 0, result.exception
    assert result.stderr == "class \\u9bd6\nWarning: no class \\u9bd6\n"
    assert result.stdout == "\\u9bd6 \\udcff.jpg\n"


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_pipe_that_nobody_reads_is_no_error(closed):
    code = (
        "import sys, types\n"
        "from fishcli.cli import app\n"
        "from fishcli.basics.progress import say\n"
        "def run(config):\n"
        "    for line in range(3):\n"
        "        say(f'line {line}')\n"
        "    return 'result'\n"
        "sys.modules['fishcli.commands.score'] = types.SimpleNamespace(run=run)\n"
        "sys.argv = ['fishcli', 'score', 'a.csv', '--solution', 'b.csv']\n"
        "app()\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, closed: writer}
    done = subprocess.run([sys.executable, "-c", code], text=True, **pipes)
    os.close(writer)
    assert done.returncode == 0
    assert done.stdout in (None, "result\n")
    assert done.stderr in (None, "line 0\nline 1\nline 2\n")


PATH_OPTIONS = [
    (name, field)
    for name, (config_class, _) in COMMANDS.items()
    for field, hint in get_type_hints(config_class).items()
    if Path in (hint, *get_args(hint))
]


@pytest.mark.parametrize(("name", "field"), PATH_OPTIONS)
def test_a_tilde_is_the_home_folder_in_every_path(monkeypatch, tmp_path, name, field):
    monkeypatch.setenv("HOME", str(tmp_path))
    _, module = COMMANDS[name]
    seen = []
    monkeypatch.setattr(f"fishcli.commands.{module}.run", lambda config: seen.append(config) or "")
    needed = {"score": {"submissions": "a.csv", "solution": "b.csv"}, "ensemble": {"runs": "a"}}
    needed |= {"runs rm": {"runs": "a"}, "runs note": {"run": "a"}, "demo": {"directory": "demo"}}
    needed |= {"pack": {"runs": "a", "out": "b"}}
    values = {**needed.get(name, {}), field: "~/x"}
    bare = ("submissions", "runs", "run", "directory")
    arguments = [
        value if each in bare else f"--{each.replace('_', '-')}={value}" for each, value in values.items()
    ]
    result = runner.invoke(app, [*name.split(), *arguments])
    assert result.exit_code == 0, result.stderr
    assert getattr(seen[0], field) in (tmp_path / "x", [tmp_path / "x"])


def test_a_tilde_that_is_nobodys_home_stays():
    assert features.FeaturesConfig(data_dir="~no-such-user/data").data_dir == Path("~no-such-user/data")


def test_a_tilde_in_weights_and_groups(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights_file("vgg16", "~/a.h5") == tmp_path / "a.h5"
    assert weights_file("vgg16", "random") is None
    (tmp_path / "g.csv").write_text("image,group\na.jpg,boat\n")
    train = pd.DataFrame({"image": ["a.jpg"]})
    assert list(load_groups("~/g.csv", tmp_path, train)) == ["boat"]


def test_configs_take_paths_as_text(tmp_path):
    config = predict.PredictConfig(data_dir="data", features_dir="s3://bucket/features", models_dir=tmp_path)
    assert config.data_dir == Path("data") and config.models_dir == tmp_path
    assert is_remote(config.features_dir) and config.stores_dir == config.features_dir
    assert predict.PredictConfig(data_dir="data").stores_dir == Path("data/features")
    assert dataclasses.replace(config, data_dir="other").data_dir == Path("other")


def test_an_interrupt_exits_with_130(monkeypatch):
    def interrupted(config):
        raise KeyboardInterrupt

    monkeypatch.setattr("fishcli.commands.score.run", interrupted)
    result = runner.invoke(app, ["score", "a.csv", "--solution", "b.csv"])
    assert result.exit_code == 130
    assert "run the command again" in result.stderr
