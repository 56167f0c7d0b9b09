"""What overrides the rules by which a competition's folder is read."""

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from typer import Option

AnswerForm = Literal["probabilities", "probability", "label", "top-k", "label+confidence", "tags"]
"""What a competition wants for an image: see `docs/layouts.md`."""


@dataclass(frozen=True, kw_only=True)
class LayoutOptions:
    """Where training and test photos lie, what labels them, and what is wanted back."""

    train_dir: Annotated[
        str | None, Option(help="DIR,... of the training photos, in the data folder.", show_default="found")
    ] = None
    test_dir: Annotated[
        str | None, Option(help="DIR,... of the test photos, in the data folder.", show_default="found")
    ] = None
    labels: Annotated[
        str | None,
        Option(
            help="The table of labels; folders: the photos' folders are the classes.", show_default="found"
        ),
    ] = None
    id_column: Annotated[
        str | None, Option(help="Its column that names the photos.", show_default="found")
    ] = None
    label_column: Annotated[str | None, Option(help="Its column of class names.", show_default="found")] = (
        None
    )
    label_separator: Annotated[
        str | None,
        Option(
            help="What separates an image's labels in its cells; none: a cell is one.", show_default="found"
        ),
    ] = None
    group_column: Annotated[
        str | None,
        Option(help="Its column of boats, sites, patients; none for no groups.", show_default="found"),
    ] = None
    sample: Annotated[str | None, Option(help="FILE,...: the sample submissions.", show_default="found")] = (
        None
    )
    answer: Annotated[AnswerForm | None, Option(help="What the sample wants.", show_default="found")] = None
    positive: Annotated[
        str | None, Option(help="The class whose probability is wanted.", show_default="the last one")
    ] = None

    @property
    def layout(self) -> "LayoutOptions":
        """These options alone, without what a command's config adds to them."""
        return LayoutOptions(**{field.name: getattr(self, field.name) for field in fields(LayoutOptions)})
