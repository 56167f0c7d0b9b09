"""What a network makes of a photo, as maps: the layer for it; Keras is imported with this module."""

from typing import Any

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.onnx.forms import Form

keras: Any = load_keras()
ops = keras.ops


@keras.saving.register_keras_serializable(package="fishcli")
class Places(keras.layers.Layer):
    """Tokens (batch, n, channels) to maps (batch, h, w, channels), or to the class token's vector."""

    def __init__(self, map_size: tuple[int, int], n_extra: int, tokens: str, **options: Any) -> None:
        """Set the (height, width) of the map, the tokens before those of places, and which are kept."""
        super().__init__(**options)
        self.map_size, self.n_extra, self.tokens = tuple(map_size), n_extra, tokens

    def get_config(self) -> dict[str, Any]:
        """What `__init__` takes."""
        own = {"map_size": self.map_size, "n_extra": self.n_extra, "tokens": self.tokens}
        return {**super().get_config(), **own}

    def call(self, values: Any) -> Any:
        """Leave out what is no place, and lay the places beside each other."""
        if self.tokens == "class":
            return values[:, 0]
        height, width = self.map_size
        # Some of KerasHub's layers say another number of tokens than they make.
        places = values[:, self.n_extra : self.n_extra + height * width]
        maps = ops.reshape(places, (-1, height, width, values.shape[-1]))
        if self.tokens == "both":
            of_class = ops.broadcast_to(values[:, :1, None], ops.shape(maps))
            maps = ops.concatenate([maps, of_class], axis=-1)
        return maps

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Of maps, or of vectors."""
        n_channels = input_shape[-1] or 0
        if self.tokens == "class":
            return (input_shape[0], n_channels)
        return (input_shape[0], *self.map_size, n_channels * (2 if self.tokens == "both" else 1))


def placed(tensor: Any, form: Form, tokens: str, name: str) -> Any:
    """A network's tensor of some form as maps, or a vector, like `onnx.forms.features_from` of values."""
    if form.kind != "tokens":
        return tensor
    return Places(form.map_size, form.n_extra, tokens, name=f"{name}_places")(tensor)
