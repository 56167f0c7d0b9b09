"""The page of an audit: one HTML file that opens from disk, by day and by night, on a phone too."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fishcli.report.pages.page import fit, render, twice_drawn
from fishcli.report.pictures import embedded
from fishcli.report.plots import audit as audit_plots
from fishcli.report.plots.panels import p_text, signed
from fishcli.report.tables import audit as audit_tables
from fishcli.report.tables import seen as seen_tables
from fishcli.report.tables import twins as twin_tables
from fishcli.report.tables.cells import Table

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure


def audit_page(audit: dict[str, Any], pictures: Mapping[str, bytes] | None = None) -> str:
    """Render an audit as one page that needs neither the network nor scripts.

    Args:
        audit: the content of audit.json, schema 2.
        pictures: PNG files by what they show: "twins", a contact sheet.
    """
    audit = fit(audit)
    return render(
        "audit.html",
        audit=audit,
        headline=_headline(audit["gains"]),
        tables=_tables(audit),
        interval_notes={row["folds"]: row["interval"] for row in audit["gains"]},
        legend=audit_plots.class_legend(audit["class_by_size"]) if audit["class_by_size"] else [],
        n_drawn=audit_plots.N_FIELDS,
        figures=_figures(audit),
        worlds=[(world, seen_tables.world_table(world["tellings"])) for world in _listed(audit["worlds"])],
        pairs={said: twin_tables.pairs_table(pairs) for said, pairs in _pairs(audit["twins"]).items()},
        pictures={name: embedded(png) for name, png in (pictures or {}).items()},
    )


def _listed(value: Any) -> list[Any]:
    """A list of what may be a list, one thing or nothing."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _headline(gains: list[dict[str, Any]]) -> dict[str, dict[str, Any] | None]:
    """The gains of the fields that the audit is about, by kind of folds; None where there are none."""
    found = {row["folds"]: row for row in gains if row["fields"] == gains[0]["fields"]}
    return {folds: found.get(folds) for folds in ("random", "grouped")}


def _tables(audit: dict[str, Any]) -> dict[str, Table]:
    """The tables that the audit has the numbers for, by name."""
    seen, background, twins = (audit[name] or {} for name in ("seen", "background", "twins"))
    known: dict[str, tuple[Any, Callable[[Any], Table]]] = {
        "gains": (audit["gains"], audit_tables.gains_table),
        "nulls": (audit["nulls"], audit_tables.nulls_table),
        "fields": (audit["per_field"], audit_tables.field_table),
        "detectability": (seen.get("detectability"), seen_tables.detectability_table),
        "conditional": (seen.get("conditional_value"), seen_tables.conditional_table),
        "class_maps": (audit["class_maps"], seen_tables.class_maps_table),
        "looks": (background.get("looks"), seen_tables.background_table),
        "twins": (twins, twin_tables.twins_table),
        "twin_cost": (twins.get("cost"), twin_tables.twin_cost_table),
    }
    return {name: make(content) for name, (content, make) in known.items() if content}


def _pairs(twins: dict[str, Any] | None) -> dict[str, list[dict[str, Any]]]:
    """The pairs of twins that the audit names, by what is special about them."""
    if twins is None:
        return {}
    known = {
        "Pairs with different labels": twins["examples_of_two_classes"],
        "Pairs of different groups": twins["examples_across_groups"],
        "Pairs of a training and a test photo": (twins["test"] or {}).get("examples", []),
        "Pairs from the closest to the least close": twins["examples"],
    }
    return {said: pairs for said, pairs in known.items() if pairs}


def _figures(audit: dict[str, Any]) -> "dict[str, Markup]":
    """The plots that the audit has the numbers for, by name."""
    seen = [row for row in (audit["seen"] or {}).get("detectability", []) if row["product"] is not None]
    known: dict[str, tuple[Any, Callable[[Any, float], Figure], Callable[[Any], str]]] = {
        "mosaic": (audit["class_by_size"], audit_plots.mosaic, _mosaic_said),
        "fields": (audit["per_field"], audit_plots.field_bits, _fields_said),
        "nulls": (audit["nulls"], audit_plots.null_histograms, _nulls_said),
        "seen": (seen, audit_plots.utility_by_detectability, _seen_said),
    }
    return {
        name: twice_drawn(name, said(content), draw, content)
        for name, (content, draw, said) in known.items()
        if content
    }


def _mosaic_said(table: dict[str, Any]) -> str:
    """The mosaic in words."""
    said = []
    for size, counts in zip(table["sizes"][:3], table["counts"], strict=False):
        most = max(range(len(counts)), key=lambda k: counts[k])
        said.append(f"{size} is {counts[most] / max(sum(counts), 1):.0%} {table['classes'][most]}")
    return f"Share of each class by image size, {len(table['sizes'])} rows. {', '.join(said)}."


def _fields_said(fields: list[dict[str, Any]]) -> str:
    """The intervals of fields in words."""
    best = sorted(fields, key=lambda row: -row["random_bits"])[:3]
    said = ", ".join(f"{row['field']} {signed(row['random_bits'])}" for row in best)
    return f"Bits of each field alone, with 95% intervals. The most under random folds: {said}."


def _nulls_said(nulls: list[dict[str, Any]]) -> str:
    """The permutation tests in words."""
    said = []
    for null in nulls:
        title = audit_plots.NULL_TITLES.get(null["null"], null["null"])
        verdict = null["untestable"] or (
            "no p-value" if null["p_value"] is None else f"p = {p_text(null['p_value'])}"
        )
        said.append(f"{title}: {verdict}.")
    return " ".join(["Histograms of what chance alone gives, and the observed value.", *said])


def _seen_said(fields: list[dict[str, Any]]) -> str:
    """Utility by detectability in words."""
    best = max(fields, key=lambda row: row["product"])
    share, utility = f"{best['share']:.0%}", signed(best["utility_bits"])
    return (
        f"Utility of {len(fields)} fields over how well the features tell them. Largest product: "
        f"{best['field']}, of which the features tell {share} and which tells {utility} bits of the label."
    )
