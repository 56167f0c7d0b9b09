"""What the commands take that look at the competition before any model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from fishcli.options.places import Config
from fishcli.options.reading import Reading


@dataclass(frozen=True, kw_only=True)
class DataConfig(Config, Reading):
    """Where the competition lies, and how its photos are read."""

    data_dir: Annotated[Path, Option(help="The competition's folder.")] = Path("data")
    box_categories: Annotated[
        str | None,
        Option(
            help="NAME,...: boxes of these only; iscrowd: COCO's crowds too.", show_default="all but crowds"
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class StoreConfig(DataConfig):
    """Where the competition and its feature stores lie."""

    features_dir: Annotated[
        Path | None, Option(help="The feature stores' folder.", show_default="DATA_DIR/features")
    ] = None

    @property
    def stores_dir(self) -> Path:
        """The folder of all feature stores."""
        return self.features_dir or self.data_dir / "features"


@dataclass(frozen=True, kw_only=True)
class DemoConfig(Config):
    """Draw a competition to learn on: boats whose image size gives the species away."""

    directory: Annotated[Path, Argument(metavar="[DIR]", help="An empty or new folder.")] = Path("demo")
    images: Annotated[int, Option(help="Training images.", min=40)] = 480
    boats: Annotated[int, Option(help="Boats in training.", min=3)] = 8
    seed: Annotated[int, Option(help="Of all that is drawn.", min=0)] = 0


@dataclass(frozen=True, kw_only=True)
class PictureConfig(DataConfig):
    """Picture the competition before any model: counts, sizes, boxes, broken files, contact sheets."""

    groups: Annotated[
        str, Option(help="Boats, cameras, videos: auto (groups.csv), none, size, or a CSV.")
    ] = "auto"
    out: Annotated[Path, Option(help="The folder for data.html, images.csv and contact sheets.")] = Path(
        "data_picture"
    )


@dataclass(frozen=True, kw_only=True)
class GroupsConfig(StoreConfig):
    """Cluster the training images into cameras or sequences: a groups.csv to be looked over, and sheets."""

    out: Annotated[
        Path | None, Option(help="The CSV (image,group).", show_default="DATA_DIR/groups_found.csv")
    ] = None
    force: Annotated[bool, Option("--force", help="Replace --out; never DATA_DIR/groups.csv.")] = False
    clusters: Annotated[str, Option(help="How many, or auto.")] = "auto"
    features: Annotated[
        str | None,
        Option(
            help="The store that helps with crops and photos by hand; none for no store.",
            show_default="the newest, if any",
        ),
    ] = None
