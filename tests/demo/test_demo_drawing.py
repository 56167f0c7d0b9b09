"""The drawn competition: its files agree, its boxes fit, its seeds hold, its boats teach what they should."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fishcli.basics.files import digest
from fishcli.dataset.annotations import read_boxes, read_points
from fishcli.demo import competition
from fishcli.demo.camera import Camera
from fishcli.demo.competition import draw_competition
from fishcli.demo.deck import draw_deck
from fishcli.demo.fish import paint_fish
from fishcli.demo.laying import BOX_OVERHANG, Pose, lay_fish
from fishcli.demo.paint import cv2, smooth_curve
from fishcli.demo.plan import CLASS_SHARES, Sequence, plan_competition
from fishcli.demo.scene import draw_sequence
from fishcli.demo.species import SPECIES

CLASSES = ["ALB", "BET", "DOL", "LAG", "NoF", "OTHER", "SHARK", "YFT"]
N_IMAGES, N_BOATS = 120, 6


def plan_half(n_images: int, n_boats: int, seed: int) -> list[Sequence]:
    """The plan with cameras of half the height and width, which is drawn in a third of the time."""
    sequences = plan_competition(n_images, n_boats, seed)
    return [replace(each, boat=replace(each.boat, camera=halved(each.boat.camera))) for each in sequences]


def plan_few(n_images: int, n_boats: int, seed: int) -> list[Sequence]:
    """A sequence of each split, of more than one photo."""
    longer = [each for each in plan_competition(n_images, n_boats, seed) if len(each.names) > 1]
    return list({each.split: each for each in longer}.values())


def halved(camera: Camera) -> Camera:
    height, width = camera.image_size
    return replace(camera.scaled(0.5), image_size=(height // 2, width // 2))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(competition, "plan_competition", plan_half)
        draw_competition(folder, N_IMAGES, N_BOATS, seed=0)
    return folder


@pytest.fixture(scope="module")
def train(data_dir: Path) -> pd.DataFrame:
    table = pd.read_csv(data_dir / "groups.csv")
    table["class_name"] = table["image"].str.split("/").str[0]
    table["path"] = "train/" + table["image"]
    return table


@pytest.fixture(scope="module")
def test(data_dir: Path) -> pd.DataFrame:
    table = pd.read_csv(data_dir / "solution.csv")
    bare = table["stage"] == "stg1"
    table["path"] = table["image"].where(~bare, "test_stg1/" + table["image"])
    return table


def tree_digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest(
        *(part for path in files for part in (path.relative_to(folder).as_posix(), path.read_bytes()))
    )


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.jpg"))


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_COLOR)


def test_same_arguments_give_the_same_bytes_of_the_boats_sizes(tmp_path, monkeypatch):
    # A sequence of each split is as good as all.
    monkeypatch.setattr(competition, "plan_competition", plan_few)
    for name in ("a", "b"):
        draw_competition(tmp_path / name, 40, 3, seed=5)
    assert tree_digest(tmp_path / "a") == tree_digest(tmp_path / "b")
    sizes = {read(path).shape[:2] for path in (tmp_path / "a").rglob("*.jpg")}
    assert sizes == {each.boat.camera.image_size for each in plan_few(40, 3, 5)}


def test_another_seed_draws_other_photos():
    first, other = (plan_competition(40, 3, seed)[0] for seed in (5, 6))
    boat, deck = first.boat, draw_deck(first.boat)
    photos = [
        next(draw_sequence(boat, deck, "ALB", [[seed, 0], [seed, 1]])).image.astype(int) for seed in (5, 5, 6)
    ]
    assert np.array_equal(photos[0], photos[1])
    assert np.abs(photos[0] - photos[2]).mean() > 2
    assert first.boat != other.boat


def test_every_file_is_in_its_tables(data_dir, train, test):
    assert len(train) == N_IMAGES
    assert sorted(train["path"]) == sorted(
        path.relative_to(data_dir).as_posix() for path in (data_dir / "train").rglob("*.jpg")
    )
    on_disk = [path.relative_to(data_dir).as_posix() for path in data_dir.glob("test_*/*.jpg")]
    assert sorted(test["path"]) == sorted(on_disk)
    assert test["stage"].value_counts().to_dict() == {"stg1": N_IMAGES // 4, "stg2": N_IMAGES // 2}
    for stage in ("stg1", "stg2"):
        sample = pd.read_csv(data_dir / f"sample_submission_{stage}.csv")
        assert list(sample.columns) == ["image", *CLASSES]
        assert sorted(sample["image"]) == sorted(test.loc[test["stage"] == stage, "image"])
        prior = train["class_name"].value_counts(normalize=True)[CLASSES]
        assert np.allclose(sample[CLASSES], prior, atol=1e-6)
    assert test.loc[test["stage"] == "stg1", "image"].str.fullmatch(r"img_\d{5}\.jpg").all()
    assert test.loc[test["stage"] == "stg2", "image"].str.fullmatch(r"test_stg2/image_\d{5}\.jpg").all()
    assert not list(data_dir.rglob("*.partial*"))


def test_base_names_are_unique(data_dir, train, test):
    for table in (train, test):
        assert table["path"].str.split("/").str[-1].is_unique
    assert not set(names_in(data_dir / "train")) & set(names_in(data_dir / "test_stg1"))


def test_numbers_tell_neither_class_nor_boat(train):
    number = train["path"].str.extract(r"(\d+)\.jpg")[0].astype(int)
    for column in ("class_name", "group"):
        ordered = train[column].iloc[np.argsort(number)].to_numpy()
        same = (ordered[1:] == ordered[:-1]).mean()
        by_chance = (train[column].value_counts(normalize=True) ** 2).sum()
        assert same < by_chance + 0.12


def test_every_class_is_there_in_ncfm_order(train, test):
    counts = train["class_name"].value_counts()
    assert sorted(counts.index) == CLASSES == list(CLASS_SHARES)
    assert counts.idxmax() == "ALB"
    assert counts.idxmin() == "LAG"
    assert counts.min() >= 0.03 * N_IMAGES
    for _, stage in test.groupby("stage"):
        assert set(stage["class_name"]) == set(CLASSES)


def test_every_class_comes_from_three_boats(train):
    assert (train.groupby("class_name")["group"].nunique() >= 3).all()


def test_stage_2_boats_are_unseen(train, test):
    known = set(train["group"])
    assert len(known) == N_BOATS
    groups = test.groupby("stage")["group"].agg(set)
    assert groups["stg1"] <= known
    assert not groups["stg2"] & known
    assert len(groups["stg2"]) >= 3


def test_a_boat_has_one_image_size_and_unseen_boats_mostly_their_own(data_dir, train, test):
    both = pd.concat([train, test])
    both["size"] = [read(data_dir / path).shape[:2] for path in both["path"]]
    by_boat = both.groupby("group")["size"].agg(set)
    assert (by_boat.str.len() == 1).all()
    of_boat = {boat: next(iter(sizes)) for boat, sizes in by_boat.items()}
    known = {of_boat[boat] for boat in train["group"].unique()}
    unseen = [of_boat[boat] for boat in test.loc[test["stage"] == "stg2", "group"].unique()]
    assert (180, 320) in known  # half of the most common size
    assert N_BOATS > len(known) > N_BOATS // 2
    assert 0 < sum(size in known for size in unseen) < len(unseen) / 2


@pytest.mark.parametrize(("n_images", "n_boats"), [(40, 3), (41, 5), (240, 8), (600, 24)])
def test_plans_hold_at_any_size(n_images, n_boats):
    sequences = plan_competition(n_images, n_boats, seed=1)
    n_of = dict.fromkeys(("train", "test_stg1", "test_stg2"), 0)
    classes: dict[str, set[str]] = {split: set() for split in n_of}
    for sequence in sequences:
        n_of[sequence.split] += len(sequence.names)
        classes[sequence.split].add(sequence.class_name)
    assert n_of == {"train": n_images, "test_stg1": n_images // 4, "test_stg2": n_images // 2}
    assert all(names == set(CLASSES) for names in classes.values())
    assert len({s.boat.name for s in sequences if s.split == "train"}) == n_boats
    assert len({s.boat.name for s in sequences if s.split == "test_stg2"}) == max(3, n_boats // 2)


def test_too_small_competitions_are_refused():
    for n_images, n_boats in ((39, 8), (240, 2)):
        with pytest.raises(ValueError, match="at least 40 images and 3 boats"):
            plan_competition(n_images, n_boats, seed=0)


def test_frames_of_a_sequence_are_near_duplicates_in_one_split(data_dir):
    sequences = plan_competition(N_IMAGES, N_BOATS, seed=0)
    paths = [path for sequence in sequences for path in sequence.paths]
    assert len(paths) == len(set(paths))
    longer = [sequence for sequence in sequences if len(sequence.names) > 1]
    assert len(longer) > len(sequences) / 4
    assert max(len(sequence.names) for sequence in longer) <= 6
    within, between = [], []
    by_boat: dict[str, np.ndarray] = {}
    for sequence in longer:
        assert len({path.split("/")[0] for path in sequence.paths}) == 1
        first, second = (read(data_dir / path).astype(float) for path in sequence.paths[:2])
        within.append(np.abs(first - second).mean())
        if sequence.boat.name in by_boat:
            between.append(np.abs(first - by_boat[sequence.boat.name]).mean())
        by_boat[sequence.boat.name] = first
    assert np.median(within) < 0.6 * np.median(between)


def test_box_files_are_sloth_and_fit_the_images(data_dir, train):
    found = []
    for path in sorted((data_dir / "boxes").glob("*_labels.json")):
        class_name = path.name.removesuffix("_labels.json").upper()
        for entry in json.loads(path.read_text()):
            assert set(entry) == {"annotations", "class", "filename"}
            found.append(f"{class_name}/{entry['filename']}")
            height, width = read(data_dir / "train" / class_name / entry["filename"]).shape[:2]
            assert entry["annotations"]
            for rect in entry["annotations"]:
                assert rect["class"] == "rect"
                assert rect["width"] > 2
                assert rect["height"] > 2
                assert rect["x"] >= -BOX_OVERHANG
                assert rect["y"] >= -BOX_OVERHANG
                assert rect["x"] + rect["width"] <= width + BOX_OVERHANG
                assert rect["y"] + rect["height"] <= height + BOX_OVERHANG
    assert sorted(found) == sorted(train.loc[train["class_name"] != "NoF", "image"])


def test_each_rectangle_has_its_points_but_where_the_middle_line_is_outside(data_dir, train):
    boxes, points = (
        reader(data_dir / "boxes", sizes_of(data_dir, train)) for reader in (read_boxes, read_points)
    )
    counts = [table["image"].value_counts() for table in (boxes, points)]
    assert (counts[1] <= counts[0].reindex(counts[1].index)).all()
    assert len(points) > 0.95 * len(boxes)
    assert len(list((data_dir / "boxes").glob("*_points.json"))) == len(CLASSES) - 1


def sizes_of(data_dir: Path, train: pd.DataFrame) -> pd.DataFrame:
    shapes = [read(data_dir / path).shape for path in train["path"]]
    return train.assign(height=[shape[0] for shape in shapes], width=[shape[1] for shape in shapes])


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("bend", [-0.15, 0.15])
def test_head_and_tail_end_the_middle_line_of_the_fish(flipped, bend):
    camera = Camera(image_size=(360, 640), tilt=0.6, roll=0.05, pixels_per_metre=160)
    painted = paint_fish(SPECIES["ALB"][0], seed=3, length=300)
    laid = lay_fish(painted, Pose(0.1, 0.05, 0.4, 0.9, flipped, bend), camera)
    columns, rows = (laid.midline[10:380] - laid.corner).astype(int).T
    assert (laid.patch[rows, columns, 3] > 0.5).all()
    head, tail = laid.ends(camera.image_size)
    assert head[0] < tail[0]  # the snout is to the left
    assert np.allclose(laid.midline[[0, -1]], (head, tail))
    beyond = lay_fish(painted, Pose(2, 0, 0, 1.2, False, 0), camera)
    assert 639 < beyond.ends(camera.image_size)[1][0] <= 640
    assert lay_fish(painted, Pose(4, 0, 0, 1, False, 0), camera).ends(camera.image_size) is None


@pytest.mark.parametrize("class_name", SPECIES)
@pytest.mark.parametrize("angle", [0.0, 0.7, 2.2])
def test_a_box_holds_its_fish_tightly(class_name, angle):
    camera = Camera(image_size=(360, 640), tilt=0.6, roll=0.05, pixels_per_metre=160)
    for species in SPECIES[class_name]:
        painted = paint_fish(species, seed=3, length=300)
        laid = lay_fish(painted, Pose(0.1, 0.05, angle, 0.9, False, 0.03), camera)
        x, y, width, height = laid.box(camera.image_size)
        opaque = np.zeros((360, 640), bool)
        left, top = laid.corner
        alpha = laid.patch[..., 3]
        opaque[top : top + alpha.shape[0], left : left + alpha.shape[1]] = alpha > 0.5
        rows, columns = np.nonzero(opaque)
        assert (x, y) == (columns.min(), rows.min())
        assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)
        # Its length on the picture is what the camera's scale makes of it, up to the perspective.
        assert 0.5 * 0.9 * 160 < np.hypot(width, height) < 1.8 * 0.9 * 160


def test_a_fish_outside_the_picture_has_no_box():
    camera = Camera(image_size=(360, 640), tilt=0.3, roll=0, pixels_per_metre=160)
    painted = paint_fish(SPECIES["ALB"][0], seed=0, length=200)
    assert lay_fish(painted, Pose(4, 0, 0, 1, False, 0), camera).box(camera.image_size) is None
    x, _, width, _ = lay_fish(painted, Pose(2, 0, 0, 1, False, 0), camera).box(camera.image_size)
    assert x + width == 640 + BOX_OVERHANG


def test_camera_inverts_its_projection():
    camera = Camera(image_size=(375, 667), tilt=0.8, roll=-0.1, pixels_per_metre=180)
    points = np.random.default_rng(0).uniform(-0.9, 0.9, (20, 2))
    seen = camera.project(np.column_stack([points, np.zeros(20)]))
    assert np.allclose(np.column_stack(camera.on_deck(*seen.T)), points, atol=1e-4)
    doubled = camera.scaled(2).project(np.column_stack([points, np.full(20, 0.4)]))
    assert np.allclose(doubled, 2 * camera.project(np.column_stack([points, np.full(20, 0.4)])))


def test_smooth_curve_passes_its_points():
    points = np.random.default_rng(0).normal(size=(6, 2))
    curve = smooth_curve(points, 8)
    assert len(curve) == 41
    assert np.allclose(curve[::8], points, atol=1e-5)


def image_features(path: Path) -> np.ndarray:
    """A grey thumbnail and a colour histogram: nothing that looks at fish."""
    image = read(path)
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (24, 24), interpolation=cv2.INTER_AREA)
    bins = [cv2.calcHist([image], [channel], None, [16], [0, 256]).ravel() for channel in range(3)]
    return np.concatenate([grey.ravel() / 255, *bins])


def test_what_a_plain_model_learns_holds_on_known_boats_only(data_dir, train, test):
    features = {
        table: np.stack([image_features(data_dir / p) for p in t["path"]])
        for table, t in (("train", train), ("test", test))
    }
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(features["train"], train["class_name"])
    proba = model.predict_proba(features["test"])
    prior = train["class_name"].value_counts(normalize=True)[CLASSES].to_numpy()
    losses, prior_losses = {}, {}
    for stage in ("stg1", "stg2"):
        rows = (test["stage"] == stage).to_numpy()
        truth = test.loc[rows, "class_name"]
        losses[stage] = log_loss(truth, proba[rows], labels=CLASSES)
        prior_losses[stage] = log_loss(truth, np.tile(prior, (rows.sum(), 1)), labels=CLASSES)
    assert losses["stg1"] < prior_losses["stg1"] - 0.15
    assert losses["stg2"] > losses["stg1"] + 0.3
    assert losses["stg2"] > prior_losses["stg2"] - 0.1
