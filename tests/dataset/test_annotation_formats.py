"""Annotations beside Sloth, COCO, VOC and the plain CSV; entries that are no box; categories."""

import json

import pandas as pd
import pytest

from fishcli.basics.errors import FishError
from fishcli.dataset.annotations import BOX_COLUMNS, read_boxes

IMAGES = pd.DataFrame(
    {"image": ["ALB/a.jpg", "BET/b.jpg"], "height": [100, 100], "width": [200, 200]},
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "boxes").mkdir()
    return tmp_path / "boxes"


def read(folder, name=None, content=None, categories=None):
    """The boxes of a folder, after a file is written into it: (image, corners) each."""
    if name is not None:
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text, encoding="utf-8")
    table = read_boxes(folder, IMAGES, categories)
    return [
        (image.split("/")[1], *(round(value, 4) for value in box))
        for image, *box in table[["image", *BOX_COLUMNS]].itertuples(index=False)
    ]


HALF = [("a.jpg", 0.25, 0.2, 0.5, 0.6)]
"""What each format says below: pixels 50, 20 to 100, 60 of 200 x 100."""


# --- CSV


@pytest.mark.parametrize(
    "content",
    [
        "image,x_min,y_min,x_max,y_max\na.jpg,50,20,100,60\n",
        "filename,xmin,ymin,xmax,ymax\na.jpg,50,20,100,60\n",
        "ImageID,LabelName,XMin,XMax,YMin,YMax\na,/m/0fish,0.25,0.5,0.2,0.6\n",
        "file_name,x1,y1,x2,y2,label\na.jpg,50,20,100,60,ALB\n",
        "path,left,top,right,bottom\ntrain/ALB/a.jpg,50,20,100,60\n",
        "image_id,x,y,width,height\na,50,20,50,40\n",
        "image,x,y,w,h\na.jpg,0.25,0.2,0.25,0.4\n",
        "image,left,top,width,height\na.jpg,50,20,50,40\n",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,400,200,fish,100,40,200,120\n",
        "image,xmin,ymin,xmax,ymax,width,height\na.jpg,50,20,100,60,50,40\n",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,200,100,fish,0.25,0.2,0.5,0.6\n",
        "image,xmin,ymin,xmax,ymax,width,height\na.jpg,50,20,100,60,,\n",
    ],
)
def test_columns_of_many_names(folder, content, capsys):
    assert read(folder, "boxes.csv", content) == HALF
    assert capsys.readouterr().err == ""


def test_a_whole_photo_of_a_copy_is_not_taken_for_the_size_of_a_box(folder):
    content = "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,400,200,fish,0,0,400,200\n"
    assert read(folder, "boxes.csv", content) == [("a.jpg", 0, 0, 1, 1)]


@pytest.mark.parametrize("row", ["b.jpg,,,,", "b.jpg"])
def test_a_row_of_a_name_alone_is_an_image_without_an_object(folder, row, capsys):
    content = f"image,x_min,y_min,x_max,y_max\na.jpg,50,20,100,60\n{row}\n"
    assert read(folder, "boxes.csv", content) == HALF
    err = capsys.readouterr().err
    assert "1 images without an object" in err
    assert "Warning" not in err


# --- COCO


@pytest.mark.parametrize("bbox", [{}, {"bbox": []}, {"bbox": None}])
def test_a_coco_annotation_without_a_bbox_is_no_box(folder, bbox, capsys):
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"image_id": 1, **bbox}, {"image_id": 1, "bbox": [50, 20, 50, 40]}],
    }
    assert read(folder, "a.json", content) == HALF
    assert "1 COCO annotations without a bbox" in capsys.readouterr().err


def test_a_voc_object_without_a_bndbox_is_no_box(folder, capsys):
    bndbox = "<bndbox><xmin>50</xmin><ymin>20</ymin><xmax>100</xmax><ymax>60</ymax></bndbox>"
    content = f"<annotation><object/><object>{bndbox}</object></annotation>"
    assert read(folder, "a.xml", content) == HALF
    assert "1 VOC objects without a bndbox" in capsys.readouterr().err


