"""Keras heads as files: an architecture that folds share, and a file of weights each.

The architecture is Keras' own description of a network, without what its weights start from. Its file is
named by its digest, which the weights name in turn: so folds that are trained one by one, or on several
machines, share it without asking each other, and a head is refused whose architecture is not the one that it
was trained in. Folds differ in it only where their metadata does, in how many sizes it knows.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.files import sha256_of, whole_file, write_text
from fishcli.basics.quiet import load_keras
from fishcli.basics.remote import read_bytes
from fishcli.heads.networks.shared import Network

SUFFIX = ".weights.npz"
NAMED = "architecture"
"""Under what a file of weights keeps the digest of its architecture."""
NAME_LENGTH = 12
STARTS = "_initializer"
"""How those fields of a layer end that say what its weights start from: classes' shares, a mean box."""

Networks = dict[str, Network]
"""Networks that were built, by the digests of their architectures."""


def architecture_path(folder: Path, sha256: str) -> Path:
    """Where an architecture lies beside the weights that name it."""
    return folder / f"architecture_{sha256[:NAME_LENGTH]}.json"


def save_network(model: Any, path: Path) -> None:
    """Write a Keras model's weights, and before them its architecture where it is not there yet.

    Args:
        model: any; neither its optimiser nor its losses are kept.
        path: of the weights; it ends in SUFFIX.
    """
    keras = load_keras()
    bare = keras.Model(model.input, model.output, name=model.name)
    text = json.dumps(_without_starts(json.loads(bare.to_json())))
    sha256 = sha256_of(text.encode())
    place = architecture_path(path.parent, sha256)
    if not place.exists():
        write_text(place, text)
    arrays: dict[str, Any] = {
        each.path: np.asarray(keras.ops.convert_to_numpy(each)) for each in model.weights
    }
    if len(arrays) != len(model.weights) or NAMED in arrays:
        raise ValueError(f"{model.name} has variables of one name")
    with whole_file(path) as partial:
        np.savez(partial, allow_pickle=False, **{NAMED: np.array(sha256)}, **arrays)


def architecture_of(path: Path) -> Path:
    """The file of the architecture that weights name; FishError where they name none."""
    try:
        with np.lib.npyio.NpzFile(io.BytesIO(read_bytes(path)), allow_pickle=False) as arrays:
            return architecture_path(path.parent, _named(arrays))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FishError(f"{path} can't be loaded ({error}).") from None


def read_weights(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """What `save_network` wrote: the digest of the architecture, and the weights by their variables' paths.

    Raises:
        Exception: OSError, ValueError, zipfile.BadZipFile, and what else is raised of files that are missing
            or damaged.
    """
    content = read_bytes(path)
    with np.lib.npyio.NpzFile(io.BytesIO(content), allow_pickle=False) as arrays:
        sha256 = _named(arrays)
        with zipfile.ZipFile(io.BytesIO(content)) as members:
            if any(each.compress_type != zipfile.ZIP_STORED for each in members.infolist()):
                raise ValueError("it is compressed, as no head is")
        held = {name: arrays[name] for name in arrays.files if name != NAMED}
    for name, array in held.items():
        if array.dtype.kind != "f":
            raise ValueError(f"{name} is not what its architecture says")
    return sha256, held


def network_for(folder: Path, sha256: str, weights: dict[str, np.ndarray], networks: Networks) -> Network:
    """The network that weights of `read_weights` are of.

    Args:
        folder: where they lie.
        sha256: of its architecture.
        weights: by the paths of its variables.
        networks: those that were built already; one that was not is added.

    Raises:
        Exception: FishError, OSError, ValueError, and what else Keras has to say of an architecture that is
            missing, damaged, or not the weights' own.
    """
    network = networks.get(sha256)
    if network is None:
        network = networks[sha256] = Network(_built(_read_architecture(folder, sha256)))
    wanted = {each.path: tuple(each.shape) for each in network.model.weights}
    if set(weights) != set(wanted):
        raise ValueError("its weights are not those of its architecture")
    for name, array in weights.items():
        if array.shape != wanted[name]:
            raise ValueError(f"{name} is not what its architecture says")
    return network


def _read_architecture(folder: Path, sha256: str) -> dict[str, Any]:
    """Keras' description of a network; ValueError where the file is not the one of that digest."""
    path = architecture_path(folder, sha256)
    text = read_bytes(path)
    if sha256_of(text) != sha256:
        raise ValueError(f"{path.name} is not the architecture that it was trained in")
    return dict(json.loads(text))


def _named(arrays: Any) -> str:
    if NAMED not in arrays.files:
        raise ValueError("it names no architecture")
    named = arrays[NAMED]
    if named.shape or named.dtype.kind != "U":
        raise ValueError("it names no architecture")
    return str(named)


def _built(architecture: dict[str, Any]) -> Any:
    """A network of an architecture, its weights at 0."""
    keras = load_keras()
    from fishcli.heads.networks import layers  # noqa: F401  registers fishcli's own layers

    return keras.models.model_from_json(json.dumps(architecture))


def _without_starts(value: Any) -> Any:
    """An architecture whose weights all start at 0, which is quick to draw and the same for every fold."""
    if isinstance(value, list):
        return [_without_starts(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: "zeros" if name.endswith(STARTS) and each is not None else _without_starts(each)
        for name, each in value.items()
    }
