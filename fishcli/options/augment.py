"""What `fishcli augment-search` takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Option

from fishcli.options.data import StoreConfig
from fishcli.options.train import Metadata


@dataclass(frozen=True, kw_only=True)
class AugmentSearchConfig(StoreConfig):
    """Find the mix of augmented copies that heads should draw from, and what it brings on other groups.

    What it brings is measured on folds that took no part in choosing, and may be nothing: see its interval.
    """

    features: Annotated[
        str | None,
        Option(help="The store's name; of several, A,B, joined.", show_default="used last"),
    ] = None
    candidates: Annotated[
        str | None,
        Option(help="Recipes to choose from, with commas.", show_default="each operation, light, strong"),
    ] = None
    copies: Annotated[int, Option(help="Copies of each candidate: how often a mix may have it.", min=1)] = 2
    trials: Annotated[int, Option(help="Mixes to try, in each fold and once on all photos.", min=2)] = 40
    head: Annotated[str, Option(help="The head to try them with: blend, linear, svm or forest.")] = "blend"
    metadata: Metadata = "size"
    folds: Annotated[int, Option(help="Folds whose photos take no part in choosing.")] = 5
    groups: Annotated[
        str, Option(help="What must not straddle a fold: auto (groups.csv), none, size, or a CSV.")
    ] = "auto"
    seed: Annotated[int, Option(help="Of folds and heads.", min=0, max=1_000_000)] = 0
    out: Annotated[Path, Option(help="The policy, for --augment of features, train and finetune.")] = Path(
        "policy.json"
    )