# --- YOLO


@pytest.mark.parametrize(
    "content",
    [
        "0 0.375 0.4 0.25 0.4\n",
        "\n0\t0.375  0.4 0.25 0.4 0.93\r\n\n",  # with a confidence
        "0 0.25 0.2 0.5 0.2 0.4 0.6\n",  # a polygon
        "\ufeff0 0.375 0.4 0.25 0.4",
    ],
)
def test_yolo(folder, content, capsys):
    (folder / "classes.txt").write_text("fish\n")
    assert read(folder, "a.txt", content) == HALF
    assert read(folder, categories="fish") == HALF
    assert "Warning" not in capsys.readouterr().err


def test_text_files_that_are_no_yolo_are_counted(folder, capsys):
    (folder / "a.txt").write_text("0 0.375 0.4 0.25 0.4\n")
    (folder / "b.txt").write_text("")
    (folder / "train.txt").write_text("images/a.jpg\nimages/b.jpg\n")
    assert read(folder, "README.txt", "Drawn by hand.\n") == HALF
    err = capsys.readouterr().err
    assert "2 text files whose first line holds no number" in err
    assert "1 images without an object" in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0 0.5 0.5 0.1\n", "line 1: 4 values"),
        ("0 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1 wide\n", "line 2: 'value' is 'wide'"),
        ("fish 0.5 0.5 0.1 0.1\n", "line 1: 'class' is 'fish'"),
        ("0 0.5 0.5 nan 0.1\n", "line 1: 'value' is nan"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4\n", "line 1: 8 values"),
    ],
)
def test_wrong_yolo_names_file_and_line(folder, content, message):
    with pytest.raises(FishError, match=rf"a\.txt, {message}"):
        read(folder, "a.txt", content)


def test_yolo_in_another_encoding(folder):
    (folder / "a.txt").write_bytes(b"\xff\xfe0")
    with pytest.raises(FishError, match=r"a\.txt is not UTF-8 text"):
        read(folder)


# --- LabelMe


def labelme(*shapes, **changes):
    size = {"imageHeight": 100, "imageWidth": 200}
    return {"version": "5.0.1", "shapes": list(shapes), "imagePath": "..\\ALB\\a.jpg", **size, **changes}


def shape(kind, *points):
    return {"label": "fish", "points": [list(point) for point in points], "shape_type": kind}


@pytest.mark.parametrize(
    "one",
    [
        shape("rectangle", (50, 20), (100, 60)),
        shape("rectangle", (100, 20), (50, 60)),  # drawn from another corner
        shape("polygon", (50, 30), (100, 20), (70, 60)),
        {"label": "fish", "points": [[50, 30], [100, 20], [70, 60]]},
        shape("mask", (50, 20), (100, 60)),
    ],
)
def test_labelme(folder, one, capsys):
    assert read(folder, "x.json", labelme(one)) == HALF
    assert capsys.readouterr().err == ""
    assert read(folder, "x.json", labelme(one, imageHeight=None, imageWidth=None)) == HALF


def test_labelme_finds_its_image_by_its_own_name_too(folder):
    one = shape("rectangle", (50, 20), (100, 60))
    assert read(folder, "a.json", labelme(one, imagePath="other.png")) == HALF
    assert read(folder, "a.json", labelme(one, imagePath=None)) == HALF


def test_labelme_circles_and_other_shapes(folder, capsys):
    shapes = [shape("circle", (80, 50), (80, 60)), shape("line", (1, 1), (2, 2)), shape("point", (1, 1))]
    assert read(folder, "a.json", labelme(*shapes)) == [("a.jpg", 0.35, 0.4, 0.45, 0.6)]
    err = capsys.readouterr().err
    assert err.count("Warning") == 1
    assert "1 LabelMe point shapes, 1 LabelMe line shapes" in err


# --- CVAT


