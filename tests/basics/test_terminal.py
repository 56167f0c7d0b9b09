"""What a terminal, a log file and a quiet one get to see."""

import io
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

from fishcli.basics import progress
from fishcli.basics.progress import Lines, bar, say, track, warn
from fishcli.basics.streams import in_notebook
from fishcli.basics.tables import table_text, table_width
from fishcli.cli import app
from fishcli.options.commands import COMMANDS

runner = CliRunner()


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def loud():
    progress.set_quiet(False)
    yield
    progress.set_quiet(False)


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves: clock[0] += seconds."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def _wide(n_columns=12):
    return pd.DataFrame(
        [{"head": head, **{f"score {k}": k / 7 for k in range(n_columns)}} for head in ("gap", "dense")]
    )


def test_counts_have_commas_numbers_four_decimals_and_gaps_a_dash():
    rows = [{"a": 12345, "b": 1.5, "c": None, "d": True}, {"a": 7, "b": float("nan"), "c": "x", "d": False}]
    lines = table_text(rows).splitlines()
    assert lines[1].split() == ["12,345", "1.5000", "-", "True"]
    assert lines[2].split() == ["7", "-", "x", "False"]
    assert table_text(pd.DataFrame(rows)).splitlines()[1].split()[:2] == ["12,345", "1.5000"]


def test_words_stand_left_and_numbers_right_also_where_a_word_sums_them_up():
    rows = [{"name": "a", "fold": 0}, {"name": "bcd", "fold": "all"}]
    assert table_text(rows) == "name  fold\na        0\nbcd    all"


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_wide_table_fits_and_loses_nothing(width):
    text = table_text(_wide(), width)
    assert max(map(len, text.splitlines())) <= width
    for k in range(12):
        assert text.count(f"{k / 7:.4f}") == 2
    parts = text.split("\n\n")
    assert len(parts) > 1
    assert all("gap" in part and "dense" in part for part in parts)


def test_headings_are_wrapped_before_a_table_is_cut():
    rows = [{"a long heading": 1, "another long heading": 2}]
    assert table_text(rows, 20).splitlines()[-1].split() == ["1", "2"]
    assert "\n\n" not in table_text(rows, 20)
    assert table_text(rows, 80).splitlines()[0] == "a long heading  another long heading"


def test_sentences_are_wrapped_and_words_are_not_cut():
    rows = [{"name": "x", "what": "some words that go on and on until nobody reads them " * 3, "n": 1}]
    text = table_text(rows, 50)
    assert max(map(len, text.splitlines())) <= 50
    assert text.count("nobody") == 3
    assert "\n\n" not in text


def test_wide_letters_take_two_columns():
    lines = table_text([{"class": "魚魚", "n": 1}, {"class": "abcd", "n": 2}]).splitlines()
    assert lines[1] == "魚魚   1"
    assert lines[2] == "abcd   2"


def test_control_characters_in_names_do_not_reach_the_terminal():
    assert "\x1b" not in table_text([{"run": "a\x1b[31mb\nc"}])
    assert len(table_text([{"run": "a\nb"}]).splitlines()) == 2


def test_the_width_of_a_table_is_that_of_its_text():
    rows = _wide(3).to_dict("records")
    wide = table_width(rows)
    assert max(map(len, table_text(rows, wide).splitlines())) == wide
    assert "\n\n" not in table_text(rows, wide)


def test_a_table_is_as_wide_as_the_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "50")
    assert max(map(len, table_text(_wide()).splitlines())) <= 50
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert len(table_text(_wide()).splitlines()) == 3


def test_an_empty_table_is_its_headings():
    assert table_text([]) == ""
    assert table_text(pd.DataFrame({"a": [], "b": []})) == "a  b"


