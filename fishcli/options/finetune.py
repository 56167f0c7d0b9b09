"""What `fishcli finetune` takes."""

from dataclasses import dataclass
from typing import Annotated

from typer import Option

from fishcli.options.crops import LEAST, MARGIN, CropAlign, CropMargin, CropMin, OtherCrops
from fishcli.options.train import BoxRule, FoldsConfig, Metadata, TrainConfig
from fishcli.options.views import named_views, with_identity

AUTO_CUT = "auto"
STAGES_TRIED = ("stage4", "stage3", "stage2")
"""Among which `--cut auto` chooses."""
FINETUNE = "finetune"
"""What stands for the head in the settings of its runs."""


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig(FoldsConfig):
    """Train the backbone's own layers above a cut, a copy a fold, from where a frozen head stands."""

    features: Annotated[
        str | None,
        Option(help="The store whose backbone, size and crop it takes.", show_default="the one used last"),
    ] = None
    cut: Annotated[
        str,
        Option(
            help="Train what follows this layer; stageN as in features --layer; input; auto chooses a stage."
        ),
    ] = "stage3"
    backbone: Annotated[str | None, Option(help="Another backbone.", show_default="that store's")] = None
    weights: Annotated[
        str | None, Option(help="Other weights, as features takes them.", show_default="that store's")
    ] = None
    image_size: Annotated[
        str | None, Option(help="Another input, HEIGHTxWIDTH.", show_default="that store's")
    ] = None
    crop: OtherCrops = None
    crop_margin: CropMargin = MARGIN
    crop_min: CropMin = LEAST
    crop_align: CropAlign = False
    view_names: Annotated[str, Option(help="Views to draw from, by name.")] = "identity,hflip"
    augment: Annotated[
        str,
        Option(
            help="RECIPE,...: none, light, strong, OP:MAGNITUDE+..., a mix A/B, the FILE of augment-search; "
            "a network a fold each, blended."
        ),
    ] = "none"
    copies: Annotated[int, Option(help="Augmented copies of each photo for a recipe.", min=1)] = 6
    epochs: Annotated[
        int | None, Option(help="Epochs.", min=1, show_default="400 / sqrt(photos), 4 to 30")
    ] = None
    lr: Annotated[
        float, Option(help="Highest learning rate of the backbone; the head's is 5 times.", min=1e-7, max=1.0)
    ] = 2e-4
    batch_size: Annotated[int, Option(help="Rows a step.", min=2)] = 32
    dropout: Annotated[float, Option(help="Share of pooled features dropped.", min=0.0, max=0.95)] = 0.2
    interpolate: Annotated[
        str,
        Option(help="Weights so far from frozen (0) to trained (1); auto chooses out of fold."),
    ] = "1"
    metadata: Metadata = "size"
    boxes: BoxRule = "largest"
    skip_unreadable: Annotated[
        bool, Option("--skip-unreadable", help="Go on without images that can't be read.")
    ] = False
    name: Annotated[str | None, Option(help="The run's name.", show_default="BACKBONE-finetune-COUNTER")] = (
        None
    )

    @property
    def head(self) -> str:
        """What stands for the head in a run's name and settings."""
        return FINETUNE

    @property
    def chosen_views(self) -> list[str]:
        """The names of the views to draw from; FishError for unknown ones, or where the plain photo lacks."""
        return with_identity(named_views(self.view_names.split(",")), self.view_names)


RunMaker = TrainConfig | FinetuneConfig
"""What a run that classifies is made by."""
