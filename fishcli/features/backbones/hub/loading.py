"""A KerasHub preset as a backbone: cut, its tokens as maps, and what follows a cut."""

from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError, choose
from fishcli.basics.files import digest
from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.backbones.cutting import STAGES, layer_of, network_size
from fishcli.features.backbones.ends import identity, pooled
from fishcli.features.backbones.facts import Facts
from fishcli.features.backbones.hub.building import Preset, build_preset, load_preset
from fishcli.features.backbones.hub.presets import preset_folder
from fishcli.features.backbones.hub.scaling import parse_scaling
from fishcli.features.backbones.network import Backbone, Network, Shared
from fishcli.features.backbones.networks.npz import load_npz, read_text, save_npz
from fishcli.features.backbones.onnx.forms import Form, Wish, check_wish, form_of
from fishcli.features.store.recipe import INPUT

DERIVED = "interpolated_position_embeddings"
"""What KerasHub computes of other weights for the input's size: its last digits depend on the machine."""
PACKED = "preset"
"""What the array is called, in a pack's .npz, that says how the network is built."""


def load_hub(
    choice: BackboneChoice, packed: Path | None = None, shared: Shared | None = None
) -> tuple[Network, Facts]:
    """What is chosen of a preset.

    Args:
        choice: its weights are the preset's folder; of a pack its preprocessing is known.
        packed: an .npz of a pack, in place of the folder.
        shared: as `load_backbone` takes it.

    Raises:
        FishError: see `load_preset`; an unknown layer, or one that holds no features; weights that don't fit.
    """
    keras, size = load_keras(), _input_size(choice)
    if packed is None:
        preset = (shared or Shared()).once(lambda: load_preset(preset_folder(choice.weights), size))
    else:
        preset = build_preset(read_text(packed, PACKED), size, str(packed))
    scaling = preset.scaling or parse_scaling(choice.preprocessing)
    if choice.layer == INPUT:  # pixels are kept for all that follows, whose weights thus count
        if choice.pool != "none":
            raise FishError(f"--pool {choice.pool}: pixels are not pooled. Leave it out, or name a --layer.")
        facts = Facts(INPUT, _sha256(preset, preset.model), str(scaling), (*choice.image_size, 3), False)
        return identity(choice.image_size), facts
    layer = _layer(keras, preset, choice.layer, size)
    form, wish = form_at(keras, preset, layer, size), Wish(choice.tokens, choice.pool)
    check_wish(wish, form, layer)
    from fishcli.features.backbones.hub.places import placed

    maps = placed(preset.tensors[layer], form, wish.tokens, layer)
    cut = keras.Model(preset.model.input, maps, name="preset")
    if len(maps.shape) == 4:
        cut = pooled(keras, cut, choice.pool)
    if packed is not None:
        load_npz(cut, packed.read_bytes(), f"the weights {packed}", texts=(PACKED,))
    cut.trainable = False
    shape = tuple(cut.output.shape[1:])
    is_whole = preset.tensors[layer] is preset.model.output
    network = Network(cut, scaling, config=preset.config)
    return network, Facts(layer, _sha256(preset, cut), str(scaling), shape, is_whole)


def _input_size(choice: BackboneChoice) -> tuple[int, int]:
    return network_size(choice.image_size) if choice.layer == INPUT else choice.image_size


def _sha256(preset: Preset, model: Any) -> str:
    """Of how the network is built, and of its weights."""
    kept = [weight for weight in model.weights if DERIVED not in weight.path]
    return digest(preset.config, *(np.ascontiguousarray(weight).tobytes() for weight in kept))


def _layer(keras: Any, preset: Preset, asked: str | None, size: tuple[int, int]) -> str:
    """The name of the tensor that is asked for; the last where none is."""
    last = next(name for name, tensor in preset.tensors.items() if tensor is preset.model.output)
    if asked is None:
        return last
    if asked in STAGES and asked not in preset.tensors:
        return layer_of(keras, preset.model, asked, size)
    return choose(asked, list(preset.tensors), "layer of the preset")


def forms_of_preset(keras: Any, preset: Preset, size: tuple[int, int]) -> dict[str, Form]:
    """What each tensor is that can be features, in the order in which they are computed."""
    names = list(preset.tensors)
    values = _run(keras, preset, names, size)
    forms = {name: form_of(shape, size, False) for name, shape in zip(names, values, strict=True)}
    return {name: form for name, form in forms.items() if form is not None}


