"""How a competition is read: what its folder means, and which pixels come out of a photo's file."""

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from typer import Option

from fishcli.options.layout import LayoutOptions

MAX_PIXELS = 178_956_970
"""Where Pillow takes a file for a bomb: 512 MiB of RGB."""


Transparency = Literal["drop", "white", "black"]


@dataclass(frozen=True, kw_only=True)
class Reading(LayoutOptions):
    """Rules that a competition's folder and its photos are read by, and the options that say them.

    Those that change pixels are a part of a feature store's recipe, and count from there.
    """

    transparency: Annotated[
        Transparency,
        Option(help="Lay transparent photos on a colour; drop takes their colours as they are stored."),
    ] = "drop"
    truncated: Annotated[
        bool, Option("--truncated", help="Read JPEG files that lack their last bytes: grey stands for those.")
    ] = False
    max_pixels: Annotated[int, Option(help="A photo of more pixels counts as unreadable.", min=1)] = (
        MAX_PIXELS
    )

    @property
    def reading(self) -> "Reading":
        """These rules alone, without what a command's config adds to them."""
        return Reading(**{field.name: getattr(self, field.name) for field in fields(Reading)})


USUAL = Reading()
