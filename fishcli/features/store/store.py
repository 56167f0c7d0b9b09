"""The feature store: one Zarr v3 array a (split, view), written chunk by chunk, read without loading all."""

from collections.abc import Callable, Container, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import read_json, write_csv, write_json
from fishcli.basics.locks import alone
from fishcli.basics.remote import is_remote, names_in
from fishcli.basics.unwritable import by_product
from fishcli.features.image_lists import renew_list
from fishcli.features.photos.crops import REGION
from fishcli.features.photos.recipes import PREFIX, is_first
from fishcli.features.store import arrays
from fishcli.features.store.again import WHOLE, line_for, verify_line
from fishcli.features.store.lists import cannot_be_read, damaged, read_images, read_unreadable
from fishcli.features.store.recipe import Recipe


class FeatureStore:
    """Features of images under one recipe, kept in a folder.

    Rows are in the order of the split's image list, which only grows; joins go by image id. A chunk's file
    exists only when it is whole: the chunks that exist are done. A row of NaN (of pixels: black) belongs to
    an image that could not be read.
    """

    def __init__(self, store_dir: Path) -> None:
        """Open an existing store; FishError where there is none or its recipe is damaged."""
        self.store_dir = store_dir
        self._description = read_json(store_dir / "recipe.json")
        self.recipe = Recipe.from_json(self._description, str(store_dir / "recipe.json"))

    @staticmethod
    def create(features_dir: Path, recipe: Recipe, weights: str, **sources: str) -> "FeatureStore":
        """Open the store of `recipe` under `features_dir`, made where it is missing.

        Args:
            features_dir: the folder of all stores.
            recipe: what the store's numbers depend on.
            weights: where the weights came from; kept so that missing views can be computed later.
            sources: `detections`, where a crop store's regions come from; `made_for`, the command that needs
                the store where the user did not ask for it: it is then none that others take by themselves;
                WHOLE, "yes" where the layer is the backbone's last.
        """
        store_dir = features_dir / recipe.name
        made_for = sources.pop("made_for", "")
        path = store_dir / "recipe.json"
        known = read_json(path) if path.exists() else None
        if isinstance(known, dict) and WHOLE in known:
            sources[WHOLE] = known[WHOLE]  # whoever asks
        description = {**recipe.to_json(), "weights": weights, **sources}
        if made_for and known != description:
            description["made_for"] = made_for
        if known != description:
            with alone(store_dir):
                write_json(path, description)
        return FeatureStore(store_dir)

    @property
    def weights(self) -> str:
        """Where the backbone's weights came from: "imagenet", "formula", "random" or a path."""
        return str(self._description["weights"])

    @property
    def is_users(self) -> bool:
        """Whether the user asked for the store itself."""
        return "made_for" not in self._description

    @property
    def detections(self) -> str:
        """Where a crop store's regions come from: a file, or a run of `locate`."""
        return str(self._description["detections"])

    def images(self, split: str) -> pd.DataFrame | None:
        """The image list of a split (image, n_bytes, perhaps content), or None where it has none yet."""
        path = self.list_path(split)
        return read_images(path) if path.exists() else None

    def list_path(self, split: str) -> Path:
        """Where the image list of a split is."""
        return self.store_dir / split / "images.csv"

    def update_images(self, split: str, images: pd.DataFrame, mended: set[str]) -> None:
        """Bring a split's image list up to date: new images are appended, rows of missing ones stay unused.

        A photo that was moved, which its content tells, keeps its row and its features.

        Args:
            split: the split.
            images: its images now (image, n_bytes; content, a digest, where known; region in a crop store).
            mended: images that were unreadable and can be read now.

        Raises:
            FishError: no image has its features here: this is another data set; the list is damaged.
        """
        known = self.images(split)
        n_known = 0 if known is None else len(known)
        if any(self._of_array(arrays.describe, split, name).n_rows > n_known for name in self._names(split)):
            raise damaged(self.list_path(split), "it has fewer images than the features")
        if known is None:
            write_csv(self.list_path(split), images.filter(["image", "n_bytes", "content", REGION]))
            return
        renewed = renew_list(known, images, self.unreadable(split))
        added, missing = renewed.added, renewed.missing
        if added and missing and not renewed.n_kept:
            raise FishError(
                f"the store {self.store_dir} is of other images of {split}: {len(added):,} are new "
                f"({examples(added)}) and {len(missing):,} are missing ({examples(missing)}). "
                f"Name another --features-dir, or remove {self.store_dir / split} to compute them anew."
            )
        for row in np.flatnonzero(renewed.table["image"][:n_known].isin(renewed.stale | mended)):
            self._forget_row(split, int(row))
        if not renewed.table.equals(known):
            is_as_before = not mended and not renewed.stale and renewed.table["image"].equals(known["image"])
            with by_product(self.list_path(split)) if is_as_before else nullcontext():  # then digests are new
                write_csv(self.list_path(split), renewed.table)

    def unreadable(self, split: str) -> dict[str, str]:
        """The images of a split that could not be read, each with the reason; their rows are NaN."""
        return dict(read_unreadable(self.store_dir / split / "unreadable.json")["reasons"])

    def set_unreadable(self, split: str, reasons: dict[str, str], skipped: bool | None = None) -> None:
        """Record the images that could not be read, and whether the user chose to go on without them.

        Without `skipped`, an earlier choice stays.
        """
        path = self.store_dir / split / "unreadable.json"
        known = read_unreadable(path)
        chosen = known["skipped"] if skipped is None else skipped
        record = {"skipped": chosen, "reasons": dict(sorted(reasons.items()))}
        if record != known:
            write_json(path, record, sealed=True)

    def add_unreadable(self, split: str, reasons: dict[str, str]) -> None:
        """Record more images that could not be read; nobody chose yet to go on without these."""
        known = self.unreadable(split)
        self.set_unreadable(split, {**known, **reasons}, None if reasons.keys() <= known.keys() else False)

    def check_readable(self, split: str, present: Container[str]) -> None:
        """Raise FishError where `present` images can't be read and the user has not chosen to skip them."""
        reasons = {image: reason for image, reason in self.unreadable(split).items() if image in present}
        if reasons and not read_unreadable(self.store_dir / split / "unreadable.json")["skipped"]:
            raise cannot_be_read(self.store_dir, split, reasons)

    def array(self, split: str, view: str) -> Any:
        """The Zarr array (n_images, ...) of a split and view.

        Raises:
            FishError: it was never computed.
        """
        path = self.store_dir / split / view
        if not (path / "zarr.json").exists():
            raise FishError(
                f"the store {self.store_dir.name} has no {view} features of {split}. Compute them first: "
                f"{line_for(self.store_dir, split, [view])}."
            )
        return self._of_array(arrays.open_array, split, view)

    def _of_array(self, read: Callable[[Path], Any], split: str, view: str) -> Any:
        """What `read` makes of an array's folder."""
        try:
            return read(self.store_dir / split / view)
        except FishError as error:
            line = line_for(self.store_dir, split, [view])
            raise FishError(f"{error} and compute it again: {line}.") from None

    def require_array(
        self,
        split: str,
        view: str,
        shape: Sequence[int],
        chunk_size: int,
        dtype: str = "float16",
        made_by: str = "",
    ) -> Any:
        """The array of a split and view, created where it is missing or was made by something else.

        Args:
            split: the split.
            view: a view's name, or another array's that goes with it.
            shape: (n_images, ...).
            chunk_size: images a chunk, for a new array; an existing one keeps its own.
            dtype: NumPy's name of the type.
            made_by: what besides the recipe the numbers depend on.
        """
        path = self.store_dir / split / view
        if (path / "zarr.json").exists():
            array = self._of_array(arrays.open_array, split, view)
            if array.attrs["made_by"] == made_by and array.shape[1:] == tuple(shape[1:]):
                if array.shape[0] != shape[0]:  # the split has grown: its last chunk was padded
                    arrays.chunk_path(array, array.shape[0] // array.chunks[0]).unlink(missing_ok=True)
                    array.resize(tuple(shape))
                return array
        return arrays.create_array(path, (*shape,), chunk_size, dtype, made_by)

    def is_complete(self, split: str, view: str) -> bool:
        """Whether every image of a split has its features of a view (or is known to be unreadable)."""
        images = self.images(split)
        if images is None or not (self.store_dir / split / view / "zarr.json").exists():
            return False
        found = self._of_array(arrays.describe, split, view)
        return bool(found.n_rows == len(images) and found.is_whole)

    def missing_chunks(self, split: str, view: str) -> set[int]:
        """The numbers of the chunks of an array that are not there yet."""
        return arrays.missing_chunks(self.array(split, view))

    def copies(self, split: str) -> list[str]:
        """The names of a split's augmented copies of the first recipe in order, complete or not."""
        return sorted(filter(is_first, self._names(split)), key=lambda name: int(name.removeprefix(PREFIX)))

    def chunk_size(self, split: str) -> int | None:
        """Images a chunk in a split, None before the first array: all its arrays share their chunks."""
        names = self._names(split)
        return int(self._of_array(arrays.describe, split, names[0]).chunk_size) if names else None

    def _names(self, split: str) -> list[str]:
        """The names of a split's arrays."""
        folder = self.store_dir / split
        names = names_in(folder) if folder.is_dir() else []
        return sorted(name for name in names if (folder / name / "zarr.json").exists())

    def _forget_row(self, split: str, row: int) -> None:
        """Delete the chunks that hold a row, so that they are computed again."""
        for name in self._names(split):
            array = self.array(split, name)
            arrays.chunk_path(array, row // array.chunks[0]).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what a killed process left of half-written chunks; remote ones are never half-written."""
        for partial in [] if is_remote(self.store_dir) else self.store_dir.glob("*/*/*.partial"):
            partial.unlink(missing_ok=True)

    def read(self, split: str, view: str, rows: np.ndarray | slice = np.s_[:]) -> np.ndarray:
        """Rows of a split's features: (n, ...) float16, or uint8 of kept pixels.

        Raises:
            FishError: a chunk is damaged (its checksum does not fit) or not there (any more).
        """
        return arrays.read_rows(self.array(split, view), rows, verify_line(self.store_dir))
