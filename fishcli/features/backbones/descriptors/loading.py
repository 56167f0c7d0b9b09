"""A descriptor as a backbone: what of it is known before anything is computed, and what computes it."""

from collections.abc import Callable
from importlib.metadata import version
from types import ModuleType

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.files import digest
from fishcli.basics.quiet import load_cv2
from fishcli.features.backbones.choice import BackboneChoice
from fishcli.features.backbones.descriptors.maps import KINDS, OPENCV, SKIMAGE, Descriptor
from fishcli.features.backbones.engines.engine import Engine, EngineChoice
from fishcli.features.backbones.facts import Facts
from fishcli.features.store.recipe import INPUT, Recipe

INSTALL = "pip install 'fishcli[classical]'"


def descriptor_facts(choice: BackboneChoice) -> Facts:
    """What is known of a descriptor; nothing is imported for it.

    Raises:
        FishError: a layer, of which it has none, or an image too small.
    """
    name = choice.backbone
    if choice.layer == INPUT:
        raise FishError(
            f"--layer {INPUT} keeps pixels for fishcli finetune, and {name} can't be trained. Leave it out."
        )
    if choice.layer not in (None, name):
        raise FishError(f"--layer {choice.layer}: {name} is no network and has no layers. Leave it out.")
    kind = KINDS[name]
    shape = kind.map_shape(choice.image_size)
    return Facts(
        layer=name,
        weights_sha256=digest(kind.how),
        preprocessing=kind.how,
        feature_shape=shape if choice.pool == "none" else shape[-1:],
        is_whole=True,
    )


def check_is_usual(name: str, choice: EngineChoice) -> None:
    """Raise FishError where another engine or a precision is asked for, of which a descriptor has none."""
    for option, asked in (("--engine", choice.engine), ("--precision", choice.precision)):
        if asked != "auto":
            library = KINDS[name].library
            raise FishError(f"{option} {asked}: {name} is computed by {library} alone. Leave it out.")


def descriptor_engine(recipe: Recipe, choice: EngineChoice) -> Engine:
    """What computes a descriptor: its library, an image at a time on each core.

    Raises:
        FishError: another engine or a precision is asked for; the library is not installed.
    """
    name, kind = recipe.backbone, KINDS[recipe.backbone]
    check_is_usual(name, choice)
    from joblib import cpu_count  # of this process, not of the machine

    library, its_version = _load(kind, name)
    compute = _computer(kind, library, recipe.image_size, recipe.pool)
    return Engine(f"{kind.library} {its_version}", compute, 1, cpu_count())


def is_of_library(engine: str) -> bool:
    """Whether an engine, by its name, computes descriptors."""
    return engine.startswith((OPENCV, SKIMAGE))


def _load(kind: Descriptor, name: str) -> tuple[ModuleType, str]:
    """The module that describes, and its version."""
    if kind.library == OPENCV:
        cv2 = load_cv2()
        return cv2, cv2.__version__
    try:
        from skimage import feature
    except ImportError:
        raise FishError(
            f"--backbone {name}: {kind.library} is not installed. Install it: {INSTALL}."
        ) from None
    return feature, version(kind.library)


def _computer(
    kind: Descriptor, library: ModuleType, image_size: tuple[int, int], pool: str
) -> Callable[[np.ndarray], np.ndarray]:
    """From images (n, h, w, 3) uint8 RGB to (n, rows, columns, channels), pooled (n, channels), float32.

    What an image has beyond whole cells is left out, evenly on both sides.
    """
    rows, columns = kind.cells(image_size)
    top, left = ((side - n * kind.cell) // 2 for side, n in zip(image_size, (rows, columns), strict=True))
    describe = kind.make(library, (rows, columns))

    def compute(images: np.ndarray) -> np.ndarray:
        whole = images[:, top : top + rows * kind.cell, left : left + columns * kind.cell]
        found = np.stack([describe(np.ascontiguousarray(image)) for image in whole]).astype(np.float32)
        if pool == "none":
            return found
        return np.asarray(found.mean(axis=(1, 2)) if pool == "avg" else found.max(axis=(1, 2)))

    return compute
