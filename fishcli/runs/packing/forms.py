"""The form of the answers, kept from a sample submission, and a sample made of it where there is none."""

from pathlib import Path, PurePosixPath

import pandas as pd

from fishcli.dataset.layout.samples import Sample
from fishcli.runs.packing.manifest import PackedForm


def form_of(sample: Sample) -> PackedForm:
    """The form of a sample's answers, and how it spells the names of images."""
    pairs = list(zip(sample.names, (PurePosixPath(image) for _, image in sample.keys), strict=True))
    spelled = "path"
    if all(name == image.name for name, image in pairs):
        spelled = "name"
    elif all(name == image.stem for name, image in pairs):
        spelled = "stem"
    return PackedForm(sample.columns, sample.place, spelled, sample.answer)


def sample_of(form: PackedForm, data_dir: Path, tests: dict[str, pd.DataFrame]) -> Sample:
    """A sample of all test images in a form: names that would stand there twice are paths."""
    keys = [(split, image) for split, table in tests.items() for image in table["image"]]
    names = [image if len(tests) == 1 else f"{split}/{image}" for split, image in keys]
    if form.spelled != "path":
        short = [getattr(PurePosixPath(image), form.spelled) for _, image in keys]
        names = short if len(set(short)) == len(short) else names
    path = data_dir / "sample_submission.csv"
    return Sample(path, "", form.columns, form.place, tuple(names), tuple(keys), form.answer)
