"""How an image is named in groups, boxes and samples, which image id is meant, and what no name may hold."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import tidy
from fishcli.basics.progress import warn
from fishcli.dataset.photos import IMAGE_SUFFIXES

UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line ends, and what Python makes of bytes that are no UTF-8."""
FORMULA = re.compile(r"\s*(=|[+@-].*[(|!])")
"""How a cell begins that a spreadsheet computes; "-1", "+" and "-x2.jpg" do no harm there."""


def check_names(names: Iterable[str], where: str) -> None:
    """Refuse image ids, classes and groups that could not be written into a CSV or onto a screen as they are.

    Raises:
        FishError: a name holds a control character, a line end or bytes that are no UTF-8; or a spreadsheet
            that opens a submission would compute it.
    """
    for name in names:
        if UNPRINTABLE.search(name):
            raise FishError(
                f"{where}: the name {name!a} holds a control character, a line end or bytes that are no "
                "UTF-8. Rename it."
            )
        if FORMULA.match(name):
            raise FishError(
                f"{where}: the name {name!r} is a formula to a spreadsheet that opens the CSVs. Rename it."
            )


def warn_of_lookalikes(names: Iterable[str], where: str) -> None:
    """Name the classes or groups that differ only by case or by blanks: they may be one, mistyped."""
    alike: dict[str, set[str]] = defaultdict(set)
    for name in names:
        alike["".join(name.split()).casefold()].add(name)
    doubtful = [" = ".join(map(repr, sorted(found))) for found in alike.values() if len(found) > 1]
    if doubtful:
        warn(f"{where}: are these the same? They are kept apart: {examples(doubtful)}.")


def harmless(text: str) -> str:
    """`text` from a file's header, without control characters, and quoted where it is a formula."""
    text = UNPRINTABLE.sub(" ", text).strip()
    return f"'{text}" if FORMULA.match(text) else text


class NameIndex:
    """Finds the image id that a name means: the id itself, a longer path that ends in it, or a base name.

    Names and ids are `files.tidy`: a decomposed "é" or a blank at the end makes no other name.
    A name without an image suffix ("img_1") is matched with the base names less theirs. Paths of other
    people's disks (``/home/x/train/ALB/img_1.jpg``, ``C:\\fish\\img_1.jpg``) count by their end.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        """Index the image ids `ids`."""
        self.ids = set(ids)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for image in sorted(self.ids):
            self._by_name[PurePosixPath(image).name].append(image)
            self._by_stem[PurePosixPath(image).stem].append(image)

    def find(self, name: str, source: str) -> str | None:
        """The id that `name` means, or None where no image has that name.

        Raises:
            FishError: several images have the base name; `source` says where the name stands.
        """
        name = tidy(name)
        if name in self.ids:
            return name
        path = PurePosixPath(name.replace("\\", "/"))
        has_suffix = path.suffix.lower() in IMAGE_SUFFIXES
        candidates = self._by_name.get(path.name, [])
        if not candidates and not has_suffix:
            candidates = self._by_stem.get(path.name, [])
        if len(candidates) > 1:
            end = "/" + str(path)
            written = {
                image: image if has_suffix else str(PurePosixPath(image).with_suffix(""))
                for image in candidates
            }
            ends = [image for image in candidates if end.endswith("/" + written[image])]
            candidates = [max(ends, key=len)] if ends else candidates
        if len(candidates) > 1:
            raise FishError(
                f"{source}: {name!r} is ambiguous, it may be {examples(candidates)}. "
                "Write the image's path under its split there."
            )
        return candidates[0] if candidates else None

    def find_all(self, names: Iterable[str], source: str) -> tuple[dict[str, str], list[str]]:
        """Map the `names` that are known to their ids, and list those that aren't, each once in order."""
        found: dict[str, str] = {}
        unknown: list[str] = []
        for name in dict.fromkeys(names):
            image = self.find(name, source)
            if image is None:
                unknown.append(name)
            else:
                found[name] = image
        return found, unknown