def cvat(*shapes):
    return (
        '<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta/>'
        f'<image id="0" name="ALB/a.jpg" width="200" height="100">{"".join(shapes)}</image></annotations>'
    )


@pytest.mark.parametrize(
    "one",
    [
        '<box label="fish" xtl="50" ytl="20" xbr="100" ybr="60" z_order="0"><attribute name="a"/></box>',
        '<polygon label="fish" points="50.0,30.0;100.0,20;70,60"/>',
        '<ellipse label="fish" cx="75" cy="40" rx="25" ry="20"/>',
        '<mask label="fish" rle="1, 2" left="50" top="20" width="50" height="40"/>',
        '<box label="fish" xtl="55" ytl="15" xbr="95" ybr="65" rotation="90.0"/>',
    ],
)
def test_cvat(folder, one, capsys):
    assert read(folder, "annotations.xml", cvat(one)) == HALF
    assert capsys.readouterr().err == ""


def test_cvat_shapes_that_enclose_nothing_and_tracks_are_counted(folder, capsys):
    content = cvat('<points label="x" points="1,2"/>', '<polyline label="x" points="1,2;3,4"/>')
    content = content.replace("<meta/>", '<track id="0" label="fish"><box frame="0"/></track>')
    assert read(folder, "a.xml", content) == []
    err = capsys.readouterr().err
    assert err.count("Warning") == 1
    for each in ("1 CVAT tracks of a video", "1 CVAT points shapes", "1 CVAT polyline shapes"):
        assert each in err


# --- VGG Image Annotator


def via(shape, attributes=None, name="a.jpg"):
    region = {"shape_attributes": shape, "region_attributes": attributes or {"class": "fish"}}
    return {f"{name}123": {"filename": name, "size": 123, "regions": [region], "file_attributes": {}}}


VIA_RECT = {"name": "rect", "x": 50, "y": 20, "width": 50, "height": 40}


@pytest.mark.parametrize(
    "one",
    [
        VIA_RECT,
        {"name": "polygon", "all_points_x": [50, 100, 70], "all_points_y": [30, 20, 60]},
        {"name": "ellipse", "cx": 75, "cy": 40, "rx": 25, "ry": 20},
        {"name": "ellipse", "cx": 75, "cy": 40, "rx": 20, "ry": 25, "theta": 1.5707963267948966},
    ],
)
def test_via(folder, one, capsys):
    plain = via(one)
    assert read(folder, "a.json", plain) == HALF
    project = {"_via_settings": {}, "_via_img_metadata": plain, "_via_attributes": {}}
    assert read(folder, "a.json", project) == HALF
    plain["a.jpg123"]["regions"] = dict(enumerate(plain["a.jpg123"]["regions"]))  # version 1
    assert read(folder, "a.json", plain) == HALF
    assert capsys.readouterr().err == ""


def test_via_circles_and_points(folder, capsys):
    assert read(folder, "a.json", via({"name": "circle", "cx": 80, "cy": 50, "r": 10})) == [
        ("a.jpg", 0.35, 0.4, 0.45, 0.6)
    ]
    assert read(folder, "a.json", via({"name": "point", "cx": 80, "cy": 50})) == []
    assert "1 VIA point regions" in capsys.readouterr().err


@pytest.mark.parametrize(
    "attributes", [{"species": "fish"}, {"type": "fish"}, {"age": "old", "Class": "fish", "type": "bird"}]
)
def test_the_category_of_via_is_the_only_attribute_or_that_of_its_name(folder, attributes):
    assert read(folder, "a.json", via(VIA_RECT, attributes), "fish") == HALF


# --- Label Studio


def task(*results, image="/data/upload/1/0123abcd-a.jpg", **annotation):
    return [{"id": 1, "data": {"image": image}, "annotations": [{"result": list(results), **annotation}]}]


def result(kind="rectanglelabels", size=(200, 100), **value):
    declared = {"original_width": size[0], "original_height": size[1]}
    return {"id": "r1", "type": kind, "value": {kind: ["fish"], **value}, **declared}


