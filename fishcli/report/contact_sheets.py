"""Contact sheets: photos side by side, to be judged by eye."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from fishcli.basics.files import whole_file
from fishcli.dataset.photos.photo import UnreadableImageError, contained
from fishcli.dataset.photos.thumbnails import read_small
from fishcli.options.reading import USUAL, Reading
from fishcli.report.pictures import save_png

MAX_PHOTOS, MAX_PAIRS = 40, 8
PAPER, INK, FAINT, BLANK = "#ffffff", "#1f1f1f", "#666666", "#e3e3e3"
CELL = (168, 118)  # pixels, width and height, of a photo on a sheet
PAIR_CELL = (300, 212)
GAP, LINE, HEADER = 8, 15, 34
TEXT, TITLE = 12, 17  # pixels
MAX_LINES = 3


@dataclass(frozen=True)
class Shot:
    """A photo on a sheet.

    Attributes:
        path: its file.
        caption: what stands below it, three lines at most; of a longer one, the end.
        drawn: what is shown instead of the file.
        reading: how the file is read.
    """

    path: Path
    caption: str
    drawn: Image.Image | None = None
    reading: Reading = USUAL


def contact_sheet(shots: Sequence[Shot], title: str, columns: int = 8) -> Image.Image:
    """Photos in rows under a title; of more than 40, 40 at equal steps."""
    n = min(len(shots), MAX_PHOTOS)
    step = (len(shots) - 1) / max(n - 1, 1)
    shown = [shots[round(place * step)] for place in range(n)]
    columns = min(columns, max(n, 3))
    return _sheet([shown[i : i + columns] for i in range(0, n, columns)], [], title, CELL)


def pair_sheet(pairs: Sequence[tuple[Shot, Shot]], notes: Sequence[str], title: str) -> Image.Image:
    """Pairs of photos side by side, two pairs a row, each under its note."""
    starts = range(0, len(pairs), 2)
    rows = [[shot for pair in pairs[i : i + 2] for shot in pair] for i in starts]
    return _sheet(rows, [notes[i : i + 2] for i in starts], title, PAIR_CELL)


def write_sheet(path: Path, sheet: Image.Image) -> None:
    """Write a sheet as a PNG; the same sheet, the same bytes."""
    with whole_file(path) as partial:
        save_png(sheet, partial)


def _sheet(
    rows: Sequence[Sequence[Shot]], notes: Sequence[Sequence[str]], title: str, cell: tuple[int, int]
) -> Image.Image:
    """Rows of photos with their captions; the notes of a row, if any, stand above every second photo."""
    captions = [[_wrapped(shot.caption, cell[0]) for shot in row] for row in rows]
    n_lines = max((len(lines) for row in captions for lines in row), default=0)
    above = LINE + 4 if notes else 0
    row_height = above + cell[1] + n_lines * LINE + 2 * GAP
    n_columns = max((len(row) for row in rows), default=1)
    width = GAP + n_columns * (cell[0] + GAP)
    sheet = Image.new("RGB", (width, HEADER + len(rows) * row_height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP), title, INK, _font(TITLE))
    for i, row in enumerate(rows):
        top = HEADER + i * row_height
        for j, note in enumerate(notes[i] if notes else []):
            draw.text((GAP + 2 * j * (cell[0] + GAP), top), note, INK, _font(TEXT))
        for j, shot in enumerate(row):
            left = GAP + j * (cell[0] + GAP)
            _place(sheet, shot, (left, top + above), cell)
            for k, line in enumerate(captions[i][j]):
                draw.text((left, top + above + cell[1] + 2 + k * LINE), line, FAINT, _font(TEXT))
    return sheet


def _place(sheet: Image.Image, shot: Shot, corner: tuple[int, int], cell: tuple[int, int]) -> None:
    """Put a photo into its cell, whole and in its own shape; a grey field where it can't be read."""
    try:
        photo = shot.drawn or read_small(shot.path, cell, shot.reading)
    except UnreadableImageError:
        sheet.paste(BLANK, (*corner, corner[0] + cell[0], corner[1] + cell[1]))
        return
    fitted = contained(photo, cell)
    left, top = ((cell[axis] - fitted.size[axis]) // 2 + corner[axis] for axis in (0, 1))
    sheet.paste(fitted, (left, top))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _wrapped(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` pixels, cut at spaces where there are any.

    The last ones, and three dots, where there are too many.
    """
    font = _font(TEXT)
    lines = [""]
    for letter in text:
        if lines[-1] and font.getlength(lines[-1] + letter) > width:
            head, _, word = lines[-1].rpartition(" ")
            lines[-1:] = [head, word] if head else [lines[-1], ""]
        lines[-1] += letter
    return lines if len(lines) <= MAX_LINES else ["...", *lines[1 - MAX_LINES :]]


def twin_sheet(pairs: list[dict[str, Any]], paths: Mapping[str, Path], reading: Reading) -> bytes:
    """A contact sheet of near duplicates side by side: a PNG.

    Args:
        pairs: `first`, `second` (image ids), `first_class`, `second_class` and `hash_bits` of each, as
            audit.json has them; the first ones are drawn.
        paths: of the photos, by id.
        reading: how photos are read.
    """
    shown = pairs[:MAX_PAIRS]
    shots = [
        (
            Shot(paths[pair["first"]], pair["first"], reading=reading),
            Shot(paths[pair["second"]], pair["second"], reading=reading),
        )
        for pair in shown
    ]
    notes = [
        f"{pair['first_class']}, {pair['second_class']}: {pair['hash_bits']} of 64 bits differ"
        for pair in shown
    ]
    png = io.BytesIO()
    save_png(pair_sheet(shots, notes, "Near duplicates in training"), png)
    return png.getvalue()
