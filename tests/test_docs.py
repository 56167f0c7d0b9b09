"""What docs/architecture.md names is there."""

import importlib
import re
from pathlib import Path

import pytest

import fishcli

PACKAGE = Path(fishcli.__file__).parent
ROOT = PACKAGE.parent
NAMES = sorted(set(re.findall("`([^` ]+)`", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))))
FOLDERS = {path.name for path in PACKAGE.iterdir() if path.is_dir()}


def is_there(name):
    """Whether a dotted name, below the package, is a module or something in one."""
    path = name.split(".")
    for n in range(len(path), 0, -1):
        try:
            found = importlib.import_module(".".join(["fishcli", *path[:n]]))
        except ModuleNotFoundError:
            continue
        for attribute in path[n:]:
            found = getattr(found, attribute, None)
        return found is not None
    return False


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(("/", ".py", ".md"))])
def test_paths(name):
    anywhere = [path for path in PACKAGE.rglob(name.rstrip("/")) if "__pycache__" not in path.parts]
    assert anywhere or (ROOT / name).exists() or (PACKAGE / name).exists()


DOTTED = [name for name in NAMES if re.fullmatch(r"[a-z]+(\.\w+)+", name) and name.split(".")[0] in FOLDERS]


@pytest.mark.parametrize("name", DOTTED)
def test_dotted_names(name):
    assert is_there(name)


def test_the_way_of_a_photo_is_told_by_name():
    assert len(DOTTED) > 15


def test_make_install_brings_what_the_readme_says():
    """Without `lite` the demo would download weights, which not every machine can."""
    assert "'.[dev,openvino,lite]'" in (ROOT / "Makefile").read_text(encoding="utf-8")
