"""Grey texture tiles drawn by formula: the texture classes of the fishnet's pre-training images.

Every family is a function of two generators. What is drawn from `fixed` (made anew from the class's seed for
each tile) is the class; what is drawn from `free` is one tile's chance. After "Pre-training without Natural
Images" (Kataoka et al., 2020) and "Learning to See by Looking at Noise" (Baradad et al., 2021).
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

TILE = 256
STAMP = 160
Family = Callable[[Generator, Generator], np.ndarray]

_STEPS = np.linspace(0, 1, TILE, endpoint=False, dtype=np.float32)
X, Y = np.meshgrid(_STEPS, _STEPS)
_FX = np.fft.rfftfreq(TILE, 1 / TILE).astype(np.float32)[None, :]
_FY = np.fft.fftfreq(TILE, 1 / TILE).astype(np.float32)[:, None]


def clouds(free: Generator, cells: int) -> np.ndarray:
    """Smooth noise of about `cells` bumps a side: (256, 256) float32, mean about 0, deviation about 0.7."""
    coarse = free.standard_normal((cells + 1, cells + 1), np.float32)
    return cv2.resize(coarse, (TILE, TILE), interpolation=cv2.INTER_CUBIC)


def between(rng: Generator, low: float, high: float) -> float:
    """One number between two positive bounds, even on a log scale."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def warped(free: Generator, amount: float) -> tuple[np.ndarray, np.ndarray]:
    """The tile's coordinates, bent by smooth noise of `amount` tile sides: two (256, 256) float32."""
    return X + amount * clouds(free, 4), Y + amount * clouds(free, 4)


def fractal(fixed: Generator, free: Generator) -> np.ndarray:
    """Copies of an iterated function system's attractor strewn about (chaos game, Barnsley, 1988).

    The maps' singular values are drawn as in "Improving Fractal Pre-training" (Anderson and Farrell, 2022),
    which keeps the attractor from being dust or a blob. (256, 256) float32, the log of the visits.
    """
    n = int(fixed.integers(2, 6))
    u, v = fixed.uniform(0, 2 * np.pi, (2, n))
    sigma = np.sort(fixed.uniform(0.15, 1, (n, 2)), axis=1)[:, ::-1]
    sigma = np.minimum(sigma * fixed.uniform(5 + n, 6 + n) / 2 / (sigma @ [1.0, 2.0]).sum(), 0.92)
    maps = rotations(u) @ (sigma[:, :, None] * rotations(v)) * fixed.choice([-1.0, 1.0], (n, 1, 2))
    shifts = fixed.uniform(-1, 1, (n, 2))
    reach, sharp = between(fixed, 60, 140), between(fixed, 0.05, 5)
    aligned = fixed.random() < 0.4
    maps = maps * (1 + 0.02 * free.standard_normal((n, 1, 1)))
    chance = np.abs(np.linalg.det(maps)) + 0.02
    points, visited = np.zeros((2000, 2)), []
    for i, step in enumerate(free.choice(n, (46, 2000), p=chance / chance.sum())):
        points = np.einsum("nij,nj->ni", maps[step], points) + shifts[step]
        if i > 8:
            visited.append(points)
    cloud = np.concatenate(visited)
    low, high = np.percentile(cloud[::20], [2, 98], axis=0)
    cloud = (cloud - (low + high) / 2) / max((high - low).max(), 1e-3) * reach + STAMP / 2
    cloud = cloud[((cloud >= 0) & (cloud < STAMP)).all(1)].astype(np.intp)
    count = np.bincount(cloud @ [STAMP, 1], minlength=STAMP * STAMP).reshape(STAMP, STAMP)
    stamp = np.log1p(sharp * cv2.GaussianBlur(count.astype(np.float32), (0, 0), 0.7))
    return _strewn(free, stamp, 0.6 * reach, aligned)


