import json
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fishcli.basics.errors import FishError
from fishcli.dataset.annotations import BOX_COLUMNS, read_boxes, read_points

IMAGES = pd.DataFrame(
    {
        "image": ["ALB/img_1.jpg", "ALB/img_2.jpg", "LAG/img_3.jpg", "NoF/img_4.jpg"],
        "height": [100, 100, 720, 100],
        "width": [200, 200, 1280, 200],
    }
)
RACCOON = Path(__file__).parents[2].parent / "shared" / "datasets" / "raccoon"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "boxes").mkdir()
    return tmp_path / "boxes"


def rows(table):
    return [(image, *(round(value, 6) for value in box)) for image, *box in table.itertuples(index=False)]


def rect(x, y, width, height):
    return {"class": "rect", "x": x, "y": y, "width": width, "height": height}


def sloth(name, *annotations):
    return {"class": "image", "filename": name, "annotations": list(annotations)}


def write_json(folder, value, name="ALB_labels.json"):
    (folder / name).write_text(json.dumps(value), encoding="utf-8")
    return folder


def coco(*bboxes, **image):
    return {
        "images": [{"id": 5, "file_name": "img_1.jpg", **image}],
        "annotations": [{"id": i, "image_id": 5, "bbox": list(bbox)} for i, bbox in enumerate(bboxes)],
    }


def voc(*boxes, filename="img_1.jpg", size=(200, 100)):
    objects = "".join(
        "<object><name>fish</name><bndbox>"
        + "".join(
            f"<{key}>{value}</{key}>"
            for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
        )
        + "</bndbox></object>"
        for box in boxes
    )
    size_xml = "" if size is None else f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    name_xml = "" if filename is None else f"<filename>{filename}</filename>"
    return f"<annotation>{name_xml}{size_xml}{objects}</annotation>"


# --- the folder


def test_no_folder_no_boxes(tmp_path):
    table = read_boxes(tmp_path / "boxes", IMAGES)
    assert list(table.columns) == ["image", *BOX_COLUMNS]
    assert len(table) == 0
    assert (table[BOX_COLUMNS].dtypes == "float64").all()


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "boxes").write_text("")
    with pytest.raises(FishError, match="expected a folder"):
        read_boxes(tmp_path / "boxes", IMAGES)


def test_a_folder_without_annotations_is_worth_a_warning(folder, capsys):
    (folder / "img_1.jpg").write_text("0 0.5 0.5 0.1 0.1")
    (folder / "sub.json").mkdir()
    assert len(read_boxes(folder, IMAGES)) == 0
    assert "no box annotations" in capsys.readouterr().err


def test_hidden_files_are_ignored_and_suffixes_may_be_upper_case(folder, capsys):
    (folder / "._img_1.xml").write_bytes(b"\x00\x05\x16\x07")
    (folder / "IMG_1.XML").write_text(voc((0, 0, 100, 100)))
    assert rows(read_boxes(folder, IMAGES)) == [("ALB/img_1.jpg", 0, 0, 0.5, 1)]
    assert capsys.readouterr().err == ""


def test_formats_mix_and_rows_are_ordered_by_image_then_as_read(folder):
    write_json(
        folder, [sloth("img_3.jpg", rect(0, 0, 640, 720)), sloth("img_1.jpg", rect(0, 0, 20, 10))], "b.json"
    )
    write_json(folder, coco([0, 0, 40, 10]), "a.json")
    (folder / "c.csv").write_text("image,x_min,y_min,x_max,y_max\nimg_1.jpg,0,0,0.3,0.1\n")
    (folder / "img_2.xml").write_text(voc((0, 0, 100, 100), filename="img_2.jpg"))
    table = read_boxes(folder, IMAGES)
    assert rows(table) == [
        ("ALB/img_1.jpg", 0, 0, 0.2, 0.1),
        ("ALB/img_1.jpg", 0, 0, 0.1, 0.1),
        ("ALB/img_1.jpg", 0, 0, 0.3, 0.1),
        ("ALB/img_2.jpg", 0, 0, 0.5, 1),
        ("LAG/img_3.jpg", 0, 0, 0.5, 1),
    ]
    assert table.index.tolist() == [0, 1, 2, 3, 4]


