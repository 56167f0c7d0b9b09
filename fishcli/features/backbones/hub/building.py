"""A KerasHub preset as one plain Keras model of an image."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json
from fishcli.basics.quiet import load_keras, load_keras_hub
from fishcli.features.backbones.hub.presets import CONFIG, CONVERTER, check_is_data, usual_size_of
from fishcli.features.backbones.hub.scaling import Scaling, scaling_of

LEFT_OUT = ("build_config", "compile_config")
"""What a serialised network says that changes no number."""


@dataclass(frozen=True)
class Preset:
    """A preset's network.

    Attributes:
        model: from an image (batch, height, width, 3) to what its backbone makes of it.
        tensors: what it can be cut at, by name: its layers' outputs, and the levels of its pyramid.
        config: what builds it again, as JSON.
        scaling: how pixels go in; None where that was not asked for.
    """

    model: Any
    tensors: dict[str, Any]
    config: str
    scaling: Scaling | None


def load_preset(folder: Path, size: tuple[int, int]) -> Preset:
    """The image network of a preset, with its weights, for images of a size.

    Position embeddings are brought to that size as KerasHub does it, where it does.

    Args:
        folder: as `preset_folder` finds it.
        size: (height, width) of its input, pixels.

    Raises:
        FishError: it can't be read, sees no images, or none of that size, or tells not how pixels go in.
    """
    keras, hub = load_keras(), load_keras_hub()
    told = read_json(folder / CONFIG)
    check_is_data(told, str(folder / CONFIG))
    keras.utils.clear_session()  # some layers are named by a count
    try:
        backbone = hub.models.Backbone.from_preset(str(folder), **_sized(told, size))
    except Exception as error:  # of whatever its files hold
        raise _unfit(folder, size, error) from None
    return _preset(keras, backbone, folder, size, _scaling(hub, folder))


def build_preset(config: str, size: tuple[int, int], source: str) -> Preset:
    """The network of `Preset.config`, with fresh weights.

    Raises:
        FishError: it can't be built.
    """
    keras = load_keras()
    load_keras_hub()  # it registers its classes
    keras.utils.clear_session()
    try:
        told = json.loads(config)
        check_is_data(told, source)
        network = keras.saving.deserialize_keras_object(told)
    except FishError:
        raise
    except Exception as error:
        raise FishError(f"{source} can't be built: {first_line(error)}") from None
    return _preset(keras, network, Path(source), size, None)


def _sized(told: Any, size: tuple[int, int]) -> dict[str, Any]:
    """What a backbone is told of its input's size, where it can be told."""
    inner = told.get("config") if isinstance(told, dict) else None
    can_be_told = not isinstance(inner, dict) or "image_shape" in inner
    return {"image_shape": (*size, 3)} if can_be_told else {}


def _unfit(folder: Path, size: tuple[int, int], error: Exception) -> FishError:
    own, reason = usual_size_of(folder), first_line(error)
    if own is None or own == size:
        return FishError(f"the preset {folder} can't be loaded: {reason}")
    return FishError(
        "--image-size {}x{}: ".format(*size)
        + f"{folder} can't be loaded for it ({reason}). Its own size is "
        + "{}x{}: pass --image-size {}x{}, or another.".format(*own, *own)
    )


def _preset(
    keras: Any, backbone: Any, folder: Path, size: tuple[int, int], scaling: Scaling | None
) -> Preset:
    network = getattr(backbone, "vision_encoder", None) or backbone
    inputs = getattr(network, "inputs", None) or []
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[-1] != 3:
        raise FishError(
            f"the preset {folder} is a {type(backbone).__name__}, which is no network of one image."
        )
    fixed = tuple(inputs[0].shape[1:3])
    if fixed != size and None not in fixed:
        raise FishError(
            "--image-size {}x{}: ".format(*size)
            + f"{folder} takes images of "
            + "{}x{} alone. Pass --image-size {}x{}.".format(*fixed, *fixed)
        )
    model = keras.Model(inputs[0], network.outputs[0], name="preset")
    outputs = {layer.name: getattr(layer, "output", None) for layer in model.layers[1:]}
    tensors = {name: each for name, each in outputs.items() if hasattr(each, "shape")}
    tensors |= getattr(network, "pyramid_outputs", {})
    said = keras.saving.serialize_keras_object(network)
    return Preset(model, tensors, json.dumps(_bare(said), sort_keys=True), scaling)


def _bare(said: Any) -> Any:
    if isinstance(said, dict):
        return {key: _bare(each) for key, each in said.items() if key not in LEFT_OUT}
    return [_bare(each) for each in said] if isinstance(said, list | tuple) else said


def _scaling(hub: Any, folder: Path) -> Scaling:
    """How pixels go in, by the preset's own converter."""
    keras = load_keras()
    try:
        if (folder / CONVERTER).is_file():
            told = read_json(folder / CONVERTER)
            check_is_data(told, str(folder / CONVERTER))
            converter = keras.saving.deserialize_keras_object(told)
        else:
            converter = hub.layers.ImageConverter.from_preset(str(folder))
    except FishError:
        raise
    except Exception as error:
        raise FishError(
            f"the preset {folder} does not tell how pixels go in ({first_line(error)}). Write that into it "
            "in Python: keras_hub.layers.ImageConverter(scale=.., offset=..).save_to_preset(FOLDER)."
        ) from None
    return scaling_of(converter, folder)


def first_line(error: Exception) -> str:
    """Of an error's message, or what it is."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
