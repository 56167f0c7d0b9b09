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


def load_network(path: Path, networks: Networks) -> tuple[Network, dict[str, np.ndarray]]:
    """The network of a file of weights, and those by the paths of its variables.

    Args:
        path: of `save_network`.
        networks: those that were built already; one that was not is added.

    Raises:
        Exception: FishError, OSError, ValueError, zipfile.BadZipFile, and what else Keras has to say of files
            that are missing, damaged, or not of each other.
    """
    content = read_bytes(path)
    with np.lib.npyio.NpzFile(io.BytesIO(content), allow_pickle=False) as arrays:
        sha256 = _named(arrays)
        network = networks.get(sha256)
        if network is None:
            network = networks[sha256] = Network(_built(architecture_path(path.parent, sha256), sha256))
        wanted = {each.path: tuple(each.shape) for each in network.model.weights}
        if set(arrays.files) != {NAMED, *wanted}:
            raise ValueError("its weights are not those of its architecture")
        with zipfile.ZipFile(io.BytesIO(content)) as members:
            if any(each.compress_type != zipfile.ZIP_STORED for each in members.infolist()):
                raise ValueError("it is compressed, as no head is")
        held = {name: arrays[name] for name in wanted}
    for name, array in held.items():
        if array.shape != wanted[name] or array.dtype.kind != "f":
            raise ValueError(f"{name} is not what its architecture says")
    return network, held


def _named(arrays: Any) -> str:
    if NAMED not in arrays.files:
        raise ValueError("it names no architecture")
    named = arrays[NAMED]
    if named.shape or named.dtype.kind != "U":
        raise ValueError("it names no architecture")
    return str(named)


def _built(path: Path, sha256: str) -> Any:
    """A network of an architecture's file, its weights at 0."""
    text = read_bytes(path)
    if sha256_of(text) != sha256:
        raise ValueError(f"{path.name} is not the architecture that it was trained in")
    keras = load_keras()
    from fishcli.heads.networks import layers  # noqa: F401  registers fishcli's own layers

    return keras.models.model_from_json(text.decode())


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
