"""docs/notebook.ipynb: what its cells call is there, and what they show can be kept."""

import ast
import json
import sys
from pathlib import Path

import pytest

import fishcli
from fishcli.library.runs import Prediction, Run

ROOT = Path(fishcli.__file__).parents[1]
CELLS = json.loads((ROOT / "docs" / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]
NAMES = {"fishcli": fishcli, "c": fishcli.Competition, "run": Run, "other": Run, "found": Prediction}
"""What the notebook's variables are."""


def test_its_cells_call_what_there_is():
    called = []
    for cell in CODE:
        for node in ast.walk(ast.parse("".join(cell["source"]))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in NAMES
            ):
                called.append(node.attr)
                assert hasattr(NAMES[node.value.id], node.attr), node.attr
    assert len(called) > 10


def test_each_cell_was_executed_once_from_the_top_without_an_error_or_noise():
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    outputs = [each for cell in CODE for each in cell["outputs"]]
    assert {each["output_type"] for each in outputs} == {"execute_result", "stream"}
    assert "stderr" not in {each.get("name") for each in outputs}


@pytest.mark.tensorflow
def test_it_runs_anew(monkeypatch):
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.syspath_prepend(ROOT / "tools")
    import nbformat
    from run_notebook import NOTEBOOK, execute, wrong_with

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    executed = execute(nbformat.read(NOTEBOOK, as_version=4))
    assert not wrong_with(nbformat.writes(executed))
    assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")
    sys.modules.pop("run_notebook")
