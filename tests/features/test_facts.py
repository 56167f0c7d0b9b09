"""What is known of a backbone without building it."""

import dataclasses

import numpy as np
import pytest
from conftest import write_competition

from fishcli.basics.errors import FishError
from fishcli.basics.files import cache_dir
from fishcli.commands import features as features_command
from fishcli.features.backbones import backbone as backbones
from fishcli.features.backbones.backbone import load_backbone
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.backbones.engines import loading as engines
from fishcli.features.backbones.facts import Facts, keep_facts, read_facts
from fishcli.features.backbones.networks.fishnet import save_weights
from fishcli.options.features import FeaturesConfig

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

CHOICE = BackboneChoice("fishnet", "formula", (32, 48))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def never(*_):
    raise AssertionError("a network was built")


def test_a_backbone_that_was_built_before_is_known_without_building_it(cache, monkeypatch):
    first = load_backbone(CHOICE)
    with monkeypatch.context() as patch:
        patch.setattr(backbones, "_build", never)
        again = load_backbone(CHOICE)
        assert (again.recipe, again.feature_shape, again.is_whole) == (first.recipe, (1, 2, 512), True)
        other = dataclasses.replace(CHOICE, resize="letterbox", truncated=True)
        assert load_backbone(other).recipe == dataclasses.replace(
            first.recipe, resize="letterbox", truncated=True
        )
        for change in ({"pool": "avg"}, {"layer": "stage4"}, {"image_size": (64, 64)}):
            with pytest.raises(AssertionError):
                load_backbone(dataclasses.replace(CHOICE, **change))
    assert again.model.output_shape[1:] == (1, 2, 512)


def test_weights_of_another_size_or_time_are_looked_at_again(cache, tmp_path):
    path = tmp_path / "weights.npz"
    model = backbones._build(backbones.load_keras(), CHOICE)[0]
    save_weights(model, path)
    choice = dataclasses.replace(CHOICE, weights=str(path))
    first = load_backbone(choice)
    kernel = model.weights[0]
    kept = np.array(kernel)
    try:
        kernel.assign(kept + 1)
        save_weights(model, path)
    finally:
        kernel.assign(kept)
    assert load_backbone(choice).recipe.weights_sha256 != first.recipe.weights_sha256


def test_weights_that_changed_unnoticed_do_not_compute(cache):
    load_backbone(CHOICE)
    (path,) = cache_dir().glob("fishnet-*.json")
    keep_facts(path, dataclasses.replace(read_facts(path), weights_sha256="0" * 64))
    known = load_backbone(CHOICE)
    with pytest.raises(FishError, match="are not what they were .* Run the command again"):
        _ = known.model
    assert load_backbone(CHOICE).model is not None  # looked at again


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"layer": 3}'])
def test_damaged_facts_are_found_anew(cache, content):
    first = load_backbone(CHOICE)
    (path,) = cache_dir().glob("fishnet-*.json")
    path.write_text(content)
    assert load_backbone(CHOICE).recipe == first.recipe
    assert isinstance(read_facts(path), Facts)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file, where a folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert load_backbone(CHOICE).recipe == load_backbone(CHOICE).recipe


@pytest.mark.skipif(engines.load_openvino() is None, reason="OpenVINO is not installed")
def test_features_of_new_photos_need_no_keras_once_openvino_was_checked(cache, tmp_path, monkeypatch, capsys):
    write_competition(tmp_path / "data", n_per_class=1, n_test=0)
    config = FeaturesConfig(
        data_dir=tmp_path / "data", backbone="fishnet", image_size="32x48", splits="train"
    )
    features_command.run(config)
    assert "it differs from Keras by at most" in capsys.readouterr().err
    monkeypatch.setattr(backbones, "_build", never)
    features_command.run(dataclasses.replace(config, views=2, resize="letterbox"))
    assert "it differed from Keras by at most" in capsys.readouterr().err
