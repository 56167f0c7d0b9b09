"""What `features` and `finetune` take to look at found regions in place of whole photos."""

from typing import Annotated

from typer import Option

Crops = Annotated[
    str | None,
    Option(
        help="Of each photo's surest box alone: a run of locate (of models, or its folder), or a file as "
        "MegaDetector writes it.",
        show_default="whole photos",
    ),
]
OtherCrops = Annotated[
    str | None,
    Option(help="Of each photo's surest box alone, as features takes it.", show_default="that store's"),
]
CropMargin = Annotated[
    float, Option(help="Widen a box by this share of its longer side, on each side.", min=0.0, max=2.0)
]
CropMin = Annotated[
    float, Option(help="Least side of a crop, as a share of the photo's shorter one.", min=0.0, max=1.0)
]
CropAlign = Annotated[
    bool,
    Option(
        "--crop-align",
        help="Turn the fish level, head left, where both ends were found. It cost on the demo: log loss "
        "1.34 in place of 1.29 on unseen boats, even by the true ends.",
    ),
]
MARGIN = 0.15
LEAST = 0.2
