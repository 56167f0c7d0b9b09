"""What a tensor of an ONNX network is: maps, tokens or a vector, and how it becomes features."""

import math
from dataclasses import dataclass

import numpy as np

from fishcli.basics.errors import FishError

MOST_EXTRA = 33
"""Tokens that are no places: a class token, and registers (Darcet et al., 2023), of which DINOv2 has four."""
MOST_NUMBERS = 2**26
"""Of one photo's features."""


@dataclass(frozen=True)
class Form:
    """How the numbers of a tensor, for one photo, lie.

    Attributes:
        kind: "chw" or "hwc" (maps), "tokens" or "vector".
        map_size: (height, width) of the map; (1, 1) of a vector.
        n_channels: numbers a place.
        n_extra: tokens before those of places: the class token first, then registers.
    """

    kind: str
    map_size: tuple[int, int]
    n_channels: int
    n_extra: int = 0

    def __str__(self) -> str:
        """As `--list-layers` says it."""
        if self.kind == "vector":
            return f"{self.n_channels}"
        extra = f" and {self.n_extra} more tokens" if self.n_extra else ""
        return "{}x{} places x {}".format(*self.map_size, self.n_channels) + extra


def form_of(shape: tuple[int, ...], image_size: tuple[int, int], is_channels_first: bool) -> Form | None:
    """What a tensor (1, ...) is, for an image of a size (height, width); None where it is no features.

    Args:
        shape: of the tensor for one image.
        image_size: of the network's input, pixels.
        is_channels_first: whether the input's channels come before places: so do a map's where both would do.
    """
    if len(shape) < 2 or shape[0] != 1 or not all(shape) or math.prod(shape) > MOST_NUMBERS:
        return None
    if len(shape) == 2:
        return Form("vector", (1, 1), shape[1])
    if len(shape) == 3:
        return _tokens(shape[1], shape[2], image_size)
    if len(shape) != 4:
        return None
    first, last = Form("chw", shape[2:], shape[1]), Form("hwc", shape[1:3], shape[3])
    both = (first, last) if is_channels_first else (last, first)
    return next((form for form in both if _is_map(form.map_size, image_size)), None)


def _is_map(map_size: tuple[int, int], image_size: tuple[int, int]) -> bool:
    """Whether both sides of an image were divided by one number, but for the rounding of each."""
    most, least = math.inf, 0.0
    for side, whole in zip(map_size, image_size, strict=True):
        most = min(most, whole / (side - 1) if side > 1 else math.inf)
        least = max(least, whole / (side + 1))
    return least < most and all(m <= s for m, s in zip(map_size, image_size, strict=True))


def _tokens(n_tokens: int, n_channels: int, image_size: tuple[int, int]) -> Form | None:
    """Tokens of square patches, with the fewest others before them that any patch leaves."""
    height, width = image_size
    grids = [(height // side, width // side) for side in range(1, math.gcd(height, width) + 1)]
    fitting = [
        (n_tokens - h * w, (h, w))
        for side, (h, w) in enumerate(grids, start=1)
        if (h * side, w * side) == image_size and 0 <= n_tokens - h * w <= MOST_EXTRA
    ]
    if not fitting:
        return None
    n_extra, map_size = min(fitting)
    return Form("tokens", map_size, n_channels, n_extra)


@dataclass(frozen=True)
class Wish:
    """What of a tensor is kept.

    Attributes:
        tokens: "maps": of places; "class": of the class token; "both": each place's with the class token's
            behind, so that a pooled map is the pooled places' mean with the class token's behind.
        pool: "none", "avg" or "max" over places.
    """

    tokens: str
    pool: str


def check_wish(wish: Wish, form: Form, tensor: str) -> None:
    """Raise FishError where a tensor has no such thing."""
    if wish.tokens != "maps" and not (form.kind == "tokens" and form.n_extra):
        raise FishError(
            f"--tokens {wish.tokens}: {tensor} ({form}) has no class token. Leave --tokens out, or name "
            "another --layer; --list-layers shows all."
        )
    if wish.pool == "max" and (form.kind == "vector" or wish.tokens == "class"):
        raise FishError(f"--pool max: {tensor} ({form}) has no places to pool over. Leave --pool out.")


def feature_shape(form: Form, wish: Wish) -> tuple[int, ...]:
    """The shape of one photo's features: (h, w, channels), or (channels,) of vectors."""
    if form.kind == "vector" or wish.tokens == "class":
        return (form.n_channels,)
    n_channels = form.n_channels * (2 if wish.tokens == "both" else 1)
    return (*form.map_size, n_channels) if wish.pool == "none" else (n_channels,)


def features_from(values: np.ndarray, form: Form, wish: Wish) -> np.ndarray:
    """Features of n photos, float32, from a tensor's values (n, ...)."""
    values = values.astype(np.float32, copy=False)
    if form.kind == "vector":
        return values
    if form.kind == "tokens":
        if wish.tokens == "class":
            return values[:, 0]
        maps = values[:, form.n_extra :].reshape(len(values), *form.map_size, form.n_channels)
        if wish.tokens == "both":
            of_class = np.broadcast_to(values[:, :1, None], maps.shape)
            maps = np.concatenate([maps, of_class], axis=-1)
    else:
        maps = values.transpose(0, 2, 3, 1) if form.kind == "chw" else values
    if wish.pool == "none":
        return np.ascontiguousarray(maps)
    return maps.mean(axis=(1, 2)) if wish.pool == "avg" else maps.max(axis=(1, 2))
