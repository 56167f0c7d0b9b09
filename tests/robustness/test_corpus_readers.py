"""Whatever a file holds, its reader reads it or tells what is wrong; it never fails otherwise."""

import dataclasses
import io
import json
import tempfile
import zipfile
from pathlib import Path

import pytest
from corpus import ANNOTATION_JSON, ANNOTATION_TEXT, IMAGES, SPAN, encoded, npy_header
from hypothesis import given, settings
from hypothesis import strategies as st

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json
from fishcli.basics.quiet import load_keras
from fishcli.commands import score
from fishcli.dataset.annotations import read_boxes, read_points
from fishcli.dataset.groups import read_groups
from fishcli.dataset.layout.listing import Listing
from fishcli.dataset.layout.own_table import read_own
from fishcli.dataset.layout.samples import load_samples
from fishcli.dataset.photos.file_facts import FACT_NAMES, read_facts
from fishcli.dataset.photos.photo import read_header
from fishcli.features.backbones.networks import fishnet
from fishcli.features.photos.decode import UnreadableImageError, decode
from fishcli.features.store.lists import read_images, read_unreadable
from fishcli.features.store.recipe import Recipe
from fishcli.options.layout import LayoutOptions
from fishcli.options.predict import ScoreConfig
from fishcli.options.train import TrainConfig
from fishcli.runs.folders.settings import settings_of
from fishcli.runs.run import Run

pytestmark = pytest.mark.tensorflow

PATHS = {image: Path(image) for image in IMAGES["image"]}
TESTS = {"test_stg1": IMAGES[["image"]], "test_stg2": IMAGES[["image"]]}
IMAGE_FORMATS = {name: encoded(name) for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")}

CELLS = st.one_of(
    st.sampled_from(
        ["", "a.jpg", "ALB/a.jpg", "b", "test_stg2/BET/b.jpg", "../a.jpg", "1", "0.5", "nan", "-inf", "1e999"]
    ),
    st.sampled_from(["=cmd()", '"', '"x\ny"', "\0", "\r", "\ufeff", "NA", "ALB", "BET"]),
    st.text(max_size=4),
)
NAMES = ["image", "label", "group", "class_name", "stage", "x_min", "y_min", "x_max", "y_max", "ALB", "BET"]


@st.composite
def csvs(draw, required):
    """Bytes that are nearly a CSV with the columns `required`, and now and then anything."""
    columns = draw(st.just(list(required)) | st.lists(st.sampled_from(NAMES) | CELLS, max_size=5))
    rows = draw(st.lists(st.lists(CELLS, min_size=len(columns), max_size=len(columns) + 1), max_size=4))
    text = "\n".join(",".join(row) for row in [columns, *rows])
    return text.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-16"])), "replace") + draw(
        st.binary(max_size=2)
    )


def read_or_refused(name, content, read):
    """Write `content` into a folder of its own; `read` takes the folder. A refusal names the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        try:
            return read(Path(folder))
        except FishError as error:
            assert Path(name).name in str(error)
            return None


@given(csvs(["image", "group"]))
def test_groups_csv(content):
    groups = read_or_refused("groups.csv", content, lambda folder: read_groups(folder / "groups.csv", IMAGES))
    assert groups is None or list(groups.index) == list(IMAGES["image"])


@given(csvs(["image", "label"]) | csvs(["image", "label", "group"]))
def test_train_csv(content):
    labels = read_or_refused(
        "train.csv", content, lambda folder: read_own(folder / "train.csv", folder, Listing(PATHS, []))
    )
    assert labels is None or (set(labels["image"]) <= set(PATHS) and (labels["class_name"] != "").all())


@given(csvs(["image", "ALB", "BET"]))
def test_sample_submission(content):
    name = "sample_submission.csv"
    samples = read_or_refused(
        name, content, lambda folder: load_samples(folder, TESTS, ["ALB", "BET"], LayoutOptions())
    )
    for sample in samples or []:
        assert len(set(sample.keys)) == len(sample.names) > 0


def boxes_read_or_refused(name, content):
    boxes = read_or_refused(f"boxes/{name}", content, lambda folder: read_boxes(folder / "boxes", IMAGES))
    points = read_or_refused(f"boxes/{name}", content, lambda folder: read_points(folder / "boxes", IMAGES))
    for table in (boxes, points):
        assert table is None or table.drop(columns="image").stack().between(0, 1).all()


@given(
    csvs(["image", "x_min", "y_min", "x_max", "y_max"])
    | csvs(["image", "x", "y", "width", "height"])
    | csvs(["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"])
)
def test_boxes_csv(content):
    boxes_read_or_refused("boxes.csv", content)


def places_in(value, path=()):
    """The paths of all that a JSON value holds, itself included."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places_in(inner, (*path, key))


