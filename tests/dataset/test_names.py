import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishcli.basics.errors import FishError
from fishcli.dataset.names import NameIndex, warn_of_lookalikes

INDEX = NameIndex(["ALB/img_1.jpg", "ALB/img_2.jpg", "BET/img_2.jpg", "BET/a.b.png", "NoF/IMG_3.JPG"])


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("ALB/img_1.jpg", "ALB/img_1.jpg"),
        ("img_1.jpg", "ALB/img_1.jpg"),
        (" img_1.jpg ", "ALB/img_1.jpg"),
        ("img_1", "ALB/img_1.jpg"),
        ("a.b", "BET/a.b.png"),
        ("IMG_3.JPG", "NoF/IMG_3.JPG"),
        ("../data/train/BET/img_2.jpg", "BET/img_2.jpg"),
        ("/home/someone/else/ALB/img_2.jpg", "ALB/img_2.jpg"),
        ("C:\\fish\\train\\ALB\\img_2.jpg", "ALB/img_2.jpg"),
        ("/elsewhere/img_1.jpg", "ALB/img_1.jpg"),
        ("img_1.png", None),
        ("img_3.jpg", "NoF/IMG_3.JPG"),
        ("img", None),
        ("ALB", None),
        ("", None),
    ],
)
def test_which_image_a_name_means(name, image):
    assert INDEX.find(name, "groups.csv") == image


@pytest.mark.parametrize("name", ["img_2.jpg", "img_2", "/LB/img_2.jpg", "YFT/img_2.jpg"])
def test_an_ambiguous_base_name_is_an_error_with_its_source(name):
    with pytest.raises(FishError) as raised:
        INDEX.find(name, "groups.csv")
    message = str(raised.value)
    assert message.startswith(f"groups.csv: {name!r} is ambiguous")
    assert "ALB/img_2.jpg, BET/img_2.jpg" in message
    assert "path under its split" in message


def test_the_longest_id_that_a_path_ends_in_is_meant():
    assert NameIndex(["a.jpg", "deck/a.jpg"]).find("test/deck/a.jpg", "sample") == "deck/a.jpg"


def test_find_all_lists_each_name_once_in_order():
    names = ["zzz.jpg", "img_1", "BET/img_2.jpg", "img_1", "yyy", "zzz.jpg"]
    found, unknown = INDEX.find_all(names, "groups.csv")
    assert found == {"img_1": "ALB/img_1.jpg", "BET/img_2.jpg": "BET/img_2.jpg"}
    assert list(found) == ["img_1", "BET/img_2.jpg"]
    assert unknown == ["zzz.jpg", "yyy"]


WORDS = st.text("abc_1", min_size=1, max_size=3)


@given(st.sets(st.tuples(WORDS, WORDS), min_size=1, max_size=8), st.sampled_from(["", "/home/x/", "D:\\x\\"]))
def test_every_id_is_found_by_itself_and_at_the_end_of_a_path(parts, prefix):
    ids = [f"{folder}/{stem}.jpg" for folder, stem in parts]
    index = NameIndex(ids)
    for image in ids:
        assert index.find(prefix + image, "a test") == image


def test_case_counts_only_where_it_tells_images_apart():
    index = NameIndex(["ALB/a.jpg", "ALB/A.jpg", "BET/b.jpg"])
    assert index.find("a.jpg", "x") == "ALB/a.jpg"
    assert index.find("A.jpg", "x") == "ALB/A.jpg"
    for name in ("B.JPG", "bet/B.jpg", "../Train/BET/b.JPG", "B"):
        assert index.find(name, "x") == "BET/b.jpg"
    with pytest.raises(FishError, match=r"'A\.JPG' is ambiguous, it may be ALB/A\.jpg, ALB/a\.jpg"):
        index.find("A.JPG", "x")


def test_labels_that_are_one_number_are_asked_after(capsys):
    warn_of_lookalikes(["1", "1.0", "01", "2", "x", "nan"], "t.csv")
    assert "t.csv: are these the same? They are kept apart: '01' = '1' = '1.0'." in capsys.readouterr().err
