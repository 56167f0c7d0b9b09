import copy
import itertools
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from fake_audit import NASTY, picture, rich_audit
from pages import LINKS, MAX_BYTES, Page, texts

from fishcli.report.pages.audit import audit_page
from fishcli.report.pages.page import NARROW, WIDE
from fishcli.report.plots import audit as audit_plots
from fishcli.report.plots.inline_svg import inline_svg, svg_figure
from fishcli.report.plots.panels import short, signed
from fishcli.report.tables.cells import bits, number, p_value


@pytest.fixture(scope="module")
def html():
    """The page of as many fields and classes, and as large a picture, as there may be."""
    rng, audit = np.random.default_rng(0), rich_audit()
    audit["per_field"] = [
        {**row, "field": f"{k} {row['field']}"} for row in audit["per_field"] for k in range(8)
    ]
    classes = [*audit["class_by_size"]["classes"], *(f"class_{k}" for k in range(200))][:200]
    audit["data"]["classes"] = [{"name": name, "n": 20} for name in classes]
    counts = rng.integers(0, 30, (13, 200))
    counts[:, :8] = 40  # the first have the names to be careful with: they are drawn
    audit["class_by_size"] = {**audit["class_by_size"], "classes": classes, "counts": counts.tolist()}
    return audit_page(audit, {"twins": picture(rng.integers(0, 256, (1200, 1100, 3), dtype=np.uint8))})


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


@pytest.fixture(scope="module")
def bare_audit():
    """An audit of a table with one column, without groups, sizes, features, boxes or a test set."""
    audit = rich_audit(grouped=False)
    nothing = dict.fromkeys(["class_by_size", "seen", "class_maps", "background", "twins", "worlds"])
    return {**audit, **nothing, "nulls": [], "per_field": audit["per_field"][:1]}


@pytest.fixture(scope="module")
def bare_html(bare_audit):
    return audit_page(bare_audit)


@pytest.fixture(scope="module")
def bare_page(bare_html):
    return Page(bare_html)


def test_names_stay_text(page):
    assert NASTY in page.said("li")
    assert NASTY in page.said("dd")
    assert "<img src=x onerror=alert(2)>" in page.said("th")
    assert not page.all("script")
    assert all(each["src"].startswith("data:image/") for each in page.all("img"))
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]


def test_the_sentence_is_the_headline(page):
    assert page.said("h1") == rich_audit()["sentence"]


def test_every_text_is_escaped():
    audit = _poisoned(rich_audit(n_permutations=9), "<b onclick=x>&quot;'\"")
    found = Page(audit_page(audit))
    assert not found.all("b")
    assert not [attributes for _, attributes in found.elements if "onclick" in attributes]
    assert found.said("h1") == "<b onclick=x>&quot;'\""


def _poisoned(value, poison):
    """The same JSON value with each text that names nothing to the page replaced."""
    meant = {"random", "grouped", "images", "groups", "legitimate", "illegitimate"}
    if isinstance(value, str):
        return value if value in meant else poison
    if isinstance(value, dict):
        return {key: _poisoned(each, poison) for key, each in value.items()}
    return [_poisoned(each, poison) for each in value] if isinstance(value, list) else value


def test_nothing_is_fetched(html, page):
    for tag, attributes in page.elements:
        for key in LINKS:
            assert attributes.get(key, "#").startswith(("#", "data:image/")), (tag, key)
    assert not re.search(r"@import|url\((?!#)", html)
    assert "default-src 'none'" in str(page.all("meta"))
    assert {"script", "link", "iframe", "object", "base"}.isdisjoint(tag for tag, _ in page.elements)


def test_a_strict_parser_accepts_it(html, bare_html):
    html5lib = pytest.importorskip("html5lib")
    html5lib.HTMLParser(strict=True).parse(html)
    html5lib.HTMLParser(strict=True).parse(bare_html)


def test_every_figure_has_a_text(page):
    figures = [each for each in page.all("svg") if each.get("role") == "img"]
    assert len(figures) == len(page.all("svg")) == 8
    assert all(len(each["aria-label"]) > 40 for each in figures)
    assert all(len(each["alt"]) > 20 for each in page.all("img"))
    assert len(page.all("img")) == 1


