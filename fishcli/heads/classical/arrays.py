"""Fitted parts that are arrays and no more, and the file that keeps them: neither needs scikit-learn."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SUFFIX = ".npz"


@dataclass(frozen=True)
class Scaler:
    """What takes columns' means off and divides by their scales, as scikit-learn's StandardScaler does.

    Attributes:
        mean_: (columns,) float64, taken off.
        scale_: (columns,) float64, divided by.
    """

    mean_: np.ndarray
    scale_: np.ndarray

    @property
    def n_features_in_(self) -> int:
        """How many columns it scales."""
        return len(self.mean_)

    def transform(self, columns: np.ndarray) -> np.ndarray:
        """Columns (n, columns) float32, scaled: float64."""
        return (columns - self.mean_) / self.scale_


@dataclass(frozen=True)
class Affine:
    """A linear regression.

    Attributes:
        coef_: (outputs, columns) float64.
        intercept_: (outputs,) float64.
    """

    coef_: np.ndarray
    intercept_: np.ndarray

    def predict(self, columns: np.ndarray) -> np.ndarray:
        """The outputs (n, outputs) of columns (n, columns)."""
        return columns @ self.coef_.T + self.intercept_


def write_parts(path: Path, model: dict[str, Any]) -> None:
    """Write the parts of a head of OF_ARRAYS, an array each, without pickles."""
    arrays = {"mean": model["scaler"].mean_, "scale": model["scaler"].scale_, "classes": model["classes"]}
    if model["boxes"] is not None:
        arrays |= {"box_coefficients": model["boxes"].coef_, "box_intercepts": model["boxes"].intercept_}
    if not model["roots"]:  # blends, whose files were the first, look at them
        arrays["roots"] = False
    arrays |= {"prior_share": model["prior_share"], **(model["classifier"] or {})}
    np.savez(path, allow_pickle=False, **arrays)


def read_arrays(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; ValueError where it is compressed or holds other things."""
    with zipfile.ZipFile(io.BytesIO(content)) as members:
        if any(each.compress_type != zipfile.ZIP_STORED for each in members.infolist()):
            raise ValueError("it is compressed, as no head is")
    with np.lib.npyio.NpzFile(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def read_parts(content: bytes, n_columns: int) -> dict[str, Any]:
    """The parts that `write_parts` wrote.

    Args:
        content: of the file.
        n_columns: of the metadata, which come behind the features.

    Raises:
        ValueError: it holds something else, or arrays that don't go together.
    """
    held = read_arrays(content)
    scaler, classes = Scaler(held.pop("mean"), held.pop("scale")), held.pop("classes")
    model: dict[str, Any] = {
        "scaler": scaler,
        "roots": bool(held.pop("roots", True)),
        "boxes": None,
        "classes": classes,
        "classifier": None,
    }
    model["prior_share"] = float(held.pop("prior_share"))
    n_columns += len(scaler.mean_)
    shapes = {"scale": (scaler.scale_, scaler.mean_.shape)}
    if "box_coefficients" in held:
        model["boxes"] = Affine(held.pop("box_coefficients"), held.pop("box_intercepts"))
        shapes |= {"boxes": (model["boxes"].coef_, (4, n_columns)), "ends": (model["boxes"].intercept_, (4,))}
    if held:
        n_members, k = len(held["exponents"]), len(classes)
        shapes["coefficients"] = (held["coefficients"], (n_members, k, n_columns))
        shapes["intercepts"] = (held["intercepts"], (n_members, k))
        shapes |= {name: (held[name], (n_members,)) for name in ("exponents", "cs") if name in held}
        names = ("coefficients", "intercepts", "exponents", "cs")
        model["classifier"] = {name: held.pop(name) for name in names if name in held}
    if held or any(array.shape != shape for array, shape in shapes.values()):
        raise ValueError("it holds no head")
    return model