STUDIO_RECT = {"x": 25, "y": 20, "width": 25, "height": 40, "rotation": 0}


@pytest.mark.parametrize(
    "one",
    [
        result(**STUDIO_RECT),
        result("polygonlabels", points=[[25, 30], [50, 20], [35, 60]]),
        result("ellipselabels", x=37.5, y=40, radiusX=12.5, radiusY=20),
        result(x=50, y=20, width=20, height=50, rotation=90),  # about its upper left corner, in pixels
    ],
)
def test_label_studio(folder, one, capsys):
    assert read(folder, "a.json", task(one)) == HALF
    assert capsys.readouterr().err == ""
    flat = {"id": 1, "image": "a.jpg", "label": [{**one, **one["value"]}], "annotator": 1}
    del flat["label"][0]["value"], flat["label"][0]["type"]
    assert read(folder, "a.json", [flat]) == HALF


@pytest.mark.parametrize(
    "image",
    [
        "a.jpg",
        "/data/local-files/?d=train/ALB/a.jpg",
        "s3://bucket/train/ALB/a.jpg",
        "/data/upload/01234567-a.jpg",
    ],
)
def test_label_studio_names(folder, image):
    assert read(folder, "a.json", task(result(**STUDIO_RECT), image=image)) == HALF


def test_of_several_annotations_of_a_task_one_counts(folder, capsys):
    [one] = task(result(x=0, y=0, width=9, height=9))
    one["annotations"] += [
        {"result": [result(**STUDIO_RECT)], "ground_truth": True},
        {"result": [result(**STUDIO_RECT)], "was_cancelled": True},
    ]
    assert read(folder, "a.json", [one]) == HALF
    assert "1 Label Studio annotations beside another" in capsys.readouterr().err


def test_labels_beside_their_shapes_and_results_of_other_kinds(folder, capsys):
    rectangle = {**result(**STUDIO_RECT), "type": "rectangle", "value": STUDIO_RECT}
    labels = {"id": "r1", "type": "labels", "value": {**STUDIO_RECT, "labels": ["fish"]}}
    choice = {"id": "c", "type": "choices", "value": {"choices": ["good"]}}
    assert read(folder, "a.json", task(rectangle, labels, choice), "fish") == HALF
    assert "1 Label Studio choices results" in capsys.readouterr().err


# --- what is refused


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", {"shapes": [7]}, "shape 1: is no object"),
        ("a.json", labelme({"points": "x"}), "shape 1: 'points' is 'x'"),
        ("a.json", labelme(shape("polygon", (1, 2), (3, 4))), "shape 1: 'points' has 2 points"),
        ("a.json", labelme(shape("rectangle", (1, 2), (3,))), "shape 1: 'points' has 1 values"),
        ("a.json", labelme(shape("circle", (1, 2))), "shape 1: 'points' is None"),
        ("a.json", labelme(imageWidth="wide"), "'imageWidth' is 'wide'"),
        ("a.json", via({"name": "rect", "x": 1}), "'a.jpg', region 1: no 'y'"),
        ("a.json", via({"name": "polygon", "all_points_x": [1] * 3, "all_points_y": [1] * 4}), "3 and 4"),
        ("a.json", {"_via_img_metadata": {"x": 3}}, "image 1: no 'filename' in 3"),
        ("a.json", task(result(x="1", y=2, width=3, height=4)), "task 1, result 1: 'x' is '1'"),
        ("a.json", [{"data": {"a": "x", "b": "y"}, "annotations": []}], "task 1: no 'image' in its data"),
        ("a.json", [{"data": {"image": "a.jpg"}}], "task 1: no 'annotations'"),
        ("a.json", [*task(result(**STUDIO_RECT)), 3], "task 2: is no object"),
        ("a.xml", cvat('<box xtl="1"/>'), "shape 1: 'ytl' is missing"),
        ("a.xml", cvat('<polygon points="1,2;3"/>'), "shape 1: 'points' is no list"),
        ("a.xml", cvat().replace('name="ALB/a.jpg"', ""), "image 1: no 'name'"),
    ],
)
def test_wrong_entries_are_named(folder, name, content, message):
    with pytest.raises(FishError, match=message) as raised:
        read(folder, name, content)
    assert str(folder / name) in str(raised.value)


