"""An encoding head's fitted parts, and the file that keeps them: arrays and no more."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fishcli.heads.classical.arrays import Affine, read_arrays
from fishcli.heads.encoding.codebooks import Codebook
from fishcli.heads.encoding.encodings import ENCODINGS

COMPONENTS = {"centre", "axes"}
OF_WORDS = {*COMPONENTS, "words", "spread"}
OF_MIXTURE = {*COMPONENTS, "weights", "means", "variances"}
CODEBOOK = "codebook_"
MOST_LEVELS = 3


@dataclass(frozen=True)
class EncodingModel:
    """What an encoding head predicts by.

    Attributes:
        head: a name of ENCODINGS.
        levels: of the pyramid.
        codebook: as `codebooks` makes it.
        mean: (dimensions,) of the encodings, which is taken off.
        scale: (1,) what they are multiplied by then.
        classes: (k,) those that were learned.
        scores: of the classes, from the columns: encodings and then metadata.
        boxes: likewise; None where none were learned.
    """

    head: str
    levels: int
    codebook: Codebook
    mean: np.ndarray
    scale: np.ndarray
    classes: np.ndarray
    scores: Affine
    boxes: Affine | None

    @property
    def n_numbers(self) -> int:
        """How many numbers were fitted."""
        ends = [self.scores] if self.boxes is None else [self.scores, self.boxes]
        arrays = [*self.codebook.values(), self.mean, self.scale]
        arrays += [part for end in ends for part in (end.coef_, end.intercept_)]
        return sum(each.size for each in arrays)


def write_model(path: Path, model: EncodingModel) -> None:
    """Write a model, an array a part, without pickles."""
    arrays = {CODEBOOK + name: each for name, each in model.codebook.items()}
    arrays |= {"head": np.array(model.head), "levels": np.array(model.levels)}
    arrays |= {name: getattr(model, name) for name in ("mean", "scale", "classes")}
    arrays |= {"coefficients": model.scores.coef_, "intercepts": model.scores.intercept_}
    if model.boxes is not None:
        arrays |= {"box_coefficients": model.boxes.coef_, "box_intercepts": model.boxes.intercept_}
    np.savez(path, allow_pickle=False, **arrays)


def read_model(content: bytes, n_metadata: int, n_classes: int) -> EncodingModel:
    """The model that `write_model` wrote.

    Args:
        content: of the file.
        n_metadata: columns of the metadata, which come behind the encodings.
        n_classes: of the run.

    Raises:
        ValueError: it holds something else, numbers that are not finite, or arrays that don't go together.
    """
    held = read_arrays(content)
    head, levels = str(held.pop("head")), int(held.pop("levels"))
    if head not in ENCODINGS or not 1 <= levels <= MOST_LEVELS:
        raise ValueError("it holds no head that encodes")
    if not all(np.issubdtype(each.dtype, np.number) and np.isfinite(each).all() for each in held.values()):
        raise ValueError("it holds what is no finite number")
    names = [name for name in held if name.startswith(CODEBOOK)]
    codebook = {name.removeprefix(CODEBOOK): held.pop(name) for name in names}
    scores, boxes = Affine(held.pop("coefficients"), held.pop("intercepts")), None
    if "box_coefficients" in held:
        boxes = Affine(held.pop("box_coefficients"), held.pop("box_intercepts"))
    model = EncodingModel(head, levels, codebook, **held, scores=scores, boxes=boxes)
    _check(model, n_metadata, n_classes)
    return model


def _check(model: EncodingModel, n_metadata: int, n_classes: int) -> None:
    """Raise ValueError where arrays don't go together."""
    book = model.codebook
    n_cells = sum(4**level for level in range(model.levels))
    is_mixture = model.head == "fisher"
    entries = "means" if is_mixture else "words"
    if set(book) != (OF_MIXTURE if is_mixture else OF_WORDS) or book[entries].ndim != 2:
        raise ValueError("it holds no codebook of its kind")
    size, depth = book[entries].shape
    shapes: dict[str, tuple[int, ...]] = {
        "axes": (book["centre"].size, depth),
        "centre": (book["centre"].size,),
    }
    if is_mixture:
        shapes |= {"weights": (size,), "variances": (size, depth)}
        is_sound = size > 0 and min(book["weights"].min(), book["variances"].min()) > 0
    else:
        shapes |= {"spread": ()}
        is_sound = size > 0 and bool((book["spread"] > 0).all())
    dimensions = 2 * size * depth if is_mixture else size
    n_columns, k = n_cells * dimensions + n_metadata, len(model.classes)
    wanted = [(book[name], shape) for name, shape in shapes.items()]
    wanted += [(model.mean, (n_cells * dimensions,)), (model.scale, (1,)), (model.classes, (k,))]
    wanted += [(model.scores.coef_, (k, n_columns)), (model.scores.intercept_, (k,))]
    if model.boxes is not None:
        wanted += [(model.boxes.coef_, (4, n_columns)), (model.boxes.intercept_, (4,))]
    is_sound &= bool(np.isin(model.classes, np.arange(n_classes)).all()) and len(set(model.classes)) == k
    if not is_sound or any(array.shape != shape for array, shape in wanted):
        raise ValueError("it holds arrays that don't go together")