# --- Sloth


@pytest.mark.parametrize(
    "name",
    [
        "img_1.jpg",
        "ALB/img_1.jpg",
        "../data/train/ALB/img_1.jpg",
        "/home/x/fish/img_1.jpg",
        "C:\\f\\img_1.jpg",
    ],
)
def test_sloth_file_names_of_all_sorts(folder, name):
    write_json(folder, [sloth(name, rect(20.5, 10.25, 100.0, 50.5))])
    assert rows(read_boxes(folder, IMAGES)) == [("ALB/img_1.jpg", 0.1025, 0.1025, 0.6025, 0.6075)]


def test_boxes_over_the_edge_are_clipped(folder, capsys):
    write_json(folder, [sloth("img_1.jpg", rect(-3.2, -0.5, 103.2, 50.5), rect(150, 50, 80, 80))])
    assert rows(read_boxes(folder, IMAGES)) == [
        ("ALB/img_1.jpg", 0, 0, 0.5, 0.5),
        ("ALB/img_1.jpg", 0.75, 0.5, 1, 1),
    ]
    assert capsys.readouterr().err == ""  # one of two is cut by more than a hand's breadth
    write_json(folder, [sloth("img_1.jpg", rect(-1.9, -0.5, 203.8, 101))])
    assert rows(read_boxes(folder, IMAGES)) == [("ALB/img_1.jpg", 0, 0, 1, 1)]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "entry",
    [
        sloth("img_4.jpg"),
        {"filename": "img_4.jpg", "annotations": {}},
        {"filename": "img_4.jpg", "annotations": None},
        {"filename": "img_4.jpg"},
        sloth("img_4.jpg", {}),
        sloth("img_4.jpg", {"x": 0, "y": 0.0, "width": 0, "height": 0}),
    ],
)
def test_no_fish_is_no_box_and_no_warning(folder, entry, capsys):
    assert len(read_boxes(write_json(folder, [entry]), IMAGES)) == 0
    assert capsys.readouterr().err == ""


def test_an_annotation_without_class_may_be_a_box(folder):
    write_json(folder, [sloth("img_1.jpg", {"x": 0, "y": 0, "width": 100, "height": 100})])
    assert rows(read_boxes(folder, IMAGES)) == [("ALB/img_1.jpg", 0, 0, 0.5, 1)]


