"""`fishcli heatmap` from a trained run to its files, and what the report and the audit take from it."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from PIL import Image
from pipeline import compute, fit
from typer.testing import CliRunner

from fishcli.basics.errors import FishError
from fishcli.cli import app
from fishcli.commands import heatmap
from fishcli.dataset.layout.images import load_train
from fishcli.features.photos.grids import share_in_boxes
from fishcli.features.store.store import FeatureStore
from fishcli.heads.class_maps import class_maps
from fishcli.heads.classical import estimators
from fishcli.heads.inputs import store_rows
from fishcli.options.seeing import HeatmapConfig
from fishcli.options.train import RunConfig
from fishcli.report.heatmaps import PREDICTED_COLOUR, Boxes, Panel, heatmap_picture, overlay
from fishcli.runs.run import Run
from fishcli.runs.seeing.class_map_mass import class_map_mass, mass_of, summarise
from fishcli.runs.seeing.map_drawings import draw_images
from fishcli.runs.seeing.map_inputs import load_map_inputs, maps_of

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A tiny competition with features of 3 x 3 maps and runs of three heads."""
    root = tmp_path_factory.mktemp("heatmap")
    write_competition(root / "data")
    compute(root, image_size="96x96", splits="train")
    fit(root, name="gap", folds=2)
    fit(root, name="fcn", head="fcn", groups="none", boxes="none", seeds=2, epochs=1, folds=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimators, "TREES", 20)
        fit(root, name="forest", head="forest", epochs=60, boxes="none", folds=2)
    return root


def places(root):
    return {"data_dir": root / "data", "models_dir": root / "models"}


def config_of(root, name="gap", **changes):
    return HeatmapConfig(**places(root), run=name, **{"out": root / "out", **changes})


def inputs_of(root, name="gap"):
    return load_map_inputs(Run.open(root / "models" / name), RunConfig(**places(root)))


def pictures(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.glob("*/*.png"))


def test_the_files_of_a_run(root, tmp_path):
    text = heatmap.run(config_of(root, worst=3, class_name="ALB", out=tmp_path))
    assert text.splitlines()[-1] == str(tmp_path)
    assert "grouped folds; class prior" in text and "times their share of the area" in text
    assert len(pictures(tmp_path)) == 3 and all(name.startswith("ALB/") for name in pictures(tmp_path))
    mass = pd.read_csv(tmp_path / "mass.csv")
    assert list(mass) == ["image", "class_name", "group", "fold", "share", "area", "elsewhere"]
    assert set(mass["class_name"]) == {"ALB", "BET"} and len(mass) == 16  # NoF has no boxes
    assert mass["area"].between(0.08, 0.13).all() and mass["share"].dropna().between(0, 1).all()
    means = pd.read_csv(tmp_path / "mass_means.csv")
    assert list(means["by"]) == ["all"] + ["class"] * 2 + ["group"] * 4
    assert means["share"][0] == pytest.approx(mass["share"].mean())
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert sheet.size[0] > 1000


def test_the_worst_are_the_largest_losses(root, tmp_path):
    heatmap.run(config_of(root, worst=4, out=tmp_path))
    oof = pd.read_csv(root / "models/gap/oof.csv")
    right = [row["proba_" + row["class_name"]] for _, row in oof.iterrows()]
    worst = oof["image"][np.argsort(right, kind="stable")[:4]]
    assert pictures(tmp_path) == sorted(f"{image}.png" for image in worst)


def test_named_images_are_drawn_as_large_as_they_are(root, tmp_path):
    heatmap.run(config_of(root, images=["img_003.jpg", "BET/img_008.jpg"], out=tmp_path))
    assert pictures(tmp_path) == ["ALB/img_003.jpg.png", "BET/img_008.jpg.png"]
    photos = load_train(root / "data").set_index("image")
    for image in ("ALB/img_003.jpg", "BET/img_008.jpg"):
        with Image.open(tmp_path / f"{image}.png") as picture:
            width, height = picture.size
            n_panels = 1 if width < 1.5 * photos.loc[image, "width"] else 2
            assert width >= n_panels * photos.loc[image, "width"] and height > photos.loc[image, "height"]


