"""The studio that the tests of the pre-training's drawings share: to draw its classes takes seconds."""

import functools
from pathlib import Path

from fishnet_drawings import Studio

TOOLS = Path(__file__).parents[2] / "tools"
SEED, N_TILES = 0, 1


@functools.cache
def small_studio() -> Studio:
    """The classes of a seed with a tile each; not to be changed."""
    return Studio(SEED, N_TILES)