@pytest.mark.parametrize("n_points", [1, 2, 3, 4])
def test_two_points_are_a_pair_and_a_last_one_alone_is_counted(folder, n_points, capsys):
    points = [{"class": "point", "x": 20.0 * i, "y": 50.0} for i in range(n_points)]
    write_json(folder, [sloth("img_1.jpg", *points), sloth("img_2.jpg", *points, rect(0, 0, 100, 100))])
    pairs = [(0, 0.5, 0.1, 0.5), (0.2, 0.5, 0.3, 0.5)][: n_points // 2]
    images = ("ALB/img_1.jpg", "ALB/img_2.jpg")
    assert rows(read_points(folder, IMAGES)) == [(image, *pair) for image in images for pair in pairs]
    err = capsys.readouterr().err
    assert err.count("Warning") == n_points % 2 == err.count("left out 2 points without a partner")


def test_a_rectangle_wins_over_points_and_points_stand_in_for_it(folder, capsys):
    points = [{"class": "point", "x": x, "y": 50.0} for x in (20.0, 80.0)]
    write_json(folder, [sloth(f"img_{i}.jpg", *points) for i in (1, 2)], "a_points.json")
    write_json(folder, [sloth("img_2.jpg", rect(0, 0, 100, 100))], "b.json")
    assert rows(read_boxes(folder, IMAGES)) == [
        ("ALB/img_1.jpg", 0.1, 0.4, 0.4, 0.6),  # 60 pixels long, 20 deep
        ("ALB/img_2.jpg", 0, 0, 0.5, 1),
    ]
    assert capsys.readouterr().err == ""


def test_the_box_around_a_slanted_pair_holds_a_fish_a_third_as_deep(folder):
    points = [{"class": "point", "x": x, "y": y} for x, y in ((100.0, 80.0), (40.0, 20.0))]
    write_json(folder, [sloth("img_1.jpg", *points)])
    assert rows(read_boxes(folder, IMAGES)) == [("ALB/img_1.jpg", 0.15, 0.1, 0.55, 0.9)]


def test_points_without_a_number_are_refused(folder):
    write_json(folder, [sloth("img_1.jpg", {"class": "point", "x": 1})])
    with pytest.raises(FishError, match="annotation 1: no 'y'"):
        read_points(folder, IMAGES)


def test_points_are_clipped_and_ends_that_fall_together_dropped(folder, capsys):
    spots = [(-5.0, 50.0), (100.0, 120.0), (30.0, 30.0), (30.0, 30.0)]
    write_json(folder, [sloth("img_1.jpg", *({"class": "point", "x": x, "y": y} for x, y in spots))])
    assert rows(read_points(folder, IMAGES)) == [("ALB/img_1.jpg", 0, 0.5, 0.5, 1)]
    assert "dropped 1 pairs of points" in capsys.readouterr().err
    read_points(folder, IMAGES, is_told=True)
    assert capsys.readouterr().err == ""


def test_stray_names_are_skipped_with_one_warning(folder, capsys):
    strays = [sloth(f"stray_{i}.jpg", rect(0, 0, 9, 9), rect(0, 0, 9, 9)) for i in range(5)]
    write_json(folder, [*strays, sloth("img_1.jpg", rect(0, 0, 100, 100))], "a.json")
    write_json(folder, strays[:1], "b.json")
    assert len(read_boxes(folder, IMAGES)) == 1
    err = capsys.readouterr().err
    assert err.count("Warning") == 1
    assert "12 boxes of 5 names" in err
    assert "'stray_0.jpg', 'stray_1.jpg', 'stray_2.jpg', ..." in err


def test_an_ambiguous_base_name_is_refused_and_a_longer_path_mends_it(folder):
    twins = pd.DataFrame(
        {"image": ["ALB/img_1.jpg", "YFT/img_1.jpg"], "height": [100] * 2, "width": [200] * 2}
    )
    write_json(folder, [sloth("img_1.jpg", rect(0, 0, 10, 10))])
    with pytest.raises(FishError, match=r"ALB_labels\.json.*ambiguous"):
        read_boxes(folder, twins)
    write_json(folder, [sloth("../train/YFT/img_1.jpg", rect(0, 0, 10, 10))])
    assert read_boxes(folder, twins)["image"].tolist() == ["YFT/img_1.jpg"]


@pytest.mark.parametrize(
    "box", [rect(10, 10, 0, 20), rect(-30, 10, 20, 20), rect(300, 10, 20, 20), rect(0, 0, 0, 0)]
)
def test_boxes_without_area_in_the_photo_are_dropped_with_one_warning(folder, box, capsys):
    write_json(folder, [sloth("img_1.jpg", box, rect(0, 0, 100, 100), box)])
    assert rows(read_boxes(folder, IMAGES)) == [("ALB/img_1.jpg", 0, 0, 0.5, 1)]
    err = capsys.readouterr().err
    assert err.count("Warning") == 1
    assert "dropped 2 boxes" in err
    assert "image 'img_1.jpg', annotation 1" in err


def test_a_photo_whose_size_is_unknown_has_no_pixel_boxes(folder, capsys):
    unread = IMAGES.assign(height=0, width=0)
    write_json(folder, [sloth("img_1.jpg", rect(0, 0, 100, 100))])
    assert len(read_boxes(folder, unread)) == 0
    assert "size is unknown" in capsys.readouterr().err
    write_json(folder, coco([0, 0, 100, 100], width=200, height=100))
    assert len(read_boxes(folder, unread)) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{]", "line 1: malformed JSON"),
        ('[\n{"filename": "a.jpg",\n}]', "line 3: malformed JSON"),
        ("", "malformed JSON"),
        ("3", "neither Sloth"),
        ("null", "neither Sloth"),
        ('{"images": []}', "neither Sloth.*nor COCO"),
        ("[3]", r"image 1: no 'filename' in 3; expected str"),
        ("[{}]", "image 1: no 'filename'"),
        ('[{"filename": 7}]', "image 1: 'filename' is 7"),
        (
            '[{"filename": "img_1.jpg", "annotations": "none"}]',
            "'img_1.jpg': 'annotations' is 'none'; expected list",
        ),
        ('[{"filename": "img_1.jpg", "annotations": {"x": 1}}]', "expected list"),
        ('[{"filename": "img_1.jpg", "annotations": [[1, 2]]}]', r"annotation 1: no 'x' in \[1, 2\]"),
        ('[{"filename": "img_1.jpg", "annotations": [{"class": "rect", "x": 1}]}]', "annotation 1: no 'y'"),
        ("[" * 100_000, "malformed JSON"),
        ("[" + "9" * 5000 + "]", "malformed JSON"),
    ],
)
def test_wrong_json_names_file_and_entry(folder, content, message):
    (folder / "ALB_labels.json").write_text(content)
    with pytest.raises(FishError, match=rf"ALB_labels\.json.*({message})"):
        read_boxes(folder, IMAGES)


