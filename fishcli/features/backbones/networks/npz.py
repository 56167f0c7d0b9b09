"""Weights from an .npz file: an array a variable, under the variable's path."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.files import whole_file

HEADER_BYTES = 1024  # of an array in an .npz file, at most


MOST_TEXT = 2**22
"""Bytes of a text beside weights."""


def save_npz(model: Any, path: Path, **texts: str) -> None:
    """Write a Keras model's weights as they are, an array a variable; whole or not at all.

    `texts` are written beside them, under their names, for `read_text`.
    """
    arrays = {each.path: np.asarray(each) for each in model.weights}
    arrays |= {name: np.frombuffer(text.encode(), np.uint8) for name, text in texts.items()}
    with whole_file(path) as partial:
        np.savez(partial, allow_pickle=False, **arrays)


def read_text(path: Path, name: str) -> str:
    """A text beside weights.

    Raises:
        FishError: the file is damaged, or has none of that name.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            size = next(each.file_size for each in arrays.zip.infolist() if each.filename == f"{name}.npy")
            if size > MOST_TEXT:
                raise ValueError(f"{name} is too long")
            return bytes(arrays[name]).decode()
    except Exception as error:  # what a damaged zip raises has no common base
        reason = str(error) or type(error).__name__
        raise FishError(f"the weights {path} can't be read as an .npz file with {name}: {reason}") from None


def load_npz(model: Any, content: bytes, source: str, texts: tuple[str, ...] = ()) -> None:
    """Give a model the weights of an .npz file.

    Args:
        model: a Keras model; changed in place.
        content: of the file.
        source: what the file is called in errors, in the plural: "the weights PATH".
        texts: the names of those beside the weights.

    Raises:
        FishError: the file is damaged, holds anything but arrays, or not just this model's weights.
    """
    wanted = {variable.path: variable for variable in model.weights}
    n_bytes = HEADER_BYTES * len(wanted) + 8 * model.count_params() + MOST_TEXT * len(texts)
    try:
        with np.lib.npyio.NpzFile(io.BytesIO(content), allow_pickle=False) as arrays:
            if sum(member.file_size for member in zipfile.ZipFile(io.BytesIO(content)).infolist()) > n_bytes:
                raise ValueError(f"it unpacks to more than {model.name}'s weights")
            held = {name: arrays[name].astype(np.float32) for name in arrays.files if name not in texts}
    except Exception as error:  # what a damaged zip raises has no common base
        reason = str(error) or type(error).__name__
        raise FishError(f"{source} can't be read as an .npz file: {reason}") from None
    if {name: array.shape for name, array in held.items()} != {n: v.shape for n, v in wanted.items()}:
        raise FishError(f"{source} don't fit {model.name}: other names or shapes than its variables have.")
    for name, variable in wanted.items():
        variable.assign(held[name])
