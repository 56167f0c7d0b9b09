"""The list of backbones: what it says holds of the networks, though none is built for it."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from fishcli.basics import quiet
from fishcli.basics.errors import FishError
from fishcli.features.backbones import listing
from fishcli.features.backbones.backbone import load_backbone
from fishcli.features.backbones.choice import FISHNET, BackboneChoice, named_backbone
from fishcli.features.backbones.networks.applications import APPLICATIONS
from fishcli.features.backbones.networks.efficientnet_lite import INSTALL, LITE, build_lite
from fishcli.features.backbones.networks.fishnet import build_fishnet
from fishcli.features.backbones.networks.known import known_networks
from fishcli.features.backbones.usual import usual_size


def test_every_network_is_listed():
    assert tuple(known_networks()) == (FISHNET, *LITE, *APPLICATIONS)


def test_the_list_says_whose_weights_are_here(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(listing, "is_installed", lambda name: name == "efficientnet_lite1")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / known_networks()["mobilenet_v2_035"].weights_file).touch()
    lines = {line.split()[0]: line for line in listing.list_backbones().splitlines()}
    assert lines["backbone"].split() == ["backbone", "input", "maps", "parameters", "weights"]
    assert lines["mobilenet_v2_035"].split() == [
        "mobilenet_v2_035",
        "224x224",
        "7x7x1280",
        f"{known_networks()['mobilenet_v2_035'].n_parameters:,}",
        "here",
    ]
    assert lines["mobilenet_v2"].endswith("downloaded")
    assert lines["efficientnet_lite1"].endswith("here")
    assert lines["efficientnet_lite2"].endswith(INSTALL)
    assert lines["fishnet"].endswith("here")
    assert lines["sift"].split()[2:] == ["28x28x384", "0", "none"]


def test_the_list_needs_neither_data_nor_keras(tmp_path):
    code = (
        "import sys; from fishcli.commands.features import run; from fishcli.options.features import *;"
        "print(run(FeaturesConfig(list_backbones=True))); assert not {'keras', 'tensorflow'} & {*sys.modules}"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "vgg16" in done.stdout


def test_without_kerashub_a_preset_names_the_extra(monkeypatch, tmp_path):
    def version(name):
        raise PackageNotFoundError(name)

    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr(quiet, "version", version)
    backbone, weights = named_backbone(f"hub:{tmp_path}", None)
    with pytest.raises(FishError, match=r"pip install 'fishcli\[hub\]'"):
        load_backbone(BackboneChoice(backbone, weights, (28, 28)))


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["fishnet", "efficientnet_lite0", "mobilenet_025", "mobilenet_v3_small_075"])
def test_the_table_tells_what_is_built(name):
    from fishcli.basics.quiet import load_keras
    from fishcli.features.backbones.networks.applications import build_application

    keras, size, known = load_keras(), usual_size(name), known_networks()[name]
    if name == FISHNET:
        model = build_fishnet(keras, (*size, 3))
    elif name in LITE:
        model = build_lite(keras, name, (*size, 3))
    else:
        model = build_application(keras, name, "random", size)
    assert model.output.shape[1:] == (*known.map_size, known.n_channels)
    assert sum(int(np.prod(weight.shape)) for weight in model.weights) == known.n_parameters
