"""Skin patterns: where on a fish's side its marks lie, as a map of shares in 0-1."""

from collections.abc import Callable

import numpy as np

from fishcli.demo.paint import Floats, sample, smoothstep

Pattern = Callable[[Floats, Floats, Floats, Floats], Floats]
"""Takes x (0 snout, 1 tail), y (lengths), v (-1 back, 1 belly) and a noise texture; all maps (h, w)."""


def _plain(x: Floats, y: Floats, v: Floats, noise: Floats) -> Floats:
    return 0.12 * smoothstep(0.0, 2.0, sample(noise, 1.3 * x, 1.3 * y))


def _bars(x: Floats, y: Floats, v: Floats, noise: Floats) -> Floats:
    wave = np.sin(2 * np.pi * (17 * x + 0.3 * sample(noise, x, y)))
    return 0.8 * smoothstep(0.0, 0.5, wave) * smoothstep(0.75, 0.2, v) * smoothstep(0.2, 0.26, x)


def _dots(x: Floats, y: Floats, v: Floats, noise: Floats) -> Floats:
    lines = smoothstep(0.72, 0.95, np.sin(2 * np.pi * (22 * x + 0.5 * v * v)))
    broken = smoothstep(-0.4, 0.3, np.sin(2 * np.pi * 55 * y))
    return 0.7 * lines * broken * smoothstep(0.0, 0.3, v) * smoothstep(0.24, 0.34, x)


def _speckles(x: Floats, y: Floats, v: Floats, noise: Floats) -> Floats:
    return 0.85 * _cells(x, y, noise, 30, 0.3) * smoothstep(0.2, 0.24, x) * smoothstep(-0.75, -0.3, v)


def _spots(x: Floats, y: Floats, v: Floats, noise: Floats) -> Floats:
    return 0.9 * _cells(x, y, noise, 15, 0.26) * smoothstep(0.14, 0.22, x)


def _scales(x: Floats, y: Floats, v: Floats, noise: Floats) -> Floats:
    rows = np.sin(2 * np.pi * 24 * (x + y)) * np.sin(2 * np.pi * 24 * (x - y))
    return 0.28 * smoothstep(0.1, 0.7, rows) * smoothstep(0.26, 0.32, x)


def _blotches(x: Floats, y: Floats, v: Floats, noise: Floats) -> Floats:
    return 0.6 * smoothstep(0.3, 1.0, sample(noise, 1.1 * x, 1.1 * y))


def _cells(x: Floats, y: Floats, noise: Floats, n_cells: int, radius: float) -> Floats:
    """Round spots in staggered rows, shaken off their grid by noise."""
    row = np.floor(y * n_cells)
    along = x * n_cells + 0.5 * np.mod(row, 2) + 0.22 * sample(noise, 0.7 * x, 0.7 * y)
    across = y * n_cells + 0.22 * sample(noise, 0.7 * x + 0.4, 0.7 * y)
    distance = np.hypot(np.mod(along, 1) - 0.5, np.mod(across, 1) - 0.5)
    return smoothstep(radius + 0.08, radius - 0.08, distance)


PATTERNS: dict[str, Pattern] = {
    "bars": _bars,
    "blotches": _blotches,
    "dots": _dots,
    "plain": _plain,
    "scales": _scales,
    "speckles": _speckles,
    "spots": _spots,
}