def test_ids_are_unique_and_references_meet_them(html, page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 0
    used = re.findall(r"url\(#([^)]+)\)", html)
    used += [attributes["href"][1:] for attributes in page.all("use")]
    assert set(used) == set(ids)


def test_figures_are_in_the_colours_and_fonts_of_the_page(page):
    on_tiles = {"#ffffff", "#101010"}
    for attributes in page.all("text"):
        fill = re.search(r"fill: ([^;]+)", attributes["style"]).group(1)
        assert fill.startswith("var(--") or fill in on_tiles
        assert "font-family" not in attributes["style"]
    drawn = [attributes.get("style", "") for attributes in page.all("path") + page.all("use")]
    assert not [style for style in drawn if "#000000" in style]


def test_it_knows_day_and_night(html):
    names = [set(re.findall(r"(--\w+):", colours)) for colours in re.findall(r":root \{(.*?)\}", html, re.S)]
    assert len(names) == 2
    assert names[0] == names[1]
    assert set(re.findall(r"var\((--\w+)\)", html)) <= names[0]


def test_the_same_audit_gives_the_same_page(bare_audit, bare_html):
    before = copy.deepcopy(bare_audit)
    assert audit_page(bare_audit) == bare_html
    assert bare_audit == before


def test_it_stays_small(html, page):
    assert 1_000_000 < len(html.encode("utf-8")) < MAX_BYTES
    assert "191 others" in page.said("li")


def test_what_is_missing_is_said(page, bare_page):
    assert "Skipped" not in page.said()
    assert not bare_page.all("img")
    assert bare_page.said("p").count("Skipped: ") == 8
    assert not re.findall(r"None|nan\b", bare_page.said())
    assert "No groups are known" in bare_page.said("p")
    assert "grouped folds" not in bare_page.said("li")


def test_one_test_set_needs_no_list(bare_audit):
    world = rich_audit(n_permutations=9)["worlds"][0]
    found = [Page(audit_page({**bare_audit, "worlds": worlds})).said() for worlds in (world, [world])]
    assert found[0] == found[1]
    assert "1,000 test images of 9 groups against 3,777 training images of 21 groups." in found[0]


def test_headings_are_the_same_whatever_is_known(page, bare_page):
    assert page.said("h2") == bare_page.said("h2")
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in itertools.pairwise(levels))


def test_tables_have_a_cell_for_each_heading(html):
    tables = re.findall(r"<table.*?</table>", html, re.S)
    assert tables
    for table in tables:
        rows = [row.count("<td") + row.count("<th ") for row in re.findall(r"<tr>.*?</tr>", table, re.S)]
        assert len(rows) > 1
        assert len(set(rows)) == 1


def test_characters_that_no_page_may_hold_are_replaced(bare_audit):
    audit = copy.deepcopy({**bare_audit, "class_by_size": rich_audit(n_permutations=9)["class_by_size"]})
    audit["sentence"] = "bell \x07, half a pair \udc80, turned \u202e, non \uffff, 魚"
    audit["class_by_size"]["classes"][0] = audit["per_field"][0]["field"] = "\x00\udcff魚"
    made = audit_page(audit)
    made.encode("utf-8")
    assert Page(made).said("h1") == "bell \ufffd, half a pair \ufffd, turned \ufffd, non \ufffd, 魚"
    assert "\ufffd\ufffd魚" in Page(made).said("text")


def test_pyplot_is_not_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    assert inline_svg(svg_figure(100, 100), "empty", "nothing").startswith("<svg")


def test_the_templates_are_packed():
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["fishcli"]
    packed = {path.name for pattern in patterns for path in (root / "fishcli").glob(pattern)}
    assert {"page.html", "table.html", "audit.html"} <= packed


