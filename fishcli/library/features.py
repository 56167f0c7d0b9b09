"""A feature store, as Python has it: arrays, and which image each row is of."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fishcli.library import showing
from fishcli.library.kept import Kept

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from fishcli.features.store.store import FeatureStore


@dataclass(frozen=True)
class Features(Kept):
    """Frozen features of images, kept in a folder. `train(features=it)` takes it.

    Attributes:
        path: the folder.
    """

    path: Path

    @cached_property
    def _store(self) -> "FeatureStore":
        from fishcli.features.store.store import FeatureStore

        return FeatureStore(self.path)

    @property
    def recipe(self) -> dict[str, Any]:
        """What its numbers depend on."""
        return dict(self._store.recipe.to_json())

    @property
    def views(self) -> dict[str, list[str]]:
        """The names of its views and augmented copies, by split."""
        folders = sorted(each.parent for each in self.path.glob("*/images.csv"))
        return {
            each.name: sorted(array.parent.name for array in each.glob("*/zarr.json")) for each in folders
        }

    @property
    def shape(self) -> tuple[int, ...]:
        """(images, height, width, channels) of the training images' maps; pooled: (images, channels)."""
        return tuple(self._store.array("train", "identity").shape)

    def images(self, split: str = "train") -> "pd.DataFrame":
        """The images of a split: `image` is whose features `read` has in that row.

        Raises:
            FishError: there is no such split.
        """
        from fishcli.basics.errors import choose

        images = self._store.images(choose(split, self.views, "split"))
        assert images is not None
        return images

    def read(self, split: str = "train", view: str = "identity") -> "np.ndarray":
        """The features of a split (images, ...), float16: its rows are those of `images(split)`.

        An image that could not be read has NaN; of `--layer input` these are pixels, uint8.

        Raises:
            FishError: they were never computed, or are damaged.
        """
        return self._store.read(split, view)

    def _repr_html_(self) -> str:
        import pandas as pd

        rows = [
            {"split": split, "images": len(self.images(split)), "views": ", ".join(views)}
            for split, views in self.views.items()
        ]
        shape = " x ".join(map(str, self.shape[1:]))
        return showing.card(
            self.name, showing.lines(f"{shape} numbers an image"), showing.table(pd.DataFrame(rows))
        )
