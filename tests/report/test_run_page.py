"""The page of a run: what stands on it, that it is whole, and that nothing of it is cut off."""

import dataclasses
import itertools
import re

import numpy as np
import pytest
from fake_audit import LONG, NASTY
from fake_run import IMAGE, bare_run, rich_run
from pages import LINKS, MAX_BYTES, Page, texts

from fishcli.report.localiser_facts import PrecisionRecall
from fishcli.report.pages.page import NARROW, WIDE
from fishcli.report.pages.run import _figures, _gap_said, _looked_rows, _sentence, run_page
from fishcli.report.pages.words import score_rows
from fishcli.report.plots import answers as answer_plots
from fishcli.report.plots import run as run_plots
from fishcli.report.plots.detections import precision_recall_curve
from fishcli.report.run_facts import Part


@pytest.fixture(scope="module")
def html():
    """The page of as many classes and groups as there may be."""
    return run_page(rich_run(n_classes=120, n_groups=3000))


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


@pytest.fixture(scope="module")
def bare_html():
    return run_page(bare_run())


def test_names_stay_text(html, page):
    assert f"{NASTY} taken for {LONG}" in page.said("b")
    assert NASTY in page.said("th")
    assert IMAGE in page.said("figcaption")
    assert "run <b>7</b>" in page.said("h1")
    assert "fishcli train --name 'run <b>7</b>'" in page.said("span")
    assert IMAGE in str([each["alt"] for each in page.all("img")])
    assert not page.all("script") + page.all("i onclick")
    assert all(each["src"].startswith("data:image/jpeg;base64,") for each in page.all("img"))
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]


def test_nothing_is_fetched(html, page):
    for tag, attributes in page.elements:
        for key in LINKS:
            assert attributes.get(key, "#").startswith(("#", "data:image/")), (tag, key)
    assert not re.search(r"@import|url\((?!#)", html)
    assert {"script", "link", "iframe", "object", "base"}.isdisjoint(tag for tag, _ in page.elements)


def test_a_strict_parser_accepts_it(html, bare_html):
    html5lib = pytest.importorskip("html5lib")
    html5lib.HTMLParser(strict=True).parse(html)
    html5lib.HTMLParser(strict=True).parse(bare_html)


def test_every_picture_has_a_text(page):
    figures = [each for each in page.all("svg") if each.get("role") == "img"]
    assert len(figures) == len(page.all("svg")) == 2 * 10
    assert all(len(each["aria-label"]) > 40 for each in figures)
    assert len(page.all("img")) == 3
    assert all(len(each["alt"]) > 10 for each in page.all("img"))


def test_ids_are_unique_and_references_meet_them(html, page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 0
    used = re.findall(r"url\(#([^)]+)\)", html) + [each["href"][1:] for each in page.all("use")]
    assert set(used) == set(ids)


def test_colours_and_fonts_are_the_pages(html, page):
    for attributes in page.all("text"):
        assert re.search(r"fill: ([^;]+)", attributes["style"]).group(1).startswith("var(--")
        assert "font-family" not in attributes["style"]
    names = [set(re.findall(r"(--\w+):", colours)) for colours in re.findall(r":root \{(.*?)\}", html, re.S)]
    assert set(re.findall(r"var\((--\w+)\)", html)) <= names[0] == names[1]


def test_the_headline_names_its_folds_and_the_prior(page):
    said = page.said("h1")
    assert "On groups it has not seen (grouped folds)" in said
    assert "a log loss of 1.900; the class prior alone has 2.100. 10% of that is explained" in said
    assert said.endswith("which may be chance.")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lead": (0.02, 0.31)}, "10% of that is explained."),
        ({"scores": {**rich_run().scores, "log_loss": 2.2}}, "so it is worse than knowing nothing."),
        (
            {"folds": "random"},
            "On unseen groups (grouped folds) the same settings have 1.900, the prior 2.100.",
        ),
    ],
)
def test_the_headline_says_what_the_loss_is_worth(changes, said):
    assert _sentence(rich_run(**changes)).endswith(said)


