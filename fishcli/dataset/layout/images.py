"""The images of a competition: their ids, classes and sizes, read from folders and file headers."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from fishcli.basics.files import digest, tidy
from fishcli.basics.progress import bar, note
from fishcli.basics.remote import N_REQUESTS, Listed, is_remote, list_files
from fishcli.dataset.classes import class_order
from fishcli.dataset.layout.layout import read_training
from fishcli.dataset.layout.pools import has_tests, read_tests
from fishcli.dataset.layout.samples import wanted_answers
from fishcli.dataset.photos.photo import read_header
from fishcli.dataset.tags import are_tags
from fishcli.options.reading import USUAL, Reading

N_AT_A_TIME = 64
"""A thread reads so many headers in one go: a future for every photo would weigh more than what it reads."""


def load_train(data_dir: Path, reading: Reading = USUAL) -> pd.DataFrame:
    """Read the training images of a competition.

    Args:
        data_dir: its folder.
        reading: how its folder is read, and its photos: those of more pixels than that allows have a problem.

    Returns:
        One row an image, in the order of their ids: `image` (id: its path under the training folder), `path`,
        `class_name`, `height` and `width` (pixels of the upright photo, 0 where the header can't be read),
        `n_bytes`, `problem` (why the header can't be read, else ""), and `group` where a table has it.

    Raises:
        FishError: as `layout.read_training` does.
    """
    found = read_training(data_dir, reading.layout)
    wanted = wanted_answers(data_dir, class_names_of(found.table), reading.layout, is_tagged(found.table))
    note(" · ".join([*found.said, *(answer.said(name) for name, answer in wanted.items())]))
    table = _read_headers(
        found.train_dir, {image: found.photos[image] for image in found.table["image"]}, reading
    )
    return found.table.merge(table, on="image", validate="one_to_one")


def load_tests(data_dir: Path, reading: Reading = USUAL) -> dict[str, pd.DataFrame]:
    """Read the test images: one table a test folder, with load_train's columns but the class.

    Raises:
        FishError: there is no test folder, or one holds no image.
    """
    return {
        split: _read_headers(folder, listing.photos, reading)
        for split, (folder, listing) in read_tests(data_dir, reading.layout).items()
    }


def load_tests_if_any(data_dir: Path, reading: Reading = USUAL) -> dict[str, pd.DataFrame]:
    """What `load_tests` reads; nothing where nothing looks like test images."""
    return load_tests(data_dir, reading) if has_tests(data_dir, reading.layout) else {}


def class_names_of(train: pd.DataFrame) -> list[str]:
    """The class order of a run: the names in `train`, sorted; as numbers where all are. Of tags, the tags."""
    return class_order(train["class_name"])


def is_tagged(train: pd.DataFrame) -> bool:
    """Whether an image may have several labels: `class_name` then has them as `dataset.tags` writes them."""
    return are_tags(train["class_name"])


def dataset_digest(images: pd.DataFrame) -> str:
    """The sha256 of ids, file sizes and, where known, classes: tells one data set from another."""
    columns = [column for column in ("image", "n_bytes", "class_name") if column in images]
    return digest(images[columns].sort_values("image").to_csv(index=False))


def _read_headers(split_dir: Path, paths: dict[str, Path], reading: Reading) -> pd.DataFrame:
    """A table of `image`, `path`, `height`, `width`, `n_bytes`, `problem`, given image id -> path.

    Remote images have a `token` besides, as `remote.Listed` has it.
    """
    files, remote = list(paths.values()), is_remote(split_dir)
    n_part = 1 if remote else N_AT_A_TIME
    parts = [files[start : start + n_part] for start in range(0, len(files), n_part)]
    headers: list[tuple[int, int, str]] = []
    with (
        ThreadPoolExecutor(N_REQUESTS if remote else None) as pool,
        bar(len(files), f"headers of {split_dir.name}", "img") as progress,
    ):
        for found in pool.map(lambda part: [read_header(path, reading) for path in part], parts):
            headers += found
            progress.update(len(found))
    table = pd.DataFrame(headers, columns=["height", "width", "problem"])
    table = table.assign(image=list(paths), path=pd.Series(files, dtype=object))
    if not remote:
        return table.assign(n_bytes=[path.stat().st_size if path.exists() else 0 for path in paths.values()])
    listed = {tidy(name): each for name, each in list_files(split_dir).items()}
    known = [listed.get(image, Listed(0, "")) for image in paths]
    return table.assign(n_bytes=[each.n_bytes for each in known], token=[each.token for each in known])
