"""Folders that do not lie where a competition has them: unpacked twice, or beside what is read."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from fishcli.basics.errors import FishError
from fishcli.basics.progress import warn

TRAIN = "train"
VALIDATION = ("val", "valid", "validation", "dev", "eval")
"""Names of a third split, which folds make needless."""


def check_classes(train_dir: Path, images: Sequence[str]) -> None:
    """Refuse class folders that are none: a whole competition, or the folder again, lies inside of train/.

    Args:
        train_dir: the folder.
        images: ids of images in folders; all that their first part names are taken for classes.

    Raises:
        FishError: so it is; the message has the command that mends it.
    """
    parts = [image.split("/") for image in images]
    names = {each[0] for each in parts}
    if not any(each[0] == TRAIN and len(each) > 2 for each in parts):  # a class may be called train
        warn_of_nesting(train_dir, images)
        return
    if names == {TRAIN}:
        raise FishError(
            f"{train_dir} holds nothing but a folder {TRAIN}, as if it were the only class. Expected the "
            f"class folders there: {_lift(train_dir)}"
        )
    if all(name == TRAIN or name.startswith("test") or name in VALIDATION for name in names):
        raise FishError(
            f"{train_dir} holds folders {', '.join(sorted(names))} in place of classes: the competition lies "
            f"one folder deeper. Pass --data-dir {shlex.quote(str(train_dir))}"
        )


def warn_of_nesting(split_dir: Path, images: Iterable[str]) -> None:
    """Say where all images of a split lie in one folder of its own name: it becomes a part of their ids."""
    if all(image.startswith(f"{split_dir.name}/") for image in images):
        warn(
            f"{split_dir} holds nothing but a folder {split_dir.name}, which becomes a part of every image's "
            f"name. To be rid of it: {_lift(split_dir)}"
        )


def warn_of_validation(data_dir: Path) -> None:
    """Say where photos lie beside train/ that no command reads."""
    for name in VALIDATION:
        if (data_dir / name).is_dir():
            there, new = (shlex.quote(str(data_dir / each)) for each in (name, f"test_{name}"))
            warn(
                f"{name}/ beside {TRAIN}/ is read by no command: folds take its place. To learn from its "
                f"photos, move them into {TRAIN}'s class folders; to have them predicted: mv {there} {new}"
            )


def _lift(folder: Path) -> str:
    """The command that puts a folder's only folder, which has the same name, in its place."""
    outer = f"outer_{folder.name}"
    paths = (str(folder.parent), folder.name, outer, f"{outer}/{folder.name}")
    parent, name, new, inner = map(shlex.quote, paths)
    return f"(cd {parent} && mv {name} {new} && mv {inner} {name})"
