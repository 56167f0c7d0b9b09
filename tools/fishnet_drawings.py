"""Scenes drawn by formula, on which the fishnet is pre-trained: a textured figure among others on a ground.

After "Pre-training without Natural Images" (Kataoka et al., 2020) and "Learning to See by Looking at Noise"
(Baradad et al., 2021). The labels are the figure's shape and texture and the ground's texture; colours,
light, place and blemishes are chance, and tell nothing of them.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from fishnet_camera import LUMA, RAMP, lit, photographed, slope, view
from fishnet_patterns import N_TEXTURES, texture_bank
from fishnet_shapes import N_SHAPES, Silhouette, instance, silhouettes
from fishnet_textures import TILE
from numpy.random import Generator, default_rng

__all__ = ["N_SHAPES", "N_TEXTURES", "Scene", "Studio", "view"]

_N_PALETTES = 4096
_ORIGIN = np.zeros(2)
_GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)


@dataclass(frozen=True)
class Scene:
    """One drawing and what it shows."""

    image: np.ndarray
    """(size, size, 3) uint8, RGB."""
    mask: np.ndarray
    """(size, size) uint8, 1 where the main figure is seen."""
    shape: int
    """The main figure's silhouette class, 0 to N_SHAPES - 1."""
    texture: int
    """The main figure's texture class, 0 to N_TEXTURES - 1."""
    ground: int
    """The background's texture class, 0 to N_TEXTURES - 1."""


