"""The page of a localiser's run: that it is whole, and that names stay text."""

import re

import numpy as np
import pytest
from fake_audit import LONG, NASTY
from fake_run import IMAGE
from pages import LINKS, Page

from fishcli.report.localiser_facts import CropsSaid, LocaliserFacts, PrecisionRecall, Seen
from fishcli.report.pages.localiser import localiser_page
from fishcli.report.pages.page import WIDE, twice_drawn
from fishcli.report.plots.detections import MAX_POINTS, precision_recall_curve
from fishcli.report.run_facts import Bins

CURVE = PrecisionRecall(np.linspace(0, 0.8, 900), np.linspace(1, 0.1, 900), (0.08, 0.09), 0.61)


def scores(n_images, iou=0.6):
    named = {"box_iou": iou, "box_iou_over_half": 0.8, "centre_in_box": 0.9, "average_precision": 0.61}
    mean_box = {f"mean_{name}": 0.25 for name in named}
    return {"n_images": n_images, **named, **mean_box, "auc_any": None}


def localiser(**changes):
    """A run with a group that has no box, nasty names, and photos of which one can't be read."""
    sure = np.arange(10) / 10 + 0.05
    values = {
        "name": "locate <b>7</b>",
        "source": "data & more",
        "folds": "grouped",
        "n_boxed": 417,
        "n_boxes": 574,
        "scores": scores(480),
        "by_group": {NASTY: scores(300), LONG: scores(150, 0.1), "empty": dict.fromkeys(scores(0))},
        "by_fold": {f"fold {k}": scores(240) for k in range(2)},
        "crops": CropsSaid("crops hold it", "crops are likely to pay", ["fishcli features --crop 'a b'"]),
        "precision_recall": CURVE,
        "bins": Bins(np.full(10, 9), sure, sure, sure - 0.05, sure + 0.05, 0.01, 0.04, unit="boxes"),
        "ious": (np.linspace(0, 1, 417), np.linspace(0, 0.5, 417)),
        "curves": [{"loss": [(k, 1 / k) for k in range(1, 13)]} for _ in range(2)],
        "sheets": ([Seen(IMAGE, "94% sure", NASTY, b"jpeg")], [Seen("b.jpg", "3% sure", "fold 1", None)]),
        "n_wrong": 1,
        "settings": {"--folds": ("2", False), "--seed": ("0", True)},
        "facts": {"Maps": NASTY},
        "commands": ["fishcli locate --name 'locate <b>7</b>'"],
    }
    values["by_group"]["empty"]["n_images"] = 30
    return LocaliserFacts(**{**values, **changes})


@pytest.fixture(scope="module", autouse=True)
def drawn_once():
    """The pages show the same figures on other folds, or more of them: each plot is drawn once."""
    drawn = {}

    def draw_once(name, alt, draw, content):
        if (name, alt) not in drawn:
            drawn[name, alt] = twice_drawn(name, alt, draw, content)
        return drawn[name, alt]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fishcli.report.pages.localiser.twice_drawn", draw_once)
        yield


@pytest.fixture(scope="module")
def html():
    return localiser_page(localiser())


def test_a_strict_parser_accepts_it_with_and_without_groups_and_mistakes(html):
    html5lib = pytest.importorskip("html5lib")
    html5lib.HTMLParser(strict=True).parse(html)
    bare = localiser_page(localiser(folds="random", by_group={}, sheets=([], []), n_wrong=0))
    html5lib.HTMLParser(strict=True).parse(bare)
    assert "Skipped: its folds know no groups." in Page(bare).said("p")
    assert "There are none." in Page(bare).said("p")


def test_names_stay_text_and_nothing_is_fetched(html):
    page = Page(html)
    assert "locate <b>7</b>" in page.said("h1")
    assert NASTY in page.said("th") and NASTY in page.said("figcaption") and NASTY in page.said("dd")
    assert not page.all("script")
    assert [each["alt"] for each in page.all("img")] == [f"Photo {IMAGE}: 94% sure"]
    for tag, attributes in page.elements:
        for key in LINKS:
            assert attributes.get(key, "#").startswith(("#", "data:image/")), (tag, key)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 0


@pytest.mark.parametrize("folds", ["grouped", "random"])
def test_every_figure_names_its_folds(html, folds):
    html = html if folds == "grouped" else localiser_page(localiser(folds=folds))
    sections = re.findall(r"<section>(.*?)</section>", html, re.S)
    drawn = [each for each in sections if "<figure>" in each]
    assert len(drawn) == 8
    assert all(f"{folds} folds" in each.lower() for each in drawn)
    assert re.findall(r'class="label">([^<]*)<', html) == [
        *(f"{what}, {folds} folds" for what in ("Centre in a true box", "Box IoU", "Average precision")),
        f"Is anything there? {folds.capitalize()} folds",
    ]


def test_the_word_on_crops_and_its_commands_are_there(html):
    page = Page(html)
    assert "Crops are likely to pay." in page.said("p")
    assert "--crop 'a b'" in page.said("span")


def test_long_curves_are_thinned_and_keep_their_ends():
    curve, mean_box = precision_recall_curve(CURVE, WIDE).axes[0].lines
    assert len(curve.get_xdata()) == MAX_POINTS
    assert (curve.get_xdata()[0], curve.get_xdata()[-1]) == (0, 0.8)
    assert (mean_box.get_xdata()[0], mean_box.get_ydata()[0]) == (0.08, 0.09)


def test_heads_and_tails_are_shown_where_they_were_learned(html):
    assert "Direction" not in html and "end error" not in html
    ends = {"end_error": 0.17, "direction_right": 0.89, "mean_end_error": 0.59, "mean_direction_right": 0.41}
    by_fold = {"fold 0": scores(240) | ends, "fold 1": scores(240) | dict.fromkeys(ends)}
    page = Page(localiser_page(localiser(scores=scores(480) | ends, by_fold=by_fold)))
    assert "Direction, grouped folds" in page.said()
    assert "0.17 0.59 89.0% 41.0%" in page.said("td")
