"""Matplotlib figures as SVG inside a page: its fonts, its colours by day and by night, no ids in common."""

import base64
import html
import io
import re
import warnings
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A figure drawn in these colours takes the page's: each becomes the CSS variable of its name.
INK, DIM, LINE, BACK = "#1b1f24", "#5f6974", "#d9dde2", "#fefefe"
ACCENT, ALARM = "#0b6bb5", "#c4500c"
VARIABLES = {
    INK: "--ink",
    DIM: "--dim",
    LINE: "--line",
    BACK: "--back",
    ACCENT: "--accent",
    ALARM: "--alarm",
}
MARGIN = 12  # CSS pixels
FONT_FAMILY = re.compile(r"\s*font-family:[^;]*;?")
REFERENCE = re.compile(r"url\(#([^)]+)\)")


def svg_figure(width: float, height: float) -> "Figure":
    """A figure of `width` x `height` CSS pixels, which its font sizes and line widths are in, too."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), layout="constrained")  # an SVG has 72 units an inch
    FigureCanvasSVG(figure)
    return figure


def inline_svg(figure: "Figure", name: str, alt: str) -> str:
    """The figure as an `<svg>` element of an HTML page; text stays text, in the page's font.

    Args:
        figure: of `svg_figure`.
        name: no other figure of the page has it; its ids begin with it.
        alt: what the figure shows, in words.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    drawn = io.StringIO()
    nothing = {"Creator": None, "Date": None, "Format": None, "Type": None}
    for patch in (figure.patch, *(panel.patch for panel in figure.axes)):
        patch.set(facecolor="none", edgecolor="none")
    with warnings.catch_warnings(), rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the reader's fonts draw it, not matplotlib's
        # Figure.savefig would draw it twice, once only to lay it out, which drawing does as well.
        FigureCanvasSVG(figure).print_svg(drawn, metadata=nothing)
    root = ElementTree.fromstring(drawn.getvalue())
    _drop_style_sheets(root)
    used = {each.removeprefix("#") for element in root.iter() for each in _references(element)}
    for element in root.iter():
        _adapt(element, name, used)
    _, _, width, _ = root.attrib["viewBox"].split()
    root.attrib.clear()
    size = " ".join(f"{float(side):.0f}" for side in figure.get_size_inches() * 72)
    root.attrib.update({"viewBox": f"0 0 {size}", "width": width, "role": "img", "aria-label": alt})
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def picture(figure: "Figure", alt: str) -> str:
    """The figure as an `<img>` element that holds it: for where it stands among what others made.

    Args:
        figure: of `svg_figure`.
        alt: what the figure shows, in words.
    """
    svg = inline_svg(figure, "figure", alt)
    width, height = (round(side * 72) for side in figure.get_size_inches())
    colours = ";".join(f"{name}:{colour}" for colour, name in VARIABLES.items())
    # A page lets letters that are wider than matplotlib's reach beyond a plot; an image would cut them off.
    spans = f'viewBox="{-MARGIN} 0 {width + 2 * MARGIN} {height}" width="{width + 2 * MARGIN}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {spans} style="font-family:system-ui,sans-serif;{colours}">'
    )
    svg = head + svg.partition(">")[2]
    data = base64.b64encode(svg.encode()).decode("ascii")
    return f'<img alt="{html.escape(alt)}" style="max-width:100%" src="data:image/svg+xml;base64,{data}">'


def _drop_style_sheets(root: ElementTree.Element) -> None:
    """Inside a page matplotlib's style sheet would hold for the whole page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith("}style"):
                parent.remove(child)


def _references(element: ElementTree.Element) -> list[str]:
    """The ids that an element refers to."""
    links = [value for key, value in element.attrib.items() if key.endswith("href")]
    return links + [found for value in element.attrib.values() for found in REFERENCE.findall(value)]


def _adapt(element: ElementTree.Element, name: str, used: set[str]) -> None:
    """Take an element's name space, its unused id and its colours and fonts, in place."""
    element.tag = element.tag.rpartition("}")[2]
    attributes = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
    if attributes.get("id") not in used:
        attributes.pop("id", None)
    for key, value in attributes.items():
        if key == "id":
            attributes[key] = f"{name}-{value}"
        elif key == "href":
            attributes[key] = f"#{name}-{value.removeprefix('#')}"
        elif key == "d":
            attributes[key] = " ".join(value.split())
        else:
            attributes[key] = _themed(REFERENCE.sub(rf"url(#{name}-\1)", value))
    element.attrib.clear()
    element.attrib.update(attributes)
    element.tail = None
    if element.tag != "text":
        element.text = None


def _themed(style: str) -> str:
    """A style in the page's fonts and colours."""
    style = FONT_FAMILY.sub("", style)
    for colour, variable in VARIABLES.items():
        style = style.replace(colour, f"var({variable})")
    return style
