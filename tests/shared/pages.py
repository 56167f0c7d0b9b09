"""Pages as a test reads them."""

from html.parser import HTMLParser

import pytest

LINKS = ("href", "src", "srcset", "action", "data", "poster", "xlink:href")


MAX_BYTES = 5_000_000


class Page(HTMLParser):
    """A page's elements with their attributes, and its text; every element must be closed by its own tag."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"an attribute twice: {attrs}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def said(self, within=None):
        inside = [text for tag, text in self.texts if tag != "style" and within in (None, tag)]
        return " ".join(" ".join(inside).split())


def texts(figure):
    """Each text that is drawn with its place (x0, y0, x1, y1), in dots."""
    from matplotlib.text import Text

    drawn = {}
    with pytest.MonkeyPatch.context() as patch:
        draw = Text.draw
        patch.setattr(Text, "draw", lambda text, renderer: (drawn.update({text: 1}), draw(text, renderer)))
        figure.draw_without_rendering()
    return [(text.get_text(), text.get_window_extent().extents) for text in drawn if text.get_text()]


VOID = {"meta", "img", "br", "link", "input", "hr"}