def test_a_random_score_does_not_claim_unseen_groups():
    said = _sentence(rich_run(folds="random", gap=None))
    assert said.startswith("On random folds, ")
    assert "unseen" not in said


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((1.2, 1.9), "do not expect it on new ones"),
        ((-0.2, 1.9), "may be chance"),
        ((None, None), "may be chance"),
        ((-0.9, -0.1), "easier"),
    ],
)
def test_the_gap_is_read_by_its_interval(ends, said):
    gap = dataclasses.replace(rich_run().gap, low=ends[0], high=ends[1])
    assert _gap_said(gap).startswith("From random to grouped folds: +1.590")
    assert said in _gap_said(gap)


def test_what_a_run_of_one_class_can_not_have_is_left_out(bare_html):
    found = Page(bare_html)
    assert "Confusion matrix" not in found.said("h2")
    assert "log loss" not in found.said().lower()
    assert not re.findall(r"None|nan\b", found.said())
    assert found.said("h1") == "On random folds, nothing of run <b>7</b> could be measured."
    scores = {"n_images": 3, "box_iou": 0.61, "box_iou_over_half": 0.7, "mean_box_iou": 0.5}
    assert _sentence(bare_run(scores=scores)).endswith(
        "overlap the true ones by 0.61 (mean IoU); the mean box alone by 0.50."
    )


def test_it_stays_small(html, page):
    assert len(html.encode("utf-8")) < MAX_BYTES
    assert "The first 200 of 3,000; oof.csv has all." in page.said("p")


def test_characters_that_no_page_may_hold_are_replaced():
    part = Part("turned \u202e", 3, box_iou=0.4, mean_box_iou=0.3)
    facts = bare_run(name="bell \x07", class_counts=[("\x00a\udc80", 3)], by_group=[part])
    made = run_page(facts)
    made.encode("utf-8")
    assert "bell \ufffd" in Page(made).said("h1")
    assert "\ufffda\ufffd 3" in Page(made).said("dd")
    assert "turned \ufffd" in Page(made).said("text")


FACTS = rich_run()
PLOTS = {
    "class": (run_plots.row_dots, score_rows(FACTS.by_class)),
    "group": (run_plots.row_dots, score_rows(FACTS.by_group)),
    "looked": (run_plots.row_dots, _looked_rows(FACTS)),
    "confusion": (answer_plots.confusion_matrix, ([name for name, _ in FACTS.class_counts], FACTS.confusion)),
    "reliability": (answer_plots.reliability_diagram, (FACTS.bins, FACTS.raw_bins)),
    "curves": (run_plots.training_curves, FACTS.curves),
    "views": (run_plots.loss_by_views, [(1, 0.9), (2, 0.8), (4, 0.85), (8, 0.84)]),
    "ious": (run_plots.iou_histogram, FACTS.ious),
    "precision": (
        precision_recall_curve,
        PrecisionRecall(np.linspace(0, 1, 900), np.linspace(1, 0, 900), (0.08, 0.09), 0.6),
    ),
}


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize(("draw", "content"), PLOTS.values(), ids=PLOTS)
def test_no_text_of_a_plot_is_cut_off_or_over_another(draw, content, width):
    figure = draw(content, width)
    places = texts(figure)
    assert len(places) > 5
    for text, (x0, y0, x1, y1) in places:
        assert min(x0, y0) >= -1, text
        assert x1 <= figure.bbox.x1 + 1, text
        assert y1 <= figure.bbox.y1 + 1, text
    for (a, one), (b, other) in itertools.combinations(places, 2):
        across = min(one[2], other[2]) - max(one[0], other[0])
        along = min(one[3], other[3]) - max(one[1], other[1])
        assert across <= 1 or along <= 3, (a, b)


def test_rows_show_who_is_better():
    rows = run_plots.Rows(["a", "b"], ["1", "2"], [1.0, 3.0], [2.0, 2.0], "loss", lower_is_better=True)
    dots = [line for line in run_plots.row_dots(rows, WIDE).axes[0].lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [2.0, 1.0, 2.0, 3.0]
    assert dots[1].get_color() == run_plots.ACCENT
    assert dots[3].get_color() == run_plots.ALARM


def test_of_many_classes_the_rare_ones_are_one():
    counts = np.diag([5, 1, 9, 2]) + 1
    names, found = answer_plots.frequent(["a", "b", "c", "d"], counts, 3)
    assert names == ["a", "c", "2 others"]
    assert found.tolist() == [[6, 1, 2], [1, 10, 2], [2, 2, 7]]
    assert found.sum() == counts.sum()


def test_without_anything_to_draw_there_is_no_figure():
    assert set(_figures(bare_run())) == set()
