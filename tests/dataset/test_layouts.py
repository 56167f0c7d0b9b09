"""What a competition's folder means: its photos, labels, groups and tests, by rules."""

import json

import pytest
from conftest import make_image

from fishcli.basics.errors import FishError
from fishcli.dataset.layout.images import class_names_of, load_tests, load_train
from fishcli.dataset.layout.layout import read_training
from fishcli.dataset.layout.pools import has_tests
from fishcli.options.layout import LayoutOptions
from fishcli.options.reading import Reading


def photos(folder, *names):
    for name in names:
        make_image(folder / name)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def read(data_dir, **options):
    """Class name by path, group by path (None where none is known), and what was said."""
    found = read_training(data_dir, LayoutOptions(**options))
    paths = [str(found.photos[image].relative_to(data_dir)) for image in found.table["image"]]
    groups = dict(zip(paths, found.table["group"], strict=True)) if "group" in found.table else None
    return dict(zip(paths, found.table["class_name"], strict=True)), groups, " · ".join(found.said)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("train_images", "test_images"),
        ("ISIC_2019_Training_Input", "ISIC_2019_Test_Input"),
        ("jpeg/train", "jpeg/test"),
        ("fruits-360/Training", "fruits-360/Test"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("train", "test1"),
    ],
)
def test_split_folders_are_found_by_the_words_of_their_names(tmp_path, train, test):
    photos(tmp_path / train, "cat/a.jpg", "dog/b.jpg", "dog/c.jpg")
    photos(tmp_path / test, "x.jpg")
    labels, groups, said = read(tmp_path)
    assert {path.rpartition("/")[2]: name for path, name in labels.items()} == {
        "a.jpg": "cat",
        "b.jpg": "dog",
        "c.jpg": "dog",
    }
    assert groups is None and said == "labels from folders: 2 classes · groups: none found"
    (table,) = load_tests(tmp_path).values()
    assert [path.name for path in table["path"]] == ["x.jpg"]


def test_a_constant_folder_below_or_above_the_class_is_no_class(tmp_path):
    photos(tmp_path / "a" / "train", "n01/images/1.jpg", "n02/images/2.jpg")
    photos(tmp_path / "b" / "train", "images/n01/1.jpg", "images/n02/2.jpg")
    for name in "ab":
        assert sorted(read(tmp_path / name)[0].values()) == ["n01", "n02"]


def test_a_class_may_be_called_train_among_others_that_are_no_splits(tmp_path):
    photos(tmp_path, "bus/a.jpg", "car/b.jpg", "train/c.jpg", "tram/d.jpg")
    assert sorted(read(tmp_path)[0].values()) == ["bus", "car", "train", "tram"]


def test_pictures_count_and_not_their_dicom_twins_nor_masks(tmp_path):
    write(tmp_path / "train" / "a.dcm", "x")
    photos(tmp_path / "jpeg" / "train", "cat/a.jpg", "dog/b.jpg")
    photos(tmp_path / "train_masks", "cat/a.png", "dog/b.png")
    assert set(read(tmp_path)[0]) == {"jpeg/train/cat/a.jpg", "jpeg/train/dog/b.jpg"}


def test_copies_of_the_splits_deeper_down_are_left_out_and_said(tmp_path, capsys):
    for folder in (tmp_path / "set", tmp_path / "set" / "set"):
        photos(folder / "train", "cat/a.jpg", "dog/b.jpg")
        photos(folder / "test", "c.jpg")
    assert set(read(tmp_path)[0]) == {"set/train/cat/a.jpg", "set/train/dog/b.jpg"}
    assert list(load_tests(tmp_path)) == ["test"]
    assert "set/set/train: left out" in capsys.readouterr().err


def test_train_itself_goes_before_folders_that_are_called_so_too(tmp_path, capsys):
    photos(tmp_path / "train", "cat/a.jpg", "dog/b.jpg")
    photos(tmp_path / "train_extra", "cat/c.jpg", "dog/d.jpg")
    assert list(load_train(tmp_path)["image"]) == ["cat/a.jpg", "dog/b.jpg"]
    assert "train_extra: left out" in capsys.readouterr().err
    assert len(read(tmp_path, train_dir="train,train_extra")[0]) == 4


