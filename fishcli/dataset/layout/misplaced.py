"""What does not lie where a competition has it: one folder too deep, or beside what is read."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from fishcli.basics.errors import FishError
from fishcli.basics.progress import warn
from fishcli.basics.remote import names_in
from fishcli.dataset.layout import words

TRAIN = "train"


def check_classes(train_dir: Path, images: Sequence[str]) -> None:
    """Refuse class folders that are none: a whole competition lies inside of train/.

    Args:
        train_dir: the folder.
        images: ids of images in folders; all that their first part names are taken for classes.

    Raises:
        FishError: so it is; the message has the command that mends it.
    """
    parts = [image.split("/") for image in images]
    names = {each[0] for each in parts}
    if names == {TRAIN} or not any(each[0] == TRAIN and len(each) > 2 for each in parts):
        return  # unpacked twice; or a class may be called train
    if all(name == TRAIN or name.startswith("test") or name in words.VALIDATION for name in names):
        raise FishError(
            f"{train_dir} holds folders {', '.join(sorted(names))} in place of classes: the competition lies "
            f"one folder deeper. Pass --data-dir {shlex.quote(str(train_dir))}"
        )


def warn_of_validation(folders: Sequence[Path], train_dir: Path) -> None:
    """Say where photos lie beside the training photos that no command reads."""
    for folder in folders:
        there, new = (shlex.quote(str(each)) for each in (folder, folder.with_name(f"test_{folder.name}")))
        warn(
            f"{folder.name}/ beside {train_dir.name}/ is read by no command: folds take its place. To "
            "learn from "
            f"its photos, move them into {train_dir.name}'s class folders; to have them predicted: mv "
            f"{there} {new}"
        )


def warn_of_lists(folders: Iterable[Path]) -> None:
    """Say where a file may divide photos of one folder into training and test photos, but has no header.

    Such lists (`train_test_split.txt`, `test.txt`) are not read: what their columns mean is told by nothing.
    """
    for folder in folders:
        for name in sorted(names_in(folder)):
            if name.lower().endswith(".txt") and words.has_word(Path(name).stem, words.TEST):
                warn(
                    f"{folder / name} may say which are test photos, and is not read: if so, write the "
                    "training photos into a table of your own (image,label) and pass it with --labels"
                )