@pytest.mark.parametrize(
    "value", ['"12"', "true", "null", "NaN", "Infinity", "1e999", "[1]", "1" + "0" * 400]
)
@pytest.mark.parametrize("side", ["x", "y", "width", "height"])
def test_a_coordinate_that_is_no_finite_number_is_refused(folder, side, value):
    text = json.dumps([sloth("img_1.jpg", rect(1, 1, 1, 1) | {side: "HERE"})]).replace('"HERE"', value)
    (folder / "ALB_labels.json").write_text(text)
    with pytest.raises(FishError, match=rf"ALB_labels\.json, image 'img_1\.jpg', annotation 1: '{side}' is "):
        read_boxes(folder, IMAGES)


def test_json_that_is_no_text(folder):
    (folder / "ALB_labels.json").write_bytes(b"\xff\xfe[")
    with pytest.raises(FishError, match="not UTF-8"):
        read_boxes(folder, IMAGES)


# --- COCO


def test_coco_boxes_are_relative_to_the_annotated_size(folder):
    write_json(folder, coco([10, 10, 50, 25], [0, 0, 100, 50], width=100, height=50))
    assert rows(read_boxes(folder, IMAGES)) == [
        ("ALB/img_1.jpg", 0.1, 0.2, 0.6, 0.7),
        ("ALB/img_1.jpg", 0, 0, 1, 1),
    ]


@pytest.mark.parametrize("size", [{}, {"width": 0, "height": 0}, {"width": None, "height": None}])
def test_coco_without_a_size_is_relative_to_the_photo(folder, size):
    write_json(folder, coco([20, 10, 100, 50], **size))
    assert rows(read_boxes(folder, IMAGES)) == [("ALB/img_1.jpg", 0.1, 0.1, 0.6, 0.6)]


