"""The painting of one fish, flat and straight, as a patch with transparency."""

from dataclasses import dataclass

import numpy as np

from fishcli.demo.anatomy import Fin, Species
from fishcli.demo.paint import (
    Floats,
    Image,
    cv2,
    darker,
    draw_line,
    fill_circle,
    fill_polygon,
    mix,
    noise_texture,
    sample,
    smooth_curve,
    smoothstep,
    vary,
)
from fishcli.demo.patterns import PATTERNS

_MARGIN = 0.06  # of the length, around the outline
_WHITE, _BLOOD, _PUPIL, _GLINT = (255, 255, 255), (120, 22, 18), (14, 14, 18), (235, 238, 240)


@dataclass(frozen=True)
class PaintedFish:
    """A fish on its own, snout to the left.

    Attributes:
        patch: premultiplied RGBA, (h, w, 4) float32; colours 0-255, alpha 0-1.
        snout: its pixel (x, y) in the patch.
        length: pixels from the snout to the tips of the tail.
    """

    patch: Floats
    snout: tuple[int, int]
    length: float


def paint_fish(species: Species, seed: int, length: int) -> PaintedFish:
    """Paint a fish.

    Args:
        species: what to paint.
        seed: of this individual's proportions, colours and marks.
        length: pixels from snout to tail.
    """
    rng = np.random.default_rng(seed)
    stout, freshness, brightness = rng.uniform(0.92, 1.08), rng.uniform(0.55, 1.0), rng.uniform(0.9, 1.08)
    profile = smooth_curve(species.profile) * np.array([1, stout, stout], np.float32)
    reach = max(profile[:, 1:].max(), *(stout * abs(y) for fin in species.fins for _, y in fin.outline))
    snout = (round(_MARGIN * length), round((reach + _MARGIN) * length))
    shape = (2 * snout[1] + 1, length + 2 * snout[0])
    colours, alpha = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
    scale = np.array([length, length * stout])
    for fin in species.fins:
        if not fin.over:
            _paint_fin(colours, alpha, fin, scale, snout)
    body = np.zeros(shape, np.uint8)
    flank = np.concatenate([profile[:, [0, 1]] * (1, -1), profile[::-1][:, [0, 2]]])
    fill_polygon(body, flank * length + snout, 255)
    # The skin is worked out for the body's rows only: fins can make the patch three times as high.
    half = min(snout[1], int(profile[:, 1:].max() * length) + 2)
    rows = slice(snout[1] - half, snout[1] + half + 1)
    skin = _paint_skin(species, profile, rng, (2 * half + 1, shape[1]), (snout[0], half))
    share = body[rows].astype(np.float32) / 255
    colours[rows] = np.clip(mix(colours[rows].astype(np.float32), skin, share), 0, 255)
    alpha = np.maximum(alpha, body)
    _paint_head(colours, species, profile, length, snout)
    for fin in species.fins:
        if fin.over:
            _paint_fin(colours, alpha, fin, scale, snout)
    bright = colours.astype(np.float32) * brightness
    faded = mix(bright, bright.mean(axis=2, keepdims=True), np.full(shape, 1 - freshness, np.float32))
    opacity = alpha[..., None].astype(np.float32) / 255
    patch = np.concatenate([np.clip(faded, 0, 255) * opacity, opacity], axis=2)
    return PaintedFish(cv2.GaussianBlur(patch, (0, 0), 0.6), snout, length)


def _paint_skin(
    species: Species,
    profile: Floats,
    rng: np.random.Generator,
    shape: tuple[int, int],
    snout: tuple[int, int],
) -> Floats:
    """The ramp from back to belly, the pattern, blood, shading and wet gloss over the whole of `shape`."""
    height, width = shape
    length = width - 2 * snout[0]
    x_axis = (np.arange(width, dtype=np.float32) - snout[0]) / length
    top, bottom = (np.interp(x_axis, profile[:, 0], profile[:, side]).astype(np.float32) for side in (1, 2))
    x = np.broadcast_to(x_axis, shape)
    y = np.broadcast_to(((np.arange(height, dtype=np.float32) - snout[1]) / length)[:, None], shape)
    v = np.clip((2 * y - (bottom - top)) / np.maximum(bottom + top, 1e-3), -1, 1)
    noise = noise_texture(rng)
    cloud = sample(noise, x, y)
    ramp = smooth_curve([vary(rng, colour, 0.06) for colour in species.ramp], 64)
    level = (v + 1 + 0.1 * cloud) / 2 * (len(ramp) - 1)
    skin = ramp[np.clip(level, 0, len(ramp) - 1).astype(np.int32)]
    skin = mix(skin, species.marks, PATTERNS[species.pattern](x, y, v, noise))
    if rng.random() < 0.35:  # gaffed or bled
        wound = np.hypot(x - rng.normal(species.gills, 0.08), (y - rng.normal(0.02, 0.03)) * 1.6)
        skin = mix(skin, _BLOOD, 0.75 * smoothstep(0.07, 0.0, wound + 0.02 * cloud))
    skin *= (0.62 + 0.42 * np.sqrt(1 - v * v) + 0.035 * cloud)[..., None]
    gloss = np.exp(-(((v + 0.38) / 0.13) ** 2)) * smoothstep(-0.6, 1.2, cloud) * smoothstep(0.03, 0.2, x)
    return mix(skin, _WHITE, 0.5 * gloss)


def _paint_head(
    colours: Image, species: Species, profile: Floats, length: float, snout: tuple[int, int]
) -> None:
    """Eye, mouth and gill openings, in place."""
    top, bottom = (np.interp(species.gills, profile[:, 0], profile[:, side]) for side in (1, 2))
    shade = darker(species.ramp[1], 0.55)
    heights = np.linspace(-0.62 * top, 0.72 * bottom, 9)
    bulge = 0.05 * (1 - (heights / max(top, bottom)) ** 2)
    if species.n_gills > 1:
        heights, bulge = 0.55 * heights, 0.2 * bulge
    for slit in range(species.n_gills):
        gill = np.column_stack([species.gills - 0.03 + 0.018 * slit + bulge, heights])
        draw_line(colours, gill * length + snout, shade, 0.005 * length)
    depth = profile[np.searchsorted(profile[:, 0], 0.05), 2]
    mouth = smooth_curve([(0.0, 0.004), (0.03, 0.35 * depth), (0.06, 0.62 * depth)])
    draw_line(colours, mouth * length + snout, shade, 0.005 * length)
    x, y, radius = species.eye
    eye = np.array([x, y]) * length + snout
    fill_circle(colours, eye, radius * length, species.iris)
    fill_circle(colours, eye, 0.74 * radius * length, _PUPIL)
    fill_circle(colours, eye - 0.25 * radius * length, 0.2 * radius * length, _GLINT)


def _paint_fin(colours: Image, alpha: Image, fin: Fin, scale: np.ndarray, snout: tuple[int, int]) -> None:
    """A fin with rays from its root to its edge, in place."""
    outline = np.asarray(fin.outline) * scale + snout
    fill_polygon(alpha, outline, 255)
    fill_polygon(colours, outline, fin.colour)
    width = 0.003 * scale[0]
    for ray in range(1, len(outline) // 2):
        shade = darker(fin.colour, 0.8 if ray % 2 else 1.12)
        draw_line(colours, outline[[ray, -1 - ray]], shade, width)
    draw_line(colours, np.concatenate([outline, outline[:1]]), darker(fin.colour, 0.62), width)
