"""What is noteworthy in annotations, counted, and said once."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from fishcli.basics.errors import examples
from fishcli.basics.progress import say, warn
from fishcli.dataset.annotations.entries import LONE_POINT, NO_OBJECT, Skipped

N_NOTED, SHARE_NOTED = 3, 0.1
"""A source's boxes that are cut or tiny are said where they are so many, or all, and more than this share."""


class Findings:
    """What was met while boxes, or pairs of points, were turned into fractions.

    Attributes:
        boxes: of each source, how many boxes were looked at.
        cut: of these, how many pass the edge of their photo.
        tiny: of these, how many are hardly a pixel.
        stray: how many boxes have a name that is no training image, by name.
        empty: entries of boxes without area in their photo.
        mended: entries of boxes whose corners stood in the wrong order.
        turned: images whose boxes were turned.
        contradicted: an entry for each image of whose size its annotations say something else.
    """

    def __init__(self, what: str = "boxes") -> None:
        """Nothing is found yet; `what` is looked at, in the plural."""
        self.what = what
        self.boxes: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()
        self.tiny: Counter[str] = Counter()
        self.stray: Counter[str] = Counter()
        self.empty: list[str] = []
        self.mended: list[str] = []
        self.turned: set[str] = set()
        self.contradicted: dict[str, str] = {}

    def tell(self) -> None:
        """Say all of it."""
        if self.stray:
            warn(
                f"skipped {self.stray.total():,} {self.what} of {len(self.stray):,} names that are no "
                f"training image: {examples(list(self.stray))}."
            )
        if self.empty:
            warn(
                f"dropped {len(self.empty):,} {self.what} that have no extent inside their photo, or whose "
                f"photo's size is unknown: {examples(self.empty)}."
            )
        if self.mended:
            warn(
                f"{len(self.mended):,} boxes have their corners in the wrong order; they are swapped: "
                f"{examples(self.mended)}."
            )
        if self.turned:
            say(
                f"the {self.what} of {len(self.turned):,} images are turned as their photo is by its EXIF: "
                f"{examples(self.turned)}"
            )
        if self.contradicted:
            warn(
                f"annotations of {len(self.contradicted):,} images declare a size of another shape than the "
                f"photo's, so these may lie elsewhere: {examples(list(self.contradicted.values()))}."
            )
        self._tell_share(self.cut, "pass the edge of their photo", "they were drawn on it at its size")
        self._tell_share(self.tiny, "are under 2 pixels wide or high", "their unit is pixels")

    def _tell_share(self, counts: Counter[str], what: str, doubt: str) -> None:
        noted = [
            f"{source}: {n:,} of {self.boxes[source]:,}"
            for source, n in counts.items()
            if n >= min(N_NOTED, self.boxes[source]) and n > SHARE_NOTED * self.boxes[source]
        ]
        if noted:
            warn(f"many boxes {what}; check that {doubt}: {examples(noted)}.")


def tell_skipped(skipped: Iterable[Skipped]) -> None:
    """Say which entries are no boxes: images without an object, and shapes that enclose nothing."""
    found: dict[str, list[str]] = defaultdict(list)
    for entry in skipped:
        found[entry.what].append(entry.where)
    if nothing := found.pop(NO_OBJECT, []):
        say(f"{len(nothing):,} {NO_OBJECT} in the annotations: {examples(nothing)}")
    if lone := found.pop(LONE_POINT, []):
        warn(f"left out {len(lone):,} {LONE_POINT}, where one or three mark head and tail: {examples(lone)}.")
    if found:
        kinds = sorted((f"{len(wheres):,} {what}" for what, wheres in found.items()), reverse=True)
        wheres = [where for each in found.values() for where in each]
        warn(f"left out, as they are no boxes: {examples(kinds)}; such as {examples(wheres, 1)}.")