def test_several_training_folders_are_joined_but_for_copies_of_their_photos(tmp_path, capsys):
    photos(tmp_path / "train_1", "cat/a.jpg", "dog/b.jpg")
    photos(tmp_path / "train_2", "cat/c.jpg", "dog/d.jpg")
    photos(tmp_path / "train_512", "cat/a.png", "dog/b.png", "dog/d.png")
    labels = read(tmp_path, labels="folders")[0]
    assert set(labels) == {"train_1/cat/a.jpg", "train_1/dog/b.jpg", "train_2/cat/c.jpg", "train_2/dog/d.jpg"}
    assert sorted(labels.values()) == ["cat", "cat", "dog", "dog"]
    assert "train_512: left out" in capsys.readouterr().err


def test_a_list_of_test_photos_that_is_not_read_is_said(tmp_path, capsys):
    photos(tmp_path / "birds" / "images", "001.Gull/a.jpg", "002.Tern/b.jpg")
    write(tmp_path / "birds" / "train_test_split.txt", "1 0\n2 1\n")
    assert sorted(read(tmp_path)[0].values()) == ["001.Gull", "002.Tern"]
    assert "train_test_split.txt may say which are test photos, and is not" in capsys.readouterr().err


def test_class_folders_unpacked_twice_count_once_and_may_share_names(tmp_path):
    for home in (tmp_path / "cells", tmp_path / "cells" / "cells"):
        photos(home, "sick/1.png", "sick/2.png", "well/1.png", "well/2.png")
    assert set(read(tmp_path)[0]) == {f"cells/{kind}/{n}.png" for kind in ("sick", "well") for n in "12"}
    assert sorted(read(tmp_path)[0].values()) == ["sick", "sick", "well", "well"]


NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")


@pytest.mark.parametrize(
    ("header", "column", "rows", "sample"),
    [
        ("id,breed", "breed", ["a,pug", "b,pug", "c,beagle", "d,beagle"], "id,beagle,pug\nx,0.5,0.5\n"),
        ("Image,Id", "Id", ["a.jpg,w1", "b.jpg,w2", "c.jpg,w1", "d.jpg,new"], "Image,Id\nx.jpg,new w1 w2\n"),
        (
            "chain,image,hotel,when",
            "hotel",
            [f"{k},{n},h{k},2020" for k, n in enumerate(NAMES)],
            "image,hotel\nx.jpg,h1 h2\n",
        ),
        (
            "species,image,who",
            "who",
            [f"orca,{n},i{k % 2}" for k, n in enumerate(NAMES)],
            "image,guess\nx.jpg,i1 i0 i3\n",
        ),
        ("dx_type,dx,image_id", "dx", [f"histo,{k},{n}" for k, n in zip("xxyy", NAMES, strict=True)], None),
        ("image_id,level", "level", [f"{n},{k}" for k, n in zip("0120", NAMES, strict=True)], None),
        (
            "path,colour",
            "colour",
            [f"../input/train/{n},{k}" for k, n in zip("rgrg", NAMES, strict=True)],
            None,
        ),
        ("name\tvalue", "value", [f"{n}\t{k}" for k, n in zip("rgrg", NAMES, strict=True)], None),
        (
            "Datei;Klasse",
            "Klasse",
            [f"Bilder\\Training\\{n};{k}" for k, n in zip("rgrg", NAMES, strict=True)],
            None,
        ),
    ],
)
def test_labels_from_a_table_whatever_its_columns_are_called(tmp_path, header, column, rows, sample):
    photos(tmp_path / "train_images", *NAMES)
    photos(tmp_path / "test_images", "x.jpg")
    write(tmp_path / "whatever.csv", "\n".join([header, *rows]) + "\n")
    if sample:
        write(tmp_path / "sampleSubmission.csv", sample)
    separator = next(each for each in ",;\t" if each in header)
    place = header.split(separator).index(column)
    wanted = [row.split(separator)[place] for row in rows]
    labels, _, said = read(tmp_path)
    assert list(labels.values()) == wanted
    assert f"names 4 of 4 images, {column} is the class" in said


