"""What `fishcli rehearse` takes."""

from dataclasses import dataclass
from typing import Annotated

from typer import Option

from fishcli.options.train import Metadata, RunConfig
from fishcli.options.views import ViewSet


@dataclass(frozen=True, kw_only=True)
class RehearseConfig(RunConfig):
    """Hold a third of the groups back, again and again: what folds promise of them, and what comes."""

    features: Annotated[
        str | None,
        Option(
            help="The store's name; of several, A,B, pooled features are joined.", show_default="used last"
        ),
    ] = None
    head: Annotated[str, Option(help="The head, as train has it.")] = "linear"
    metadata: Metadata = "size"
    views: Annotated[int, Option(help="Learn from the first N of the view set, and average them.")] = 1
    view_set: ViewSet = "upright"
    epochs: Annotated[int, Option(help="Epochs of a head that has some.", min=1)] = 60
    seeds: Annotated[int, Option(help="Heads a fold, averaged.", min=1)] = 1
    folds: Annotated[int, Option(help="Folds.")] = 5
    groups: Annotated[str, Option(help="What is held back: auto (groups.csv), size, or a CSV.")] = "auto"
    splits: Annotated[int, Option(help="How often a third of the groups is held back.", min=1)] = 10
    seed: Annotated[int, Option(help="Of the first split; counted up.", min=0, max=1_000_000)] = 0
    memory_budget: Annotated[float, Option(help="GiB an array of features may take in memory.", min=0.0)] = (
        4.0
    )
    name: Annotated[str, Option(help="The rehearsal's folder among the runs.")] = "rehearse"
