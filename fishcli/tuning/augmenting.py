"""Augmentation in the graph, as `tuning.drawing` has drawn it; Keras is imported with this module."""

from typing import Any

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.cutting import network_size
from fishcli.features.photos.recipes import Magnitudes
from fishcli.tuning.drawing import N_HOLES

keras: Any = load_keras()
ops = keras.ops


class Augmented(keras.layers.Layer):
    """Photos (batch, h, w, 3) in 0 to 255 as their batch was drawn; by keras.ops alone, for any backend."""

    def __init__(self, size: tuple[int, int], magnitudes: Magnitudes, **options: Any) -> None:
        """Set the pictures' size (height, width), at most the photos', and what the recipe does."""
        super().__init__(**options)
        self._size, self._magnitudes = size, magnitudes

    def call(self, pixels: Any, places: Any, colours: Any, holes: Any) -> Any:
        """Take each pixel from its place, what lies outside is the nearest; change colours; cut holes."""
        height, width = self._size
        found = ops.image.affine_transform(pixels, places, "bilinear", "nearest")[:, :height, :width]
        if "colour" in self._magnitudes:
            flat = ops.reshape(found, (-1, height * width, 3))
            mixed = ops.matmul(flat, ops.transpose(colours[:, :, :3], (0, 2, 1)))
            found = ops.reshape(mixed, (-1, height, width, 3)) + colours[:, None, None, :, 3]
        elif {"brightness", "contrast"} & set(self._magnitudes):  # the same for all channels
            found = found * colours[:, None, None, :1, 0] + colours[:, None, None, :1, 3]
        found = ops.clip(found, 0.0, 255.0)
        return found * self._kept(holes) if "cutout" in self._magnitudes else found

    def _kept(self, holes: Any) -> Any:
        """(batch, height, width, 1): 0 in holes, 1 elsewhere."""
        kept = 1.0
        for hole in range(N_HOLES):
            x_min, y_min, x_max, y_max = (holes[:, hole, side, None] for side in range(4))
            rows, columns = ((ops.arange(n, dtype="float32") + 0.5) / n for n in self._size)
            down = ops.cast((rows >= y_min) & (rows < y_max), "float32")
            across = ops.cast((columns >= x_min) & (columns < x_max), "float32")
            kept = kept * (1.0 - down[:, :, None, None] * across[:, None, :, None])
        return kept

    def compute_output_shape(self, input_shape: tuple[int | None, ...], *others: Any) -> Any:
        """That of the pictures."""
        return (input_shape[0], *self._size, 3)


def augmented(model: Any, kept: tuple[int, ...], magnitudes: Magnitudes) -> Any:
    """A network that is trained on augmented photos: the same, with what is drawn as further inputs.

    Args:
        model: takes pixels of any size as "features"; it gets pictures of its own input's size, so that they
            are resampled only once.
        kept: the photos' size.
        magnitudes: of the recipe.
    """
    inputs = {name: keras.Input(each.shape[1:], name=name) for name, each in model.input.items()}
    inputs["features"] = keras.Input((*kept, 3), name="features")
    drawn = {
        "places": keras.Input((8,), name="places"),
        "colours": keras.Input((3, 4), name="colours"),
        "holes": keras.Input((N_HOLES, 4), name="holes"),
    }
    seen = Augmented(network_size((kept[0], kept[1])), magnitudes, name="augmented")(
        inputs["features"], **drawn
    )
    return keras.Model({**inputs, **drawn}, model({**inputs, "features": seen}), name="augmented_finetune")
