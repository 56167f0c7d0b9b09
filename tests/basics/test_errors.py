import pytest

from fishcli.basics.errors import FishError, choose, examples, nearest


def test_choose_returns_what_is_known():
    assert choose("vgg16", ["vgg16", "vgg19"], "backbone") == "vgg16"


def test_choose_names_the_nearest_and_all():
    with pytest.raises(FishError) as raised:
        choose("vgg_16", iter(["resnet50", "vgg16"]), "backbone")
    assert str(raised.value) == "unknown backbone 'vgg_16'. Did you mean 'vgg16'? Known: resnet50, vgg16."


def test_choose_guesses_nothing_where_nothing_is_near():
    with pytest.raises(FishError) as raised:
        choose("zzz", ["resnet50", "vgg16"], "backbone")
    assert str(raised.value) == "unknown backbone 'zzz'. Known: resnet50, vgg16."


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], ""),
        (["b", "a"], "b, a"),
        ({"b", "a", "c"}, "a, b, c"),
        (["d", "c", "b", "a"], "d, c, b, ... (4 in all)"),
        (range(1234), "0, 1, 2, ... (1,234 in all)"),
    ],
)
def test_examples(items, text):
    assert examples(items) == text


def test_examples_shows_as_many_as_asked_for():
    assert examples("abcd", n=1) == "a, ... (4 in all)"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("VGG16", "vgg16"),
        ("aduit", "audit-leakage"),
        ("audit", "audit-leakage"),
        ("resnet", "resnet50"),
        ("x", None),
    ],
)
def test_the_nearest_name(name, meant):
    assert nearest(name, ["resnet50", "vgg16", "audit-leakage", "predict"]) == meant
