"""In which unit the boxes of a source are: what its format says, where its numbers don't belie it."""

from collections.abc import Sequence

from fishcli.basics.errors import FishError
from fishcli.basics.progress import warn
from fishcli.dataset.annotations.entries import Record, Unit

MAX_FRACTION = 1.5
"""Fractions pass 1 where a box passes the edge; pixels beyond 1.5 occur in any real file."""
MAX_PERCENT, REACH = 110.0, 50.0
"""Percent pass 100 likewise; boxes all over photos reach beyond their middle on both axes."""
LARGE_SIDE = 300
"""Pixels: in photos that large, boxes that keep to the first hundred of both axes are in percent..."""
N_CERTAIN, N_LIKELY = 10, 3
"""...where there are so many of them; of fewer it is only said."""

Size = tuple[float, float]
"""Width and height in pixels, 0 where unknown."""


def unit_of(records: Sequence[Record], sizes: Sequence[Size]) -> Unit:
    """The unit of the boxes of one source.

    Args:
        records: all of them.
        sizes: of the image of each.

    Raises:
        FishError: the source mixes fractions with another unit, or its format is in fractions and it is not.
    """
    unit, source = records[0].unit, records[0].source
    large = [record for record in records if max(map(abs, record.corners)) > MAX_FRACTION]
    n_fractions = sum(map(_is_fraction, records))
    if large and (unit == "fractions" or 2 * n_fractions >= len(records)):
        raise FishError(
            f"{large[0].where}: {max(large[0].corners, key=abs):g} where a fraction from 0 to 1 is expected, "
            f"as in {len(records) - len(large):,} of the {len(records):,} boxes there. Correct it, or write "
            "all boxes in pixels, in a CSV."
        )
    if unit in ("fractions", "untold") and not large:
        return "fractions"
    if n_fractions and not large:
        warn(f"{source}: no value is above {MAX_FRACTION:g}, so its boxes are taken as fractions.")
        return "fractions"
    return unit if unit == "percent" else _pixels_or_percent(records, sizes)


def _is_fraction(record: Record) -> bool:
    """Whether a box can hardly be one in pixels: not of whole numbers, and within one and a half of them."""
    corners = record.corners
    return max(map(abs, corners)) <= MAX_FRACTION and not all(value.is_integer() for value in corners)


def _pixels_or_percent(records: Sequence[Record], sizes: Sequence[Size]) -> Unit:
    known = [min(size) for size in sizes if all(size)]
    reach = [max(record.corners[axis] for record in records) for axis in (2, 3)]
    if (
        len(records) < N_LIKELY
        or any(max(map(abs, record.corners)) > MAX_PERCENT for record in records)
        or min(reach) < REACH
        or min(known, default=0) < LARGE_SIDE
    ):
        return "pixels"
    found = (
        f"{records[0].source}: no value is above {MAX_PERCENT:g}, though photos have {min(known):g} pixels"
    )
    if len(records) < N_CERTAIN:
        warn(f"{found}. Its boxes are taken as pixels; if they are percent, divide them by 100.")
        return "pixels"
    warn(f"{found}, so its boxes are taken as percent. If they are not, write them as fractions.")
    return "percent"
