"""Execute docs/notebook.ipynb anew in a Jupyter kernel, and keep what its cells show.

Needs `pip install nbclient ipykernel` beside fishcli. The kernel works in a folder of its own, which is gone
afterwards.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"
WIDGET = "application/vnd.jupyter.widget-view+json"
LARGEST = 1_000_000  # bytes
SECONDS = 600
"""Of one cell."""


def main() -> None:
    """Execute the notebook, check what it shows, and write it where it was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", nargs="?", type=Path, default=NOTEBOOK)
    path = parser.parse_args().notebook
    executed = execute(nbformat.read(path, as_version=4))
    text = nbformat.writes(executed)
    problem = wrong_with(text)
    if problem:
        sys.exit(f"{path} is left as it was: {problem}")
    path.write_text(text + "\n", encoding="utf-8")
    print(f"{path}: {len(text) / 1000:,.0f} kB")


def execute(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run all cells in a folder of their own; returns the notebook without moving bars and timings."""
    with tempfile.TemporaryDirectory(prefix="fishcli-") as folder:
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(
            notebook, timeout=SECONDS, resources=resources, record_timing=False, coalesce_streams=True
        )
        client.execute()
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if not _is_bar(each)]
    return notebook


def wrong_with(text: str) -> str:
    """Why a notebook is not to be kept; "" for one that is."""
    if len(text.encode()) > LARGEST:
        return f"it has {len(text.encode()):,} bytes, more than {LARGEST:,}"
    here = (str(Path.home()), str(Path(__file__).parents[1]), tempfile.gettempdir() + "/", sys.prefix)
    return next((f"it shows the path {each}" for each in here if each in text), "")


def _is_bar(output: nbformat.NotebookNode) -> bool:
    """Whether an output is a bar that moved, or the blank that it left."""
    if output.output_type == "stream":
        return not output.text.strip()
    return WIDGET in output.get("data", {})


if __name__ == "__main__":
    main()
