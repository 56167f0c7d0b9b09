"""The deck of a boat without fish or crew: what its camera sees in every frame."""

from dataclasses import dataclass

import numpy as np

from fishcli.demo.boats import Boat
from fishcli.demo.camera import Camera
from fishcli.demo.paint import (
    Floats,
    Image,
    cv2,
    darker,
    draw_line,
    fill_polygon,
    mix,
    noise_texture,
    sample,
    smoothstep,
)
from fishcli.demo.solids import draw_crate, draw_rod

_SUPERSAMPLING = 2
_RUST, _CAULK, _PRIMER, _STEEL = (118, 70, 44), (36, 30, 26), (140, 132, 122), (178, 184, 186)


@dataclass(frozen=True)
class Deck:
    """A boat's empty deck.

    Attributes:
        image: uint8 RGB in the camera's image size; the sea is left flat in the colour of the water.
        x: metres on the deck at each pixel, (height, width) float32.
        y: likewise.
        sea: share of sea in each pixel, 0-1, (height, width) float32.
        board: (x, y, angle) of the measuring board's middle and direction; fish are often laid on it.
    """

    image: Image
    x: Floats
    y: Floats
    sea: Floats
    board: tuple[float, float, float]


def draw_deck(boat: Boat) -> Deck:
    """Draw the deck of `boat` with its fittings."""
    rng = np.random.default_rng([boat.seed, 0])
    camera = boat.camera.scaled(_SUPERSAMPLING)
    x, y = camera.deck_grid()
    angle = rng.uniform(-0.25, 0.25) + (np.pi / 2 if rng.random() < 0.4 else 0)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    noise = noise_texture(rng)
    surface = _SURFACES[boat.deck](boat, cos * x + sin * y, cos * y - sin * x, noise)
    wet = smoothstep(0.4, 1.6, sample(noise, 0.21 * x + 0.5, 0.21 * y))
    surface = mix(surface * (1 - 0.28 * wet[..., None]), (208, 216, 222), 0.3 * wet * wet)
    dirt = smoothstep(0.7, 2.2, sample(noise, 0.37 * x, 0.37 * y + 0.3))
    surface = mix(surface, (58, 40, 34), 0.45 * dirt)
    image = np.clip(surface, 0, 255).astype(np.uint8)
    board = (float(rng.normal(0, 0.2)), float(rng.normal(0.1, 0.15)), float(angle + rng.normal(0, 0.15)))
    _draw_fittings(image, camera, boat, rng, board)
    sea = np.zeros(image.shape[:2], np.uint8)
    _draw_side(image, sea, camera, boat)
    height, width = boat.camera.image_size
    shrunk = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    share = cv2.resize(sea, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return Deck(shrunk, *boat.camera.deck_grid(), share, board)


def _planks(boat: Boat, along: Floats, across: Floats, noise: Floats) -> Floats:
    width = 0.11 + 0.05 * (boat.seed % 3)
    row = np.floor(across / width)
    tone = np.sin(row * 12.9898 + boat.seed % 97) * 0.5
    grain = sample(noise, 0.35 * along + 0.37 * row, 5 * across)
    surface = np.asarray(boat.colour, np.float32) * (1 + 0.14 * tone + 0.08 * grain)[..., None]
    gap = np.abs(np.mod(across / width, 1) - 0.5) * 2
    joint = np.abs(np.mod((along + 0.9 * np.mod(row * 0.618, 1) * 2.4) / 2.4, 1) - 0.5) * 2
    lines = np.maximum(smoothstep(0.92, 0.97, gap), smoothstep(0.993, 0.997, joint))
    return mix(surface, _CAULK, 0.85 * lines)


def _metal(boat: Boat, along: Floats, across: Floats, noise: Floats) -> Floats:
    cloud = sample(noise, 0.2 * along, 0.2 * across)
    u, v = along + across, along - across
    diamonds = np.maximum(
        smoothstep(0.1, 0.6, np.sin(70 * u)) * smoothstep(0.85, 0.95, np.cos(35 * v)),
        smoothstep(0.1, 0.6, np.sin(70 * v)) * smoothstep(0.85, 0.95, np.cos(35 * u + np.pi)),
    )
    surface = np.asarray(boat.colour, np.float32) * (1 + 0.07 * cloud + 0.2 * diamonds)[..., None]
    seam = smoothstep(0.985, 0.992, np.abs(np.mod(along / 1.3, 1) - 0.5) * 2)
    rust = smoothstep(1.0, 2.0, sample(noise, 0.5 * along, 0.5 * across) + 0.7 * seam)
    return mix(mix(surface, (60, 62, 64), 0.8 * seam), _RUST, 0.75 * rust)


def _painted(boat: Boat, along: Floats, across: Floats, noise: Floats) -> Floats:
    cloud = sample(noise, 0.3 * along, 0.3 * across)
    surface = np.asarray(boat.colour, np.float32) * (1 + 0.06 * cloud)[..., None]
    worn = smoothstep(1.0, 1.3, sample(noise, 0.3 * along + 0.2, 0.45 * across))
    scuff = smoothstep(1.4, 1.9, sample(noise, 0.25 * along, 2.0 * across))
    return mix(mix(surface, _PRIMER, 0.8 * worn), darker(boat.colour, 0.6), 0.6 * scuff)


def _mat(boat: Boat, along: Floats, across: Floats, noise: Floats) -> Floats:
    pitch = 0.075
    holes = np.hypot(np.mod(along / pitch, 1) - 0.5, np.mod(across / pitch, 1) - 0.5)
    cloud = sample(noise, 0.3 * along, 0.3 * across)
    surface = np.asarray(boat.colour, np.float32) * (1.15 + 0.08 * cloud)[..., None]
    edge = smoothstep(0.97, 0.985, np.abs(np.mod(along / 0.9, 1) - 0.5) * 2)
    return mix(surface, (20, 20, 20), np.maximum(0.75 * smoothstep(0.33, 0.27, holes), 0.6 * edge))


_SURFACES = {"planks": _planks, "metal": _metal, "painted": _painted, "mat": _mat}


def _draw_fittings(
    image: Image, camera: Camera, boat: Boat, rng: np.random.Generator, board: tuple[float, float, float]
) -> None:
    """A hatch, a measuring board, a fixed crate or two and a pipe."""
    if rng.random() < 0.6:
        hatch = _rectangle(rng.uniform(-1.6, 1.6), rng.uniform(-0.8, 0.9), rng.uniform(0, 0.3), (0.8, 0.6))
        seen = camera.project(hatch)
        fill_polygon(image, seen + 4, darker(boat.colour, 0.4))
        fill_polygon(image, seen, darker(boat.colour, 0.85))
        draw_line(image, np.concatenate([seen, seen[:1]]), darker(boat.colour, 0.5), 4)
    if rng.random() < 0.65:
        x, y, angle = board
        seen = camera.project(_rectangle(x, y, angle, (1.7, 0.3)))
        fill_polygon(image, seen + 5, darker(boat.colour, 0.45))
        fill_polygon(image, seen, (222, 222, 210))
        for tick in np.linspace(-0.82, 0.82, 34):
            length = 0.12 if round(tick / 0.05) % 5 == 0 else 0.06
            ends = np.array([[tick, 0.14], [tick, 0.14 - length]])
            turned = ends @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + (
                x,
                y,
            )
            draw_line(image, camera.project(np.column_stack([turned, [0, 0]])), (60, 60, 60), 2)
    for _ in range(rng.integers(0, 3)):
        side = rng.choice([-1, 1])
        corner = (side * rng.uniform(1.15, 1.6) - 0.3, rng.uniform(-0.6, 0.7), rng.normal(0, 0.2))
        draw_crate(image, camera, corner, rng.uniform((0.45, 0.3, 0.2), (0.8, 0.5, 0.45)), boat.trim)
    if rng.random() < 0.5:
        y = rng.uniform(0.75, 1.1)
        draw_rod(image, camera, [(-2.5, y, 0.08), (2.5, y + rng.normal(0, 0.2), 0.08)], 0.05, _STEEL)


def _draw_side(image: Image, sea: Image, camera: Camera, boat: Boat) -> None:
    """The bulwark with its rail, and the sea beyond; `sea` becomes 255 where water is seen."""
    out = np.array([np.cos(boat.rail_angle), np.sin(boat.rail_angle)])
    along = np.array([-out[1], out[0]])
    foot = boat.rail_distance * out + np.array([[-3.0], [3.0]]) * along
    high = 0.25 + 0.1 * (boat.seed % 4)

    def line(height: float) -> np.ndarray:
        return camera.project(np.column_stack([foot, np.full(2, height)]))

    beyond = camera.project(np.column_stack([foot[::-1] + 6 * out, [0, 0]]))
    wall = np.concatenate([line(0), line(high)[::-1]])
    for target, colour in ((image, boat.water), (sea, 255)):
        fill_polygon(target, np.concatenate([line(high), beyond]), colour)
    fill_polygon(image, wall, darker(boat.trim, 0.7))
    fill_polygon(sea, wall, 0)
    inner = np.concatenate([line(0.04), line(0.12)[::-1]])
    fill_polygon(image, inner, darker(boat.trim, 0.45))
    for target, colour in ((image, _STEEL), (sea, (0.0, 0.0, 0.0))):
        for step in np.linspace(0, 1, 8):
            post = foot[0] + step * (foot[1] - foot[0])
            draw_rod(target, camera, [(*post, high), (*post, high + 0.4)], 0.025, colour)
        for height in (high, high + 0.4):
            draw_rod(target, camera, np.column_stack([foot, np.full(2, height)]), 0.035, colour)


def _rectangle(x: float, y: float, angle: float, sides: tuple[float, float]) -> Floats:
    """The corners, (4, 3) metres, of a flat rectangle around (x, y)."""
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.asarray(sides) / 2
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.column_stack([half @ turn + (x, y), np.zeros(4)]).astype(np.float32)
