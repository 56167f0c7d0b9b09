"""Downloads of real competitions, drawn small: each is read as it must be, and answered so that it is taken.

Their drawings are no part of the repository; without them this module is skipped.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fishcli.basics.errors import FishError
from fishcli.basics.once import one_command
from fishcli.dataset.classes import in_order
from fishcli.dataset.layout.layout import read_training
from fishcli.dataset.layout.pools import has_tests, read_tests
from fishcli.dataset.layout.samples import load_samples
from fishcli.options.layout import LayoutOptions
from fishcli.scoring.submission import make_submission, write_submission

MAKE = Path(__file__).parents[2].parent / "shared" / "layouts" / "make.py"
USUAL = LayoutOptions()
SEVERAL = "several labels"
REFUSED = {
    "plantpath2021": SEVERAL,
    "planet": SEVERAL,
    "imet2020": SEVERAL,
    "ranzcr": SEVERAL,
    "petals": "TFRecords",
}

pytestmark = pytest.mark.skipif(not MAKE.exists(), reason="the drawings are not at hand")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder with all downloads, and the module that drew them and checks submissions."""
    folder = tmp_path_factory.mktemp("downloads")
    spec = importlib.util.spec_from_file_location("downloads", MAKE)
    downloads = importlib.util.module_from_spec(spec)
    sys.modules["downloads"] = downloads  # its dataclasses look themselves up there
    spec.loader.exec_module(downloads)
    for name in downloads.SKELETONS:
        downloads.make(name, folder / name)
    return folder, downloads


def parts(groups):
    """The parts into which groups, by path, divide the paths."""
    found = {}
    for path, group in groups.items():
        found.setdefault(group, set()).add(path)
    return {frozenset(paths) for paths in found.values()}


def test_every_download_is_read_and_answered_as_it_must_be(drawn, tmp_path):
    folder, downloads = drawn
    wrong = {n: said for n in downloads.SKELETONS if (said := problem(folder / n, downloads, tmp_path))}
    assert not wrong
    assert len(downloads.SKELETONS) > 30


def problem(data_dir, downloads, out):
    """What is wrong with what is read of a download; "" for nothing."""
    name = data_dir.name
    truth = pd.read_csv(f"{data_dir}.train.csv", dtype=str, keep_default_na=False)
    with one_command():
        try:
            found = read_training(data_dir, USUAL)
        except FishError as error:
            return "" if REFUSED.get(name, "\0") in str(error) else str(error)
        if name in REFUSED:
            return "it is read"
        paths = [str(found.photos[image].relative_to(data_dir)) for image in found.table["image"]]
        if dict(zip(paths, found.table["class_name"], strict=True)) != dict(
            zip(truth["path"], truth["label"], strict=True)
        ):
            return "other labels"
        groups = dict(zip(paths, found.table["group"], strict=True)) if "group" in found.table else {}
        known = truth["group"].where(truth["group"] != "", truth["path"])
        wanted = dict(zip(truth["path"], known, strict=True)) if (truth["group"] != "").any() else {}
        if parts(groups) != parts(wanted):
            return "other groups"
        return _answered(data_dir, downloads, found, out) if has_tests(data_dir, USUAL) else ""


def _answered(data_dir, downloads, found, out):
    """What is wrong with a submission of made-up predictions."""
    name, splits = data_dir.name, read_tests(data_dir, USUAL)
    tests = {split: pd.DataFrame({"image": list(listing.photos)}) for split, (_, listing) in splits.items()}
    classes = in_order(found.table["class_name"].unique())
    keys = [(split, image) for split, table in tests.items() for image in table["image"]]
    proba = np.random.default_rng(0).dirichlet(np.ones(len(classes)), len(keys))
    predictions = pd.DataFrame(proba, columns=[f"proba_{each}" for each in classes])
    predictions = predictions.assign(split=[key[0] for key in keys], image=[key[1] for key in keys])
    for sample in load_samples(data_dir, tests, classes, USUAL):
        path = out / f"{name}{sample.suffix}.csv"
        submission = make_submission(sample, predictions, proba.argmax(axis=1), len(found.table))
        write_submission(path, submission, sample)
    if downloads.SKELETONS[name][0].answer == "none":
        return ""
    said = downloads.check(name, data_dir, path)
    return "" if said.startswith("accepted") else said