def form_at(keras: Any, preset: Preset, layer: str, size: tuple[int, int]) -> Form:
    """What a tensor is.

    Raises:
        FishError: neither maps nor tokens of places nor a vector.
    """
    (shape,) = _run(keras, preset, [layer], size)
    form = form_of(shape, size, False)
    if form is None:
        raise FishError(
            f"--layer {layer}: it holds {' x '.join(map(str, shape[1:]))} numbers of a photo, which are no "
            "features of places. Name another: --list-layers shows all that are."
        )
    return form


def _run(keras: Any, preset: Preset, names: list[str], size: tuple[int, int]) -> list[tuple[int, ...]]:
    """The shapes of tensors for a black image: some of KerasHub's layers say others than they make."""
    model = keras.Model(preset.model.input, [preset.tensors[name] for name in names])
    values = model(np.zeros((1, *size, 3), np.float32), training=False)
    return [tuple(value.shape) for value in (values if isinstance(values, list) else [values])]


def layers_of_hub(choice: BackboneChoice) -> dict[str, Form]:
    """What can be cut at, as `forms_of_preset` has it."""
    preset = load_preset(preset_folder(choice.weights), choice.image_size)
    return forms_of_preset(load_keras(), preset, choice.image_size)


def load_hub_tail(choice: BackboneChoice) -> Any:
    """What follows a layer, as `backbone.load_tail` has it: to the last maps (of a vector: of one place).

    Raises:
        FishError: nothing follows, or what follows needs more than the maps that a store keeps.
    """
    keras, size = load_keras(), _input_size(choice)
    preset = load_preset(preset_folder(choice.weights), size)
    whole = _with_last_maps(keras, preset, size)
    if choice.layer == INPUT:
        from fishcli.features.backbones.pixels import from_pixels

        assert preset.scaling is not None
        return from_pixels(whole, str(preset.scaling))
    layer = _layer(keras, preset, choice.layer, size)
    form, tensor = form_at(keras, preset, layer, size), preset.tensors[layer]
    if tensor is preset.model.output:
        raise FishError(
            f"--cut {layer}: it is the last layer of {choice.backbone}, so nothing follows that could be "
            "trained. Name a layer before it."
        )
    reason = ""
    if form.kind == "tokens" and form.n_extra:
        reason = "what follows needs its class token, which maps lack"
    elif form.kind == "vector":
        reason = "it holds no maps"
    else:
        try:
            return _from_maps(keras, tensor, whole.output, form)
        except ValueError:
            reason = "another path goes round it"
    raise FishError(f"--cut {layer}: {reason}. Train the whole network, --cut input, or name another layer.")


def _with_last_maps(keras: Any, preset: Preset, size: tuple[int, int]) -> Any:
    """The network to its last maps (batch, h, w, channels)."""
    from fishcli.features.backbones.hub.places import placed

    last = _layer(keras, preset, None, size)
    form = form_at(keras, preset, last, size)
    maps = placed(preset.model.output, form, "maps", last)
    if form.kind == "vector":
        maps = keras.layers.Reshape((1, 1, form.n_channels), name="place")(maps)
    return keras.Model(preset.model.input, maps, name="preset")


def _from_maps(keras: Any, tensor: Any, output: Any, form: Form) -> Any:
    """The layers between a tensor and the last maps, from the maps that a store keeps of it: a flat model."""
    rest = keras.Model(tensor, output, name="backbone_tail")
    if form.kind != "tokens":
        return rest
    height, width = form.map_size
    maps = keras.Input((height, width, form.n_channels))
    tokens = keras.layers.Reshape((height * width, form.n_channels), name="tokens")(maps)

    def call(layer: Any, *inputs: Any, **options: Any) -> Any:
        return layer(*(tokens if each is maps else each for each in inputs), **options)

    tail = keras.models.clone_model(rest, input_tensors=maps, call_function=call)
    tail.set_weights(rest.get_weights())
    return tail


def preset_model(choice: BackboneChoice) -> Any:
    """The whole network, for what looks for stages in it."""
    return load_preset(preset_folder(choice.weights), choice.image_size).model


def pack_hub(backbone: Backbone, path: Path) -> None:
    """Write a preset's weights up to the layer, and how its network is built, for `load_hub`."""
    save_npz(backbone.model, path, **{PACKED: backbone.config})