def test_columns_of_0_and_1_are_classes_with_one_that_no_photo_shows(tmp_path):
    photos(tmp_path / "Training_Input", *NAMES)
    write(
        tmp_path / "Truth.csv",
        "image,MEL,NV,UNK\na,1.0,0.0,0.0\nb,0.0,1.0,0.0\nc,0.0,1.0,0.0\nd,1.0,0.0,0.0\n",
    )
    write(
        tmp_path / "Metadata.csv",
        "image,anatom_site_general,lesion_id\na,arm,L1\nb,arm,L1\nc,leg,\nd,leg,L2\n",
    )
    labels, groups, said = read(tmp_path)
    assert list(labels.values()) == ["MEL", "NV", "NV", "MEL"]
    assert list(groups.values()) == ["L1", "L1", "c.jpg", "L2"]
    assert (
        "3 columns of 0 and 1 are the class (2)" in said and "groups: lesion_id of Metadata.csv (3)" in said
    )
    assert read_training(tmp_path, LayoutOptions()).labels.unseen == ("UNK",)


def test_folders_that_a_table_only_repeats_stay_the_labels_and_its_driver_is_the_group(tmp_path):
    photos(tmp_path / "imgs" / "train", "c0/a.jpg", "c0/b.jpg", "c1/c.jpg", "c1/d.jpg")
    write(
        tmp_path / "drivers.csv",
        "subject,classname,img\np1,c0,a.jpg\np2,c0,b.jpg\np1,c1,c.jpg\np2,c1,d.jpg\n",
    )
    labels, groups, _ = read(tmp_path)
    assert list(labels.values()) == ["c0", "c0", "c1", "c1"]
    assert list(groups.values()) == ["p1", "p2", "p1", "p2"]


def test_folders_that_begin_their_photos_names_are_no_classes(tmp_path):
    photos(tmp_path / "train", "0/0/00ab.jpg", "0/1/01cd.jpg", "f/0/f0aa.jpg")
    write(tmp_path / "train.csv", "id,landmark_id\n00ab,7\n01cd,7\nf0aa,10\n")
    labels, _, _ = read(tmp_path)
    assert sorted(labels.values()) == ["10", "7", "7"]
    (tmp_path / "train.csv").unlink()
    with pytest.raises(FishError, match="lie in no class folder.*--labels FILE"):
        read(tmp_path)


@pytest.mark.parametrize("id_name", ["id", "image_id"])
def test_coco_camera_traps(tmp_path, id_name):
    photos(tmp_path / "train", "a.jpg", "b.jpg", "c.jpg")
    content = {
        "images": [
            {id_name: k, "file_name": f"{k}.jpg", "location": place}
            for k, place in zip("abc", "112", strict=True)
        ],
        "annotations": [
            {"image_id": k, "category_id": n} for k, n in [("a", 3), ("b", 0), ("b", 0), ("c", 3)]
        ],
        "categories": [{"id": 0, "name": "empty"}, {"id": 3, "name": "deer"}],
    }
    write(tmp_path / "annotations.json", json.dumps(content))
    labels, groups, _ = read(tmp_path)
    assert sorted(labels.values()) in (["3", "3", "0"], ["deer", "deer", "empty"])
    assert list(groups.values()) == ["1", "1", "2"]


def test_one_folder_is_told_apart_by_the_tables_or_by_the_sample_alone(tmp_path):
    photos(tmp_path / "imgs", *NAMES, "e.jpg")
    write(tmp_path / "train.csv", "Image,whale\na.jpg,w1\nb.jpg,w2\ne.jpg,w1\n")
    write(tmp_path / "sample_submission.csv", "Image,w1,w2\nd.jpg,0.5,0.5\nc.jpg,0.5,0.5\n")
    assert list(read(tmp_path)[0]) == ["imgs/a.jpg", "imgs/b.jpg", "imgs/e.jpg"]
    assert has_tests(tmp_path, LayoutOptions())
    assert list(load_tests(tmp_path)["test"]["image"]) == ["c.jpg", "d.jpg"]
    write(tmp_path / "test.csv", "Image\nd.jpg\n")
    assert list(load_tests(tmp_path)["test"]["image"]) == ["d.jpg"]


