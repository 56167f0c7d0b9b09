"""What hostile data and models can't do: run code, hang, fill the memory, reach a spreadsheet."""

import json
import pickle
import zipfile

import numpy as np
import pytest
from conftest import make_image
from corpus import Touches, npz, start
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_keras
from fishcli.dataset.layout.images import load_tests, load_train
from fishcli.dataset.layout.samples import load_samples
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.dataset.names import FORMULA, check_names, harmless
from fishcli.dataset.photos.file_facts import read_facts
from fishcli.features.backbones.networks import fishnet
from fishcli.heads.fit import load_fold
from fishcli.heads.networks import kept
from fishcli.heads.networks.kept import save_network
from fishcli.options.layout import LayoutOptions

pytestmark = pytest.mark.tensorflow

ENCODER, COUNTS = MetadataEncoder("none"), np.array([3, 3])

# --- links


def test_links_out_of_the_data_folder_are_followed(tmp_path):
    start(tmp_path / "disk")
    data_dir = tmp_path / "data"
    (data_dir / "train").mkdir(parents=True)
    for name in ("ALB", "BET"):
        (data_dir / "train" / name).symlink_to(tmp_path / "disk" / "train" / name)
    (data_dir / "train" / "ALB2").mkdir()
    (data_dir / "train" / "ALB2" / "c.jpg").symlink_to(tmp_path / "disk" / "train" / "ALB" / "a.jpg")
    assert list(load_train(data_dir)["image"]) == ["ALB/a.jpg", "ALB2/c.jpg", "BET/b.jpg"]


def test_links_in_circles_end_with_a_warning(tmp_path, capsys):
    """Two links to the folder above would give 2 to the 40 paths before the system refuses one."""
    start(tmp_path)
    for name in ("x", "y", "z"):
        (tmp_path / "train" / "ALB" / name).symlink_to(tmp_path / "train")
    assert list(load_train(tmp_path)["image"]) == ["ALB/a.jpg", "BET/b.jpg"]
    assert "ALB/x leads to a folder that was read already: left out." in capsys.readouterr().err


def test_a_class_that_is_a_link_to_another_is_empty(tmp_path):
    start(tmp_path)
    (tmp_path / "train" / "BET2").symlink_to(tmp_path / "train" / "BET")
    with pytest.raises(FishError, match="class 'BET2' is empty"):
        load_train(tmp_path)


# --- models


def keras_file(path, config):
    """A .keras file of that config, as far as Keras reads before it builds."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.12.0", "date_saved": ""}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", b"")
    return path


def small_keras_model(path, *layers, inputs=None):
    keras = load_keras()
    features = keras.Input((4,), name="features")
    output = features
    for layer in layers:
        output = layer(output)
    model = keras.Model({"features": features} if inputs is None else features, {"class": output})
    save_network(model, path) if path.name.endswith(kept.SUFFIX) else model.save(path)
    return path


@pytest.mark.parametrize(("named", "reason"), [(False, "it holds code, such as a Lambda layer"), (True, "")])
def test_a_keras_model_with_a_lambda_layer_is_refused(tmp_path, named, reason):
    touched = tmp_path / "touched"
    keras = load_keras()

    place = str(touched)

    def code(x):
        return (open(place, "w"), x)[1]  # noqa: PTH123

    function = code if named else lambda x: (open(place, "w"), x)[1]  # noqa: PTH123, SIM115
    path = small_keras_model(tmp_path / "fold_0.keras", keras.layers.Lambda(function, output_shape=(4,)))
    touched.unlink(missing_ok=True)
    with pytest.raises(FishError, match=rf"fold_0\.keras can't be loaded \({reason}"):
        load_fold(path, ENCODER, COUNTS)
    assert not touched.exists()


@pytest.mark.parametrize(
    ("module", "name", "arguments"),
    [
        ("os", "system", {"command": "touch TOUCHED"}),
        ("builtins", "eval", {"source": "open('TOUCHED', 'w')"}),
        ("builtins", "exec", {"source": "open('TOUCHED', 'w')"}),
        ("subprocess", "Popen", {"args": ["touch", "TOUCHED"]}),
        ("keras.utils", "get_file", {"fname": "TOUCHED", "origin": "file:///etc/passwd"}),
        ("pathlib", "Path.touch", {"self": "TOUCHED"}),
    ],
)
def test_a_keras_model_that_names_a_function_is_refused(tmp_path, module, name, arguments):
    touched = tmp_path / "touched"
    config = json.loads(json.dumps(arguments).replace("TOUCHED", str(touched)))
    keras_file(
        tmp_path / "fold_0.keras",
        {"module": module, "class_name": name, "config": config, "registered_name": name},
    )
    with pytest.raises(FishError, match=r"fold_0\.keras can't be loaded"):
        load_fold(tmp_path / "fold_0.keras", ENCODER, COUNTS)
    assert not touched.exists()


def test_a_keras_model_that_is_no_head_is_refused(tmp_path):
    keras = load_keras()
    path = small_keras_model(tmp_path / "fold_0.keras", keras.layers.Dense(2), inputs="one")
    with pytest.raises(FishError, match=r"can't be loaded \(it holds no head\)"):
        load_fold(path, ENCODER, COUNTS)


@pytest.mark.parametrize("suffix", [".weights.npz", ".perceptron.npz", ".keras", ".skops"])
def test_a_pickle_for_a_model_is_not_opened(tmp_path, suffix):
    path = tmp_path / f"fold_0{suffix}"
    path.write_bytes(pickle.dumps(Touches(tmp_path / "touched")))
    with pytest.raises(FishError, match="can't be loaded"):
        load_fold(path, ENCODER, COUNTS)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("suffix", [".weights.npz", ".keras", ".skops"])
def test_model_files_with_damage_anywhere_are_named(tmp_path, suffix):
    from sklearn.preprocessing import StandardScaler

    path = tmp_path / f"fold_0{suffix}"
    if suffix != ".skops":
        small_keras_model(path, load_keras().layers.Dense(2))
    else:
        import skops.io

        skops.io.dump(StandardScaler().fit(np.eye(3)), path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 12):
        content = bytearray(whole)
        content[place : place + 8] = rng.bytes(8)
        path.write_bytes(content[: rng.integers(place, len(whole))])
        with pytest.raises(FishError, match=r"fold_0\..* can't be loaded \(.+\)\."):
            load_fold(path, ENCODER, COUNTS)


def hostile_forest(path, place, value):
    """A forest whose first tree has `value` in a field of node 0."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.preprocessing import StandardScaler

    from fishcli.heads.classical.fits import ClassicalHead

    rows, labels = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 2
    forest = RandomForestClassifier(3, random_state=0).fit(rows, labels)
    tree = forest.estimators_[0].tree_
    state = tree.__getstate__()
    state["nodes"] = state["nodes"].copy()
    if place is not None:
        state["nodes"][0][place] = value
    tree.__setstate__(state)
    scaler = StandardScaler().fit(rows)
    parts = {"scaler": scaler, "classes": np.arange(2), "classifier": forest, "boxes": None}
    ClassicalHead({**parts, "prior_share": 0.01}, ENCODER, COUNTS).save(path)
    return path


