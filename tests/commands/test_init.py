"""`fishcli init` and `fishcli doctor`."""

import tomllib

import pytest
from conftest import make_image
from typer.testing import CliRunner

from fishcli import __version__
from fishcli.basics.errors import FishError
from fishcli.cli import app
from fishcli.commands import doctor, init
from fishcli.options.commands import COMMANDS
from fishcli.options.project import read_project
from fishcli.options.setup import DoctorConfig, InitConfig

CONFIGS = {name: config for name, (config, _) in COMMANDS.items()}


@pytest.fixture
def data_dir(tmp_path):
    """A competition of patients whose sample wants a probability."""
    for name in "abcd":
        make_image(tmp_path / "in put" / "train_images" / f"{name}.jpg")
    make_image(tmp_path / "in put" / "test_images" / "x.jpg")
    table = "image_id,patient_id,target\na,1,0\nb,1,1\nc,2,0\nd,2,1\n"
    (tmp_path / "in put" / "train.csv").write_text(table)
    (tmp_path / "in put" / "sample_submission.csv").write_text("image_id,target\nx,0\n")
    return tmp_path / "in put"


def test_it_writes_what_was_decided_as_lines_to_edit(data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = init.run(InitConfig(data_dir=data_dir, slug="eyes"))
    assert said.splitlines()[-1] == "fishcli.toml"
    text = (tmp_path / "fishcli.toml").read_text()
    assert tomllib.loads(text)["data_dir"] == "in put"
    for line in (
        "# labels from train.csv: image_id names 4 of 4 images, target is the class (2)",
        "# groups: patient_id of train.csv (2)",
        '# label_column = "target"',
        '# metric = "auc"  # as goes with the form of the answer',
    ):
        assert line in text.splitlines()
    found = read_project(tmp_path / "fishcli.toml", CONFIGS)
    assert found["predict"]["slug"] == "eyes"
    assert found["train"]["data_dir"] == str(tmp_path / "in put")


def test_every_line_that_is_offered_can_be_taken(data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    init.run(InitConfig(data_dir=data_dir))
    lines = (tmp_path / "fishcli.toml").read_text().splitlines()
    offered = [line.removeprefix("# ") if " = " in line else line for line in lines]
    (tmp_path / "fishcli.toml").write_text("\n".join(offered) + "\n")
    found = read_project(tmp_path / "fishcli.toml", CONFIGS)
    assert found["train"]["label_column"] == "target" and found["predict"]["tta"] == "auto"


def test_what_was_asked_for_stands_there_and_a_file_is_not_replaced_unasked(data_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    init.run(InitConfig(data_dir=data_dir, group_column="none"))
    assert 'group_column = "none"' in (tmp_path / "fishcli.toml").read_text().splitlines()
    with pytest.raises(FishError, match=r"fishcli\.toml exists.*--force"):
        init.run(InitConfig(data_dir=data_dir))
    init.run(InitConfig(data_dir=data_dir, force=True))
    assert "group_column = " not in (tmp_path / "fishcli.toml").read_text()


def test_a_folder_that_cannot_be_read_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FishError, match="no training images"):
        init.run(InitConfig(data_dir=tmp_path / "nothing"))
    assert not list(tmp_path.iterdir())


def test_doctor_fits_a_screen_and_names_what_a_bug_report_needs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said = doctor.run(DoctorConfig())
    names = [line.split("  ")[0] for line in said.splitlines()]
    assert {"fishcli", "Python", "needed", "computes", "memory", "disk", "cache", "project"} <= set(names)
    assert __version__ in said and "fishcli init writes one" in said and "0.00 GiB in" in said
    assert len(names) <= 20


def test_doctor_says_how_to_install_what_is_missing(monkeypatch):
    monkeypatch.setitem(doctor.LIBRARIES, "lite", ("no-such-package",))
    assert "not installed: pip install 'fishcli[lite]'" in doctor.run(DoctorConfig())


def test_both_are_commands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 0
    assert CliRunner().invoke(app, ["init"]).exit_code == 1
