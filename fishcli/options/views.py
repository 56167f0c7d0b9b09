"""The names of views: the sets of which `--views N` takes the first N, and all that `--view-names` knows.

What a name stands for is known where photos are (`features.photos.views`); here are only the names, so that
command lines and lists of runs can do without arrays.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from typer import Option

from fishcli.basics.errors import FishError, choose

CROP_PERCENT = 90
"""The side of the crops, in per cent of the photo's."""
PLACES = ("centre", "top_left", "top_right", "bottom_left", "bottom_right")
MIRRORED = "_hflip"
CROPS = tuple(f"{place}{CROP_PERCENT}{flip}" for flip in ("", MIRRORED) for place in PLACES)
SYMMETRIES = ("identity", "hflip", "vflip", "rot180", "rot90", "rot270", "transpose", "transverse")
SETS: dict[str, tuple[str, ...]] = {
    "upright": (
        *("identity", "hflip", f"centre{CROP_PERCENT}", f"centre{CROP_PERCENT}{MIRRORED}"),
        *(f"top_left{CROP_PERCENT}", f"top_right{CROP_PERCENT}{MIRRORED}"),
        *(f"bottom_left{CROP_PERCENT}{MIRRORED}", f"bottom_right{CROP_PERCENT}"),
    ),
    "square": SYMMETRIES,
}
"""The views of each set in their order: the plain photo and its mirror image first."""
RANDOM = re.compile(r"random([1-9]\d{0,3})")
"""Views whose window and flip are drawn from their number."""
KNOWN = tuple(dict.fromkeys([*SETS["upright"], *CROPS, *SYMMETRIES]))
"""All views but the random ones, in the order in which a choice of them is kept."""

ViewSet = Annotated[
    Literal["upright", "square"],
    Option(help="Of --views: upright (flips and mild crops), or square (its eight symmetries)."),
]
ViewNames = Annotated[
    str | None,
    Option(help="Views by name instead: identity,hflip,random1,...", show_default="none"),
]


def first_views(n_views: int, view_set: str = "upright", flag: str = "--views") -> list[str]:
    """The names of the first `n_views` views of a set.

    Raises:
        FishError: fewer than 1 or more than there are.
    """
    return first_of(SETS[view_set], n_views, flag)


def first_of(known: Sequence[str], n_views: int, flag: str) -> list[str]:
    """The first `n_views` of some views; FishError for fewer than 1 or more than there are."""
    if not 1 <= n_views <= len(known):
        raise FishError(f"{flag} {n_views}: expected 1 to {len(known)} ({', '.join(known)}).")
    return list(known[:n_views])


def named_views(names: Sequence[str]) -> list[str]:
    """The views of these names, each once, in the fixed order; FishError for an unknown one."""
    chosen = set()
    for name in (each.strip() for each in names):
        chosen.add(name if RANDOM.fullmatch(name) else choose(name, [*KNOWN, "random1", "random2"], "view"))
    numbers = sorted(int(found[1]) for name in chosen if (found := RANDOM.fullmatch(name)))
    return [*(name for name in KNOWN if name in chosen), *(f"random{number}" for number in numbers)]


def is_view(name: str) -> bool:
    """Whether a view has this name; augmented copies are none."""
    return name in KNOWN or RANDOM.fullmatch(name) is not None


def chosen_views(views: int, view_set: str, view_names: str | None) -> list[str]:
    """The views that `--views`, `--view-set` and `--view-names` name.

    Raises:
        FishError: unknown ones, or the options contradict each other.
    """
    if view_names is None:
        return first_views(views, view_set)
    if views > 1 or view_set != "upright":
        raise FishError("--views or --view-set, and --view-names, both say which views. Pass one of them.")
    return named_views(view_names.split(","))


def with_identity(names: list[str], view_names: str | None) -> list[str]:
    """A run's views as they are; FishError where the plain photo lacks, whose score is the run's."""
    if names[0] != "identity":
        raise FishError(
            f"--view-names {view_names}: identity must be among them, the plain photo, whose score is the "
            "run's."
        )
    return names


def as_options(names: Sequence[str], view_set: str) -> dict[str, object]:
    """The options that name these views: by number where they are the first of their set."""
    if tuple(names) == SETS[view_set][: len(names)]:
        return {"views": len(names), "view_set": view_set, "view_names": None}
    return {"views": 1, "view_set": "upright", "view_names": ",".join(names)}


def view_prefixes(n_views: int) -> list[int]:
    """The numbers of views to score: 1, 2, 4, ... below `n_views`, and `n_views`."""
    powers = [2**power for power in range(n_views.bit_length()) if 2**power < n_views]
    return [*powers, n_views]


def parse_tta(text: str | int) -> int | None:
    """What `--tta` says: a number of views, None for auto; FishError for anything else."""
    said = str(text).strip()
    if said == "auto":
        return None
    if not said.isdecimal() or int(said) < 1:
        raise FishError(f"--tta {said}: expected a number of views, 1 or more, or auto.")
    return int(said)
