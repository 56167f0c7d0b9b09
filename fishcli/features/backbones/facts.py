"""What is known of a backbone without building it: kept in the user's cache, so that no network is needed
where nothing is to be computed."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fishcli.basics.backends import BACKENDS, chosen_backend
from fishcli.basics.errors import FishError
from fishcli.basics.files import cache_dir, digest, read_json, write_json
from fishcli.basics.quiet import keras_hub_version
from fishcli.features.backbones.choice import is_hub


@dataclass(frozen=True)
class Facts:
    """What follows from a choice of backbone, weights, size and cut.

    Attributes:
        layer: the layer's own name.
        weights_sha256: of the weights' values.
        preprocessing: what it is called.
        feature_shape: of one image's features: (h, w, channels), or (channels,) where pooled.
        is_whole: whether it is cut at its last layer, which nobody needs to name.
    """

    layer: str
    weights_sha256: str
    preprocessing: str
    feature_shape: tuple[int, ...]
    is_whole: bool


def facts_path(asked: Mapping[str, Any], files: Sequence[Path]) -> Path:
    """Where the facts are kept that follow from what is asked for, here and now.

    The name stands for all that they depend on: what is asked for, the size and the time of the weights'
    files, the libraries' versions and this package's own code.

    Args:
        asked: JSON values by name; the backbone's own is "backbone".
        files: those with the weights; none where they are named by a word.
    """
    backend, here = chosen_backend(), Path(__file__).parent
    known = {
        **asked,
        "weights_files": [_stamp(path) for path in files],
        "code": [_stamp(path) for path in sorted(here.rglob("*")) if path.suffix in (".py", ".npz")],
        "backend": backend,
        **{name: version(name) for name in ("keras", "numpy", *([backend] if backend in BACKENDS else []))},
        **({"keras-hub": keras_hub_version()} if is_hub(asked["backbone"]) else {}),
    }
    return cache_dir() / f"{asked['backbone']}-{digest(json.dumps(known, sort_keys=True))[:12]}.json"


def _stamp(path: Path) -> list[Any]:
    found = path.stat()
    return [str(path), found.st_size, found.st_mtime_ns]


def read_facts(path: Path) -> Facts | None:
    """The facts that are kept in a file; None where there are none, or they are damaged."""
    if not path.is_file():
        return None
    try:
        facts = Facts(**read_json(path))
        return dataclasses.replace(facts, feature_shape=tuple(facts.feature_shape))
    except (FishError, TypeError):  # made again, and written over
        return None


def keep_facts(path: Path, facts: Facts) -> None:
    """Keep facts for the next time, where the cache can be written."""
    with suppress(OSError):
        write_json(path, dataclasses.asdict(facts), sealed=True)
