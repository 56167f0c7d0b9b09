"""The light on a frame and what the camera makes of it: from the drawn scene to the picture."""

from dataclasses import dataclass

import numpy as np

from fishcli.demo.boats import Boat, Lens
from fishcli.demo.deck import Deck
from fishcli.demo.paint import Colour, Floats, Image, cv2

LIGHTS = ("sun", "cloud", "dusk", "night")


@dataclass(frozen=True)
class Light:
    """The light of a sequence.

    Attributes:
        gain: of red, green and blue.
        slope: relative change of the gain across the picture, to the right and downwards.
        lamp: (x, y) in metres of the lamp's spot on the deck.
        lamp_gain: brightness of the spot relative to `gain`.
        shadow: strength of the fish's shadows, 0-1.
        shadow_angle: radians; where shadows fall in the picture.
        noise: factor on the lens's noise.
        grey: 1 for an infrared picture, else 0.
    """

    gain: Colour
    slope: tuple[float, float]
    lamp: tuple[float, float]
    lamp_gain: float
    shadow: float
    shadow_angle: float
    noise: float
    grey: float


def draw_light(boat: Boat, rng: np.random.Generator) -> Light:
    """The light of one sequence on `boat`: the hour by its habits, the lamp where it hangs."""
    kind = str(rng.choice(LIGHTS, p=boat.light_shares))
    level = rng.uniform(0.86, 1.1)
    grey, lamp_gain, noise, shadow = 0.0, 0.0, 1.0, 0.4
    if kind == "sun":
        gain, shadow = np.array([1.12, 1.06, 0.96]) * level, 0.75
    elif kind == "cloud":
        gain = np.array([0.94, 0.98, 1.03]) * level
    elif kind == "dusk":
        gain, lamp_gain, noise = np.array([0.8, 0.64, 0.58]) * level, 0.3, 1.4
    else:
        cast = np.asarray(boat.night_cast)
        gain, lamp_gain, noise, shadow = 0.36 * level * cast, rng.uniform(1.5, 2.4), 2.0, 0.6
        grey = float(np.ptp(cast) == 0)
    red, green, blue = gain.tolist()
    hung = np.random.default_rng([boat.seed, 1]).normal(0, 0.45, 2)
    right, down = rng.normal(0, 0.12, 2).tolist()
    return Light(
        gain=(red, green, blue),
        slope=(right, down),
        lamp=(float(hung[0]), float(hung[1])),
        lamp_gain=float(lamp_gain),
        shadow=shadow,
        shadow_angle=float(rng.uniform(0.2, 1.3)),
        noise=noise,
        grey=grey,
    )


def take_picture(scene: Image, deck: Deck, light: Light, lens: Lens, rng: np.random.Generator) -> Image:
    """Light a drawn scene and pass it through the camera.

    Args:
        scene: uint8 RGB, drawn under even white light.
        deck: where each pixel lies, for the lamp's spot.
        light: of the sequence.
        lens: of the boat.
        rng: of this frame: flicker and sensor noise.

    Returns:
        uint8 RGB, (height, width, 3).
    """
    height, width = scene.shape[:2]
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    level = 1 + light.slope[0] * across + light.slope[1] * down - 0.1 * (across**2 + down**2)
    if light.lamp_gain > 0:
        away = (deck.x - light.lamp[0]) ** 2 + (deck.y - light.lamp[1]) ** 2
        level = level + light.lamp_gain * np.exp(-away / 0.9)
    level = level * np.float32(1 + rng.normal(0, 0.015))
    picture = scene.astype(np.float32)
    gains = np.asarray(light.gain, np.float32) * np.asarray(lens.white_balance, np.float32)
    # Channel by channel: NumPy broadcasts along a last axis of 3 less than half as fast.
    for channel, gain in enumerate(gains):
        picture[..., channel] *= level
        picture[..., channel] *= gain
    saturation = lens.saturation * (1 - light.grey)
    if saturation != 1:
        picture = cv2.transform(picture, _saturation_matrix(saturation))
    picture = cv2.GaussianBlur(picture, (0, 0), lens.blur)
    picture = _expose(picture, lens.gamma)
    sigma = np.float32(lens.noise * light.noise)
    # Sensor noise is grain in brightness with coarser blotches of colour.
    grain = 0.8 * rng.standard_normal((height, width), np.float32)
    blotch = rng.standard_normal((height // 2 + 1, width // 2 + 1, 3), np.float32)
    blotch = cv2.resize(blotch, (width, height), interpolation=cv2.INTER_LINEAR)
    blotch *= 0.7 * (1 - light.grey)
    for channel in range(3):
        picture[..., channel] += sigma * (grain + blotch[..., channel])
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def _expose(picture: Floats, gamma: float) -> Floats:
    """The gamma curve with a soft shoulder, so that bright spots keep some of their colour."""
    value = np.clip(picture / 255, 0, 4)
    shoulder = np.where(value < 0.8, value, 0.8 + 0.2 * (1 - np.exp(-(value - 0.8) / 0.2)))
    return 255 * shoulder ** np.float32(gamma)


def _saturation_matrix(saturation: float) -> Floats:
    grey = np.tile(np.array([0.299, 0.587, 0.114]), (3, 1))
    return (saturation * np.eye(3) + (1 - saturation) * grey).astype(np.float32)
