"""Silhouettes drawn by formula: the shape classes of the fishnet's pre-training images, and their instances.

A class is a set of closed contours around the origin, of area 1 in all and its long axis along x. An
instance is the class bent, warped, stretched, turned and mirrored by chance.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator, default_rng

N_SHAPES = 256
_CANVAS = 384
_POINTS = 140
Blank = Callable[[Generator], np.ndarray]


@dataclass(frozen=True)
class Silhouette:
    """Contours (n, 2) float32, one after another; `splits` are the rows where the next one starts."""

    points: np.ndarray
    splits: tuple[int, ...]

    def area(self) -> float:
        """The area inside the contours, less the holes (which run the other way round)."""
        return abs(sum(cv2.contourArea(c, oriented=True) for c in np.split(self.points, self.splits)))

    def drawn(self, size: tuple[int, int], offset: np.ndarray) -> np.ndarray:
        """The figure less `offset` on a (height, width) canvas: uint8 coverage of 0..255, edges smoothed."""
        canvas = np.zeros(size, np.uint8)
        cv2.fillPoly(canvas, self.outlines(offset), 255, cv2.LINE_AA, 4)
        return canvas

    def moved(self, scale: float, shift: np.ndarray) -> "Silhouette":
        """The figure scaled about the origin, then shifted by (x, y)."""
        return Silhouette((self.points * scale + shift).astype(np.float32), self.splits)

    def outlines(self, offset: np.ndarray) -> list[np.ndarray]:
        """The contours less `offset` in sixteenths of a pixel: int32 arrays for cv2's shift=4."""
        return np.split(((self.points - offset) * 16).astype(np.int32), self.splits)


def _around(n: int = 360) -> np.ndarray:
    """`n` angles of one turn: float64 radians."""
    return np.linspace(0, 2 * np.pi, n, endpoint=False)


def _polar(radius: np.ndarray) -> np.ndarray:
    """A closed curve from its radius at even angles: (n, 2) float64."""
    angle = _around(len(radius))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)