@pytest.mark.parametrize("name", ["gap", "fcn"])
def test_each_image_is_seen_by_its_own_folds_heads(root, name):
    inputs = inputs_of(root, name)
    assert inputs.method == {"gap": "CAM", "fcn": "class maps"}[name]
    images = list(inputs.images.index[::5])
    labels = inputs.images.loc[images, "label"].to_numpy()
    found = dict(maps_of(inputs, images, [labels, (labels + 1) % 3]))
    assert set(found) == set(images)
    store = FeatureStore(next((root / "data/features").iterdir()))
    for image, label in zip(images, labels, strict=True):
        row = inputs.images.loc[[image]]
        features = store.read("train", "identity", store_rows(store, "train", [image]))
        for values, wanted in zip(found[image], (label, (label + 1) % 3), strict=True):
            members = inputs.run.load_fold(int(row["fold"].iloc[0]))
            assert len(members) == (2 if name == "fcn" else 1)
            alone = class_maps(members, inputs.method, features, row, np.array([wanted]))[0]
            assert values == pytest.approx(alone, abs=1e-4)


def test_mass_is_of_the_true_class_in_the_photos_own_boxes(root):
    inputs = inputs_of(root)
    mass = mass_of(inputs).set_index("image")
    image = "BET/img_010.jpg"
    ((_, (values,)),) = maps_of(inputs, [image], [inputs.images.loc[[image], "label"].to_numpy()])
    share, area = share_in_boxes(values, inputs.grid(image, values), inputs.boxes[image])
    assert mass.loc[image, "share"] == pytest.approx(share, abs=1e-4, nan_ok=True)
    assert mass.loc[image, "area"] == pytest.approx(area)
    assert (
        mass.loc[image, "group"] == pd.read_csv(root / "data/groups.csv").set_index("image")["group"][image]
    )


def test_groups_are_told_of_a_run_on_random_folds_too(root):
    assert inputs_of(root, "fcn").kind == "random"
    assert set(inputs_of(root, "fcn").images["group"]) == {f"boat_{k}" for k in range(4)}


def test_a_map_that_follows_the_fish_leads_and_a_blind_one_does_not():
    rng = np.random.default_rng(0)
    n = 60
    base = {"image": [f"{i}" for i in range(n)], "class_name": "ALB", "group": "", "fold": 0, "area": 0.1}
    sees = pd.DataFrame({**base, "share": rng.uniform(0.3, 0.6, n), "elsewhere": rng.uniform(0.1, 0.2, n)})
    blind = sees.assign(share=rng.permutation(sees["elsewhere"]))
    top = summarise(sees).iloc[0]
    assert top["low"] > 0.2 and top["times"] == pytest.approx(sees["share"].mean() / 0.1)
    assert summarise(blind).iloc[0]["low"] < 0 < summarise(blind).iloc[0]["high"]
    unknown = sees.assign(share=np.nan)
    assert summarise(unknown).iloc[0]["n_images"] == 0 and np.isnan(summarise(unknown).iloc[0]["low"])


def test_what_the_report_takes(root):
    run = Run.open(root / "models/gap")
    mass = class_map_mass(run, RunConfig(**places(root)))
    assert {"image", "class_name", "group", "fold", "share", "area"} <= set(mass)
    forest = Run.open(root / "models/forest")
    assert class_map_mass(forest, RunConfig(**places(root))) is None
    nowhere = RunConfig(**places(root), features_dir=root / "nowhere")
    assert class_map_mass(run, nowhere) is None


def test_without_boxes_there_are_pictures_only(root, tmp_path):
    shutil.copytree(root / "data", tmp_path / "data")
    shutil.rmtree(tmp_path / "data/boxes")
    config = HeatmapConfig(
        data_dir=tmp_path / "data", models_dir=root / "models", run="fcn", worst=2, out=tmp_path / "out"
    )
    assert heatmap.run(config) == str(tmp_path / "out")
    assert len(pictures(tmp_path / "out")) == 2 and not (tmp_path / "out/mass.csv").exists()
    places_without = RunConfig(data_dir=tmp_path / "data", models_dir=root / "models")
    assert class_map_mass(Run.open(root / "models/fcn"), places_without) is None


def test_a_photo_that_cant_be_decoded_is_left_out(root, tmp_path, capsys, monkeypatch):
    inputs = inputs_of(root)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(inputs.images["path"].iloc[0].read_bytes()[:200])
    inputs.images.loc["ALB/img_000.jpg", "path"] = broken
    drawn = [each.image for each in draw_images(inputs, ["ALB/img_000.jpg", "ALB/img_001.jpg"])]
    assert drawn == ["ALB/img_001.jpg"] and "ALB/img_000.jpg can't be drawn" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "forest"}, "--head gap"),
        ({"images": ["nothing.jpg"]}, "no image named nothing.jpg"),
        ({"images": ["img_000.jpg"], "worst": 3}, "leave out --worst"),
        ({"class_name": "alb"}, "Did you mean|Known: ALB"),
        ({"name": "nothing"}, "unknown run"),
    ],
)
def test_what_cant_be_drawn_is_refused(root, changes, said):
    with pytest.raises(FishError, match=said):
        heatmap.run(config_of(root, **changes))


