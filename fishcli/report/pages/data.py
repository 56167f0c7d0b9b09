"""The page of a competition before any model."""

from collections.abc import Mapping, Sequence
from typing import Any

from fishcli.report.pages.page import fit, render, twice_drawn
from fishcli.report.plots import audit as audit_plots
from fishcli.report.plots import data as data_plots
from fishcli.report.tables.cells import UNKNOWN, Cell, Table, percent

N_BROKEN = 100


def data_page(facts: Mapping[str, Any], sheets: Sequence[tuple[str, list[tuple[str, str, str]]]]) -> str:
    """Render a competition's picture as one page that needs neither the network nor scripts.

    Args:
        facts: of `commands.data_facts.facts_of`.
        sheets: for each class its name and photos: a data URI, the image's id, its group or "".
    """
    found = fit(dict(facts))
    by_size, by_group = found["class_by_size"], found["class_by_group"]
    # One for both: they have the same classes and counts, hence the same colours.
    legend = audit_plots.class_legend(by_size or by_group) if by_size or by_group else []
    return render(
        "data.html",
        found=found,
        sheets=fit(list(sheets)),
        legend=legend,
        tables={
            "classes": _class_table(found),
            "spans": _span_table(found["spans"]),
            "sizes": _size_table(found["sizes"]),
            "broken": _broken_table(found["broken"][:N_BROKEN]),
        },
        figures=_figures(found),
        n_listed=N_BROKEN,
        groups_said=_groups_said(found["groups"]) if found["groups"] else "",
        tests_said=", ".join(f"{split} {n:,}" for split, n in found["n_tests"].items()),
    )


def _figures(found: dict[str, Any]) -> dict[str, Any]:
    classes, boxes = found["classes"], found["boxes"]
    most, fewest = classes[0], classes[-1]
    figures = {
        "classes": twice_drawn(
            "classes",
            f"Images of each class. {most['name']} has the most, {most['share']:.0%}; {fewest['name']} the "
            f"fewest, {fewest['n']:,}.",
            data_plots.class_bars,
            classes,
        )
    }
    for name in ("class_by_size", "class_by_group"):
        if found[name]:
            rows = f"{name.removeprefix('class_by_')}, {len(found[name]['sizes'])} rows"
            said = f"Share of each class by {rows}; the table of classes has the counts."
            figures[name] = twice_drawn(name, said, audit_plots.mosaic, found[name])
    if boxes:
        figures["places"] = twice_drawn(
            "places", _places_said(boxes["cover"]), data_plots.box_places, boxes["cover"]
        )
        figures["areas"] = twice_drawn(
            "areas",
            f"Share of the photo that the largest box takes, by class. Over all boxes half take less than "
            f"{boxes['area']:.1%}.",
            data_plots.box_sizes,
            classes,
        )
    return figures


def _groups_said(groups: dict[str, Any]) -> str:
    """How large groups are and how many are alike inside."""
    smallest, largest = groups["smallest"], groups["largest"]
    sizes = f"{smallest:,} to {largest:,} images, median {groups['median']:,.0f}"
    return (
        f"Of {f'{smallest:,} images each' if smallest == largest else sizes}. "
        f"{groups['n_of_one_size'] or 'None'} with one image size, "
        f"{groups['n_of_one_class'] or 'none'} with one class."
    )


def _places_said(cover: list[list[float]]) -> str:
    """Where boxes lie, in words."""
    shares = [(share, i, j) for i, row in enumerate(cover) for j, share in enumerate(row)]
    highest, place, column = max(shares)
    across, down = (column + 0.5) / len(cover[0]), (place + 0.5) / len(cover)
    return (
        f"Where boxes lie in the photo. The place that most cover, {highest:.0%} of them, is {across:.0%} "
        f"from the left and {down:.0%} from the top."
    )


def _class_table(found: dict[str, Any]) -> Table:
    """Counts of each class."""
    has_groups, has_boxes = found["n_groups"] is not None, found["boxes"] is not None
    headings = ["class", "images", "share", *(["groups"] if has_groups else []), "sizes"]
    headings += ["with a box", "boxes", "median box"] if has_boxes else []
    rows = []
    for each in found["classes"]:
        row = [Cell(each["name"]), _count(each["n"]), percent(each["share"])]
        row += [_count(each["n_groups"])] if has_groups else []
        row += [_count(each["n_sizes"])]
        if has_boxes:
            area = percent(each["area"])
            row += [_count(each["n_boxed"]), _count(each["n_boxes"]), area]
        rows.append(row)
    legend = (
        {"median box": "The share of the photo that the largest box of an image takes."} if has_boxes else {}
    )
    return Table("Classes", headings, rows, legend=legend)


def _span_table(spans: list[dict[str, Any]]) -> Table:
    """How large the photos of each split are."""
    headings = ["split", "images", "sizes", "smallest", "median", "largest"]
    rows = [
        [
            Cell(row["split"]),
            _count(row["n"]),
            _count(row["n_sizes"]),
            *(Cell(row[name] or UNKNOWN) for name in headings[3:]),
        ]
        for row in spans
    ]
    meaning = {"median": "Width x height of the photo with the median number of pixels."}
    return Table("Photos of each split", headings, rows, legend=meaning)


def _size_table(sizes: list[dict[str, Any]]) -> Table:
    """Images of each split by size; quiet where there are none."""
    splits = [name for name in sizes[0] if name != "size"] if sizes else []
    rows = [[Cell(row["size"]), *(_count(row[split]) for split in splits)] for row in sizes]
    return Table("Image sizes", ["size", *splits], rows)


def _broken_table(broken: list[dict[str, str]]) -> Table:
    rows = [[Cell(row["image"]), Cell(row["split"]), Cell(row["problem"])] for row in broken]
    return Table("Files that can't be read", ["image", "split", "problem"], rows, n_text=3)


def _count(n: int) -> Cell:
    return Cell(f"{n:,}", is_quiet=n == 0)
