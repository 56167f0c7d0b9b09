"""`fishcli groups`: cameras and sequences from photos, an editable CSV, and sheets to look at."""

import numpy as np
import pandas as pd
import pytest
from conftest import make_image, noise
from PIL import Image
from typer.testing import CliRunner

from fishcli.audit import cameras
from fishcli.audit.cameras import find_cameras, measure_agreement
from fishcli.cli import app
from fishcli.dataset.groups import load_groups
from fishcli.dataset.layout.images import load_train
from fishcli.report.contact_sheets import CELL, Shot, contact_sheet, pair_sheet, write_sheet

CAMERAS = {"boat_1": (96, 128), "boat_2": (96, 128), "boat_3": (90, 140)}
"""(height, width); the first two share a size."""
N_EACH = 12


def deck(size, seed):
    """What a camera sees all day: soft shapes, (height, width, 3) float."""
    small = Image.fromarray(noise((9, 12), seed))
    return np.asarray(small.resize((size[1], size[0]), Image.Resampling.BICUBIC), float)


def frame(background, rng):
    """The deck in some light, with a fish somewhere."""
    light = rng.uniform(0.25, 1.0) * rng.uniform(0.8, 1.0, 3)
    pixels = background * light
    height, width = pixels.shape[:2]
    y, x = int(rng.integers(height * 3 // 4)), int(rng.integers(width * 3 // 4))
    pixels[y : y + height // 4, x : x + width // 4] = rng.uniform(0, 255, 3)
    return (pixels + rng.normal(0, 3, pixels.shape)).clip(0, 255).astype(np.uint8)


def write_boats(data_dir, with_groups=True):
    """A competition of three fixed cameras; a boat has both classes."""
    rng = np.random.default_rng(0)
    rows = []
    for number, (boat, size) in enumerate(CAMERAS.items()):
        background = deck(size, number)
        for i in range(N_EACH):
            image = f"{'ALB' if i % 3 else 'BET'}/img_{number}{i:02d}.jpg"
            make_image(data_dir / "train" / image, pixels=frame(background, rng), quality=92)
            rows.append({"image": image, "group": boat})
    groups = pd.DataFrame(rows)
    if with_groups:
        groups.to_csv(data_dir / "groups.csv", index=False)
    return groups.set_index("image")["group"]


@pytest.fixture(scope="module")
def boats(tmp_path_factory):
    """A data folder of three cameras with known groups; not to be written into."""
    data_dir = tmp_path_factory.mktemp("boats")
    write_boats(data_dir)
    return data_dir


def cluster(*options):
    return CliRunner().invoke(app, ["groups", *map(str, options)])


def agreement_of(path, truth):
    found = pd.read_csv(path).set_index("image")["group"]
    assert list(found.index) == sorted(truth.index)
    return measure_agreement(pd.factorize(found)[0], list(truth[found.index]))


# The command


def test_cameras_are_found_and_written_as_train_takes_them(tmp_path, boats):
    out = tmp_path / "found.csv"
    result = cluster("--data-dir", boats, "--out", out)
    assert result.exit_code == 0, result.stderr
    truth = pd.read_csv(boats / "groups.csv").set_index("image")["group"]
    assert agreement_of(out, truth).adjusted_rand == 1
    groups = load_groups(str(out), boats, load_train(boats))
    assert sorted(groups.unique()) == ["camera_01", "camera_02", "camera_03"]
    assert sorted(path.name for path in (tmp_path / "found_sheets").iterdir()) == [
        "camera_01.png",
        "camera_02.png",
        "camera_03.png",
    ]


def test_the_output_ends_with_what_was_written_and_how_well_groups_are_found(tmp_path, boats):
    out = tmp_path / "found.csv"
    lines = cluster("--data-dir", boats, "--out", out).stdout.rstrip("\n").split("\n")
    assert lines[-1] == (
        f"Wrote {out}: 36 images in 3 cameras, 12 to 12 images each. Look at {tmp_path / 'found_sheets'}, "
        "mend the CSV (in doubt merge: a group that is cut makes folds too kind), then: "
        f"fishcli train --data-dir {boats} --groups {out}"
    )
    known = next(i for i, line in enumerate(lines) if "adjusted Rand" in line)
    assert " ".join(lines[known].split()) == "known groups clusters adjusted Rand homogeneity completeness"
    assert lines[known + 1].split() == ["3", "3", "1.0000", "1.0000", "1.0000"]
    assert lines[0].split() == ["group", "images", "classes", "sizes"]
    assert lines[1].split() == ["camera_01", "12", "2", "1"]


def test_by_default_it_lies_beside_the_data_and_needs_no_groups(tmp_path):
    truth = write_boats(tmp_path, with_groups=False)
    result = cluster("--data-dir", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert agreement_of(tmp_path / "groups_found.csv", truth).adjusted_rand == 1
    assert "adjusted Rand" not in result.stdout
    assert not (tmp_path / "groups.csv").exists()
    assert load_groups("auto", tmp_path, load_train(tmp_path)) is None


def test_the_true_groups_are_never_overwritten(boats):
    before = (boats / "groups.csv").read_bytes()
    for options in ([], ["--force"]):
        result = cluster("--data-dir", boats, "--out", boats / "train" / ".." / "groups.csv", *options)
        assert result.exit_code == 1
        assert "never overwritten. Name another --out" in result.stderr
        assert result.stdout == ""
    assert (boats / "groups.csv").read_bytes() == before


def test_groups_csv_may_be_written_where_there_is_none(tmp_path):
    write_boats(tmp_path, with_groups=False)
    assert cluster("--data-dir", tmp_path, "--out", tmp_path / "groups.csv").exit_code == 0
    assert load_groups("auto", tmp_path, load_train(tmp_path)).nunique() == 3


def test_a_csv_that_may_be_mended_is_replaced_by_force_only(tmp_path, boats):
    out, sheets_dir = tmp_path / "found.csv", tmp_path / "found_sheets"
    assert cluster("--data-dir", boats, "--out", out, "--clusters", 5).exit_code == 0
    out.write_text("mine")
    (sheets_dir / "notes.txt").write_text("mine")
    refused = cluster("--data-dir", boats, "--out", out)
    assert refused.exit_code == 1
    assert "perhaps mended by hand. Name another --out, or pass --force to replace it." in refused.stderr
    assert out.read_text() == "mine"
    assert cluster("--data-dir", boats, "--out", out, "--force").exit_code == 0
    assert pd.read_csv(out)["group"].nunique() == 3
    assert sorted(path.name for path in sheets_dir.iterdir()) == [
        "camera_01.png",
        "camera_02.png",
        "camera_03.png",
        "notes.txt",
    ]


def test_out_may_not_be_a_folder(tmp_path, boats):
    result = cluster("--data-dir", boats, "--out", tmp_path, "--force")
    assert result.exit_code == 1
    assert f"{tmp_path} exists" in result.stderr


@pytest.mark.parametrize("n", [1, 2, 7, 36])
def test_as_many_clusters_as_asked_for(tmp_path, boats, n):
    result = cluster("--data-dir", boats, "--out", tmp_path / "found.csv", "--clusters", n)
    assert result.exit_code == 0, result.stderr
    sizes = pd.read_csv(tmp_path / "found.csv")["group"].value_counts()
    assert len(sizes) == n
    names = sizes.sort_index().index
    assert list(sizes[names]) == sorted(sizes, reverse=True)  # named by size
    sheets = [path.name for path in (tmp_path / "found_sheets").iterdir()]
    assert len([name for name in sheets if name.startswith("camera")]) == (sizes > 1).sum()
    assert ("alone_01.png" in sheets) == (sizes == 1).any()


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        ("0", "--clusters 0: expected auto or a number of clusters from 1."),
        ("many", "--clusters many: expected auto or a number"),
        ("²", "--clusters ²: expected auto or a number"),
        ("37", "--clusters 37 is more than the 36 training images."),
    ],
)
def test_a_wrong_number_of_clusters(tmp_path, boats, clusters, message):
    result = cluster("--data-dir", boats, "--out", tmp_path / "found.csv", "--clusters", clusters)
    assert result.exit_code == 1
    assert message in result.stderr
    assert not (tmp_path / "found.csv").exists()


def test_unreadable_images_are_left_out_with_a_warning(tmp_path):
    truth = write_boats(tmp_path)
    broken = tmp_path / "train" / truth.index[0]
    broken.write_bytes(broken.read_bytes()[:900])
    result = cluster("--data-dir", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert f"Warning: 1 unreadable images of train are left out: {truth.index[0]}" in result.stderr
    assert len(pd.read_csv(tmp_path / "groups_found.csv")) == len(truth) - 1


def test_features_of_fixed_cameras_are_not_looked_at(tmp_path, boats):
    result = cluster("--data-dir", boats, "--out", tmp_path / "found.csv", "--features", "vgg16")
    assert result.exit_code == 0, result.stderr
    assert "Warning: --features vgg16 is not looked at" in result.stderr


# The clusters


def crops(n_sequences=12, length=6, seed=0):
    """Crops of sequences, nearly each of a size of its own: images, thumbnails, sequence, weak features."""
    rng = np.random.default_rng(seed)
    sequence = np.repeat(np.arange(n_sequences), length)
    pixels = []
    for each in sequence:
        water = deck((32, 32), 100 + int(each)) + rng.normal(0, 12, (32, 32, 3))
        pixels.append(water.clip(0, 255).astype(np.uint8))
    n = len(sequence)
    images = pd.DataFrame({"height": rng.permutation(900)[:n] + 30, "width": rng.permutation(900)[:n] + 30})
    features = rng.normal(size=(n_sequences, 40))[sequence] + 0.3 * rng.normal(size=(n, 40))
    return images, np.stack(pixels), sequence, features.astype(np.float32)


def test_crops_are_clustered_into_sequences():
    images, pixels, sequence, _ = crops()
    found = find_cameras(images, pixels, [""] * len(images))
    assert found.kind == "sequence"
    assert "silhouette" in found.how
    agreement = measure_agreement(found.cluster, list(sequence))
    assert agreement.adjusted_rand > 0.9
    assert agreement.n_groups == 12


def test_features_help_where_colours_do_not():
    images, _, sequence, features = crops()
    pixels = np.random.default_rng(1).integers(0, 256, (len(images), 32, 32, 3), np.uint8)
    blind = find_cameras(images, pixels, [""] * len(images))
    seeing = find_cameras(images, pixels, [""] * len(images), features)
    assert measure_agreement(blind.cluster, list(sequence)).adjusted_rand < 0.3
    assert measure_agreement(seeing.cluster, list(sequence)).adjusted_rand > 0.8
    assert "features" in seeing.how
    assert "features" not in blind.how


def frames(n_each=15, seed=0):
    """Frames of four cameras of one size: images, thumbnails, camera."""
    rng = np.random.default_rng(seed)
    camera = np.repeat(np.arange(4), n_each)
    pixels = np.stack([frame(deck((32, 32), int(each)), rng) for each in camera])
    images = pd.DataFrame({"height": np.full(len(camera), 720), "width": np.full(len(camera), 1280)})
    return images, pixels, camera


def test_cameras_of_one_size_are_told_apart_by_what_they_see():
    images, pixels, camera = frames()
    found = find_cameras(images, pixels, [""] * len(images))
    assert found.kind == "camera"
    assert measure_agreement(found.cluster, list(camera)).adjusted_rand > 0.95


def test_quantisation_tables_and_sizes_help_where_scenes_say_little():
    images, pixels, camera = frames()
    rng = np.random.default_rng(1)
    hidden = (pixels * 0.6 + rng.integers(0, 60, pixels.shape)).astype(np.uint8)
    tables = [f"table {each}" for each in camera]
    widths = np.array([640, 800, 960, 1280])[camera]
    without, known = (
        measure_agreement(find_cameras(shot, hidden, given).cluster, list(camera)).adjusted_rand
        for shot, given in ((images, [""] * len(images)), (images.assign(width=widths), tables))
    )
    assert known > without + 0.4


def test_the_order_of_photos_is_of_no_matter():
    images, pixels, camera = frames()
    order = np.random.default_rng(0).permutation(len(images))
    one = find_cameras(images, pixels, [""] * len(images)).cluster
    other = find_cameras(images.iloc[order], pixels[order], [""] * len(images)).cluster
    assert measure_agreement(one[order], list(other)).adjusted_rand == 1
    assert len(camera) == len(one)


def test_many_photos_are_merged_into_small_clusters_first(monkeypatch):
    images, pixels, camera = frames(n_each=40)
    monkeypatch.setattr(cameras, "MAX_ROWS", 60)
    found = find_cameras(images, pixels, [""] * len(images))
    assert measure_agreement(found.cluster, list(camera)).adjusted_rand > 0.9
    images, pixels, sequence, features = crops(length=10)
    found = find_cameras(images, pixels, [""] * len(images), features)
    assert measure_agreement(found.cluster, list(sequence)).adjusted_rand > 0.8


@pytest.mark.parametrize("n", [1, 2, 3])
def test_hardly_any_photos(n):
    images, pixels, _ = frames()
    found = find_cameras(images[:n], pixels[:n], [""] * n)
    assert len(found.cluster) == n
    assert found.cluster.min() == 0
    assert found.cluster.max() + 1 == len(set(found.cluster))


def test_black_photos_do_not_break_it():
    images, pixels, _ = frames()
    pixels = pixels.copy()
    pixels[:20] = 0
    found = find_cameras(images, pixels, [""] * len(images))
    assert len(found.cluster) == len(images)
    crop_images, crop_pixels, _, _ = crops()
    crop_pixels[:] = 0
    assert len(find_cameras(crop_images, crop_pixels, [""] * len(crop_images)).cluster) == len(crop_images)


def test_agreement():
    groups = ["a", "a", "b", "b"]
    whole = measure_agreement(np.array([1, 1, 0, 0]), groups)
    assert (whole.n_groups, whole.adjusted_rand, whole.homogeneity, whole.completeness) == (2, 1, 1, 1)
    cut = measure_agreement(np.array([0, 1, 2, 2]), groups)
    assert cut.homogeneity == pytest.approx(1)
    assert cut.completeness < 1
    merged = measure_agreement(np.zeros(4, int), groups)
    assert (merged.adjusted_rand, merged.completeness) == (0, 1)
    assert merged.homogeneity == pytest.approx(0)


# The sheets


def plain(path, colour, size=(60, 80)):
    return make_image(path, pixels=np.full((*size, 3), colour, np.uint8))


def test_a_sheet_shows_forty_photos_at_equal_steps(tmp_path):
    shots = [Shot(plain(tmp_path / f"{i}.png", (i, i, i)), f"{i}.png") for i in range(100)]
    sheet = np.asarray(contact_sheet(shots, "camera_01: 100 images"))
    counts = np.bincount(sheet[..., 0].ravel(), minlength=256)
    shown = np.flatnonzero(counts[:100] > 10_000)  # letters have fewer pixels
    assert len(shown) == 40
    assert {0, 99} <= set(shown)


def test_a_photo_keeps_its_shape(tmp_path):
    shot = Shot(plain(tmp_path / "a.png", (200, 0, 0), size=(40, 160)), "a.png")
    sheet = np.asarray(contact_sheet([shot], "one"))
    rows, columns = np.nonzero((sheet == [200, 0, 0]).all(axis=2))
    assert np.ptp(columns) + 1 == CELL[0]
    assert np.ptp(rows) + 1 == pytest.approx(CELL[0] / 4, abs=1)


def test_an_unreadable_photo_is_a_grey_field(tmp_path):
    sheet = np.asarray(contact_sheet([Shot(tmp_path / "missing.png", "missing.png")], "one"))
    assert (sheet == 0xE3).all(axis=2).sum() >= CELL[0] * CELL[1]
    assert (sheet[10:110, 10:160] != 255).mean() > 0.6


def test_long_captions_are_wrapped_inside_the_sheet(tmp_path):
    path = plain(tmp_path / "a.png", (0, 0, 0))
    short, long = (contact_sheet([Shot(path, "x" * n)], "one") for n in (5, 60))
    assert long.width == short.width
    assert long.height > short.height
    endless = contact_sheet([Shot(path, "x" * 3000)], "one")
    assert endless.height < short.height + 60


def test_pairs_stand_side_by_side_two_a_row(tmp_path):
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200), (200, 0, 200)]
    shots = [Shot(plain(tmp_path / f"{i}.png", colour), f"{i}.png") for i, colour in enumerate(colours)]
    pairs = [(shots[0], shots[1]), (shots[2], shots[3]), (shots[4], shots[5])]
    sheet = np.asarray(pair_sheet(pairs, ["one", "two", "three"], "pairs"))
    centres = [np.mean(np.nonzero((sheet == colour).all(axis=2)), axis=1) for colour in colours]
    tops, lefts = zip(*centres, strict=True)
    assert tops[0] == tops[1] == tops[2] == tops[3] < tops[4] == tops[5]
    assert lefts[0] < lefts[1] < lefts[2] < lefts[3]
    assert lefts[4:] == lefts[:2]


def test_the_same_sheet_is_the_same_file(tmp_path):
    shots = [Shot(plain(tmp_path / "a.png", (9, 99, 9)), "a.png")]
    for name in ("one.png", "two.png"):
        write_sheet(tmp_path / name, contact_sheet(shots, "one"))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
