"""What the pages have in common: a template rendered with all values escaped, plots that fit the window."""

import dataclasses
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fishcli.report.plots.inline_svg import inline_svg
from fishcli.report.plots.panels import signed
from fishcli.report.tables.cells import number, percent

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

WIDE, NARROW = 860, 350  # CSS pixels: a figure where the window is wide, and on a phone
# Control characters and lone surrogates are no HTML; marks of direction in a name would turn the text around.
UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def render(template: str, **content: Any) -> str:
    """A page that needs neither the network nor scripts.

    Args:
        template: its file among the templates; it extends page.html.
        content: what the template names, without characters that no page may hold (`fit`). All is escaped
            but what is Markup.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fishcli.report.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, signed=signed, percent=percent)
    return environment.get_template(template).render(content)


def fit(value: Any) -> Any:
    """The same value without characters that no page may hold.

    Args:
        value: text, numbers, arrays of numbers, or lists, tuples, dicts and dataclasses of such.
    """
    if isinstance(value, str):
        return UNFIT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {fit(key): fit(each) for key, each in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {each.name: fit(getattr(value, each.name)) for each in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return [fit(each) for each in value] if isinstance(value, list | tuple) else value


def twice_drawn(name: str, alt: str, draw: "Callable[[Any, float], Figure]", content: Any) -> "Markup":
    """A plot twice, of which the page shows the one that fits the window.

    Args:
        name: no other plot of the page has it.
        alt: what it shows, in words.
        draw: makes the plot of `content` for a width in CSS pixels.
        content: without characters that no page may hold.
    """
    from markupsafe import Markup

    drawn = [
        f'<div class="{kind}">{inline_svg(draw(content, width), f"{name}-{kind}", alt)}</div>'
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
    ]
    return Markup("\n".join(drawn))
