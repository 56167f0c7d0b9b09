"""Results that are files to be looked at: pages, pictures, and the tables beside them."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fishcli.basics.files import read_csv, read_json
from fishcli.library import showing

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Page(os.PathLike[str]):
    """An HTML page that a command wrote; a notebook shows it.

    Attributes:
        path: the file; it needs no other.
    """

    path: Path

    def __fspath__(self) -> str:
        """The file, for whatever opens files."""
        return str(self.path)

    def _repr_html_(self) -> str:
        return showing.page(self.path, self.path.name)


@dataclass(frozen=True)
class Picture:
    """What `data` found in the competition's files.

    Attributes:
        page: the page about it.
    """

    page: Page

    @property
    def images(self) -> "pd.DataFrame":
        """A row an image of every split: its class, group, size, boxes and what is wrong with it."""
        text = ["split", "image", "class_name", "group", "problem"]
        return read_csv(self.page.path.with_name("images.csv"), ["split", "image"], text)

    def _repr_html_(self) -> str:
        return self.page._repr_html_()


@dataclass(frozen=True)
class Groups:
    """Cameras or sequences that `groups` found.

    Attributes:
        path: the CSV, to be looked over before it is believed: `train(groups=found)` takes it.
        sheets_dir: the folder of contact sheets, one a group.
        said: what was found, in words.
    """

    path: Path
    sheets_dir: Path
    said: str

    @property
    def as_option(self) -> str:
        """What an option takes in its place: the CSV."""
        return str(self.path)

    @property
    def table(self) -> "pd.DataFrame":
        """`image`, `group`."""
        return read_csv(self.path, ["image", "group"], ["image", "group"])

    def _repr_html_(self) -> str:
        sizes = self.table.groupby("group", sort=False).size().rename("images").reset_index()
        return showing.card("Groups found", showing.table(sizes), showing.lines(self.said.splitlines()[-1]))


@dataclass(frozen=True)
class Heatmaps:
    """Class maps over photos.

    Attributes:
        path: the folder: a picture an image, and a contact sheet.
        said: what lies where, in words.
    """

    path: Path
    said: str

    @property
    def pictures(self) -> list[Path]:
        """The pictures' files."""
        return sorted(each for each in self.path.rglob("*.png") if each.name != "contact_sheet.png")

    @property
    def mass(self) -> "pd.DataFrame | None":
        """Each boxed image's share of its map inside its boxes; None where there are no boxes."""
        path = self.path / "mass.csv"
        return read_csv(path, ["image"], ["image", "class_name", "group"]) if path.exists() else None

    def _repr_html_(self) -> str:
        sheet = showing.photo(self.path / "contact_sheet.png", "photos, and where the run looks in each")
        return showing.card("Where the run looks", sheet)


@dataclass(frozen=True)
class Audit:
    """What metadata alone gives away of the label.

    Attributes:
        path: the folder of audit.json and audit.html.
    """

    path: Path

    @property
    def result(self) -> dict[str, Any]:
        """All that was found, as audit.json has it."""
        found: dict[str, Any] = read_json(self.path / "audit.json")
        return found

    @property
    def page(self) -> Page:
        """The page with the plots."""
        return Page(self.path / "audit.html")

    @property
    def bits(self) -> dict[str, float]:
        """Bits of the label that the headline's fields tell, by the kind of folds: 0 is a safe file."""
        gains = self.result["gains"]
        return {each["folds"]: each["bits"] for each in gains if each["fields"] == gains[0]["fields"]}

    @property
    def table(self) -> "pd.DataFrame":
        """A row for each set of fields and kind of folds: bits with their interval, losses, the prior's."""
        import pandas as pd

        rows = [{**each, "learners": json.dumps(each["learners"])} for each in self.result["gains"]]
        return pd.DataFrame(rows)

    @property
    def fields(self) -> "pd.DataFrame":
        """A row for each field, the most telling first."""
        import pandas as pd

        rows = pd.DataFrame(self.result["per_field"])
        return rows.sort_values("random_bits", ascending=False, kind="stable", ignore_index=True)

    def __repr__(self) -> str:
        """Its sentence."""
        return f"Audit({str(self.path)!r}: {self.result['sentence']})"

    def _repr_html_(self) -> str:
        shown = ["fields", "folds", "bits", "bits_low", "bits_high", "log_loss", "prior_log_loss", "accuracy"]
        fields = self.fields[["field", "family", "random_bits", "grouped_bits", "p_images", "p_groups"]]
        parts = [showing.table(self.table[shown]), showing.table(fields.head(8))]
        return showing.card("What metadata gives away", showing.lines(self.result["sentence"]), *parts)


@dataclass(frozen=True)
class Comparison:
    """A grid of heads on the same folds.

    Attributes:
        path: the folder of compare.csv, its plot and its runs.
        said: the table for the screen, and what is no worse than noise.
    """

    path: Path
    said: str

    @property
    def table(self) -> "pd.DataFrame":
        """A row a cell and kind of folds: its loss beside the prior's, and its difference to the best."""
        return read_csv(self.path / "compare.csv", ["head", "folds", "log_loss"], ["features", "head"])

    @property
    def plot(self) -> Path:
        """The plot, a PNG file."""
        return self.path / "compare.png"

    def _repr_html_(self) -> str:
        cells = [
            "head",
            "metadata",
            "boxes",
            "folds",
            "log_loss",
            "prior_log_loss",
            "difference",
            "low",
            "high",
        ]
        plot = showing.photo(self.plot, "log loss of each head beside the class prior's")
        return showing.card("Comparison", showing.table(self.table[cells]), plot)