# --- categories


def two_kinds():
    return {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 3, "name": " fish "}, {"id": 4, "name": "Café"}, {"id": 5, "name": "bird"}],
        "annotations": [
            {"image_id": 1, "category_id": 3, "bbox": [0, 0, 20, 10]},
            {"image_id": 1, "category_id": 4, "bbox": [0, 0, 40, 10]},
            {"image_id": 1, "category_id": 3, "iscrowd": 1, "bbox": [0, 0, 60, 10]},
            {"image_id": 1, "category_id": 4, "iscrowd": 1, "bbox": [0, 0, 80, 10]},
        ],
    }


@pytest.mark.parametrize(
    ("categories", "widths"),
    [
        (None, [20, 40]),
        ("fish", [20]),
        (" fish ,Cafe\u0301", [20, 40]),
        ("iscrowd", [20, 40, 60, 80]),
        ("fish,iscrowd", [20, 60]),
    ],
)
def test_coco_categories_and_crowds(folder, categories, widths):
    found = read(folder, "a.json", two_kinds(), categories)
    assert [round(200 * box[3]) for box in found] == widths


def test_crowds_that_are_left_out_are_said(folder, capsys):
    read(folder, "a.json", two_kinds())
    assert "2 boxes of crowds are left out" in capsys.readouterr().err


BOXED = {"x": 0, "y": 0, "width": 20, "height": 10}
NAMED = {
    "sloth.json": [{"filename": "a.jpg", "annotations": [{"class": "NAME", **BOXED}]}],
    "labelme.json": labelme({**shape("rectangle", (0, 0), (20, 10)), "label": "NAME"}),
    "via.json": via({"name": "rect", **BOXED}, {"class": "NAME"}),
    "studio.json": task({**result(), "value": {**STUDIO_RECT, "rectanglelabels": ["NAME"]}}),
    "cvat.xml": cvat('<box label="NAME" xtl="0" ytl="0" xbr="20" ybr="10"/>'),
    "a.xml": "<annotation><object><name>NAME</name><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>20</xmax>"
    "<ymax>10</ymax></bndbox></object></annotation>",
    "a.csv": "image,x,y,w,h,class_name\na.jpg,0,0,20,10,NAME\n",
}


@pytest.mark.parametrize("name", NAMED)
def test_every_format_that_names_a_category_honours_the_choice(folder, name):
    text = NAMED[name] if isinstance(NAMED[name], str) else json.dumps(NAMED[name])
    (folder / f"1-{name}").write_text(text.replace("NAME", "fish"))
    (folder / f"2-{name}").write_text(text.replace("NAME", "bird"))
    for path in folder.iterdir():  # VOC finds its image by its own name
        path.write_text(path.read_text().replace("<annotation>", "<annotation><filename>a.jpg</filename>"))
    assert len(read(folder)) == 2
    assert len(read(folder, categories="fish")) == 1
    with pytest.raises(FishError, match=r"--box-categories: no box in .* is of 'fsh'.*'bird', 'fish'"):
        read(folder, categories="fish,fsh")


def test_boxes_without_a_category_stay(folder):
    (folder / "b.csv").write_text("image,x,y,w,h\na.jpg,0,0,20,10\n")
    assert len(read(folder, "a.json", two_kinds(), "fish")) == 2


@pytest.mark.parametrize("categories", ["fish", "", " , "])
def test_a_choice_without_boxes_is_refused(folder, categories):
    with pytest.raises(FishError, match="Categories there: none"):
        read_boxes(folder.parent / "none", IMAGES, categories)