def _strewn(free: Generator, stamp: np.ndarray, step: float, aligned: bool) -> np.ndarray:
    """Copies of a stamp (160, 160) float32, turned and about `step` pixels apart: (256, 256) float32."""
    field = np.zeros((TILE + STAMP, TILE + STAMP), np.float32)
    n = int(np.ceil(TILE / step)) + 1
    for place in np.ndindex(n, n):
        turn = free.normal(0, 12) if aligned else free.uniform(0, 360)
        matrix = cv2.getRotationMatrix2D((STAMP / 2, STAMP / 2), turn, free.uniform(0.7, 1.1))
        row, column = ((np.array(place) + free.random(2) * 0.8) * TILE / n).astype(int)
        under = field[row : row + STAMP, column : column + STAMP]
        np.maximum(under, cv2.warpAffine(stamp, matrix, (STAMP, STAMP)), out=under)
    return field[STAMP // 2 :, STAMP // 2 :][:TILE, :TILE]


def rotations(angles: np.ndarray) -> np.ndarray:
    """(n,) angles in radians to (n, 2, 2) rotation matrices."""
    cos, sin = np.cos(angles), np.sin(angles)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)


def leaves(fixed: Generator, free: Generator) -> np.ndarray:
    """Dead leaves: opaque figures of power-law sizes fallen on each other (Lee, Mumford and Huang, 2001)."""
    corners = int(fixed.choice([3, 4, 4, 5, 6, 24, 24, 24]))
    slim, aligned, power = fixed.uniform(0.25, 1), fixed.random() < 0.4, fixed.uniform(0.5, 3)
    small = between(fixed, 3, 12)
    large, shade = small * fixed.uniform(1.5, 6), fixed.random() < 0.4
    levels = int(fixed.choice([2, 3, 5, 64, 64]))
    spiky = fixed.uniform(0.4, 0.8) if fixed.random() < 0.25 else 1.0
    n = int(min(1400, 3.0 * TILE**2 / (small * large * slim + 9)))
    radius = (small**-power + free.random(n) * (large**-power - small**-power)) ** (-1 / power)
    turn = 0.15 * free.standard_normal(n) if aligned else free.uniform(0, 2 * np.pi, n)
    around = np.linspace(0, 2 * np.pi, 2 * corners, endpoint=False)
    reach = np.where(np.arange(2 * corners) % 2, spiky * (np.cos(np.pi / corners)), 1.0)
    ring = np.stack([reach * np.cos(around), slim * reach * np.sin(around)], -1)
    points = np.einsum("nij,kj->nki", rotations(turn), ring) * radius[:, None, None]
    points = ((points + free.uniform(-5, TILE + 5, (n, 1, 2))) * 16).astype(np.int32)
    tones = free.integers(0, levels, n) * 255 // (levels - 1)
    tile = np.full((TILE, TILE), 128, np.uint8)
    for outline, tone in zip(points, tones.tolist(), strict=True):
        cv2.fillPoly(tile, [outline], tone, cv2.LINE_AA, 4)
        if shade:
            cv2.polylines(tile, [outline], True, 255 - tone, 1, cv2.LINE_AA, 4)
    return tile.astype(np.float32)


def waves(fixed: Generator, free: Generator) -> np.ndarray:
    """A few plane waves of near frequencies and orientations, bent or squared (Gabor-like gratings)."""
    n, base = int(fixed.integers(2, 6)), between(fixed, 5, 30)
    angles = fixed.uniform(0, np.pi, n) if fixed.random() < 0.6 else fixed.normal(0, 0.25, n)
    pitch = base * np.exp(fixed.normal(0, 0.35, n))
    form = int(fixed.integers(4))
    u, v = warped(free, 0.012)
    parts = [
        np.sin(2 * np.pi * (f * (np.cos(a) * u + np.sin(a) * v) + free.random()))
        for f, a in zip(pitch, angles, strict=True)
    ]
    total = np.prod(parts[:2], 0) + sum(parts[2:]) if form == 3 else np.sum(parts, 0)
    return (total, np.abs(total), np.tanh(5 * total), total)[form]


