"""The tables of an audit's page about near duplicates."""

from typing import Any

from fishcli.report.tables.cells import Cell, Table, bits, number, percent


def twins_table(twins: dict[str, Any]) -> Table:
    """How many there are and where."""
    images, pairs, test = twins["n_images"], twins["n_pairs"], twins["test"]
    rows = [
        _count("images with a twin", "", twins["n_with_twin"], images),
        _count("images with a twin in training", "under random folds", twins["n_twin_in_training"], images),
        _count("pairs", f"{twins['n_pairs_by_hash']:,} by hash, the others by features", pairs, None),
        _count("pairs across random folds", "", twins["n_pairs_across_folds"], pairs),
        _count("pairs with different labels", "", twins["n_pairs_of_two_classes"], pairs),
        _count(
            "families of twins", f"the largest: {twins['largest_family']:,} images", twins["n_families"], None
        ),
    ]
    if twins["n_pairs_across_groups"] is not None:
        below = "grouped folds don't keep them together"
        rows.insert(4, _count("pairs of different groups", below, twins["n_pairs_across_groups"], pairs))
    if test:
        below = f"{test['n_pairs']:,} pairs"
        rows.append(
            _count("test images with a twin in training", below, test["n_with_twin"], test["n_images"])
        )
    return Table("Near duplicates", ["what", "number", "share"], rows)


def twin_cost_table(cost: dict[str, Any]) -> Table:
    """What twins are worth to a score on random folds."""
    headings = ["images", "loss with a twin", "without", "difference, bits", "owed to twins, bits"]
    row = [
        Cell(f"{cost['n_with']:,} with, {cost['n_without']:,} without", ", ".join(cost["classes"])),
        Cell(number(cost["with_bits"])),
        Cell(number(cost["without_bits"])),
        bits(cost["difference_bits"], cost["difference_low"], cost["difference_high"]),
        bits(cost["owed_bits"], cost["owed_low"], cost["owed_high"]),
    ]
    return Table("What a random-fold score owes to twins", headings, [row])


def pairs_table(pairs: list[dict[str, Any]]) -> Table:
    """Pairs of photos by name."""
    rows = [
        [
            Cell(pair["first"], pair["first_class"]),
            Cell(pair["second"], pair["second_class"] or "test"),
            Cell(str(pair["hash_bits"])),
        ]
        for pair in pairs
    ]
    return Table("Pairs of near duplicates", ["photo", "twin", "bits that differ, of 64"], rows, n_text=2)


def _count(said: str, below: str, n: int, whole: int | None) -> list[Cell]:
    """A number and its share of a whole, where it is a share of something."""
    return [Cell(said, below), Cell(f"{n:,}"), percent(n / whole) if whole else Cell("")]
