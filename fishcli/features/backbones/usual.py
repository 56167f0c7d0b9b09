"""What is taken where the user names no backbone, or no size of its input."""

from fishcli.basics.progress import say
from fishcli.features.backbones.efficientnet_lite import INSTALL, LITE, is_installed

FIRST, SECOND = "efficientnet_lite0", "mobilenet_v2"


def usual_backbone(weights: str | None) -> str:
    """FIRST where its weights are installed, else SECOND, whose are downloaded; says which, and why.

    Args:
        weights: what the user asks for; SECOND's where it is not None, as before there was a FIRST.
    """
    if weights is not None:
        say(f"backbone: {SECOND}, whose --weights are where no --backbone is named")
        return SECOND
    if is_installed(FIRST):
        say(f"backbone: {FIRST}, whose ImageNet weights are installed (--backbone takes others)")
        return FIRST
    say(f"backbone: {SECOND}, as {FIRST}'s ImageNet weights are not installed ({INSTALL})")
    return SECOND


def usual_size(backbone: str) -> tuple[int, int]:
    """A backbone's input, (height, width) in pixels: an EfficientNet-Lite's own, 224x224 of others."""
    side = LITE[backbone].side if backbone in LITE else 224
    return side, side
