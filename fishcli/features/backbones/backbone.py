"""Frozen backbones, cut at a layer, with their own preprocessing."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError, choose
from fishcli.basics.files import digest
from fishcli.basics.quiet import load_keras, seeded_keras
from fishcli.features.backbones.choice import (
    BACKBONES,
    FISHNET,
    SEPARATOR,
    UNFILLED,
    BackboneChoice,
    existing_weights,
    is_hub,
    is_kept_outside,
    is_onnx,
)
from fishcli.features.backbones.cutting import cut_at, layer_of, network_size, trainable_layers
from fishcli.features.backbones.descriptors.loading import descriptor_facts
from fishcli.features.backbones.descriptors.names import is_descriptor
from fishcli.features.backbones.ends import identity, pooled
from fishcli.features.backbones.facts import Facts, facts_path, keep_facts, read_facts
from fishcli.features.backbones.hub.loading import load_hub, load_hub_tail, preset_model
from fishcli.features.backbones.hub.presets import files_of
from fishcli.features.backbones.network import Backbone, Network, Shared
from fishcli.features.backbones.networks import efficientnet_lite, fishnet
from fishcli.features.backbones.networks.applications import APPLICATIONS, build_application
from fishcli.features.backbones.networks.efficientnet_lite import LITE
from fishcli.features.backbones.networks.npz import load_npz
from fishcli.features.backbones.networks.random_weights import SEED, calibrate
from fishcli.features.backbones.onnx.graph import read_graph
from fishcli.features.backbones.onnx.loading import load_onnx
from fishcli.features.backbones.onnx.running import OnnxNetwork
from fishcli.features.photos.decode import DECODER
from fishcli.features.store.recipe import INPUT, Recipe


def load_backbone(
    choice: BackboneChoice, packed: Path | None = None, shared: Shared | None = None
) -> Backbone:
    """A backbone with its weights; where it was built before on this machine, it is built when it is needed.

    Args:
        choice: which.
        packed: an .npz that `save_npz` wrote of it: its weights up to the layer, wherever those came from; or
            a copy of the ONNX file that it is.
        shared: where the network is kept, for the same choice but another layer.

    Raises:
        FishError: an unknown name or layer, a cut inside a branch, an image too small, weights that are
            missing, can't be downloaded or don't fit.
    """
    if is_descriptor(choice.backbone):
        return _backbone(choice, descriptor_facts(choice), _no_network)
    if packed is not None:
        unpacked, found = _network(choice, packed)
        return _backbone(choice, found, lambda: unpacked)
    names = ("backbone", "weights", "image_size", "layer", "pool", "preprocessing", "tokens")
    weights = existing_weights(choice)
    files = [] if weights is None else [weights]
    if weights is not None and is_onnx(choice.backbone):
        files += read_graph(weights).data_files
    if weights is not None and is_hub(choice.backbone):
        files = files_of(weights)
    path = facts_path({name: getattr(choice, name) for name in names}, files)
    facts = read_facts(path)
    if facts is None:
        network, facts = _network(choice, shared=shared)
        keep_facts(path, facts)
        return _backbone(choice, facts, lambda: network)

    def build() -> Network | OnnxNetwork:
        network, found = _network(choice, shared=shared)
        if found != facts:
            path.unlink(missing_ok=True)
            raise FishError(
                f"the weights {choice.weights} of {choice.backbone} are not what they were when fishcli last "
                "looked at them. Run the command again."
            )
        return network

    return _backbone(choice, facts, build)


def _no_network() -> Network:
    raise ValueError("a descriptor is no network: an engine computes it by its name")


def load_layers(choice: BackboneChoice) -> list[Backbone]:
    """The backbone cut at each layer that is asked for, "A,B", as `load_backbone` cuts it at one.

    The network is built once for all of them. Two names of one layer are one.

    Raises:
        FishError: pixels among them; or see `load_backbone`.
    """
    layers = [choice.layer] if choice.layer is None else choice.layer.split(SEPARATOR)
    if len(layers) == 1:
        return [load_backbone(choice)]
    names = list(dict.fromkeys(layer.strip() for layer in layers if layer is not None and layer.strip()))
    if INPUT in names:
        raise FishError(
            f"--layer {choice.layer}: pixels are kept by themselves. Run it with --layer {INPUT} alone, and "
            "with the other layers."
        )
    shared = Shared()
    found = [load_backbone(replace(choice, layer=name), shared=shared) for name in names]
    return list({backbone.recipe.name: backbone for backbone in found}.values())


def _backbone(choice: BackboneChoice, facts: Facts, build: Callable[[], Network | OnnxNetwork]) -> Backbone:
    # What a network has pooled itself is as good as pooled here.
    is_pooled = is_kept_outside(choice.backbone) and len(facts.feature_shape) == 1
    recipe = Recipe(
        backbone=choice.backbone,
        layer=facts.layer,
        weights_sha256=facts.weights_sha256,
        image_size=choice.image_size,
        resize=choice.resize,
        pool="avg" if is_pooled and choice.pool == "none" else choice.pool,
        preprocessing=facts.preprocessing,
        decoder=DECODER,
        transparency=choice.transparency,
        truncated=choice.truncated,
        crop=choice.crop,
        tokens=choice.tokens,
        precision="auto" if facts.layer == INPUT else choice.precision,
    )
    return Backbone(recipe, facts.feature_shape, build, facts.is_whole)


def _network(
    choice: BackboneChoice, packed: Path | None = None, shared: Shared | None = None
) -> tuple[Network, Facts] | tuple[OnnxNetwork, Facts]:
    """Build what is chosen; see `load_backbone`."""
    if is_onnx(choice.backbone):
        return load_onnx(choice, packed or Path(choice.weights))
    if is_hub(choice.backbone):
        return load_hub(choice, packed, shared)
    keras = load_keras()
    of_file = replace(choice, weights=UNFILLED)
    told = choice if packed is None else of_file
    model, preprocess, preprocessing = (shared or Shared()).once(lambda: _build(keras, told))
    model.trainable = True  # as layers are made: a cut of it may have frozen them
    if choice.layer == INPUT:  # pixels are kept for all that follows, whose weights thus count
        if choice.pool != "none":
            raise FishError(f"--pool {choice.pool}: pixels are not pooled. Leave it out, or name a --layer.")
        layer, cut = INPUT, model
    else:
        layer = layer_of(keras, model, choice.layer, choice.image_size)
        cut = cut_at(keras, model, layer)
    if packed is not None:
        load_npz(cut, packed.read_bytes(), f"the weights {packed}")
    # What random weights are calibrated to differs in its last digits with the number of cores.
    weights = cut.trainable_weights if choice.weights == "random" else cut.weights
    weights_sha256 = digest(*(np.ascontiguousarray(weight).tobytes() for weight in weights))
    cut.trainable = False
    if layer == INPUT:
        network, is_whole = identity(choice.image_size), False
    else:
        network = Network(pooled(keras, cut, choice.pool), preprocess)
        is_whole = layer == model.layers[-1].name
    shape = tuple(network.model.output_shape[1:])
    return network, Facts(layer, weights_sha256, preprocessing, shape, is_whole)


def load_tail(choice: BackboneChoice) -> Any:
    """What follows `choice.layer` in a backbone: a Keras model from that layer's maps to the last maps.

    Of INPUT that is all of it, at the size whose `pixel_size` is the choice's, from pixels in 0 to 255.

    Raises:
        FishError: nothing follows; or see `load_backbone`.
    """
    if is_hub(choice.backbone):
        return load_hub_tail(choice)
    keras = load_keras()
    model, _, preprocessing = _build(keras, choice)
    if choice.layer == INPUT:
        from fishcli.features.backbones.pixels import from_pixels

        return from_pixels(model, preprocessing)
    last = model.layers[-1].name
    if choice.layer in (None, last):
        raise FishError(
            f"--cut {last}: it is the last layer of {choice.backbone}, so nothing follows that could be "
            "trained. Name a stage, such as stage3, or a layer before it."
        )
    start = cut_at(keras, model, str(choice.layer)).output
    return keras.Model(start, model.output, name="backbone_tail")


def cuts_at(choice: BackboneChoice, stages: Sequence[str]) -> list[str]:
    """The layers that stages stand for in a backbone, those above which something can be trained.

    Raises:
        FishError: see `load_backbone`.
    """
    keras = load_keras()
    model = preset_model(choice) if is_hub(choice.backbone) else _build(keras, choice)[0]
    return trainable_layers(keras, model, stages, choice.image_size)


def layers_of(keras: Any, choice: BackboneChoice) -> dict[str, tuple[int, ...]]:
    """The shape of what each layer of a backbone has of one photo; see `load_backbone`."""
    model, _, _ = _build(keras, choice)
    return {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers[1:]}


def _build(keras: Any, choice: BackboneChoice) -> tuple[Any, Callable[[Any], Any], str]:
    """The whole model with its weights, its preprocessing and what that is called."""
    name, weights = choose(choice.backbone, BACKBONES, "backbone"), choice.weights
    size = network_size(choice.image_size) if choice.layer == INPUT else choice.image_size
    path = existing_weights(choice)
    # Some layers are named by a count over the process; the recipe must not depend on what was built before.
    keras.utils.clear_session()
    with seeded_keras(SEED):
        if name == FISHNET:
            model = fishnet.build_fishnet(keras, (*size, 3))
            preprocess, preprocessing = fishnet.preprocess, "fishnet"
            if weights not in ("random", UNFILLED):
                fishnet.load_weights(model, path)
        elif name in LITE:
            model = efficientnet_lite.build_lite(keras, name, (*size, 3))
            preprocess, preprocessing = efficientnet_lite.preprocess, "efficientnet_lite"
            if weights not in ("random", UNFILLED):
                efficientnet_lite.load_weights(model, path)
        else:
            model = build_application(keras, name, "random" if weights == UNFILLED else weights, size)
            module = APPLICATIONS[name].module
            preprocess = getattr(keras.applications, module).preprocess_input
            preprocessing = f"keras.applications.{module}"
    if weights == "random":
        calibrate(model, preprocess, size)
    return model, preprocess, preprocessing