@pytest.mark.parametrize(
    ("place", "value"),
    [("left_child", 10**6), ("right_child", 0), ("left_child", -7), ("feature", 10**6), ("feature", -9)],
)
def test_trees_that_lead_out_of_their_memory_are_refused(tmp_path, place, value):
    load_fold(hostile_forest(tmp_path / "fold_0.skops", None, 0), ENCODER, COUNTS)
    with pytest.raises(FishError, match=r"can't be loaded \(it holds a tree that leads nowhere\)"):
        load_fold(hostile_forest(tmp_path / "fold_0.skops", place, value), ENCODER, COUNTS)


def test_pickles_in_weights_are_not_opened(tmp_path):
    path = tmp_path / "w.npz"
    path.write_bytes(npz(a=np.array([Touches(tmp_path / "touched")], object)))
    keras = load_keras()
    with pytest.raises(FishError, match="pickle"):
        fishnet.load_weights(fishnet.build_fishnet(keras, (32, 32, 3)), path)
    assert not (tmp_path / "touched").exists()


# --- names


@pytest.mark.parametrize(
    "name",
    [
        "=1+1",
        " =cmd()",
        "@SUM(A1)",
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "\t=1",
        "a\rb",
        "a\0b",
        "\u2028",
    ],
)
def test_names_that_would_harm_are_refused(name):
    with pytest.raises(FishError, match=r"here: the name .* Rename it\."):
        check_names(["good", name], "here")


@pytest.mark.parametrize(
    "name", ["-1", "+", "-x2_Ab.jpg", "@home/a.jpg", "ALB/=x.jpg", "naïve 魚.jpg", "a'b\"c"]
)
def test_names_that_harm_nobody_are_taken(name):
    check_names([name], "here")
    assert harmless(name) == name


@given(st.text())
def test_harmless_texts_pass_the_check(text):
    check_names([harmless(text)], "here")


def test_the_text_of_a_camera_is_made_harmless(tmp_path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "=cmd|' /C calc'!A0", "\x1b[2J ok"
    path = make_image(tmp_path / "a.jpg", exif=exif)
    facts = read_facts(path, {"exif_make", "exif_model"})
    assert facts == {"exif_make": "'=cmd|' /C calc'!A0", "exif_model": "[2J ok"}
    assert not FORMULA.match(str(facts["exif_make"]))


def test_names_with_dots_and_roots_stay_names(tmp_path):
    """A sample's paths are matched by their end and written back as they are; no file is opened by them."""
    start(tmp_path)
    names = ["../../t.jpg", "/etc/t.jpg", "C:\\x\\t.jpg"]
    for name in names:
        (tmp_path / "sample_submission.csv").write_text(f"image,ALB,BET\n{name},1,0\n")
        (sample,) = load_samples(tmp_path, load_tests(tmp_path), ["ALB", "BET"], LayoutOptions())
        assert sample.names == (name,)
        assert sample.keys == (("test", "t.jpg"),)
