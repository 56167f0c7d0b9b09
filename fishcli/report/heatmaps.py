"""A class map over its photo at the photo's own resolution, with boxes and a caption."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PAPER, INK, FAINT = "#ffffff", "#1f1f1f", "#666666"
TRUE_COLOUR, PREDICTED_COLOUR, EDGE = "#ffffff", "#35e0ff", "#000000"
COLOURS = "inferno"
"""Matplotlib's, but for its dark end, which would pass for shadow; near 0 the map fades into the photo."""
DARKEST = 0.4
GREY = 0.65  # how grey the photo is made, so that its own colours don't pass for the map's
STRONGEST = 0.7  # opacity where the map is highest
UNSEEN = 0.25  # brightness of what a crop cut off
MIN_TEXT, TEXT_SHARE = 12, 1 / 42  # pixels, and of the photo's width


@dataclass(frozen=True)
class Panel:
    """One map over the photo.

    Attributes:
        title: whose map it is.
        values: (height, width) of the photo; only the positive part is shown, NaN is what the head doesn't
            see. None: there is no map, and the photo is shown as it is.
    """

    title: str
    values: np.ndarray | None


@dataclass(frozen=True)
class Boxes:
    """The boxes over a photo, as fractions of it: true (k, 4), and predicted (4,) or (m, 4) or None."""

    true: np.ndarray
    predicted: np.ndarray | None


def heatmap_picture(
    photo: Image.Image, panels: Sequence[Panel], boxes: Boxes, caption: Sequence[str]
) -> Image.Image:
    """Panels side by side, each under its title and as large as the photo; the caption's lines below."""
    size = max(MIN_TEXT, round(photo.width * TEXT_SHARE))
    font, line = ImageFont.load_default(size), round(size * 1.5)
    gap = line // 2
    width = len(panels) * (photo.width + gap) - gap
    lines = [
        (part, INK if i == 0 else FAINT)
        for i, text in enumerate(caption)
        for part in _wrapped(text, font, width - 2 * gap)
    ]
    picture = Image.new("RGB", (width, photo.height + (1 + len(lines)) * line + gap), PAPER)
    draw = ImageDraw.Draw(picture)
    for i, panel in enumerate(panels):
        left = i * (photo.width + gap)
        draw.text((left + gap, line / 2), panel.title, INK, font, anchor="lm")
        picture.paste(overlay(photo, panel.values, boxes), (left, line))
    for i, (text, ink) in enumerate(lines):
        draw.text((gap, photo.height + line * (i + 1.5) + gap / 2), text, ink, font, anchor="lm")
    return picture


def overlay(photo: Image.Image, values: np.ndarray | None, boxes: Boxes) -> Image.Image:
    """A photo with the positive part of `values` (height, width) over it, and boxes.

    Opacity and colour follow the map, whose highest value is the same in every picture: maps are compared by
    their places, not by their heights. True boxes are solid and white, predicted ones dashed and cyan.
    """
    from matplotlib import colormaps

    drawn = photo.convert("RGB")
    if values is not None:
        pixels = np.array(drawn, np.float64)  # changed in place from here on: new arrays would cost more
        red, green, blue = np.moveaxis(pixels, 2, 0)
        grey = (red + green + blue)[..., None] / 3
        pixels *= 1 - GREY
        pixels += GREY * grey
        highest = np.nanmax(values, initial=0.0)
        height = np.nan_to_num(np.maximum(values, 0.0) / highest if highest > 0 else np.zeros(values.shape))
        opacity = STRONGEST * height[..., None]
        colour = colormaps[COLOURS](DARKEST + (1 - DARKEST) * height)[..., :3]
        pixels *= 1 - opacity
        pixels += opacity * 255 * colour
        pixels[np.isnan(values)] *= UNSEEN
        drawn = Image.fromarray(pixels.round().astype(np.uint8))
    thick = max(2, round(photo.width / 300))
    for box in boxes.true:
        _outline(drawn, box, TRUE_COLOUR, thick, dashed=False)
    for box in [] if boxes.predicted is None else np.atleast_2d(boxes.predicted):
        if not np.isnan(box).any():
            _outline(drawn, box, PREDICTED_COLOUR, thick, dashed=True)
    return drawn


def _outline(picture: Image.Image, box: np.ndarray, colour: str, thick: int, dashed: bool) -> None:
    """A rectangle whose line has a dark edge, so that it shows on any ground."""
    draw = ImageDraw.Draw(picture)
    x0, y0, x1, y1 = np.asarray(box) * np.tile([picture.width - 1, picture.height - 1], 2)
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    for ink, width in ((EDGE, 2 * thick), (colour, thick)):
        for start, end in pairwise(corners):
            for a, b in _dashes(start, end, 6 * thick) if dashed else [(start, end)]:
                draw.line([a, b], ink, width)


def _dashes(
    start: tuple[float, float], end: tuple[float, float], step: float
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Every second piece of a line, from `start` on, of about `step` pixels."""
    n = max(1, round(float(np.hypot(end[0] - start[0], end[1] - start[1])) / step))
    at = [
        (start[0] + (end[0] - start[0]) * i / n, start[1] + (end[1] - start[1]) * i / n) for i in range(n + 1)
    ]
    return [(at[i], at[i + 1]) for i in range(0, n, 2)]


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> list[str]:
    """`text` in lines of at most `width` pixels, broken between words where there are any."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and font.getlength(f"{lines[-1]} {word}") > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
        while len(lines[-1]) > 1 and font.getlength(lines[-1]) > width:
            n = next(
                n for n in range(len(lines[-1]), 0, -1) if n == 1 or font.getlength(lines[-1][:n]) <= width
            )
            lines[-1:] = [lines[-1][:n], lines[-1][n:]]
    return lines
