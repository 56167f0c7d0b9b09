"""What docs/architecture.md names is there, and README's command lines are fishcli's."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
import typer

import fishcli
from fishcli.cli import app

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


PAGES = {
    path.name: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
}
CONSOLE = {
    name: [
        line.lstrip("$! ").split("  #")[0].strip()
        for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        if line.lstrip("$! ").startswith("fishcli ")
    ]
    for name, text in PAGES.items()
}
LINKS = [
    (name, link)
    for name, text in PAGES.items()
    for link in re.findall(r"\]\(([^)\s]+)\)", text)
    if not link.startswith("http")
]


@pytest.mark.parametrize("line", sorted({line for lines in CONSOLE.values() for line in lines}))
def test_the_pages_command_lines_are_ones_that_fishcli_takes(line):
    commands = typer.main.get_command(app).commands
    name = max((name for name in commands if f"{line} ".startswith(f"fishcli {name} ")), key=len)
    commands[name].make_context(name, shlex.split(line.removeprefix(f"fishcli {name}")))


def test_the_readme_shows_the_main_path():
    shown = {line.split()[1] for line in CONSOLE["README.md"]}
    assert shown >= {"locate", "features", "train", "finetune", "ensemble"}


def anchors(text):
    """What the headings of a page are called in links."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("name", "link"), LINKS)
def test_links_between_pages_lead_somewhere(name, link):
    path, _, anchor = link.partition("#")
    folder = ROOT if name == "README.md" else ROOT / "docs"
    target = folder / path if path else folder / name
    assert target.exists()
    assert not anchor or anchor in anchors(target.read_text(encoding="utf-8"))


def test_every_page_is_linked_to_from_the_readme():
    linked = {link.partition("#")[0] for name, link in LINKS if name == "README.md"}
    assert {f"docs/{name}" for name in PAGES if name != "README.md"} <= linked


def test_make_install_brings_what_the_readme_says():
    """Without `lite` the demo would download weights, which not every machine can."""
    assert "'.[dev,openvino,lite]'" in (ROOT / "Makefile").read_text(encoding="utf-8")