class Studio:
    """The classes of one seed, and the means to draw scenes of them."""

    def __init__(self, seed: int, n_tiles: int = 4) -> None:
        """Draw the texture bank (`n_tiles` grey tiles a class), the silhouettes and the palettes."""
        self.tiles = texture_bank(seed, n_tiles)
        self.figures = silhouettes(seed)
        self.palettes = _palettes(default_rng([seed, 4]))

    def draw(self, rng: Generator, size: int) -> Scene:
        """One scene of `size` pixels a side.

        Its hardness is chance too: how colourful, cluttered and badly photographed it is. Networks learned
        nothing from hard scenes alone; from grey textures they learn at once, and the rest follows.
        """
        shape, texture, ground = rng.integers([N_SHAPES, N_TEXTURES, N_TEXTURES]).tolist()
        chance = rng.random(7).tolist()
        hard = rng.random()
        area = 0.06 * 7.5 ** chance[0]
        ground_palette, palette = (_paler(p, hard) for p in self._two_palettes(rng, chance[1]))
        image = cv2.applyColorMap(self._patch(rng, ground, (size, size)), ground_palette)
        for _ in range(int(chance[2] * 7 * hard)):
            small = self._placed(rng, min(0.5 * area, 0.015 * 8 ** rng.random()), size)
            self._lay(rng, image, small)
        figure, cover = self._main(rng, shape, area, size)
        if chance[3] < 0.3:
            _cast_shadow(rng, image, cover)
        grey = self._patch(rng, texture, (size, size))
        colours = cv2.applyColorMap(grey, palette)
        if chance[4] < 0.4:
            colours = lit(colours, slope(rng, size, 0.7))
        _blend(image, colours, cover)
        if chance[5] < 0.3:
            edge = palette[int(rng.choice([0, 255])), 0].tolist()
            cv2.polylines(image, figure.outlines(_ORIGIN), True, edge, 1 + (chance[5] < 0.06), cv2.LINE_AA, 4)
        mask = (cover > 127).astype(np.uint8)
        for _ in range(int(3 * hard * chance[6] ** 1.5)):
            self._occlude(rng, image, mask, area)
        if rng.random() < hard:
            image = photographed(rng, image)
        return Scene(image, mask, shape, texture, ground)

    def _two_palettes(self, rng: Generator, kind: float) -> tuple[np.ndarray, np.ndarray]:
        """The ground's and the figure's palettes, (256, 1, 3) uint8: a tenth alike, a tenth nearly so."""
        first, second = self.palettes[rng.integers(_N_PALETTES, size=2)]
        if kind < 0.1:
            return first, first
        if kind < 0.2:
            return first, cv2.addWeighted(first, 0.6, second, 0.4, 0)
        return first, second

    def _patch(self, rng: Generator, texture: int, shape: tuple[int, int]) -> np.ndarray:
        """A piece of one of the class's tiles, turned and zoomed by 0.75 to 1.6: (height, width) uint8."""
        tile = self.tiles[texture, int(rng.integers(self.tiles.shape[1]))]
        a = rng.random(4)
        turn, zoom = 2 * np.pi * a[0], 0.75 + 0.85 * a[1]
        cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
        x, y = (0.3 + 0.4 * a[2:]) * TILE
        right, down = shape[1] / 2, shape[0] / 2
        matrix = np.array(
            [[cos, -sin, x - cos * right + sin * down], [sin, cos, y - sin * right - cos * down]]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(tile, matrix, shape[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT_101)

    def _placed(self, rng: Generator, area: float, size: int) -> Silhouette:
        """Any figure of about `area` of the frame, anywhere in it: its contours in pixels."""
        figure = instance(rng, self.figures[int(rng.integers(N_SHAPES))])
        return figure.moved(np.sqrt(area) * size, rng.random(2) * size)

    def _lay(self, rng: Generator, image: np.ndarray, figure: Silhouette) -> tuple[slice, slice, np.ndarray]:
        """Draw a figure in any texture and palette; say where: rows, columns, (h, w) uint8 cover."""
        low = np.clip(np.floor(figure.points.min(0)) - 1, 0, len(image) - 1).astype(int)
        high = np.clip(np.ceil(figure.points.max(0)) + 2, low + 1, len(image)).astype(int)
        rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
        cover = figure.drawn((high[1] - low[1], high[0] - low[0]), low)
        grey = self._patch(rng, int(rng.integers(N_TEXTURES)), cover.shape)
        _blend(image[rows, columns], cv2.applyColorMap(grey, self.palettes[rng.integers(_N_PALETTES)]), cover)
        return rows, columns, cover

    def _main(self, rng: Generator, shape: int, area: float, size: int) -> tuple[Silhouette, np.ndarray]:
        """The main figure, at most a quarter of it off the frame: contours in pixels, (size, size) cover."""
        figure = instance(rng, self.figures[shape])
        length = np.ptp(figure.points, axis=0).max()
        scale = min(np.sqrt(area / figure.area()), 1.1 / length) * size
        centred = figure.moved(scale, np.full(2, size / 2))
        least = 0.79 * centred.drawn((size, size), _ORIGIN).sum()
        away = (rng.random(2) - 0.5) * 0.7 * size
        while True:
            placed = centred.moved(1.0, away)
            cover = placed.drawn((size, size), _ORIGIN)
            if cover.sum() >= least:
                return placed, cover
            away = away * 0.7

    def _occlude(self, rng: Generator, image: np.ndarray, mask: np.ndarray, area: float) -> None:
        """Draw a small figure or a line in front, and take it out of the mask."""
        size = len(image)
        if rng.random() < 0.5:
            small = self._placed(rng, area * rng.uniform(0.05, 0.2), size)
            rows, columns, cover = self._lay(rng, image, small)
            mask[rows, columns][cover > 127] = 0
            return
        line = (rng.uniform(-0.2, 1.2, (3, 2)) * size * 16).astype(np.int32)
        thick, colour = int(rng.integers(1, 1 + max(2, size // 32))), rng.integers(0, 256, 3).tolist()
        cv2.polylines(image, [line], False, colour, thick, cv2.LINE_AA, 4)
        cv2.polylines(mask, [line], False, 0, thick, cv2.LINE_8, 4)


def _paler(palette: np.ndarray, share: float) -> np.ndarray:
    """`share` of a palette, the rest a ramp from black to white: (256, 1, 3) uint8."""
    return cv2.addWeighted(palette, share, _GREYS, 1 - share, 0)


def _palettes(rng: Generator) -> np.ndarray:
    """Colour ramps of 2 to 4 stops, some of near hues, some pale, none flat: (4096, 256, 1, 3) uint8."""
    made = []
    while len(made) < _N_PALETTES:
        n = int(rng.integers(2, 5))
        stops = rng.uniform(0, 255, (n, 3))
        if rng.random() < 0.6:
            stops = stops @ (0.6 * LUMA[:, None] + 0.4 * np.eye(3))
        if rng.random() < 0.5:
            hue = rng.uniform(0, 255, 3)
            stops = np.clip(0.35 * stops + 0.65 * hue * rng.uniform(0.1, 1.5, (n, 1)), 0, 255)
        if np.ptp(stops @ LUMA) > 70:
            at = np.sort(np.concatenate([[0, 1], rng.uniform(0.15, 0.85, n - 2)]))
            made.append(np.stack([np.interp(RAMP, at, channel) for channel in stops.T], -1))
    return np.stack(made).astype(np.uint8)


def _blend(image: np.ndarray, colours: np.ndarray, cover: np.ndarray) -> None:
    """Lay `colours` over `image` (both (h, w, 3) uint8) where the (h, w) uint8 cover says, in place."""
    share = cover.astype(np.float32) * np.float32(1 / 255)
    image[...] = cv2.blendLinear(colours, image, share, 1 - share)


def _cast_shadow(rng: Generator, image: np.ndarray, cover: np.ndarray) -> None:
    """Darken the image in place beneath a blurred, shifted cover."""
    size = len(image)
    dx, dy, depth = rng.uniform(-0.08, 0.08) * size, rng.uniform(-0.08, 0.08) * size, rng.uniform(0.3, 0.8)
    shade = cv2.warpAffine(cover, np.array([[1, 0, dx], [0, 1, dy]]), (size, size))
    shade = cv2.blur(shade, (size // 16 | 1, size // 16 | 1))
    image[...] = lit(image, 1 - shade.astype(np.float32) * np.float32(depth / 255))
