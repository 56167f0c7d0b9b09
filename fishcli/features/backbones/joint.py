"""Several layers of one backbone, computed in one pass."""

import math
from collections.abc import Sequence
from dataclasses import replace

from fishcli.basics.files import digest
from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.choice import SEPARATOR
from fishcli.features.backbones.network import Backbone, Network


def join(backbones: Sequence[Backbone]) -> Backbone:
    """Several of `backbone.load_layers` as one, whose features are theirs, behind each other.

    Its recipe stands for theirs where one is needed for a name; no store has it.
    """
    first = backbones[0]
    recipes = [backbone.recipe for backbone in backbones]
    recipe = replace(
        first.recipe,
        layer=SEPARATOR.join(recipe.layer for recipe in recipes),
        weights_sha256=digest(*(recipe.fingerprint for recipe in recipes)),
    )

    def build() -> Network:
        keras = load_keras()
        outputs = [keras.layers.Flatten()(backbone.model.output) for backbone in backbones]
        model = keras.Model(first.model.input, keras.layers.Concatenate()(outputs))
        return Network(model, first.preprocess)

    n_numbers = sum(math.prod(backbone.feature_shape) for backbone in backbones)
    return Backbone(recipe, (n_numbers,), build, parts=tuple(backbones))
