"""The code of docs/library.md runs as it stands, and what it names is there."""

import re
from pathlib import Path

import pytest
from conftest import write_competition

import fishcli

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

PAGE = (Path(fishcli.__file__).parents[1] / "docs" / "library.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_its_code_runs_and_prints_what_it_says(tmp_path, monkeypatch, capsys):
    write_competition(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    for name, value in {"FOLDS": "2", "IMAGE_SIZE": "64x64", "QUIET": "1"}.items():
        monkeypatch.setenv(f"FISHCLI_{name}", value)
    names = {}
    for block in BLOCKS:
        exec(block, names)
    printed = re.search(r"print\(error\)  # (.*)", PAGE)[1]
    assert capsys.readouterr().out == f"{printed}\n"
    assert names["store"].read("train", "identity").shape[0] == len(names["run"].oof) == 24


def test_the_methods_that_it_names_are_there():
    methods = set(re.findall(r"`c\.(\w+)\(", PAGE))
    assert len(methods) > 15 and all(hasattr(fishcli.Competition, name) for name in methods)