def replaced(value, path, new):
    """`value` with what stands at `path` replaced."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


ANY = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        5e-324,
        1e308,
        10**400,
        float("nan"),
        "",
        "x",
        "a.jpg",
        [],
        {},
        [[]],
        [1, 2],
        {"x": 1},
    ]
)


@settings(max_examples=400)
@given(st.sampled_from(list(ANNOTATION_JSON)), st.data())
def test_annotations_that_are_nearly_json(form, data):
    value = ANNOTATION_JSON[form]
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.sampled_from(list(places_in(value))))
        value = replaced(value, place, data.draw(ANY))
    boxes_read_or_refused("a.json", json.dumps(value).encode())


@settings(max_examples=200)
@given(
    st.sampled_from(list(ANNOTATION_TEXT)),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.text(max_size=2)), max_size=3),
)
def test_annotations_that_are_nearly_text(name, changes):
    text = ANNOTATION_TEXT[name]
    for place, n, new in changes:
        text = text[: place % len(text)] + new + text[place % len(text) + n :]
    boxes_read_or_refused(name, text.encode("utf-8", "replace"))


GOOD = {
    "solution": b"image,class_name,stage,group\na.jpg,ALB,1,x\nb,BET,1,y\n",
    "submission": b"image,ALB,BET\na.jpg,0.5,0.5\nb,1,0\n",
}


@given(csvs(["image", "class_name", "stage"]), st.just(GOOD["submission"]) | csvs(["image", "ALB", "BET"]))
def test_solution_and_submission(solution, submission):
    _score(solution, submission)


@given(csvs(["image", "ALB", "BET"]))
def test_submission(submission):
    _score(GOOD["solution"], submission)


def _score(solution, submission):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = ScoreConfig(
            submissions=[folder / "submission.csv"],
            solution=folder / "solution.csv",
            data_dir=folder / "data",
        )
        config.solution.write_bytes(solution)
        config.submissions[0].write_bytes(submission)
        try:
            score.run(config)
        except FishError as error:
            assert str(folder) in str(error)


# --- images


@pytest.mark.parametrize("image_format", IMAGE_FORMATS)
@settings(max_examples=40)
@given(
    changes=st.lists(st.tuples(st.integers(0, 9999), st.binary(min_size=1, max_size=4)), max_size=4),
    kept=st.floats(0, 1),
)
def test_images(image_format, changes, kept):
    content = bytearray(IMAGE_FORMATS[image_format])
    for place, value in changes:  # half of them in the header
        place %= len(content) if place % 2 else 200
        content[place : place + len(value)] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.jpg")
        path.write_bytes(content[: max(1, int(2 * kept * len(content)))])
        height, width, problem = read_header(path)
        assert (height > 0 and width > 0) == (problem == "")
        read_facts(path, FACT_NAMES)
        try:
            pixels = decode(path)
        except UnreadableImageError as error:
            assert str(error)
        else:
            assert pixels.shape == (height, width, 3)


# --- recipe.json and weights

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
RECIPE = Recipe("fishnet", "post", "0" * 64, (64, 64), "squash", "none", "fishnet", "pillow").to_json()


@given(
    JSON | st.fixed_dictionaries({}, optional={name: JSON | st.just(value) for name, value in RECIPE.items()})
)
def test_recipe_json(value):
    recipe = read_or_refused(
        "recipe.json",
        json.dumps(value).encode(),
        lambda folder: Recipe.from_json(read_json(folder / "recipe.json"), str(folder / "recipe.json")),
    )
    assert recipe is None or recipe.to_json()["fingerprint"] == value["fingerprint"]


@given(csvs(["image", "n_bytes"]) | csvs(["image", "n_bytes", "content"]))
def test_images_csv(content):
    listed = read_or_refused("images.csv", content, lambda folder: read_images(folder / "images.csv"))
    assert listed is None or (listed["image"].is_unique and listed["n_bytes"].notna().all())


@given(JSON | st.fixed_dictionaries({"skipped": JSON | st.booleans(), "reasons": JSON}))
def test_unreadable_json(value):
    content = json.dumps(value).encode()
    found = read_or_refused(
        "unreadable.json", content, lambda folder: read_unreadable(folder / "unreadable.json")
    )
    assert found is None or all(isinstance(each, str) for each in found["reasons"].values())


WHOLE = Run(Path("run"), ["ALB", "BET"], "store", "0", "0", settings_of(TrainConfig(), 0))
CONFIG = WHOLE.to_json()


@given(
    JSON | st.fixed_dictionaries({}, optional={name: JSON | st.just(value) for name, value in CONFIG.items()})
)
def test_config_json(value):
    content = json.dumps(value).encode()
    run = read_or_refused("config.json", content, lambda folder: Run.open(folder))
    assert run is None or (
        isinstance(run.name, str) and all(isinstance(each, str) for each in run.class_names)
    )


@given(
    JSON | st.fixed_dictionaries({"by_views": JSON | st.dictionaries(st.sampled_from("128x"), JSON)}),
    st.integers(1, 8),
)
def test_metrics_json(value, n_views):
    def read(folder):
        return dataclasses.replace(WHOLE, run_dir=folder).temperature(n_views)

    found = read_or_refused("metrics.json", json.dumps(value).encode(), read)
    assert found is None or isinstance(found, float)


@pytest.fixture(scope="module")
def model():
    return fishnet.build_fishnet(load_keras(), (32, 32, 3))


HEADERS = st.one_of(
    st.text(max_size=9),
    st.integers(-9, 10**20).map(lambda n: SPAN % n),
    st.sampled_from(["f2", "O", "U3", "M8", "V0", "f2,f2", "?", "c16", "x"]).map(
        lambda kind: f"{{'descr': '<{kind}', 'fortran_order': True, 'shape': (2,), }}"
    ),
).map(lambda text: npy_header(text.encode("latin-1", "replace").decode("latin-1")))


@given(
    header=HEADERS | st.binary(max_size=9),
    rest=st.binary(max_size=20),
    damage=st.none() | st.tuples(st.integers(0, 200), st.integers(0, 255)),
)
def test_weights(model, header, rest, damage):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("conv1_conv/kernel.npy", header + rest)
    content = bytearray(file.getvalue())
    if damage is not None:
        content[damage[0] % len(content)] = damage[1]
    read_or_refused(
        "w.npz",
        bytes(content),
        lambda folder: pytest.fail(str(fishnet.load_weights(model, folder / "w.npz"))),
    )
