"""The ordered texture families (stripes, lattices, strokes), mixtures, and the bank of all classes."""

import cv2
import numpy as np
from fishnet_textures import (
    TILE,
    Family,
    between,
    cells,
    clouds,
    fractal,
    leaves,
    noise,
    turing,
    warped,
    waves,
)
from numpy.random import Generator, default_rng

N_TEXTURES = 256


def stripes(fixed: Generator, free: Generator) -> np.ndarray:
    """Stripes, rings or marble: one wave of a domain-warped coordinate (Perlin, 1985). (256, 256) float32."""
    pitch, bend = between(fixed, 5, 28), fixed.choice([0.005, 0.03, 0.08])
    rough, form, duty = int(fixed.integers(4, 12)), int(fixed.integers(5)), fixed.uniform(0.25, 0.75)
    second = between(fixed, 1.5, 4) if fixed.random() < 0.4 else 0.0
    ringed = fixed.random() < 0.2
    u, v = warped(free, 0.01)
    if ringed:
        centre = free.uniform(-0.3, 1.3, 2)
        u = np.hypot(u - centre[0], v - centre[1])
    phase = (u + bend * clouds(free, rough)) * pitch + free.random()
    saw = phase % 1
    wave = np.sin(2 * np.pi * phase)
    line = (wave, saw, np.tanh(10 * (np.abs(saw - 0.5) - duty / 2)), np.abs(wave), np.abs(saw - 0.5) ** 3)[
        form
    ]
    if second:
        line = line + 0.5 * np.sin(2 * np.pi * (phase * second + v * pitch * 0.3))
    return line.astype(np.float32)


def lattice(fixed: Generator, free: Generator) -> np.ndarray:
    """A regular lattice: checks, bricks, dots, hexagons, scale-like arcs, weave or zigzag, slightly bent.

    The pitch, the gap and how much the tone varies from cell to cell are the class's. (256, 256) float32.
    """
    form, n = int(fixed.integers(8)), between(fixed, 6, 24)
    aspect, gap, spread = between(fixed, 0.6, 1.7), fixed.uniform(0.06, 0.25), fixed.choice([0, 0.4, 1.2])
    u, v = warped(free, fixed.uniform(0.004, 0.02))
    u, v = u * n * aspect + free.random(), v * n / aspect + free.random()
    if form in (1, 4, 5):
        u = u + 0.5 * (np.floor(v) % 2)
    column, row = np.floor(u), np.floor(v)
    x, y = u - column - 0.5, v - row - 0.5
    if form == 0:
        tone = (column + row) % 2
    elif form == 1:
        tone = np.minimum(1, np.minimum(0.5 - np.abs(x), 0.5 - np.abs(y)) / gap)
    elif form in (2, 5):
        tone = np.tanh(8 * (0.2 + gap - np.hypot(x, y)))
    elif form == 3:
        waves3 = [np.cos(2 * np.pi * (c * u + s * v)) for c, s in ((1, 0), (-0.5, 0.866), (-0.5, -0.866))]
        tone = np.tanh((waves3[0] + waves3[1] + waves3[2] - 4 * gap) * 2)
    elif form == 4:
        tone = np.abs(np.hypot(x, y + 0.5) % (0.5 + gap) - 0.35) * 2.5 + 0.4 * y
    elif form == 6:
        over = (column + row) % 2 > 0
        tone = np.where(over, np.cos(np.pi * x), np.cos(np.pi * y)) + 0.3 * over
    else:
        tone = np.tanh(6 * np.sin(2 * np.pi * (v + gap * 3 * np.abs(u % 2 - 1))))
    many = free.random(4096, np.float32)
    each = (row.astype(np.intp) * 61 + column.astype(np.intp)) % 4096
    return (tone + spread * many[each]).astype(np.float32)


def strokes(fixed: Generator, free: Generator) -> np.ndarray:
    """Hair, scratches or confetti: curved strokes of one length, width and spread of direction."""
    length, width = between(fixed, 12, 110), int(fixed.choice([1, 1, 2, 3, 5]))
    spread, curl = fixed.choice([0.06, 0.3, 3.0]), fixed.uniform(0, 1.6)
    n = int(min(1500, fixed.uniform(0.6, 2.5) * TILE**2 / (length * (width + 1))))
    parallel = fixed.random() < 0.5
    start = free.uniform(-20, TILE + 20, (n, 1, 2))
    along = np.linspace(-0.5, 0.5, 7)[None, :]
    turn = spread * free.standard_normal((n, 1)) + (0 if parallel else free.choice([0.0, np.pi / 2], (n, 1)))
    bend = turn + curl * along * free.choice([-1, 1], (n, 1))
    path = np.cumsum(np.stack([np.cos(bend), np.sin(bend)], -1) * length / 7, axis=1)
    path = ((path + start) * 16).astype(np.int32)
    tile = np.full((TILE, TILE), int(fixed.choice([20, 128, 235])), np.uint8)
    for group in np.array_split(path, max(8, n // 12)):
        cv2.polylines(tile, list(group), False, int(free.integers(256)), width, cv2.LINE_AA, 4)
    return tile.astype(np.float32)


def mixture(fixed: Generator, free: Generator) -> np.ndarray:
    """Two families in one: the second over the first in patches, or the two added. (256, 256) float32."""
    first, second = (PURE[i] for i in fixed.choice(len(PURE), 2, replace=False))
    patchy, rough, share = fixed.random() < 0.6, int(fixed.integers(5, 12)), fixed.uniform(0.35, 0.65)
    one, two = _levelled(first(fixed, free)), _levelled(second(fixed, free))
    if not patchy:
        return share * one + (1 - share) * two
    where = 0.5 + 0.5 * np.tanh(12 * (clouds(free, rough) + share - 0.5))
    return one * where + two * (1 - where)


PURE: tuple[Family, ...] = (fractal, leaves, waves, noise, turing, cells, stripes, lattice, strokes)
FAMILIES: tuple[Family, ...] = (*PURE, mixture)


def _levelled(field: np.ndarray) -> np.ndarray:
    """A field brought to mean 0, deviation about 1 and bounds of -1.9 and 1.9: float32 of the same shape."""
    field = field.astype(np.float32)
    field = (field - field.mean()) / max(float(field.std()), 1e-6)
    return 1.9 * np.tanh(field / 1.9)


def tile(seed: int, texture: int, instance: int) -> np.ndarray:
    """One tile of a texture class: (256, 256) uint8, mean about 128."""
    fixed = default_rng([seed, 1, texture])
    free = default_rng([seed, 2, texture, instance])
    field = _levelled(FAMILIES[texture % len(FAMILIES)](fixed, free))
    field = field - field.mean()
    return np.clip(128 + 62 * field, 0, 255).astype(np.uint8)


def texture_bank(seed: int, n_tiles: int) -> np.ndarray:
    """`n_tiles` tiles of each texture class: (N_TEXTURES, n_tiles, 256, 256) uint8."""
    return np.stack([np.stack([tile(seed, c, i) for i in range(n_tiles)]) for c in range(N_TEXTURES)])