def test_pooled_features_are_refused_with_what_mends_it(root, tmp_path):
    write_competition(tmp_path / "data", n_per_class=6)
    compute(tmp_path, pool="avg", splits="train")
    fit(tmp_path, epochs=1, boxes="none", folds=2)
    with pytest.raises(FishError, match=r"Compute maps: fishcli features (?!.*--layer).*, then"):
        heatmap.run(config_of(tmp_path, "run"))


def test_one_class_shows_what_moves_its_box(tmp_path):
    write_competition(tmp_path / "data", classes=["ALB"], n_per_class=16)
    compute(tmp_path, image_size="96x96", splits="train")
    fit(tmp_path, folds=2)
    text = heatmap.run(config_of(tmp_path, "run", worst=2))
    assert "Folds: grouped." in text and len(pictures(tmp_path / "out")) == 2


def test_the_command_line(root, tmp_path):
    options = [f"--{name.replace('_', '-')}={path}" for name, path in places(root).items()]
    result = CliRunner().invoke(app, ["heatmap", "gap", "ALB/img_000.jpg", *options, f"--out={tmp_path}"])
    assert result.exit_code == 0 and result.stdout.splitlines()[-1] == str(tmp_path)
    assert pictures(tmp_path) == ["ALB/img_000.jpg.png"]


def test_the_audit_says_where_a_run_looks(root, tmp_path):
    told = [f"--{name.replace('_', '-')}={path}" for name, path in places(root).items()]
    options = ["--run=gap", "--fields=width", "--folds=3", "--permutations=9", f"--out={tmp_path}"]
    result = CliRunner().invoke(app, ["audit-leakage", *told, *options])
    assert result.exit_code == 0, result.stderr
    found = json.loads((tmp_path / "audit.json").read_text())["class_maps"]
    assert found["run"] == "gap" and found["folds"] == "grouped" and 0 <= found["share"] <= 1
    assert [row["name"] for row in found["by_class"]] == ["ALB", "BET"]
    assert found["n_images"] + found["n_without_mass"] == 16
    metrics = json.loads((root / "models/gap/metrics.json").read_text())
    assert found["log_loss"] * np.log(2) == pytest.approx(metrics["log_loss"])  # an audit is in bits
    assert "Where a run looks" in (tmp_path / "audit.html").read_text()


def test_the_picture_of_a_map():
    photo = Image.new("RGB", (300, 200), (20, 120, 60))
    values = np.zeros((200, 300))
    values[:, 150:] = np.linspace(0, 2, 150)
    values[:, :30] = np.nan
    none = Boxes(np.empty((0, 4)), None)
    pixels = np.asarray(overlay(photo, values, none), int)
    assert (pixels[:, :30] < pixels[:, 40:41]).all()  # what the head doesn't see is dark
    assert np.ptp(pixels[:, 31:150], axis=(0, 1)).tolist() == [0, 0, 0]  # where the map is 0, the photo shows
    assert (np.diff(pixels[0, 155:, 0]) >= 0).all() and pixels[0, -1, 0] > 150
    assert (np.asarray(overlay(photo, None, none)) == np.asarray(photo)).all()
    assert (np.asarray(overlay(photo, -values, none))[:, 31:] == pixels[0, 40]).all()
    boxes = Boxes(np.array([[0.2, 0.2, 0.6, 0.8]]), np.array([0.5, 0.1, 0.9, 0.7]))
    drawn = np.asarray(overlay(photo, None, boxes))
    assert (drawn[100, 59:62] == 255).all(axis=1).any()  # the true box's left side
    cyan = tuple(int(PREDICTED_COLOUR[i : i + 2], 16) for i in (1, 3, 5))
    assert (drawn == cyan).all(axis=2).any()


def test_a_picture_has_room_for_its_panels_and_for_any_caption():
    photo = Image.new("RGB", (120, 80))
    none = Boxes(np.empty((0, 4)), None)
    panels = [Panel("CAM of ALB", None), Panel("CAM of BET", np.ones((80, 120)))]
    short = heatmap_picture(photo, panels, none, ["one line"])
    long = heatmap_picture(photo, panels, none, ["a_name_without_any_space" * 6, "and more " * 20])
    assert short.width == long.width >= 240 and long.height > short.height + 60
    assert np.asarray(long)[:, -2:].min() == 255 or np.asarray(long)[-10:, -2:].min() == 255
