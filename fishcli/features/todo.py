"""What a store lacks of a split's features."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.features.backbones.network import Backbone
from fishcli.features.photo_inputs import SplitPlan, boxes_name, copy_made_by
from fishcli.features.photos.recipes import PREFIX
from fishcli.features.store.store import FeatureStore


@dataclass(frozen=True)
class Todo:
    """What a split lacks.

    Attributes:
        arrays: the store's arrays by view, and of boxes.
        missing: the chunks that each view lacks.
        chunks: those that any view lacks.
        n_images: of the split.
        chunk_size: images a chunk.
    """

    arrays: dict[str, Any]
    missing: dict[str, set[int]]
    chunks: list[int]
    n_images: int
    chunk_size: int

    def lacks(self, view: str, chunk: int) -> bool:
        """Whether a view lacks a chunk."""
        return chunk in self.missing[view]

    def rows(self, chunk: int) -> range:
        """The rows of a chunk."""
        return range(chunk * self.chunk_size, min((chunk + 1) * self.chunk_size, self.n_images))


def was_removed(store: FeatureStore) -> FishError:
    """The error that a store is which somebody removed under the command that fills it."""
    return FishError(
        f"{store.store_dir} was removed or changed while its features were computed. Run the command again."
    )


def find_todo(store: FeatureStore, backbone: Backbone, plan: SplitPlan, batch_size: int) -> Todo:
    """What a split lacks of the plan's views; arrays that are not there are created.

    Raises:
        FishError: the split has no list of images, which was written before.
    """
    if not store.list_path(plan.split).exists():
        raise was_removed(store)
    arrays = _require_arrays(store, backbone, plan, batch_size)
    missing = {view: store.missing_chunks(plan.split, view) for view in plan.views}
    for view in missing:
        if boxes_name(view) in arrays:
            missing[view] |= store.missing_chunks(plan.split, boxes_name(view))
    chunks = sorted(set().union(*missing.values()))
    return Todo(arrays, missing, chunks, len(plan.images), arrays[plan.views[0]].chunks[0])


def lacking_in_any(todos: Sequence[Todo]) -> Todo:
    """What any of some stores lacks of the same split and views; its arrays are the first one's."""
    first = todos[0]
    missing = {view: set().union(*(todo.missing[view] for todo in todos)) for view in first.missing}
    return replace(first, missing=missing, chunks=sorted(set().union(*missing.values())))


def _require_arrays(
    store: FeatureStore, backbone: Backbone, plan: SplitPlan, batch_size: int
) -> dict[str, Any]:
    n_images = len(plan.paths)
    chunk_size = store.chunk_size(plan.split) or batch_size  # so that one decode serves all views
    arrays = {}
    for view in plan.views:
        made_by = copy_made_by(plan, view) if view.startswith(PREFIX) else ""
        if view.startswith(PREFIX) and plan.boxes is not None:
            shape: tuple[int, ...] = (n_images, *plan.boxes.shape[1:])
            name = boxes_name(view)
            arrays[name] = store.require_array(plan.split, name, shape, chunk_size, "float32", made_by)
        shape = (n_images, *backbone.feature_shape)
        arrays[view] = store.require_array(
            plan.split, view, shape, chunk_size, backbone.recipe.dtype, made_by
        )
    return arrays
