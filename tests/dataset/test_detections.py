"""MegaDetector's batch output: as boxes, as a detections file that is read and written."""

import json

import numpy as np
import pandas as pd
import pytest

from fishcli.basics.errors import FishError
from fishcli.dataset.annotations import BOX_COLUMNS, POINT_COLUMNS, read_boxes, read_points
from fishcli.dataset.detections import read_detections, write_detections

PHOTOS = pd.DataFrame(
    {
        "split": ["train", "train", "test", "test_stg2"],
        "image": ["ALB/a.jpg", "BET/b.jpg", "a.jpg", "c.jpg"],
        "height": 100,
        "width": 200,
    }
)
TRAIN = PHOTOS[PHOTOS["split"] == "train"]
ENDS = {"keypoints": [[0.1, 0.4, 0.9], [0.5, 0.6, 0.9]]}


def detection(conf=0.9, bbox=(0.1, 0.2, 0.3, 0.4), category="1", **more):
    return {"category": category, "conf": conf, "bbox": list(bbox), **more}


def photo(name, *detections, **more):
    return {"file": name, "detections": list(detections), **more}


def write(path, *photos, **more):
    path.parent.mkdir(exist_ok=True)
    content = {
        "info": {"format_version": "1.4"},
        "detection_categories": {"1": "animal", "2": "person", "3": "vehicle"},
        "images": list(photos),
    }
    path.write_text(json.dumps(content | more))
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "boxes" / "detections.json"


def found(table):
    return list(zip(table["split"], table["image"], table["confidence"], strict=True))


def test_detections_are_joined_by_split_and_ordered_by_confidence(path, capsys):
    write(
        path,
        photo("test/a.jpg", detection(0.01), detection(0.8)),
        photo("C:\\fish\\train\\ALB\\a.jpg", detection(0.5)),
        photo("c.jpg", detection(0.3), max_detection_conf=0.3),
        photo("train/BET/b.jpg"),
        photo("elsewhere.jpg", detection()),
        {"file": "train/BET/b.jpg", "failure": "Failure image access", "detections": None},
        {"file": "train/BET/b.jpg", "failure": "Failure image access"},
    )
    table = read_detections(path, PHOTOS)
    assert found(table) == [
        ("test", "a.jpg", 0.8),
        ("test", "a.jpg", 0.01),
        ("test_stg2", "c.jpg", 0.3),
        ("train", "ALB/a.jpg", 0.5),
    ]
    assert np.allclose(table[BOX_COLUMNS], [0.1, 0.2, 0.4, 0.6])
    assert table[POINT_COLUMNS].isna().all(axis=None)
    err = capsys.readouterr().err
    assert err.count("Warning") == 1
    assert "left out 1 photos that are none of the competition's: elsewhere.jpg" in err


def test_a_base_name_of_two_splits_is_refused(path):
    with pytest.raises(FishError, match=r"'a\.jpg' is ambiguous"):
        read_detections(write(path, photo("a.jpg", detection())), PHOTOS)


def test_people_and_vehicles_count_only_where_they_are_named(path, capsys):
    write(path, photo("train/ALB/a.jpg", *(detection(0.9, category=str(k)) for k in (1, 2, 3, 7))))
    assert len(read_detections(path, PHOTOS)) == len(read_boxes(path.parent, TRAIN)) == 1
    assert "2 boxes of person and vehicle are left out" in capsys.readouterr().err
    assert len(read_detections(path, PHOTOS, "person,animal")) == 2
    assert len(read_boxes(path.parent, TRAIN, "vehicle")) == 1
    with pytest.raises(FishError, match="no box in .* is of 'fish'"):
        read_detections(path, PHOTOS, "fish")


def test_boxes_are_clipped_and_those_without_area_dropped(path, capsys):
    boxes = ((-0.1, 0.5, 0.3, 0.6), (0.2, 0.2, 0.0, 0.3), (1.1, 0.1, 0.2, 0.2))
    write(path, photo("train/ALB/a.jpg", *(detection(bbox=box) for box in boxes)))
    assert np.allclose(read_detections(path, PHOTOS)[BOX_COLUMNS], [[0, 0.5, 0.2, 1]])
    assert "dropped 2 detections" in capsys.readouterr().err