def _spectrum(free: Generator, amplitude: np.ndarray) -> np.ndarray:
    """Noise of the given amplitude spectrum (256, 129): (256, 256) float32 of mean 0 and deviation 1."""
    amplitude = amplitude.copy()
    amplitude[0, 0] = 0
    noise = np.fft.rfft2(free.standard_normal((TILE, TILE), np.float32))
    field = np.fft.irfft2(noise * amplitude, s=(TILE, TILE)).astype(np.float32)
    return field / max(float(field.std()), 1e-9)


def _frequency(stretch: float) -> np.ndarray:
    """The length of each frequency in an anisotropic metric: (256, 129) float32 in waves a tile."""
    return np.sqrt((_FX * stretch) ** 2 + (_FY / stretch) ** 2) + 1e-3


def noise(fixed: Generator, free: Generator) -> np.ndarray:
    """Anisotropic 1/f^alpha noise, now and then folded into ridges (Baradad et al., 2021; Musgrave, 1989)."""
    frequency = _frequency(between(fixed, 1, 5))
    alpha, start = fixed.uniform(1, 3), between(fixed, 3, 14)
    field = _spectrum(free, (frequency + start) ** -alpha * np.exp(-((start / 3 / frequency) ** 2)))
    return (field, -np.abs(field), np.tanh(3 * field))[int(fixed.integers(3))]


def turing(fixed: Generator, free: Generator) -> np.ndarray:
    """Spots, labyrinths and stripes: thresholded band-pass noise, after reaction-diffusion (Turing, 1952).

    The band's centre, width and direction are the class's, and so is the threshold that makes stripes spots.
    """
    pitch, width = between(fixed, 7, 34), fixed.uniform(0.06, 0.3)
    directed, bias, hard = fixed.random() < 0.4, fixed.uniform(-1.1, 1.1), between(fixed, 1.5, 8)
    frequency = _frequency(between(fixed, 1, 1.6))
    band = np.exp(-(((frequency / pitch - 1) / width) ** 2))
    if directed:
        band = band * np.exp(-((np.arctan2(np.abs(_FY), _FX + 1e-3) / fixed.uniform(0.2, 0.6)) ** 2))
    field = np.tanh(hard * (_spectrum(free, band) - bias))
    inner = fixed.random()
    if inner < 0.3:
        field = field - np.tanh(
            hard * (_spectrum(free, np.exp(-((frequency / pitch / 2 - 1) ** 2) / 0.02)) - 1)
        )
    return field


def cells(fixed: Generator, free: Generator) -> np.ndarray:
    """Cellular texture: distances to the two nearest of jittered points (Worley, 1996).

    Spots, cracks, scales and mosaics, by what is made of the distances. (256, 256) float32.
    """
    n, stretch, jitter = int(between(fixed, 6, 26)), between(fixed, 0.6, 1.6), fixed.uniform(0.25, 1)
    metric, form, edge = int(fixed.integers(3)), int(fixed.integers(6)), fixed.uniform(0.08, 0.3)
    nx, ny = max(3, round(n * stretch)), max(3, round(n / stretch))
    points, tones = (
        (free.random((2, ny, nx), np.float32) - 0.5) * jitter + 0.5,
        free.random((ny, nx), np.float32),
    )
    u, v = warped(free, 0.01)
    u, v = u * nx, v * ny
    column, row = np.floor(u).astype(np.intp), np.floor(v).astype(np.intp)
    near, second, tone = np.full_like(u, 9.0), np.full_like(u, 9.0), np.zeros_like(u)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            at = (row + dy) % ny * nx + (column + dx) % nx
            across = np.abs(column + dx + points[0].ravel()[at] - u)
            down = np.abs(row + dy + points[1].ravel()[at] - v)
            far = (np.hypot(across, down), across + down, np.maximum(across, down))[metric].astype(np.float32)
            second = np.minimum(second, np.maximum(near, far))
            closer = far < near
            near = np.where(closer, far, near)
            tone = np.where(closer, tones.ravel()[at], tone)
    gap = second - near
    cracks = np.minimum(gap / edge, 1)
    return (near, gap, cracks, np.tanh(12 * (edge + 0.15 - near)), tone + cracks, np.sin(9 * near))[form]