def _filled(*curves: np.ndarray) -> np.ndarray:
    """Closed curves filled, each scaled by the same factor to fit the canvas: (384, 384) uint8 0 or 255."""
    points = np.concatenate(curves)
    low, high = points.min(0), points.max(0)
    scale = 0.9 * _CANVAS / (high - low).max()
    canvas = np.zeros((_CANVAS, _CANVAS), np.uint8)
    for curve in curves:
        moved = (curve - (low + high) / 2) * scale + _CANVAS / 2
        cv2.fillPoly(canvas, [(moved * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    return canvas


def _periodic(values: np.ndarray, n: int = 360) -> np.ndarray:
    """Values (k, ...) at even angles joined by a closed Catmull-Rom spline: (n, ...)."""
    at = np.arange(n) * len(values) / n
    i = at.astype(np.intp)
    t = (at - i).reshape(-1, *[1] * (values.ndim - 1))
    a, b, c, d = (values[(i + k) % len(values)] for k in (-1, 0, 1, 2))
    return b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def superformula(fixed: Generator) -> np.ndarray:
    """Gielis's superformula (2003)."""
    m, n1 = int(fixed.integers(2, 10)), fixed.uniform(0.3, 1.5)
    n2, n3 = fixed.uniform(0.5, 4, 2)
    angle = _around() * m / 4
    radius = (np.abs(np.cos(angle)) ** n2 + np.abs(np.sin(angle) * fixed.uniform(0.7, 1.4)) ** n3) ** (
        -1 / n1
    )
    return _filled(_polar(np.minimum(radius, 4 * np.median(radius))) * [1, fixed.uniform(0.4, 1)])


def blob(fixed: Generator) -> np.ndarray:
    """A closed spline through random radii."""
    radius = fixed.uniform(0.2, 1, int(fixed.integers(5, 12)))
    return _filled(_polar(_periodic(radius)) * [1, fixed.uniform(0.5, 1)])


def fourier(fixed: Generator) -> np.ndarray:
    """Random elliptic Fourier descriptors of falling amplitude (Kuhl and Giardina, 1982)."""
    order = np.arange(1, 8)
    size = fixed.standard_normal((2, 2, 7)) * order ** -fixed.uniform(1.2, 2)
    angle = _around()[:, None] * order
    return _filled((np.cos(angle) @ size[0].T) + (np.sin(angle) @ size[1].T) + _polar(np.full(360, 0.6)))


def body(fixed: Generator) -> np.ndarray:
    """A spline body symmetric about its axis, with 0 to 3 flaps on its rim, alone or in mirrored pairs."""
    k = int(fixed.integers(4, 8))
    width = np.concatenate([[fixed.uniform(0, 0.2)], fixed.uniform(0.12, 0.75, k), [fixed.uniform(0, 0.3)]])
    x = np.linspace(-1, 1, 120)
    half = np.interp(x, np.linspace(-1, 1, k + 2), width)
    half = cv2.GaussianBlur(half[None], (0, 0), 7, borderType=cv2.BORDER_REPLICATE)[0]
    curves = [np.concatenate([np.stack([x, half], -1), np.stack([x, -half], -1)[::-1]])]
    for _ in range(int(fixed.integers(0, 4))):
        at = int(fixed.integers(5, 115))
        lean, high, wide = fixed.uniform(-0.5, 0.5), fixed.uniform(0.2, 0.6), fixed.uniform(0.1, 0.35)
        flap = np.array(
            [[-wide, -0.1], [lean, high], [lean + fixed.uniform(0, 0.4), high * 0.8], [wide, -0.1]]
        )
        flap = np.add(flap, [x[at], half[at]])
        curves.append(flap)
        if fixed.random() < 0.5:
            curves.append(flap * [1, -1])
    return _filled(*curves)


def star(fixed: Generator) -> np.ndarray:
    """A polygon or star, regular or not."""
    n = int(fixed.integers(3, 10))
    radius = np.ones(2 * n)
    radius[1::2] = np.cos(np.pi / n) * (1 if fixed.random() < 0.35 else fixed.uniform(0.4, 0.9))
    uneven = fixed.choice([0, 0.12, 0.25])
    points = _polar(radius * (1 + uneven * fixed.standard_normal(2 * n)).clip(0.4, 1.8))
    return _filled(points * [1, fixed.uniform(0.5, 1)])


def branches(fixed: Generator) -> np.ndarray:
    """Thick curved strokes: one open curve, or several branching from it."""
    canvas = np.zeros((_CANVAS, _CANVAS), np.uint8)
    n, thick, trunk = int(fixed.integers(1, 6)), int(fixed.integers(34, 64)), np.zeros((1, 2))
    for i in range(n):
        turn, curl = fixed.uniform(0, 2 * np.pi), fixed.uniform(-3.5, 3.5)
        heading = turn + curl * np.linspace(0, 1, 30)
        step = (170 if i else 260) * fixed.uniform(0.7, 1) / 30
        path = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], -1) * step, axis=0)
        path = path - path.mean(0) if i == 0 else path + trunk[int(fixed.integers(len(trunk)))]
        trunk = path if i == 0 else trunk
        width = max(20, int(thick * (1 if i == 0 else 0.7)))
        cv2.polylines(
            canvas, [((path + _CANVAS / 2) * 16).astype(np.int32)], False, 255, width, cv2.LINE_8, 4
        )
    return canvas


def union(fixed: Generator) -> np.ndarray:
    """Two figures of other families overlapping, or the first with the second cut out of its rim."""
    one, two = (_SIMPLE[int(fixed.integers(len(_SIMPLE)))](fixed) for _ in range(2))
    scale, away, turn = fixed.uniform(0.4, 0.8), fixed.uniform(60, 130), fixed.uniform(0, 360)
    to = np.deg2rad(turn)
    matrix = cv2.getRotationMatrix2D((_CANVAS / 2, _CANVAS / 2), turn, scale)
    matrix[:, 2] += away * np.array([np.cos(to), np.sin(to)])
    moved = cv2.warpAffine(two, matrix, (_CANVAS, _CANVAS))
    cut = fixed.random() < 0.3
    shrink = cv2.getRotationMatrix2D((_CANVAS / 2, _CANVAS / 2), 0, 0.7)
    one = cv2.warpAffine(one, shrink, (_CANVAS, _CANVAS))
    return cv2.subtract(one, moved) if cut else cv2.max(one, moved)


_SIMPLE: tuple[Blank, ...] = (superformula, blob, fourier, body, star, branches)
_FAMILIES: tuple[Blank, ...] = (*_SIMPLE, body, union)


def _holed(canvas: np.ndarray, fixed: Generator) -> np.ndarray:
    """The figure with one to three round holes where it is thick."""
    canvas = canvas.copy()
    for _ in range(int(fixed.integers(1, 4))):
        depth = cv2.distanceTransform(canvas, cv2.DIST_L2, 3)
        rows, columns = np.nonzero(depth > 0.6 * depth.max())
        pick = int(fixed.integers(len(rows)))
        radius = max(9, int(fixed.uniform(0.35, 0.7) * depth[rows[pick], columns[pick]]))
        cv2.circle(canvas, (int(columns[pick]), int(rows[pick])), radius, 0, -1)
    return canvas


