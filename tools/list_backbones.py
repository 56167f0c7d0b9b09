"""Writes what `fishcli features --list-backbones` knows of the networks without building one.

Run it after a change of `APPLICATIONS`, with Keras on TensorFlow; it builds each network once, with fresh
weights, and takes some minutes: python tools/list_backbones.py
"""

import csv
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from fishcli.basics.files import whole_file
from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.networks import efficientnet_lite, fishnet, known
from fishcli.features.backbones.networks.applications import APPLICATIONS
from fishcli.features.backbones.usual import usual_size


def main() -> None:
    """Write the table into the package."""
    keras = load_keras()
    rows = []
    for name in ("fishnet", *efficientnet_lite.LITE, *APPLICATIONS):
        keras.utils.clear_session()
        row = row_of(keras, name)
        print(*row)
        rows.append(row)
    path = Path(known.__file__).with_name(known.TABLE)
    with whole_file(path) as partial, partial.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([known.COLUMNS, *rows])


def row_of(keras: Any, name: str) -> tuple[str, int, int, int, int, str]:
    """What `known.COLUMNS` says of a network at its usual size."""
    size = usual_size(name)
    if name == "fishnet":
        model, file_name = fishnet.build_fishnet(keras, (*size, 3)), ""
    elif name in efficientnet_lite.LITE:
        model, file_name = efficientnet_lite.build_lite(keras, name, (*size, 3)), ""
    else:
        model, file_name = _application(keras, name, size)
    # Those of an EfficientNet's normalisation are constants in `build_application`.
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.Normalization)]
    n_parameters = sum(int(np.prod(weight.shape)) for layer in layers for weight in layer.weights)
    _, height, width, channels = model.output.shape
    return name, height, width, channels, n_parameters, file_name


def _application(keras: Any, name: str, size: tuple[int, int]) -> tuple[Any, str]:
    """A network as Keras builds it for its ImageNet weights, without these, and what their file is called."""
    from keras.src.utils import file_utils

    spec = APPLICATIONS[name]
    fetched = mock.Mock(return_value="")
    with mock.patch.object(file_utils, "get_file", fetched), mock.patch.object(keras.Model, "load_weights"):
        constructor = getattr(keras.applications, spec.constructor)
        model = constructor(weights="imagenet", include_top=False, input_shape=(*size, 3), **spec.arguments)
    (call,) = fetched.call_args_list
    return model, call.args[0]


if __name__ == "__main__":
    main()