def test_several_folders_without_a_word_are_one_pool_without_tests(tmp_path):
    photos(tmp_path, "part_1/a.jpg", "part_2/b.jpg")
    write(tmp_path / "meta.csv", "lesion_id,image_id,dx\nL1,a,nv\nL1,b,mel\n")
    assert read(tmp_path)[0] == {"part_1/a.jpg": "nv", "part_2/b.jpg": "mel"}
    assert not has_tests(tmp_path, LayoutOptions())


def test_labels_in_the_photos_names(tmp_path):
    photos(tmp_path / "train", "cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg")
    assert sorted(read(tmp_path)[0].values()) == ["cat", "cat", "dog", "dog"]


def test_pairs_of_left_and_right_are_groups(tmp_path):
    photos(tmp_path / "train", "10_left.jpg", "10_right.jpg", "13_left.jpg", "13_right.jpg")
    write(tmp_path / "trainLabels.csv", "image,level\n10_left,0\n10_right,1\n13_left,0\n13_right,2\n")
    assert list(read(tmp_path)[1].values()) == ["10", "10", "13", "13"]


def test_the_coarsest_group_goes_first_and_the_label_is_none(tmp_path):
    photos(tmp_path / "train", *NAMES)
    rows = ["a,s1,x,v1", "b,s1,y,v1", "c,s2,x,v2", "d,s2,y,v3"]
    write(tmp_path / "t.csv", "\n".join(["image_id,seq_id,location,label", *rows]) + "\n")
    assert list(read(tmp_path)[1].values()) == ["x", "y", "x", "y"]
    assert list(read(tmp_path, group_column="seq_id")[1].values()) == ["s1", "s1", "s2", "s2"]
    assert read(tmp_path, group_column="none")[1] is None
    assert list(read(tmp_path, label_column="location")[1].values()) == ["s1", "s1", "s2", "s2"]
    with pytest.raises(FishError, match=r"--group-column boat: no table .* they have .*seq_id"):
        read(tmp_path, group_column="boat")


def test_a_table_of_class_numbers_and_names_explains_the_labels(tmp_path):
    photos(tmp_path / "train", *NAMES)
    photos(tmp_path / "test", "x.jpg")
    write(tmp_path / "train.csv", "file;nr;height\na.jpg;1;3,5\nb.jpg;2;3,7\nc.jpg;1;3,1\nd.jpg;2;4,0\n")
    write(tmp_path / "classes.csv", "nr;plant\n1;Löwenzahn\n2;Distel\n")
    write(tmp_path / "sample_submission.csv", "file;plant\nx.jpg;Distel\n")
    assert list(read(tmp_path)[0].values()) == ["Löwenzahn", "Distel", "Löwenzahn", "Distel"]


def test_class_names_stay_text_and_numbers_are_ordered_as_numbers(tmp_path):
    photos(tmp_path / "train", *NAMES)
    write(tmp_path / "t.csv", "image_id,label\na,10\nb,9\nc,2\nd,10\n")
    assert class_names_of(load_train(tmp_path)) == ["2", "9", "10"]
    write(tmp_path / "t.csv", "image_id,label\na,NA\nb,007\nc,True\nd,None\n")
    assert class_names_of(load_train(tmp_path)) == ["007", "NA", "None", "True"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("image,label\na,|x\nb,y\nc,y\nd,y\n", r"the label '\|x' has a \| in it"),
        (
            "image,target\na,0.5\nb,1.25\nc,3.0\nd,2.5\n",
            r"a number to predict \(such as 0\.5\).*--label-column",
        ),
        (
            "image,x,z\na,1,2\nb,2,1\nc,1,1\nd,2,2\n",
            r"which column of .*t\.csv is the label\?.*--label-column .*x, z",
        ),
        (
            "image,label\na.jpg,x\na.jpg,y\nb.jpg,x\nc.jpg,x\nd.jpg,y\n",
            r"a\.jpg has several lines with other labels \(x, y\).*--labels",
        ),
    ],
)
def test_what_is_no_single_label_is_refused_with_the_option_that_helps(tmp_path, table, message):
    photos(tmp_path / "train_images", *NAMES)
    photos(tmp_path / "test_images", "x.jpg")
    write(tmp_path / "t.csv", table)
    with pytest.raises(FishError, match=message):
        read(tmp_path)


