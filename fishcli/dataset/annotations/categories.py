"""Which boxes count, by the categories that their files name."""

from collections.abc import Sequence

from fishcli.basics.errors import FishError, examples, shown
from fishcli.basics.files import tidy
from fishcli.basics.progress import say
from fishcli.dataset.annotations.entries import Record, kinds_of

CROWD = "iscrowd"
"""The word of `--box-categories`, and of COCO's files, for boxes around many."""


def chosen(records: Sequence[Record], categories: str | None, where: str) -> Sequence[Record]:
    """The boxes of the wanted categories; what names no category is wanted, a crowd only by its word.

    Pairs of points are chosen likewise.

    Args:
        records: all boxes.
        categories: names, with commas; None for all.
        where: the folder, for messages.

    Raises:
        FishError: a name that no box has.
    """
    wanted = None if categories is None else {tidy(name) for name in categories.split(",")} - {""}
    if wanted is not None:
        _check(wanted, records, where)
    names = (wanted or set()) - {CROWD}
    kept = [
        record
        for record in records
        if (not record.is_crowd or CROWD in (wanted or ()))
        and (not names or record.category is None or tidy(record.category) in names)
        and (not record.is_aside or names)
    ]
    if wanted is not None:
        what = f"{len(records):,} {kinds_of(records)}"
        say(f"{len(kept):,} of {what} are of --box-categories {','.join(sorted(wanted))}")
        return kept
    if n_crowds := sum(record.is_crowd for record in records):
        say(f"{n_crowds:,} boxes of crowds are left out (--box-categories {CROWD} takes them too)")
    aside = [tidy(record.category or "") for record in records if record.is_aside]
    if aside:
        found = " and ".join(sorted(set(aside)))
        say(f"{len(aside):,} boxes of {found} are left out (--box-categories takes them where it names them)")
    return kept


def _check(wanted: set[str], records: Sequence[Record], where: str) -> None:
    known = {tidy(record.category) for record in records if record.category is not None}
    if any(record.is_crowd for record in records):
        known.add(CROWD)
    unknown = wanted - known
    if unknown or not wanted:
        named = examples(list(map(shown, sorted(unknown)))) or "no name"
        found = examples(list(map(shown, sorted(known))), 5) or "none"
        raise FishError(f"--box-categories: no box in {where} is of {named}. Categories there: {found}.")