def test_coco_ids_may_be_text_and_need_no_order(folder):
    content = {
        "images": [{"id": "b", "file_name": "img_2.jpg"}, {"id": "a", "file_name": "ALB/img_1.jpg"}],
        "annotations": [
            {"image_id": "a", "bbox": [0, 0, 200, 100]},
            {"image_id": "b", "bbox": [0, 0, 100, 100]},
        ],
    }
    table = read_boxes(write_json(folder, content), IMAGES)
    assert rows(table) == [("ALB/img_1.jpg", 0, 0, 1, 1), ("ALB/img_2.jpg", 0, 0, 0.5, 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": []}, "annotations entry 1: image_id 5 is no id in 'images'"),
        ({"images": {}}, "'images' is {}; expected list"),
        ({"annotations": None}, "'annotations' is None"),
        ({"images": [{"id": True, "file_name": "a.jpg"}]}, "images entry 1: 'id' is True"),
        ({"images": [{"id": 5}]}, "images entry 1: no 'file_name'"),
        ({"images": [{"id": 5, "file_name": "a.jpg"}] * 2}, "images entry 2: id 5 occurs twice"),
        ({"images": [{"id": 5, "file_name": "a.jpg", "width": "200"}]}, "images entry 1: 'width' is '200'"),
        ({"annotations": [{"image_id": [5]}]}, r"annotations entry 1: 'image_id' is \[5\]"),
        ({"annotations": [{"image_id": 5, "bbox": {}}]}, "annotations entry 1: 'bbox' is {}"),
        ({"annotations": [{"image_id": 5, "bbox": [1, 2, 3]}]}, "annotations entry 1: 'bbox' has 3 values"),
        (
            {"annotations": [{"image_id": 5, "bbox": [1, 2, 3, "4"]}]},
            "annotations entry 1: 'bbox height' is '4'",
        ),
        ({"annotations": [7]}, "annotations entry 1: no 'image_id' in 7"),
    ],
)
def test_wrong_coco_names_file_and_entry(folder, change, message):
    write_json(folder, coco([0, 0, 10, 10]) | change, "coco.json")
    with pytest.raises(FishError, match=rf"coco\.json.*{message}"):
        read_boxes(folder, IMAGES)


# --- Pascal VOC


@pytest.mark.parametrize(
    ("xml_name", "filename"),
    [
        ("img_1.xml", "img_1.jpg"),
        ("img_1.xml", "img_1"),
        ("img_1.xml", "img_1.png"),  # another suffix: the stem of the xml decides
        ("img_1.xml", "frame_77.jpg"),
        ("img_1.xml", None),
        ("img_1.xml", ""),
        ("other.xml", " ALB/img_1.jpg\n"),
    ],
)
def test_voc_finds_its_image_by_file_name_or_by_its_own(folder, xml_name, filename, capsys):
    (folder / xml_name).write_text(voc((20, 10, 120, 60), filename=filename))
    assert rows(read_boxes(folder, IMAGES)) == [("ALB/img_1.jpg", 0.1, 0.1, 0.6, 0.6)]
    assert capsys.readouterr().err == ""


def test_voc_of_no_training_image_is_skipped(folder, capsys):
    (folder / "other.xml").write_text(voc((20, 10, 120, 60), filename="other.jpg"))
    assert len(read_boxes(folder, IMAGES)) == 0
    assert "1 boxes of 1 names that are no training image: 'other.jpg'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("size", "x_max"), [((400, 200), 0.25), ((200, 100), 0.5), ((0, 0), 0.5), (("", ""), 0.5), (None, 0.5)]
)
def test_voc_boxes_are_relative_to_the_annotated_size_where_there_is_one(folder, size, x_max):
    (folder / "img_1.xml").write_text(voc((0, 0, 100, 50), size=size))
    assert rows(read_boxes(folder, IMAGES)) == [("ALB/img_1.jpg", 0, 0, x_max, x_max)]


def test_voc_without_an_object_and_with_parts(folder):
    (folder / "img_1.xml").write_text(voc())
    part = "<part><bndbox><xmin>1</xmin></bndbox></part></object>"
    (folder / "img_2.xml").write_text(voc((0, 0, 100, 100), filename="img_2.jpg").replace("</object>", part))
    assert rows(read_boxes(folder, IMAGES)) == [("ALB/img_2.jpg", 0, 0, 0.5, 1)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: malformed XML"),
        ("<annotation>\n<object>\n</annotation>", "line 3: malformed XML"),
        ("<svg></svg>", "root is <svg>; expected Pascal VOC"),
        ("<annotation><object><bndbox/></object></annotation>", "object 1: 'bndbox/xmin' is missing"),
        (voc((1, 2, 3, "")), "object 1: 'bndbox/ymax' is ''"),
        (voc((0, 0, 1, 1), (1, "two", 3, 4)), "object 2: 'bndbox/ymin' is 'two'; expected a number"),
        (voc((1, 2, "nan", 4)), "object 1: 'bndbox/xmax' is nan; expected a finite number"),
        (voc((1, 2, 3, 4), size=("wide", 100)), "'width' is 'wide'"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "unknown encoding"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "has a DOCTYPE"),
    ],
)
def test_wrong_voc_names_file_and_entry(folder, content, message):
    (folder / "img_1.xml").write_text(content)
    with pytest.raises(FishError, match=rf"img_1\.xml.*{message}"):
        read_boxes(folder, IMAGES)