PLOTS = {
    "mosaic": (audit_plots.mosaic, lambda audit: audit["class_by_size"]),
    "fields": (audit_plots.field_bits, lambda audit: audit["per_field"]),
    "nulls": (audit_plots.null_histograms, lambda audit: audit["nulls"]),
    "seen": (
        audit_plots.utility_by_detectability,
        lambda audit: [row for row in audit["seen"]["detectability"] if row["product"] is not None],
    ),
}


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize(("draw", "part"), PLOTS.values(), ids=PLOTS)
def test_no_text_of_a_plot_is_cut_off_or_over_another(draw, part, width):
    figure = draw(part(rich_audit()), width)
    places = texts(figure)
    assert len(places) > 5
    for text, (x0, y0, x1, y1) in places:
        assert min(x0, y0) >= -1, text
        assert x1 <= figure.bbox.x1 + 1, text
        assert y1 <= figure.bbox.y1 + 1, text
    for (a, one), (b, other) in itertools.combinations(places, 2):
        across = min(one[2], other[2]) - max(one[0], other[0])
        along = min(one[3], other[3]) - max(one[1], other[1])
        assert across <= 1 or along <= 3, (a, b)  # a line's box is a little higher than its letters


def test_a_mosaic_shows_every_image():
    table = rich_audit()["class_by_size"]
    figure = audit_plots.mosaic(table, WIDE)
    tiles = figure.axes[0].patches
    rows = len(table["sizes"]) + 1
    assert len(tiles) == rows * len(table["classes"])
    for row in range(rows):
        assert sum(tiles[k].get_width() for k in range(row, len(tiles), rows)) == pytest.approx(1)
    heights = [tiles[row].get_height() for row in range(rows)]
    assert heights[1] == max(heights)
    assert heights[1] / heights[2] == pytest.approx(2190 / 598, rel=0.03)


def test_of_many_classes_the_rare_ones_are_one():
    counts = np.arange(1, 13)
    table = {"sizes": ["1x1"], "classes": [f"c{k}" for k in counts], "counts": [counts.tolist()]}
    legend = audit_plots.class_legend(table)
    assert [name for name, _ in legend] == [*(f"c{k}" for k in range(12, 3, -1)), "3 others"]
    assert len({colour for _, colour in legend}) == 10


def test_untestable_is_said_in_place_of_p():
    null = {**rich_audit(n_permutations=9)["nulls"][0], "observed": None, "p_value": None, "drawn": []}
    figure = audit_plots.null_histograms([{**null, "untestable": "too few groups"}], WIDE)
    title = figure.axes[0].get_title(loc="left")
    assert title.endswith("untestable: too few groups")
    assert "p =" not in title


def test_bits_beyond_the_plot_are_arrows_at_its_edge():
    fields = rich_audit()["per_field"][:3]
    fields[1] |= {"grouped_bits": -9.0, "grouped_low": -12.0, "grouped_high": -7.0}
    panel = audit_plots.field_bits(fields, WIDE).axes[0]
    arrows = [line for line in panel.lines if line.get_marker() == "<"]
    assert len(arrows) == 1
    assert panel.get_xlim()[0] > -2
    assert arrows[0].get_xdata()[0] >= panel.get_xlim()[0]


ROUNDED = [(0.3012, "+0.301"), (-0.55, "−0.550"), (-0.0001, "0.000"), (0.0, "0.000"), (12, "+12.000")]


@pytest.mark.parametrize(("value", "text"), ROUNDED)
def test_bits_have_a_sign_unless_they_round_to_0(value, text):
    assert signed(value) == bits(value).text == text


def test_cells():
    assert bits(None).text == number(None) == p_value(None).text == "–"
    assert bits(0.1, 0.05, None).below == ""
    assert bits(0.1, -0.05, 0.25).below == "−0.050 … +0.250"
    assert [p_value(p).text for p in (1.0, 0.001, 0.0002, 1e-5)] == ["1.000", "0.001", "0.0002", "< 0.0001"]
    assert p_value(0.06).is_quiet
    assert not p_value(0.05).is_quiet
    assert short("abcdef", 4) == "abc…"
    assert short("abcd", 4) == "abcd"
