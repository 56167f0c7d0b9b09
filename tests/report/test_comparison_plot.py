import itertools
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

from fishcli.report.plots.comparison import _figure, write_comparison_plot

PRIOR = {"grouped": 1.876, "random": 1.865}
RANGE = {"grouped": (1.28, 1.9), "random": (0.3, 0.9)}


def comparison(n_rows, folds=("grouped", "random"), n_heads=None, seed=0):
    """A table of `n_rows` heads, metadata and boxes on each kind of folds, with made-up losses."""
    heads = [f"head{k}" for k in range(n_heads or n_rows)]
    cells = list(itertools.product(heads, ["none", "size"], ["none", "largest"])) if n_heads else []
    cells = cells or [(head, "none", "none") for head in heads]
    rng = np.random.default_rng(seed)
    parts = []
    for kind in folds:
        loss = rng.uniform(*RANGE[kind], n_rows)
        difference = np.where(loss == loss.min(), np.nan, loss - loss.min())
        part = pd.DataFrame(cells[:n_rows], columns=["head", "metadata", "boxes"])
        parts.append(
            part.assign(
                features="store",
                folds=kind,
                log_loss=loss,
                prior_log_loss=PRIOR[kind],
                difference=difference,
                low=difference - 0.1,
                high=difference + 0.1,
                within_noise=~(difference > 0.1),
            )
        )
    return pd.concat(parts, ignore_index=True)


def texts(figure):
    """Each text that is drawn with its place (x0, y0, x1, y1) in pixels."""
    drawn = {}
    with pytest.MonkeyPatch.context() as patch:
        draw = Text.draw
        patch.setattr(Text, "draw", lambda text, renderer: (drawn.update({text: 1}), draw(text, renderer)))
        figure.canvas.draw()
    return [(text.get_text(), text.get_window_extent().extents) for text in drawn if text.get_text()]


def said(figure):
    return [text for text, _ in texts(figure)]


def row_labels(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()][1:]


def far_off():
    table = comparison(6)
    table.loc[2, "log_loss"] = 9.3
    return table


CASES = {
    "one": comparison(1),
    "two": comparison(2),
    "twelve": comparison(12, n_heads=3),
    "forty": comparison(40, n_heads=10),
    "random only": comparison(12, ["random"], n_heads=3),
    "grouped only": comparison(2, ["grouped"]),
    "all looks": comparison(6, ["grouped"]).assign(log_loss=[1.3, 1.35, 1.6, 1.7, 1.9, 2.0]),
    "no intervals": comparison(6).assign(low=np.nan, high=np.nan),
    "one far off": far_off(),
    "all worse than the prior": comparison(6).assign(prior_log_loss=0.2),
    "gaps": comparison(6).drop(index=[1, 9]),
    "all equal": comparison(3).assign(log_loss=1.5, difference=np.nan, low=0.0, high=0.0),
    "long names": comparison(3).replace({"head0": "a_head_with_a_name_that_is_much_longer_than_others"}),
}


@pytest.mark.parametrize("case", ["one", "gaps"])
def test_a_whole_png_is_written(tmp_path, case):  # all cases are drawn below
    write_comparison_plot(tmp_path / "report" / "comparison.png", CASES[case])
    with Image.open(tmp_path / "report" / "comparison.png") as image:
        assert image.format == "PNG"
        assert "Software" not in image.info
        assert np.ptp(np.asarray(image.convert("L"))) > 200
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["comparison.png"]


@pytest.mark.parametrize("table", CASES.values(), ids=CASES)
def test_no_text_is_cut_off_or_over_another(table):
    figure = _figure(table)
    places = texts(figure)
    for text, (x0, y0, x1, y1) in places:
        assert x0 >= -1, text
        assert y0 >= -1, text
        assert x1 <= figure.bbox.x1 + 1, text
        assert y1 <= figure.bbox.y1 + 1, text
    for (a, one), (b, other) in itertools.combinations(places, 2):
        across = min(one[2], other[2]) - max(one[0], other[0])
        along = min(one[3], other[3]) - max(one[1], other[1])
        assert across <= 1 or along <= 1, (a, b)


def test_the_same_table_gives_the_same_bytes_and_pyplot_is_not_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for name in ("a.png", "b.png"):
        write_comparison_plot(tmp_path / name, CASES["two"])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_table_is_left_as_it_was():
    table = comparison(4)
    _figure(table)
    pd.testing.assert_frame_equal(table, comparison(4))


def test_rows_are_by_rising_loss_on_grouped_folds():
    table = comparison(12, n_heads=3)
    grouped = table[table["folds"] == "grouped"].sort_values("log_loss")
    expected = [" · ".join(row) for row in grouped[["head", "metadata", "boxes"]].to_numpy()]
    assert row_labels(_figure(table)) == expected


def test_without_grouped_folds_rows_are_by_the_loss_on_random_ones():
    table = comparison(5, ["random"])
    assert row_labels(_figure(table)) == table.sort_values("log_loss")["head"].to_list()


def test_a_row_that_lacks_grouped_folds_is_last():
    table = comparison(5)
    assert row_labels(_figure(table.drop(index=2)))[-1] == "head2"
    assert "–" in said(_figure(table.drop(index=2)))


def test_parts_that_are_the_same_everywhere_are_left_out_of_the_labels():
    table = comparison(2)
    assert set(row_labels(_figure(table))) == {"head0", "head1"}
    assert row_labels(_figure(table[table["head"] == "head0"])) == ["head0"]
    varied = table.assign(head="gap", boxes=["none", "largest"] * 2)
    assert set(row_labels(_figure(varied))) == {"none", "largest"}


def test_names_are_shown_as_they_are(tmp_path):
    names = ["a$x^2$", "_leading", "under_score", "a\\alpha$", "100%", "$\\broken{$"]
    table = comparison(6).replace({f"head{k}": name for k, name in enumerate(names)})
    shown = [label for label in _figure(table).axes[0].get_yticklabels() if label.get_text() in names]
    assert sorted(label.get_text() for label in shown) == sorted(names)
    assert not any(label.get_parse_math() for label in shown)
    write_comparison_plot(tmp_path / "plot.png", table)  # mathtext would raise on the last


def test_panels_name_their_folds():
    figure = _figure(comparison(3))
    titles = [panel.get_title("left") for panel in figure.axes]
    assert titles == ["grouped folds: what unseen groups would see", "random folds"]
    assert [panel.get_xlabel() for panel in figure.axes] == ["out-of-fold log loss (lower is better)"] * 2


def test_a_prior_that_would_squeeze_the_dots_is_an_arrow():
    figure = _figure(comparison(12, n_heads=3))
    assert " class prior 1.876 " in said(figure)
    assert "class prior 1.865 →" in said(figure)
    assert figure.axes[1].get_xlim()[1] < 1.2


def test_a_loss_far_beyond_the_prior_does_not_squeeze_the_others():
    figure = _figure(far_off())
    assert figure.axes[0].get_xlim()[1] < 3
    assert "9.300" in said(figure)


def test_the_legend_names_what_is_there():
    def legend(table):
        return {text.get_text() for text in _figure(table).legends[0].get_texts()}

    bar = "interval of the difference to the best"
    table = comparison(3, ["grouped"]).assign(log_loss=[1.3, 1.35, 1.6], within_noise=[True, True, False])
    assert legend(table) == {"best", "within noise of the best", "worse than the best", bar}
    assert legend(table.assign(low=np.nan)) == legend(table) - {bar}
    assert legend(table.assign(prior_log_loss=1.5)) == {
        *("best", "within noise of the best", "worse than the prior", bar)
    }