def test_a_doctype_does_not_hide_behind_an_encoding(folder):
    text = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>'
    (folder / "img_1.xml").write_bytes(text.encode("utf-16"))
    with pytest.raises(FishError, match="has a DOCTYPE"):
        read_boxes(folder, IMAGES)


# --- CSV

HEADER = "image,x_min,y_min,x_max,y_max\n"


def test_csv_of_fractions(folder):
    (folder / "boxes.csv").write_text(HEADER + "ALB/img_1.jpg,-0.01,0.1,0.5,1.2\nimg_3,0,0,1,1\n")
    assert rows(read_boxes(folder, IMAGES)) == [
        ("ALB/img_1.jpg", 0, 0.1, 0.5, 1),
        ("LAG/img_3.jpg", 0, 0, 1, 1),
    ]


def test_csv_of_pixels_is_relative_to_the_photo(folder):
    (folder / "boxes.csv").write_text(
        "label,x_min,y_min,x_max,y_max,image\nALB,0,0,1,1,img_1.jpg\nLAG,320,0,640,360.0,img_3.jpg\n"
    )
    assert rows(read_boxes(folder, IMAGES)) == [
        ("ALB/img_1.jpg", 0, 0, 0.005, 0.01),
        ("LAG/img_3.jpg", 0.25, 0, 0.5, 0.5),
    ]


def test_csv_without_rows(folder):
    (folder / "boxes.csv").write_text(HEADER)
    assert len(read_boxes(folder, IMAGES)) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: the file is empty"),
        ("image,x,y,w\n", "line 1: no column 'x_min'"),
        ("photo,x,y,w,h\n", "line 1: no column 'image'"),
        (HEADER + "img_1.jpg,0,0,1,1\nimg_1.jpg,0,0,1,1,1,1\n", "line 3"),
        (HEADER + "img_1.jpg,0,0,1,1,1\n", "malformed CSV .*line 2"),
        (
            HEADER + "img_1.jpg,0,0,1,1\nimg_2.jpg,0,0,wide,1\n",
            r"row 2 \(image 'img_2\.jpg'\): 'x_max' is 'wide'",
        ),
        (HEADER + "img_1.jpg,0,0,1\n", r"row 1 \(image 'img_1\.jpg'\): 'y_max' is "),
        (HEADER + "img_1.jpg,,,1,\n", "row 1.*'x_min' is (''|nan)"),
        (HEADER + ",0,0,1,1\n", "row 1.*no name in 'image'"),
        (HEADER + "img_1.jpg,NaN,0,1,1\n", "row 1.*'x_min' is nan"),
        (HEADER + "img_1.jpg,True,0,1,1\n", "row 1.*'x_min' is 'True'"),
        (HEADER + "img_1.jpg,1e999,0,1,1\n", "row 1.*'x_min' is inf"),
    ],
)
def test_wrong_csv_names_file_and_line(folder, content, message):
    (folder / "boxes.csv").write_text(content)
    with pytest.raises(FishError, match=rf"(?s)boxes\.csv.*{message}"):
        read_boxes(folder, IMAGES)


# --- properties

NUMBER = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False)
SIZE = st.integers(1, 10_000)


def read_file(name, content):
    with tempfile.TemporaryDirectory() as parent:
        (Path(parent) / name).write_bytes(content)
        return read_boxes(Path(parent), IMAGES)


@given(st.lists(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER), max_size=5))
@example([(1e308, 1e308, 1e308, 1e308)])
@example([(-1e308, -1e308, 1.7e308, 1.7e308)])
def test_fractions_are_in_range_with_area_whatever_sloth_holds(boxes):
    content = json.dumps([sloth("img_1.jpg", *(rect(*box) for box in boxes))])
    try:
        table = read_file("a.json", content.encode())
    except FishError as error:  # numbers of one file that can have no one unit
        assert "where a fraction from 0 to 1 is expected" in str(error)
        return
    assert len(table) <= len(boxes)
    assert table[BOX_COLUMNS].ge(0).all(axis=None)
    assert table[BOX_COLUMNS].le(1).all(axis=None)
    assert (table["x_max"] > table["x_min"]).all()
    assert (table["y_max"] > table["y_min"]).all()