def test_as_boxes_only_sure_detections_of_training_photos_count(path, capsys):
    write(
        path,
        photo("train/ALB/a.jpg", detection(0.2, **ENDS), detection(0.199)),
        photo("test/b.jpg", detection()),  # has a training image's base name
    )
    boxes = read_boxes(path.parent, TRAIN)
    assert boxes["image"].tolist() == ["ALB/a.jpg"]
    assert np.allclose(boxes[BOX_COLUMNS], [0.1, 0.2, 0.4, 0.6])
    assert np.allclose(read_points(path.parent, TRAIN)[POINT_COLUMNS], [0.1, 0.4, 0.5, 0.6])
    assert capsys.readouterr().err == ""


def test_what_is_written_is_read_again(path, tmp_path):
    rng = np.random.default_rng(0)
    low, high = np.sort(rng.uniform(0, 1, (2, 3, 2)), axis=0)
    table = pd.DataFrame(np.hstack([low, high]), columns=BOX_COLUMNS)
    table[POINT_COLUMNS] = rng.uniform(0, 1, (3, 4))
    table.loc[1, POINT_COLUMNS] = np.nan
    table.loc[2, ["tail_x", "tail_y"]] = np.nan
    table = pd.concat([PHOTOS[["split", "image"]].iloc[[2, 3, 0]].reset_index(drop=True), table], axis=1)
    table.insert(2, "confidence", [0.12345, 0.9, 1.0])
    nothing = pd.DataFrame({"split": ["train"], "image": ["BET/b.jpg"]})
    path = tmp_path / "detections.json"
    write_detections(path, pd.concat([table, nothing]), {"detector": "fishcli"})
    read = read_detections(path, PHOTOS)
    assert list(read.columns) == list(table.columns)
    assert read[["split", "image"]].equals(table[["split", "image"]])
    assert np.allclose(read.iloc[:, 2:], table.iloc[:, 2:], atol=5.1e-5, equal_nan=True)
    content = json.loads(path.read_text())
    assert content["info"] == {"format_version": "1.4", "detector": "fishcli"}
    assert content["images"][-1] == {"file": "train/BET/b.jpg", "detections": []}
    assert "keypoints" not in content["images"][1]["detections"][0]
    again = tmp_path / "again.json"
    write_detections(again, pd.concat([read, nothing]), {"detector": "fishcli"})
    assert again.read_text() == path.read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"images": {}}, "'images' is {}; expected list"),
        ({"images": [{"detections": []}]}, "images entry 1: no 'file'"),
        ({"images": [{"file": "train/ALB/a.jpg"}]}, "no 'detections'"),
        ({"images": [photo("train/ALB/a.jpg", detection(1.2))]}, "'conf' is 1.2; expected 0 to 1"),
        ({"images": [photo("train/ALB/a.jpg", detection(bbox=(0, 0, 1)))]}, "'bbox' has 3 values"),
        ({"images": [photo("train/ALB/a.jpg", detection(bbox=(9, 9, 50, 40)))]}, "59 where a fraction"),
        ({"images": [photo("train/ALB/a.jpg", detection(keypoints=[None]))]}, "'keypoints' has 1 points"),
        ({"detection_categories": []}, "'detection_categories' is"),
    ],
)
def test_malformed_files_are_named(path, more, message):
    with pytest.raises(FishError, match=message) as told:
        read_detections(write(path, **more), PHOTOS)
    assert str(path) in str(told.value)


def test_another_format_is_refused(path):
    path.parent.mkdir()
    path.write_text("[]")
    with pytest.raises(FishError, match=r"detections\.json: no object with 'images'"):
        read_detections(path, PHOTOS)


def keypoints(*names, points, **more):
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 200, "height": 100}],
        "categories": [{"id": 2, "name": "fish", "keypoints": list(names)}],
        "annotations": [{"image_id": 1, "category_id": 2, "keypoints": points, **more}],
    }


@pytest.mark.parametrize(
    ("content", "ends"),
    [
        (keypoints("tail_tip", "Nose", points=[20, 10, 2, 100, 50, 1]), [[0.5, 0.5, 0.1, 0.1]]),
        (keypoints("head", "fin", "tail", points=[100, 50, 1, 0, 0, 0, 20, 10, 2]), [[0.5, 0.5, 0.1, 0.1]]),
        (keypoints("head", "tail", points=[100, 50, 2, 0, 0, 0]), []),
        (keypoints("nose", "hip", points=[100, 50, 2, 20, 10, 2]), []),
    ],
)
def test_coco_keypoints_of_head_and_tail_are_a_pair(path, content, ends):
    path.parent.mkdir()
    path.write_text(json.dumps(content))
    read = read_points(path.parent, TRAIN)
    assert np.allclose(read[POINT_COLUMNS], np.reshape(ends, (-1, 4)))
    assert len(read_boxes(path.parent, TRAIN)) == len(ends)  # they have no bbox
