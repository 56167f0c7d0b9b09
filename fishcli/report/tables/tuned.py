"""The table of what fine-tuning brought."""

from fishcli.report.plots.panels import signed
from fishcli.report.run_facts import Tuned
from fishcli.report.tables.cells import Cell, Table, ends, number, percent


def tuned_table(tuned: Tuned, prior_log_loss: float) -> Table:
    """The class prior, the frozen head, each recipe alone, and the run: a row each."""
    headings = ["out of fold", "log loss", "before temperature", "temperature", "right", "against frozen"]
    rows = [[Cell("class prior"), Cell(number(prior_log_loss)), *[Cell("")] * 4]]
    for number_of, way in enumerate(tuned.ways):
        against = Cell(signed(way.difference), ends(way.low, way.high)) if number_of else Cell("")
        rows.append(
            [
                Cell(way.name, "blended in log space" if way is tuned.ways[-1] and tuned.blended else ""),
                Cell(number(way.log_loss)),
                Cell(number(way.raw_log_loss)),
                Cell(number(way.temperature, 2)),
                percent(way.accuracy),
                against,
            ]
        )
    return Table("Frozen against fine-tuned", headings, rows)
