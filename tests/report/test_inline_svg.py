"""A plot as an image that stands among what others made."""

import base64
from xml.etree import ElementTree

from fishcli.report.plots.inline_svg import INK, picture, svg_figure


def test_a_picture_is_an_image_that_has_its_colours_and_room_for_wide_letters():
    figure = svg_figure(200, 100)
    figure.text(0.5, 0.5, "<鯖>", color=INK)
    shown = picture(figure, 'what "it" shows')
    assert shown.startswith('<img alt="what &quot;it&quot; shows"')
    root = ElementTree.fromstring(base64.b64decode(shown.rpartition("base64,")[2].rstrip('">')))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["viewBox"] == "-12 0 224 100" and f"--ink:{INK}" in root.attrib["style"]
    assert "<鯖>" in "".join(root.itertext())
    assert any("var(--ink)" in each.attrib.get("style", "") for each in root.iter())
