"""What results look like in a notebook: tables, plots and pages without other files; names are escaped."""

import html
from pathlib import Path
from typing import TYPE_CHECKING

from fishcli.basics.remote import read_bytes

if TYPE_CHECKING:
    import pandas as pd

FRAME = (
    "background:#fefefe;color:#1b1f24;border:1px solid #d9dde2;border-radius:6px;padding:10px 14px;"
    "max-width:900px;overflow-x:auto;font-family:system-ui,sans-serif"
)
"""Its own colours: plots are drawn on them, whatever the notebook's are."""
N_ROWS = 20
PAGE_HEIGHT = 640  # CSS pixels
PHOTO_BYTES = 200_000
"""Of a picture: a notebook keeps all that its cells show."""


def card(title: str, *parts: str) -> str:
    """A heading above parts, each HTML already."""
    return f'<div style="{FRAME}"><b>{words(title)}</b>{"".join(parts)}</div>'


def words(text: str) -> str:
    """Text as HTML."""
    from fishcli.report.pages.page import fit

    return html.escape(str(fit(text)))


def lines(*texts: str) -> str:
    """Paragraphs of text."""
    return "".join(f'<p style="margin:6px 0">{words(text)}</p>' for text in texts if text)


def table(rows: "pd.DataFrame") -> str:
    """The first rows of a table: numbers in 4 decimals, gaps as "-"."""
    from fishcli.report.pages.page import fit

    shown = rows.head(N_ROWS).map(fit).rename(columns=fit)
    more = f"... and {len(rows) - N_ROWS:,} more" if len(rows) > N_ROWS else ""
    return shown.to_html(index=False, border=0, na_rep="-", float_format="{:.4f}".format) + lines(more)


def photo(path: Path, alt: str) -> str:
    """A PNG file, inside."""
    from fishcli.report.pictures import embedded

    return f'<img alt="{words(alt)}" style="max-width:100%" src="{embedded(read_bytes(path), PHOTO_BYTES)}">'


def page(path: Path, title: str) -> str:
    """A whole page of ours in a frame of its own, in which its styles hold and nothing else's do."""
    content = html.escape(read_bytes(path).decode("utf-8"))
    style = f"width:100%;height:{PAGE_HEIGHT}px;border:1px solid #d9dde2"
    return f'<iframe title="{words(title)}" style="{style}" sandbox srcdoc="{content}"></iframe>'