def test_class_names_of_several_words_are_no_tags(tmp_path):
    photos(tmp_path / "train", *NAMES)
    write(tmp_path / "t.csv", "image,label\na,Common wheat\nb,Fat hen\nc,Sugar beet\nd,Common chickweed\n")
    assert list(read(tmp_path)[0].values()) == ["Common wheat", "Fat hen", "Sugar beet", "Common chickweed"]


def test_records_without_photos_are_refused(tmp_path):
    write(tmp_path / "tfrecords" / "train" / "00.tfrec", "x")
    with pytest.raises(FishError, match=r"TFRecords \(tfrecords/train/00\.tfrec\) and no photos"):
        read(tmp_path)


def test_more_classes_than_memory_holds_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("fishcli.dataset.layout.label_columns.N_PLACES", 7)
    photos(tmp_path / "train", *NAMES)
    write(tmp_path / "t.csv", "image,label\na,x\nb,y\nc,x\nd,y\n")
    with pytest.raises(FishError, match="2 classes for 4 images.*fewer classes with --labels"):
        read(tmp_path)


def test_lines_of_photos_that_are_not_there_are_left_out_with_a_warning(tmp_path, capsys):
    names = [f"{k:02}.jpg" for k in range(20)]
    photos(tmp_path / "train", *names)
    write(tmp_path / "t.csv", "\n".join(["id,label", *[f"{n},{n[1]}" for n in names], "gone.jpg,1"]))
    assert len(read(tmp_path)[0]) == 20
    assert "names 1 photos that are not there: left out (gone.jpg)" in capsys.readouterr().err


def test_options_go_before_the_rules(tmp_path):
    photos(tmp_path / "A", "one/a.jpg", "two/b.jpg")
    photos(tmp_path / "B", "c.jpg")
    write(tmp_path / "t.csv", "number,what,better\na,x,p\nb,y,q\n")
    assert list(read(tmp_path, train_dir="A", labels="folders")[0].values()) == ["one", "two"]
    assert list(read(tmp_path, train_dir="A", label_column="better")[0].values()) == ["p", "q"]
    assert list(read(tmp_path, train_dir="A", labels="t.csv", label_column="what")[0].values()) == ["x", "y"]
    assert list(load_tests(tmp_path, Reading(train_dir="A", test_dir="B"))) == ["B"]
    for option, value, message in [
        ("train_dir", "C", "there is no folder"),
        ("label_column", "nope", r"--label-column nope: no table .* better"),
        ("labels", "none.csv", "none.csv is missing"),
    ]:
        with pytest.raises(FishError, match=message):
            read(tmp_path, **{option: value})
    with pytest.raises(FishError, match=r"--id-column nope: .*t\.csv has no such column"):
        read(tmp_path, labels="t.csv", id_column="nope")


def test_the_rules_words_stand_in_the_document():
    from pathlib import Path

    from fishcli.dataset.layout import words

    text = (
        (Path(__file__).parents[2] / "docs" / "layouts.md").read_text(encoding="utf-8").replace("\n  ", " ")
    )
    for level, known in enumerate(words.GROUPS, start=1):
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {level} |")]
        assert set(line.split("|")[2].replace(",", " ").split()) == known
    for kind in (words.TRAIN, words.TEST, words.VALIDATION, words.NO_PHOTOS):
        assert all(word in text for word in kind)