def _traced(canvas: np.ndarray) -> Silhouette:
    """The largest figure of a filled canvas and its holes, as even, slightly smoothed contours of area 1."""
    outer, tree = cv2.findContours(canvas, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    sizes = [cv2.contourArea(c) for c in outer]
    best = int(np.argmax([s if t[3] < 0 else 0 for s, t in zip(sizes, tree[0], strict=True)]))
    holes = [i for i, t in enumerate(tree[0]) if t[3] == best and sizes[i] > 0.008 * sizes[best]]
    parts = []
    for i in (best, *holes):
        ring = outer[i][:, 0].astype(np.float64)
        ring = cv2.GaussianBlur(np.concatenate([ring[-12:], ring, ring[:12]]), (1, 0), 1, sigmaY=2.0)[12:-12]
        n = _POINTS if i == best else 40
        parts.append(ring[(np.arange(n) * len(ring) / n).astype(np.intp)])
    points = np.concatenate(parts)
    inside = np.argwhere(cv2.drawContours(np.zeros_like(canvas), [outer[best]], -1, 1, -1))[:, ::-1]
    centre = inside.mean(0)
    axes = np.linalg.eigh(np.cov((inside - centre).T))[1][:, ::-1]
    splits = tuple(np.cumsum([len(p) for p in parts])[:-1].tolist())
    raw = Silhouette(((points - centre) @ axes).astype(np.float32), splits)
    return raw.moved(1 / np.sqrt(raw.area()), np.zeros(2))


def _signature(figure: Silhouette) -> np.ndarray:
    """What stays of a figure however it is stretched, turned or mirrored: (384,) float64.

    The spectrum over the angle of the figure in polar coordinates, once its own covariance is made round.
    """
    drawn = figure.moved(20, np.array([64, 64])).drawn((128, 128), np.zeros(2))
    inside = np.argwhere(drawn > 127)[:, ::-1].astype(np.float64)
    centre = inside.mean(0)
    spread, axes = np.linalg.eigh(np.cov((inside - centre).T))
    points = (figure.points * 20 + 64 - centre) @ axes / np.sqrt(spread) * 11 + 32
    round_one = Silhouette(points.astype(np.float32), figure.splits).drawn((64, 64), np.zeros(2))
    polar = cv2.warpPolar(round_one, (32, 64), (32, 32), 32, 0) / 255
    return (np.abs(np.fft.rfft(polar, axis=0))[:12] / 64 * np.sqrt(np.arange(32) + 0.5)).ravel()


def silhouettes(seed: int) -> list[Silhouette]:
    """The contours of every shape class: none a thread (area >= 0.17 of its length^2), no two much alike."""
    figures: list[Silhouette] = []
    signatures = np.zeros((N_SHAPES, 384))
    for shape in range(N_SHAPES):
        fixed = default_rng([seed, 3, shape])
        while len(figures) == shape:
            canvas = _FAMILIES[shape % len(_FAMILIES)](fixed)
            if fixed.random() < 0.15:
                canvas = _holed(canvas, fixed)
            figure = _traced(canvas)
            signatures[shape] = _signature(figure)
            nearest = np.linalg.norm(signatures[:shape] - signatures[shape], axis=1).min(initial=np.inf)
            if np.ptp(figure.points[:, 0]) ** 2 <= 1 / 0.17 and nearest > 1.9:
                figures.append(figure)
    return figures


def instance(rng: Generator, figure: Silhouette) -> Silhouette:
    """A class's figure bent, warped, tilted, stretched (0.7 to 1.4), turned and mirrored: area about 1."""
    a = rng.random(8)
    push = rng.standard_normal((2, 2, 2))
    points = figure.points * (1.0 if a[0] < 0.5 else -1.0, 1.0)
    points[:, 1] += (a[1] - 0.5) * 0.5 * (points[:, 0] ** 2 - 0.4)
    wave = np.sin(points @ (2.2 * push[0]) + 6.3 * a[2:4])
    points = points + wave @ (0.045 * push[1])
    points = points / (1 + (a[4] - 0.5) * 0.35 * points[:, :1])
    stretch, turn, tilt = np.sqrt(0.7 * 2.0 ** a[5]), 6.2832 * a[6], 6.2832 * a[7]
    cos, sin = np.cos(turn), np.sin(turn)
    across, down = np.cos(tilt), np.sin(tilt)
    points = points @ (np.array([[across, -down], [down, across]]) * [stretch, 1 / stretch])
    points = points @ np.array([[cos, sin], [-sin, cos]])
    return Silhouette(points.astype(np.float32), figure.splits)
