"""The picture of a competition: its page, its CSV and its table."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import make_image, write_competition

from fishcli.commands import data
from fishcli.options.data import PictureConfig
from fishcli.report.data_facts import facts_of
from fishcli.report.plots.data import GRID

NASTY = "<script>alert(1)<&>\"'"


def _picture(data_dir, out, **changes):
    return data.run(PictureConfig(data_dir=data_dir, out=out, **changes))


def _facts(data_dir, **changes):
    return facts_of(data._load(PictureConfig(data_dir=data_dir, **changes)))


def _parsed(html):
    html5lib = pytest.importorskip("html5lib")
    html5lib.HTMLParser(strict=True).parse(html)
    return html5lib.parse(html, namespaceHTMLElements=False)


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    """A competition with a nasty class name, damaged files and a test set of a size of its own."""
    folder = tmp_path_factory.mktemp("picture")
    write_competition(folder / "data", classes=[NASTY, "BET", "NoF"])
    photos = sorted((folder / "data" / "train" / NASTY).glob("*.jpg"))
    photos[0].write_bytes(photos[0].read_bytes()[:700])  # its header is whole
    photos[1].write_bytes(b"")
    make_image(folder / "data" / "test" / "new.jpg", (90, 70))
    text = _picture(folder / "data", folder / "out")
    return folder, text, (folder / "out" / "data.html").read_text()


def test_names_stay_text(nasty):
    page = _parsed(nasty[2])
    assert page.findall(".//script") == []
    said = " ".join(page.find("body").itertext())
    assert NASTY in said
    assert not [key for each in page.iter() for key in each.attrib if str(key).startswith("on")]


def test_the_page_stands_alone(nasty):
    page = _parsed(nasty[2])
    for each in page.iter():
        for key in ("href", "src", "srcset"):
            assert each.attrib.get(key, "#").startswith(("#", "data:image/"))
    assert not re.search(r"@import|url\((?!#)", nasty[2])
    assert all(len(each.attrib["alt"]) > 0 for each in page.findall(".//img"))
    figures = [each for each in page.iter() if each.attrib.get("role") == "img"]
    assert len(figures) == 10
    assert all(len(each.attrib["aria-label"]) > 30 for each in figures)


def test_damaged_files_are_listed_with_why(nasty):
    folder, text, html = nasty
    assert "2 files can't be read" in text
    assert "the file is empty" in html
    table = pd.read_csv(folder / "out" / "images.csv", keep_default_na=False)
    broken = table[table["problem"] != ""]
    assert list(broken["split"]) == ["train", "train"]
    assert len(table) == 24 + 7
    assert set(table["split"]) == {"train", "test"}


def test_both_mosaics_have_the_colours_of_one_legend(nasty):
    facts = _facts(nasty[0] / "data")
    totals = [np.sum(facts[name]["counts"], axis=0).tolist() for name in ("class_by_size", "class_by_group")]
    assert totals == [[8, 8, 8], [8, 8, 8]]
    assert facts["class_by_size"]["classes"] == facts["class_by_group"]["classes"]
    assert "unreadable" in facts["class_by_size"]["sizes"]


def test_every_class_has_a_contact_sheet_of_its_readable_photos(nasty):
    page = _parsed(nasty[2])
    sheets = [each for each in page.iter("ul") if each.attrib.get("class") == "sheet"]
    assert sorted(len(sheet.findall("li")) for sheet in sheets) == [6, 8, 8]


def test_counts_are_those_of_the_files(tiny_competition):
    data_dir = tiny_competition(n_per_class=6)
    facts = _facts(data_dir)
    assert [(each["name"], each["n"], each["n_boxed"]) for each in facts["classes"]] == [
        ("ALB", 6, 6),
        ("BET", 6, 6),
        ("NoF", 6, 0),
    ]
    assert facts["n_groups"] == 4
    assert facts["prior_log_loss"] == pytest.approx(np.log(3))
    assert sum(row["train"] for row in facts["sizes"]) == 18
    assert sum(row["test"] for row in facts["sizes"]) == 6
    assert sum(map(sum, facts["class_by_group"]["counts"])) == 18
    assert facts["groups"]["n_of_one_size"] == 4
    assert any("Every group has one image size" in note for note in facts["notes"])


def test_box_places_are_where_boxes_lie(tiny_competition):
    data_dir = tiny_competition(with_boxes=False)
    (data_dir / "boxes").mkdir()
    images = sorted(path.relative_to(data_dir / "train") for path in (data_dir / "train").rglob("*.jpg"))[:2]
    rows = [(images[0], 0.0, 0.0, 0.5, 0.25), (images[1], 0.0, 0.0, 0.25, 0.25)]
    table = pd.DataFrame(rows, columns=["image", "x_min", "y_min", "x_max", "y_max"])
    table.to_csv(data_dir / "boxes" / "boxes.csv", index=False)
    boxes = _facts(data_dir)["boxes"]
    cover = np.array(boxes["cover"])
    across, down = GRID
    assert cover.shape == (down, across)
    assert (cover[: down // 4, : across // 4] == 1.0).all()
    assert (cover[: down // 4, across // 4 : across // 2] == 0.5).all()
    assert cover.sum() == pytest.approx(down / 4 * (across / 4 * 1.5))
    assert (boxes["n"], boxes["n_boxed"], boxes["n_several"]) == (2, 2, 0)


def test_a_bare_competition_has_a_page_too(tmp_path):
    for k in range(3):
        make_image(tmp_path / "data" / "train" / "fish" / f"{k}.jpg", (40 + k, 60))
    text = _picture(tmp_path / "data", tmp_path / "out")
    html = (tmp_path / "out" / "data.html").read_text()
    _parsed(html)
    assert "There is no folder test*" in html
    assert "Hardly any photos share a size" in html
    assert "nobody knows what a score is worth" in text
    assert "with a box" not in text
    assert not re.findall(r"None\b|nan\b", re.sub(r"base64,\S+|None (are|with)|None:", "", html))


def test_new_sizes_of_a_test_set_are_noticed(tiny_competition):
    data_dir = tiny_competition()
    assert not any("test" in note for note in _facts(data_dir)["notes"])
    for k in range(6):
        make_image(data_dir / "test" / f"new_{k}.jpg", (90, 70))
    assert any(note.startswith("test: 50% of the images have a size") for note in _facts(data_dir)["notes"])


def test_groups_of_one_class_are_noticed(tiny_competition):
    data_dir = tiny_competition()
    table = pd.read_csv(data_dir / "groups.csv")
    table["group"] = table["image"].str.split("/").str[0] + "_" + table["group"]
    table.to_csv(data_dir / "groups.csv", index=False)
    assert any("12 of 12 groups have one class only" in note for note in _facts(data_dir)["notes"])


def test_the_same_files_give_the_same_page(nasty, tmp_path):
    folder, _, _ = nasty
    _picture(folder / "data", tmp_path)
    for name in ("data.html", "images.csv"):
        assert (tmp_path / name).read_bytes() == (folder / "out" / name).read_bytes()


def test_many_classes_keep_the_page_small(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(70):
        for i in range(2):
            pixels = rng.integers(0, 256, (120, 160, 3), np.uint8)
            make_image(tmp_path / "data" / "train" / f"class_{k:02d}" / f"{k}_{i}.jpg", pixels=pixels)
    _picture(tmp_path / "data", tmp_path / "out")
    html = (tmp_path / "out" / "data.html").read_text()
    assert len(html) < 5_000_000
    assert "The 60 most frequent of 70 classes." in html
