"""A wheel has all that fishcli needs away from its checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
LOOK = """
from importlib.resources import files
from pathlib import Path
import fishcli
from jinja2 import Environment, PackageLoader

print(Path(fishcli.__file__).parent)
print((files("fishcli.features.backbones.networks") / "fishnet.npz").is_file())
print(*Environment(loader=PackageLoader("fishcli.report.pages"), autoescape=True).list_templates())
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The wheel's files; built from a copy, for a build writes beside its sources."""
    root = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, root / name)
    shutil.copytree(CHECKOUT / "fishcli", root / "fishcli", ignore=shutil.ignore_patterns("__pycache__"))
    build = "from setuptools import build_meta; print(build_meta.build_wheel('.'))"
    done = subprocess.run([sys.executable, "-c", build], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(root / done.stdout.splitlines()[-1]) as wheel:
        wheel.extractall(root / "site")
    return root / "site"


def elsewhere(unpacked, folder, *words):
    """What Python says on `words` where the wheel's files stand in for the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wheel_has_every_file_of_the_package(unpacked):
    held = {path.relative_to(unpacked) for path in unpacked.glob("fishcli/**/*") if path.is_file()}
    ours = {
        path.relative_to(CHECKOUT)
        for path in CHECKOUT.glob("fishcli/**/*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == ours
    assert any(path.suffix == ".html" for path in held)


def test_a_wheel_works_away_from_its_checkout(unpacked, tmp_path):
    place, has_weights, templates = elsewhere(unpacked, tmp_path, "-c", LOOK).splitlines()
    assert Path(place) == unpacked / "fishcli"
    assert has_weights == "True"
    assert "page.html" in templates.split()
    assert "features" in elsewhere(unpacked, tmp_path, "-m", "fishcli", "--help")
