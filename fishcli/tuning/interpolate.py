"""Weights between the frozen start and what training made of them (Wortsman et al., WiSE-FT, 2022)."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.files import whole_file
from fishcli.basics.quiet import load_keras
from fishcli.basics.remote import content
from fishcli.tuning.network import BODY, SCORES

AUTO = "auto"
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""How far to go from the start, of which `--interpolate auto` chooses; 1 is what training ended with."""

Weights = list[np.ndarray]


def parse_share(text: str) -> float | None:
    """What `--interpolate` says: a share from 0 to 1, None for auto; FishError for anything else."""
    said = text.strip()
    if said == AUTO:
        return None
    if not re.fullmatch(r"\d+(\.\d+)?", said) or float(said) > 1:
        raise FishError(f"--interpolate {text}: expected a number from 0 (frozen) to 1 (trained), or auto.")
    return float(said)


def moving_weights(model: Any) -> Weights:
    """The weights of a network that have a start worth keeping: the backbone's and the class scores'."""
    ops = load_keras().ops
    return [np.array(ops.convert_to_numpy(each.value)) for each in _variables(model)]


def go_between(model: Any, ends: tuple[Weights, Weights], share: float) -> None:
    """Set those weights to `share` of the way from the first of `ends` to the second."""
    for variable, start, end in zip(_variables(model), *ends, strict=True):
        variable.assign(end if share == 1 else ((1 - share) * start + share * end).astype(end.dtype))


def save_ends(path: Path, ends: tuple[Weights, Weights]) -> None:
    """Keep both ends."""
    arrays: dict[str, Any] = {
        f"{name}_{number:06d}": each
        for name, weights in zip(("start", "tuned"), ends, strict=True)
        for number, each in enumerate(weights)
    }
    with whole_file(path) as partial:
        np.savez(partial, **arrays)


def load_ends(path: Path) -> tuple[Weights, Weights]:
    """What `save_ends` kept; whatever NumPy raises of a missing or damaged file."""
    with np.load(content(path), allow_pickle=False) as kept:
        found = [
            [kept[name] for name in sorted(kept.files) if name.startswith(end)] for end in ("start", "tuned")
        ]
    return found[0], found[1]


def _variables(model: Any) -> list[Any]:
    return [*model.get_layer(BODY).weights, *model.get_layer(SCORES).weights]
