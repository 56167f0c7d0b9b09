"""How an image is named in groups, boxes and samples, which image id is meant, and what no name may hold."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import PurePosixPath

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import tidy
from fishcli.basics.progress import warn
from fishcli.dataset.photos.photo import IMAGE_SUFFIXES

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
    """Name the classes or groups that differ only by case or blanks, or are one number: one, mistyped?"""
    alike: dict[str, set[str]] = defaultdict(set)
    for name in names:
        key = "".join(name.split()).casefold()
        with suppress(ValueError):
            key = str(float(key))  # "01", "1.0"
        alike[key].add(name)
    doubtful = [" = ".join(map(repr, sorted(found))) for found in alike.values() if len(found) > 1]
    if doubtful:
        warn(f"{where}: are these the same? They are kept apart: {examples(doubtful)}.")


def harmless(text: str) -> str:
    """`text` from a file's header, without control characters, and quoted where it is a formula."""
    text = UNPRINTABLE.sub(" ", text).strip()
    return f"'{text}" if FORMULA.match(text) else text


Spelling = Callable[[str], str]
"""How names are spelled to be compared: as they are, or in lower case."""


class NameIndex:
    """Finds the image id that a name means: the id itself, a longer path that ends in it, or a base name.

    Names and ids are `files.tidy`: a decomposed "é" or a blank at the end makes no other name. Case counts
    where it tells images apart; where no image is spelled as the name, it does not.
    A name without an image suffix ("img_1") is matched with the base names less theirs. Paths of other
    people's disks (``/home/x/train/ALB/img_1.jpg``, ``C:\\fish\\img_1.jpg``) count by their end.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        """Index the image ids `ids`."""
        self.ids = set(ids)
        self._indexes: dict[Spelling, tuple[dict[str, list[str]], dict[str, list[str]]]] = {}

    def find(self, name: str, source: str) -> str | None:
        """The id that `name` means, or None where no image has that name.

        Raises:
            FishError: several images have the base name; `source` says where the name stands.
        """
        name = tidy(name)
        if name in self.ids:
            return name
        for spelling in (str, str.casefold):
            candidates = self._candidates(spelling(name.replace("\\", "/")), spelling)
            if len(candidates) > 1:
                raise FishError(
                    f"{source}: {name!r} is ambiguous, it may be {examples(candidates)}. "
                    "Write the image's path under its split there."
                )
            if candidates:
                return candidates[0]
        return None

    def _candidates(self, path: str, spelling: Spelling) -> list[str]:
        """The ids that a path may mean, names being compared in a spelling."""
        by_name, by_stem = self._index(spelling)
        base = path.rstrip("/").rpartition("/")[2]
        has_suffix = posixpath.splitext(base)[1].lower() in IMAGE_SUFFIXES
        candidates = by_name.get(base, [])
        if not candidates and not has_suffix:
            candidates = by_stem.get(base, [])
        if len(candidates) < 2:
            return candidates
        end = f"/{PurePosixPath(path)}"
        written = {image: PurePosixPath(spelling(image)) for image in candidates}
        if not has_suffix:
            written = {image: each.with_suffix("") for image, each in written.items()}
        ends = [image for image in candidates if end.endswith(f"/{written[image]}")]
        return [max(ends, key=len)] if ends else candidates

    def _index(self, spelling: Spelling) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The ids by base name and by base name less its suffix; made when it is first asked for."""
        if spelling not in self._indexes:
            by_name, by_stem = defaultdict(list), defaultdict(list)
            for image in sorted(self.ids):
                base = spelling(image).rpartition("/")[2]
                by_name[base].append(image)
                by_stem[posixpath.splitext(base)[0]].append(image)
            self._indexes[spelling] = dict(by_name), dict(by_stem)
        return self._indexes[spelling]

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
