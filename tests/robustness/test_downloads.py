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
from fishcli.dataset.layout.images import class_names_of, is_tagged
from fishcli.dataset.layout.layout import read_training
from fishcli.dataset.layout.pools import has_tests, read_tests
from fishcli.dataset.layout.samples import load_samples
from fishcli.dataset.tags import MARK, tags_in
from fishcli.options.layout import LayoutOptions
from fishcli.scoring.submission import make_submission, write_submission
from fishcli.scoring.tag_rules import said_tags

MAKE = Path(__file__).parents[2].parent / "shared" / "layouts" / "make.py"
USUAL = LayoutOptions()
REFUSED = {"petals": "TFRecords"}
TAGGED = ["plantpath2021", "planet", "imet2020", "ranzcr"]

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
        if is_tagged(found.table) != (name in TAGGED):
            return "another number of labels an image"
        said, true = (
            {path: _as_set(text, name in TAGGED) for path, text in zip(*each, strict=True)}
            for each in ((paths, found.table["class_name"]), (truth["path"], truth["label"]))
        )
        if said != true:
            return "other labels"
        groups = dict(zip(paths, found.table["group"], strict=True)) if "group" in found.table else {}
        known = truth["group"].where(truth["group"] != "", truth["path"])
        wanted = dict(zip(truth["path"], known, strict=True)) if (truth["group"] != "").any() else {}
        if parts(groups) != parts(wanted):
            return "other groups"
        return _answered(data_dir, downloads, found, out) if has_tests(data_dir, USUAL) else ""


def _as_set(text, is_tagged):
    """A label; or the tags of a text of fishcli's, or of the drawings', which write blanks otherwise."""
    if not is_tagged:
        return text
    return frozenset(tag.replace(" ", "_") for tag in (tags_in(text) if text[:1] == MARK else text.split()))


def _answered(data_dir, downloads, found, out):
    """What is wrong with a submission of made-up predictions."""
    name, splits = data_dir.name, read_tests(data_dir, USUAL)
    tests = {split: pd.DataFrame({"image": list(listing.photos)}) for split, (_, listing) in splits.items()}
    classes, several = class_names_of(found.table), is_tagged(found.table)
    keys = [(split, image) for split, table in tests.items() for image in table["image"]]
    proba = np.random.default_rng(0).dirichlet(np.ones(len(classes)), len(keys))
    predictions = pd.DataFrame(proba, columns=[f"proba_{each}" for each in classes])
    predictions = predictions.assign(split=[key[0] for key in keys], image=[key[1] for key in keys])
    decided = said_tags(proba) if several else proba.argmax(axis=1)
    for sample in load_samples(data_dir, tests, classes, USUAL, several):
        path = out / f"{name}{sample.suffix}.csv"
        submission = make_submission(sample, predictions, decided, len(found.table))
        write_submission(path, submission, sample)
    if downloads.SKELETONS[name][0].answer == "none":
        return ""
    said = downloads.check(name, data_dir, path)
    return "" if said.startswith("accepted") else said
