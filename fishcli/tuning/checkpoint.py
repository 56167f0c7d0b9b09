"""What a network is after an epoch, kept so that a killed training goes on from there."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.files import whole_file
from fishcli.basics.progress import warn
from fishcli.basics.quiet import load_keras
from fishcli.basics.remote import content


def state_of(model: Any) -> list[np.ndarray]:
    """All that training changes: weights, the state of random generators and of the optimiser."""
    ops = load_keras().ops
    return [np.array(ops.convert_to_numpy(each.value)) for each in _variables(model)]


def restore(model: Any, state: list[np.ndarray]) -> None:
    """Bring a compiled network back to a state; ValueError where it is another network's."""
    variables = _variables(model)
    if [tuple(each.shape) for each in variables] != [each.shape for each in state]:
        raise ValueError("it is of another network")
    for variable, value in zip(variables, state, strict=True):
        variable.assign(value)


def save_checkpoint(path: Path, model: Any, losses: dict[str, list[float]]) -> None:
    """Keep a network and the losses of the epochs that it has behind it."""
    with whole_file(path) as partial:
        arrays: dict[str, Any] = {f"{number:06d}": each for number, each in enumerate(state_of(model))}
        np.savez(partial, losses=np.array(json.dumps(losses)), **arrays)


def go_on_from(path: Path, model: Any) -> dict[str, list[float]]:
    """Bring a network to where `save_checkpoint` left it; returns the losses of the epochs behind it.

    Where there is nothing to go on from, or it can't be read, the network stays as it is, and they are none.
    """
    if not path.exists():
        return {}
    try:
        with np.load(content(path), allow_pickle=False) as kept:
            losses = json.loads(str(kept["losses"]))
            restore(model, [kept[name] for name in sorted(set(kept.files) - {"losses"})])
    except Exception as error:  # what a damaged zip raises has no common base
        warn(f"{path} can't be gone on from ({error}): the fold begins anew")
        return {}
    return {str(name): [float(each) for each in values] for name, values in losses.items()}


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
