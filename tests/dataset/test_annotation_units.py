"""Boxes whose unit or orientation is another than their format says."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fishcli.basics.errors import FishError
from fishcli.dataset.annotations import BOX_COLUMNS, read_boxes, scaling
from fishcli.dataset.photos.photo import TURNS, read_header, read_orientation, read_photo

HEADER = "image,x_min,y_min,x_max,y_max\n"
INVERSE = {5: 5, 6: 8, 7: 7, 8: 6}
"""The orientation whose turn undoes another's."""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "boxes").mkdir()
    return tmp_path / "boxes"


def corners(table):
    return [[round(value, 6) for value in box] for box in table[BOX_COLUMNS].to_numpy().tolist()]


def photos(n=1, size=(1280, 720)):
    return pd.DataFrame({"image": [f"{i}.jpg" for i in range(n)], "height": size[1], "width": size[0]})


def table_of(path):
    height, width, problem = read_header(path)
    assert problem == ""
    return pd.DataFrame({"image": [path.name], "path": [path], "height": [height], "width": [width]})


def save(path, stored, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(path, exif=exif)


def found_box(image):
    """The corners of what is white in an image, in pixels."""
    ys, xs = np.nonzero(np.asarray(image.convert("L")) > 127)
    return [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1]


def voc(name, size, box):
    sides = "".join(
        f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return (
        f"<annotation><filename>{name}</filename><size><width>{size[0]}</width><height>{size[1]}</height>"
        f"</size><object><name>fish</name><bndbox>{sides}</bndbox></object></annotation>"
    )


def coco(name, size, box):
    return json.dumps(
        {
            "images": [{"id": 1, "file_name": name, "width": size[0], "height": size[1]}],
            "annotations": [
                {"image_id": 1, "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]]},
            ],
        }
    )


FORMS = {"a.xml": voc, "a.json": coco}


# --- orientation


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_of_the_stored_photo_are_turned_with_it(folder, form, suffix, orientation):
    upright = Image.new("L", (120, 160))
    upright.paste(255, (16, 24, 64, 72))
    stored = upright.transpose(TURNS[INVERSE[orientation]]).convert("RGB")
    path = folder.parent / f"a{suffix}"
    save(path, stored, orientation)
    assert found_box(read_photo(path)[0]) == [16, 24, 64, 72]
    (folder / form).write_text(FORMS[form](path.name, (160, 120), found_box(stored)))
    assert corners(read_boxes(folder, table_of(path))) == [
        [round(v, 6) for v in (16 / 120, 0.15, 64 / 120, 0.45)]
    ]


def test_the_same_size_at_half_its_scale(folder):
    path = folder.parent / "a.jpg"
    save(path, Image.new("RGB", (160, 120)), 6)
    (folder / "a.xml").write_text(voc("a.jpg", (80, 60), (8, 30, 32, 54)))
    assert corners(read_boxes(folder, table_of(path))) == [[0.1, 0.1, 0.5, 0.4]]


def test_boxes_of_the_upright_photo_stay(folder, capsys):
    path = folder.parent / "a.jpg"
    save(path, Image.new("RGB", (160, 120)), 6)
    (folder / "a.xml").write_text(voc("a.jpg", (120, 160), (12, 16, 60, 64)))
    assert corners(read_boxes(folder, table_of(path))) == [[0.1, 0.1, 0.5, 0.4]]
    assert capsys.readouterr().err == ""


def test_only_headers_of_photos_that_are_contradicted_are_read(folder, monkeypatch):
    read = []
    monkeypatch.setattr(scaling, "read_orientation", lambda path: read.append(path.name) or 6)
    paths = [folder.parent / name for name in ("a.jpg", "b.jpg", "c.jpg")]
    for path in paths:
        save(path, Image.new("RGB", (160, 120)), 6)
    (folder / "a.xml").write_text(voc("a.jpg", (120, 160), (12, 16, 60, 64)))
    (folder / "b.xml").write_text(voc("b.jpg", (160, 120), (12, 16, 60, 64)))
    (folder / "c.xml").write_text(voc("c.jpg", (120, 161), (12, 16, 60, 64)))
    assert len(read_boxes(folder, pd.concat(map(table_of, paths)))) == 3
    assert read == ["b.jpg"]


def test_a_photo_without_an_orientation_is_upright(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe1")
    Image.new("RGB", (4, 3)).save(tmp_path / "plain.jpg")
    save(tmp_path / "odd.jpg", Image.new("RGB", (4, 3)), 9)
    for name in ("broken.jpg", "plain.jpg", "odd.jpg", "missing.jpg"):
        assert read_orientation(tmp_path / name) == 1


@pytest.mark.parametrize("size", [(120, 160), (160, 100), (100, 100)])
@pytest.mark.parametrize("orientation", [1, 3])
def test_a_declared_size_of_another_shape_is_said(folder, size, orientation, capsys):
    path = folder.parent / "a.jpg"
    save(path, Image.new("RGB", (160, 120)), orientation)
    (folder / "a.xml").write_text(voc("a.jpg", size, (0, 0, size[0] / 2, size[1] / 2)))
    assert corners(read_boxes(folder, table_of(path))) == [[0, 0, 0.5, 0.5]]
    err = capsys.readouterr().err
    assert err.count("Warning") == 1
    assert "1 images declare a size of another shape" in err


@pytest.mark.parametrize("size", [(320, 240), (80, 60), (53, 40), (161, 120), (160, 121)])
def test_a_copy_of_another_size_is_no_contradiction(folder, size, capsys):
    path = folder.parent / "a.jpg"
    save(path, Image.new("RGB", (160, 120)), 1)
    (folder / "a.xml").write_text(voc("a.jpg", size, (0, 0, size[0] / 2, size[1] / 2)))
    assert corners(read_boxes(folder, table_of(path))) == [[0, 0, 0.5, 0.5]]
    assert capsys.readouterr().err == ""


# --- units


def box_csv(folder, boxes):
    lines = (f"{i}.jpg,{','.join(map(str, box))}\n" for i, box in enumerate(boxes))
    (folder / "boxes.csv").write_text(HEADER + "".join(lines))
    return folder


SPREAD = [(3 * i, 4 * i, 3 * i + 40, 4 * i + 30) for i in range(16)]
"""Boxes as percent: all over a photo."""


def test_percent_is_taken_as_percent(folder, capsys):
    table = read_boxes(box_csv(folder, SPREAD), photos(16))
    assert corners(table)[0] == [0, 0, 0.4, 0.3]
    assert "taken as percent" in capsys.readouterr().err


def test_a_few_boxes_that_may_be_percent_are_said(folder, capsys):
    table = read_boxes(box_csv(folder, SPREAD[::5]), photos(4))
    assert corners(table)[0] == [0, 0, 0.03125, round(30 / 720, 6)]
    assert "if they are percent" in capsys.readouterr().err


@pytest.mark.parametrize("size", [(120, 100), (1280, 200)])
def test_pixels_of_small_photos_are_no_percent(folder, size, capsys):
    table = read_boxes(box_csv(folder, SPREAD), photos(16, size))
    assert corners(table)[0] == [0, 0, round(40 / size[0], 6), round(30 / size[1], 6)]
    assert "percent" not in capsys.readouterr().err


def test_pixels_beyond_a_hundred_are_no_percent(folder, capsys):
    boxes = [*SPREAD, (900, 100, 1000, 200)]
    assert corners(read_boxes(box_csv(folder, boxes), photos(17)))[0][2] == 0.03125
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", FORMS)
def test_fractions_where_the_format_has_pixels(folder, form, capsys):
    (folder / form).write_text(FORMS[form]("0.jpg", (1280, 720), (0.1, 0.25, 0.5, 1)))
    assert corners(read_boxes(folder, photos())) == [[0.1, 0.25, 0.5, 1]]
    assert "taken as fractions" in capsys.readouterr().err


def test_one_pixel_is_no_fraction(folder):
    (folder / "a.xml").write_text(voc("0.jpg", (1280, 720), (0, 0, 1, 1)))
    assert corners(read_boxes(folder, photos())) == [[0, 0, 0.000781, 0.001389]]


def test_one_value_beyond_among_fractions_is_refused(folder):
    boxes = [(0.1, 0.1, 0.5, 0.5)] * 3 + [(0.2, 0.2, 1.6, 0.9)]
    with pytest.raises(FishError, match=r"boxes\.csv, row 4 \(image '3\.jpg'\): 1\.6 where a fraction"):
        read_boxes(box_csv(folder, boxes), photos(4))


def test_one_pixel_among_pixels_is_none(folder):
    boxes = [(0.5, 0.5, 1.5, 1.5), (100, 100, 200, 200), (300, 100, 400, 200)]
    assert len(read_boxes(box_csv(folder, boxes), photos(3))) == 3


def test_yolo_in_pixels_is_refused(folder):
    (folder / "0.txt").write_text("0 640 360 100 100\n")
    with pytest.raises(FishError, match=r"0\.txt, line 1: 690 where a fraction"):
        read_boxes(folder, photos())


def test_pixels_of_a_larger_copy_are_said(folder, capsys):
    boxes = [(100, 100, 200 + 100 * i, 300) for i in range(20)]
    read_boxes(box_csv(folder, boxes), photos(20))
    err = capsys.readouterr().err
    assert "boxes.csv: 8 of 20" in err
    assert "pass the edge" in err


def test_two_pixels_beyond_the_edge_are_no_cut(folder, capsys):
    read_boxes(box_csv(folder, [(100, 100, 1282, 721)] * 9), photos(9))
    assert capsys.readouterr().err == ""


def test_boxes_of_hardly_a_pixel_are_said(folder, capsys):
    boxes = [(10, 10, 11.5, 200)] * 4 + [(10, 10, 300, 300)] * 4
    assert len(read_boxes(box_csv(folder, boxes), photos(8))) == 8
    assert "under 2 pixels wide or high; check that their unit is pixels" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["a.xml", "boxes.csv"])
def test_a_lone_box_that_is_neither_is_said(folder, form, capsys):
    """Too large for a fraction, too small for pixels."""
    box = (0.2, 0.3, 1.6, 0.9)
    (folder / form).write_text(
        voc("0.jpg", (1280, 720), box) if form == "a.xml" else f"{HEADER}0,0.2,0.3,1.6,0.9"
    )
    assert len(read_boxes(folder, photos())) == 1
    assert "1 of 1" in capsys.readouterr().err


def test_corners_in_the_wrong_order_are_swapped_and_counted(folder, capsys):
    table = read_boxes(box_csv(folder, [(640, 360, 320, 180), (0, 360, 640, 0)]), photos(2))
    assert corners(table) == [[0.25, 0.25, 0.5, 0.5], [0, 0, 0.5, 0.5]]
    assert "2 boxes have their corners in the wrong order" in capsys.readouterr().err


def test_no_message_is_long(folder, capsys):
    n = 400
    boxes = [(9000 - i, 10, 10, 10.5) for i in range(n)]
    read_boxes(box_csv(folder, boxes), photos(n // 2))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 3
    assert max(map(len, lines)) <= 500