@given(SIZE, SIZE, st.integers(0, 199), st.integers(0, 99), st.integers(1, 200), st.integers(1, 100))
def test_a_box_is_the_same_in_every_format(scale_x, scale_y, x, y, width, height):
    width, height = min(width, 200 - x), min(height, 100 - y)
    expected = pytest.approx([x / 200, y / 100, (x + width) / 200, (y + height) / 100], abs=1e-9)
    scaled = [x * scale_x, y * scale_y, width * scale_x, height * scale_y]
    corners = scaled[0], scaled[1], scaled[0] + scaled[2], scaled[1] + scaled[3]
    size = (200 * scale_x, 100 * scale_y)
    contents = {
        "a.json": json.dumps([sloth("img_1.jpg", rect(x, y, width, height))]),
        "b.json": json.dumps(coco(scaled, width=size[0], height=size[1])),
        "c.xml": voc(corners, size=size),
        "d.csv": f"{HEADER}img_1.jpg,{x / 200},{y / 100},{(x + width) / 200},{(y + height) / 100}\n",
    }
    for name, content in contents.items():
        assert read_file(name, content.encode())[BOX_COLUMNS].to_numpy()[0].tolist() == expected


KEYS = st.sampled_from(
    [
        "filename",
        "annotations",
        "class",
        "x",
        "y",
        "width",
        "height",
        "images",
        "id",
        "file_name",
        "image_id",
        "bbox",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["img_1.jpg", "point", "rect", 10**400])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=6)
    ),
)


@settings(max_examples=150)
@given(
    JSON
    | st.lists(st.fixed_dictionaries({"filename": LEAVES}, optional={"annotations": JSON}), max_size=2)
    | st.fixed_dictionaries(
        {
            "images": st.lists(
                st.fixed_dictionaries({"id": LEAVES, "file_name": LEAVES}, optional={"width": LEAVES}),
                max_size=2,
            ),
            "annotations": JSON
            | st.lists(st.fixed_dictionaries({"image_id": LEAVES, "bbox": JSON}), max_size=2),
        }
    )
)
def test_any_json_is_read_or_refused(value):
    try:
        read_file("a.json", json.dumps(value).encode())
    except FishError as error:
        assert "a.json" in str(error)


@settings(max_examples=150)
@given(
    st.sampled_from(["a.json", "a.xml", "a.csv"]),
    st.sampled_from(["", HEADER, "<annotation>", "[{"]),
    st.binary(max_size=40) | st.text(alphabet="img_1.jpg,0129.-eE\n\r\"' \0", max_size=60).map(str.encode),
)
def test_any_bytes_are_read_or_refused(name, start, rest):
    try:
        read_file(name, start.encode() + rest)
    except FishError as error:
        assert "a." in str(error)


# --- real data


@pytest.mark.skipif(not RACCOON.is_dir(), reason="the raccoon set is not here")
def test_the_raccoon_set():
    from PIL import Image

    paths = sorted((RACCOON / "train").glob("*/*.jpg"))
    sizes = [Image.open(path).size for path in paths]
    images = pd.DataFrame(
        {
            "image": [path.relative_to(RACCOON / "train").as_posix() for path in paths],
            "height": [height for _, height in sizes],
            "width": [width for width, _ in sizes],
        }
    )
    table = read_boxes(RACCOON / "boxes", images)
    assert len(images) == 200
    assert len(table) == 217
    assert table["image"].nunique() == 200
    first = table[table["image"] == "raccoon/raccoon-54.jpg"]
    assert first[BOX_COLUMNS].to_numpy()[0].tolist() == pytest.approx(
        [78 / 602, 5 / 339, 517 / 602, 333 / 339]
    )