def test_a_long_task_leaves_few_lines_in_a_log(clock, monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with bar(10_000, "features", "img") as found:
        for _ in range(10_000):
            clock[0] += 1.0
            found.update(1)
    lines = log.getvalue().splitlines()
    assert 5 <= len(lines) <= 12
    assert "\r" not in log.getvalue()
    assert "10000/10000" in lines[-1]
    assert all(line.startswith("features:") for line in lines)


def test_a_short_task_leaves_no_line_in_a_log(clock, capsys):
    assert list(track([1, 2, 3], "short")) == [1, 2, 3]
    assert capsys.readouterr().err == ""


def test_a_slow_task_of_unknown_length_is_counted(clock, capsys):
    for _ in track(iter(range(40)), "slow", "row"):
        clock[0] += 10.0
    lines = capsys.readouterr().err.splitlines()
    assert "40row" in lines[-1]


def test_a_bar_moves_in_a_terminal(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with bar(3, "photos", "img") as found:
        found.update(3)
    assert not isinstance(found, Lines)
    assert "\r" in screen.getvalue()
    assert "3/3" in screen.getvalue()


@pytest.fixture
def notebook(monkeypatch):
    """A process that looks like a notebook's kernel, without widgets."""
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def test_a_notebooks_cell_gets_lines_and_bars_on_stdout_and_nothing_on_stderr(notebook, monkeypatch, capsys):
    monkeypatch.setattr("tqdm.std.TMonitor", None)  # no thread that looks at the clock
    say("a line")
    warn("look")
    assert list(track(range(3), "short")) == [0, 1, 2]
    assert capsys.readouterr() == ("a line\nWarning: look\n", "")
    with bar(3, "long", "img") as moving:
        moving.delay = 0
        moving.update(2)
        moving.refresh()
    out, err = capsys.readouterr()
    assert "2/3" in out and not out.rpartition("\r")[0].rpartition("\r")[2].strip()  # it is wiped, once done
    assert not err


def test_a_table_is_text_in_a_notebook_too(monkeypatch):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert table_text([{"a": 1}]) == "a\n1"


def test_python_alone_is_no_notebook(monkeypatch):
    assert not in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not in_notebook()


def test_quietly_does_as_before_behind_it(capsys):
    with progress.quietly(True):
        say("not shown")
    say("shown")
    assert capsys.readouterr().err == "shown\n"


def test_a_command_warns_of_the_same_thing_once(capsys):
    with progress.each_once():
        for _ in range(2):
            warn("one")
        warn("two")
    warn("one")
    assert capsys.readouterr().err.split() == ["Warning:", "one", "Warning:", "two", "Warning:", "one"]


def test_quiet_leaves_warnings(capsys):
    progress.set_quiet(True)
    say("a line")
    assert list(track(range(3), "bar")) == [0, 1, 2]
    warn("look")
    assert capsys.readouterr().err == "Warning: look\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_quiet(name):
    assert "--quiet" in runner.invoke(app, [*name.split(), "--help"]).stdout


@pytest.mark.parametrize(
    ("options", "environment"),
    [(["--quiet", "score"], {}), (["score", "-q"], {}), (["score"], {"FISHCLI_QUIET": "1"})],
)
def test_quiet_by_flag_and_environment(options, environment, monkeypatch):
    monkeypatch.setattr("fishcli.commands.score.run", lambda config: say("working") or "result")
    arguments = [*options, "a.csv", "--solution", "b.csv"]
    quiet = runner.invoke(app, arguments, env=environment)
    assert (quiet.stdout, quiet.stderr) == ("result\n", "")
    loud = runner.invoke(app, ["score", "a.csv", "--solution", "b.csv"])
    assert (loud.stdout, loud.stderr) == ("result\n", "working\n")


@pytest.mark.parametrize(
    ("environment", "has_colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_no_color_is_honoured(environment, has_colour, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    warn("look")
    assert ("\x1b" in screen.getvalue()) == has_colour
    assert "look" in screen.getvalue()


def test_no_colour_in_a_log(capsys):
    warn("look")
    assert capsys.readouterr().err == "Warning: look\n"


def test_runs_imports_nothing_heavy(tmp_path):
    (tmp_path / "gap").mkdir()
    (tmp_path / "gap" / "config.json").write_text("{}")
    code = (
        "import sys\n"
        "from fishcli.cli import app\n"
        f"try: app(['runs', '--models-dir', {str(tmp_path)!r}])\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'pandas', 'numpy', 'sklearn', 'cv2', 'zarr', 'PIL', 'tqdm'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "unreadable: gap" in done.stdout
