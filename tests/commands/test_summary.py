"""The summary of a head: layers of Keras's, parts of scikit-learn's."""

import re

import pytest
from conftest import write_competition
from pipeline import CLASSES, compute, fit

from fishcli.basics.errors import FishError
from fishcli.commands import summary
from fishcli.options.seeing import SummaryConfig
from fishcli.runs.folders.picking import pick_run

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("summary")
    write_competition(folder / "data", classes=CLASSES)
    compute(folder)
    fit(folder, name="gap", epochs=1, folds=2)
    fit(folder, name="attention", head="attention", epochs=1, folds=2)
    fit(folder, name="linear", head="linear", epochs=60, folds=2)
    fit(folder, name="blend", head="blend", epochs=60, folds=2)
    return folder


def _summary(root, run, **changes):
    config = SummaryConfig(run=run, data_dir=root / "data", models_dir=root / "models", **changes)
    return summary.run(config)


def test_layers_have_shapes_parameters_and_what_they_come_after(root):
    text = _summary(root, "attention")
    rows = {cells[0]: cells[1:] for line in text.splitlines() if (cells := re.split(r"\s{2,}", line.strip()))}
    assert rows["class"][:3] == ["Activation", "3", "0"]
    assert rows["class"][3] == "scores"
    assert rows["features"][0] == "InputLayer"
    # Keras counts the layers of a process.
    assert re.fullmatch(r"subtract(_\d+)?, add(_\d+)?", rows["box"][3])
    total = int(re.search(r"([\d,]+) parameters:", text).group(1).replace(",", ""))
    assert total == pick_run(root / "models", "attention").load_fold(0)[0].n_parameters
    table = text.split("\n\n")[1].splitlines()[1:]
    assert sum(int(re.split(r"\s{2,}", line)[3].replace(",", "")) for line in table) == total


def test_layers_that_numpy_computes_have_arrays(root):
    text = _summary(root, "gap")
    lines = text.split("\n\n")[1].splitlines()[1:]
    rows = {cells[0]: cells[1:] for line in lines if (cells := re.split(r"\s{2,}", line.strip()))}
    assert rows["class/drop"] == ["Dropout", "0"]
    assert re.fullmatch(r"kernel \d+ x 3, bias 3", rows["class/scores"][1])
    total = sum(int(cells[-1].replace(",", "")) for cells in rows.values())
    assert total == pick_run(root / "models", "gap").load_fold(0)[0].n_parameters
    assert text.endswith(f"{total:,} numbers")


def test_parts_of_a_head_of_scikit_learn_are_described(root):
    text = _summary(root, "linear")
    assert "Regression" in text
    assert re.search(r"3 classes: logistic, L2 penalty, C = [\d.e+-]+ by inner folds", text)
    assert "4 corners: linear, L2 penalty" in text
    n = pick_run(root / "models", "linear").load_fold(0)[0].n_parameters
    assert f"{n:,} numbers fitted by scikit-learn" in text


def test_what_a_blend_was_weighed_by_is_told(root):
    powers = r"(\d\.\d\d, ){5}\d\.\d\d"
    assert re.search(
        rf"regressions and discriminants, blended to the powers {powers} by", _summary(root, "blend")
    )


def test_a_plot_without_graphviz_is_an_error_that_says_what_to_install(root, tmp_path, monkeypatch):
    import keras

    def missing(*args, **options):
        raise ImportError("You must install pydot")

    monkeypatch.setattr(keras.utils, "plot_model", missing)
    with pytest.raises(FishError, match="pip install pydot.*apt-get install graphviz"):
        _summary(root, "attention", plot=tmp_path / "model.png")
    assert list(tmp_path.iterdir()) == []


def test_a_plot_is_written_whole(root, tmp_path, monkeypatch):
    import keras

    def draw(model, to_file, **options):
        with open(to_file, "w") as file:  # noqa: PTH123  as Keras does
            file.write(model.name)

    monkeypatch.setattr(keras.utils, "plot_model", draw)
    text = _summary(root, "attention", plot=tmp_path / "model.svg")
    assert text.splitlines()[-1] == str(tmp_path / "model.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["model.svg"]
    assert (tmp_path / "model.svg").read_text() == "attention"


@pytest.mark.parametrize(
    ("run", "plot", "message"),
    [
        ("linear", "model.png", "draws Keras networks, which the head linear is not"),
        ("gap", "model.png", "draws Keras networks, which the head gap is not"),
        ("gap", "model.gif", "ends in .png, .svg, .pdf"),
        ("gapp", None, "Did you mean 'gap'"),
    ],
)
def test_what_can_not_be_shown_is_said(root, tmp_path, run, plot, message):
    with pytest.raises(FishError, match=message):
        _summary(root, run, plot=tmp_path / plot if plot else None)
