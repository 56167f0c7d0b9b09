"""What audit-leakage says of a trained run: how much of its class maps lies on the fish."""

import dataclasses
import math
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.options.audit import AuditConfig
from fishcli.options.train import RunConfig
from fishcli.runs.folders.picking import pick_one_seed
from fishcli.runs.seeing.class_map_mass import MEANS, mass_of, summarise
from fishcli.runs.seeing.map_inputs import load_map_inputs


def maps_of_a_run(config: AuditConfig) -> dict[str, Any] | None:
    """The share of class-map mass in the true boxes, over all boxed images and by class; None without --run.

    Losses are in bits, as all are in an audit.

    Raises:
        FishError: there is no such run, its maps can't be made, or there are no boxes.
    """
    if config.run is None:
        return None
    run = pick_one_seed(config.models_dir, config.run)
    shared = {field.name: getattr(config, field.name) for field in dataclasses.fields(RunConfig)}
    places = RunConfig(**shared)
    inputs = load_map_inputs(run, places)
    if not inputs.boxes:
        raise FishError(
            f"--run {run.name}: there are no boxes in {config.data_dir / 'boxes'}. Leave out --run."
        )
    mass = mass_of(inputs)
    summary = summarise(mass)
    everything, metrics = summary.iloc[0], run.read_metrics()
    return {
        "run": run.name,
        "method": inputs.method,
        "folds": inputs.kind,
        **{
            name: _known(metrics.get(name, math.nan) / math.log(2)) for name in ("log_loss", "prior_log_loss")
        },
        "n_images": int(everything["n_images"]),
        "n_without_mass": int(mass["share"].isna().sum()),
        **{name: _known(everything[name]) for name in [*MEANS, "low", "high"]},
        "by_class": [
            {
                "name": row["name"],
                "n_images": int(row["n_images"]),
                **{name: _known(row[name]) for name in MEANS},
            }
            for row in summary[summary["by"] == "class"].to_dict("records")
        ],
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
