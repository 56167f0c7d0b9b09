"""A localiser's run as `locate` leaves it behind, without a network: what it finds is made up."""

import numpy as np
import pandas as pd

from fishcli.basics.files import digest, write_csv, write_json
from fishcli.dataset.annotations import read_boxes
from fishcli.dataset.groups import load_groups
from fishcli.dataset.layout.images import dataset_digest, load_train
from fishcli.locating.decode import CellBoxes
from fishcli.options.locate import LocateConfig
from fishcli.runs.folders.listing import CONFIG
from fishcli.runs.locating.folds import boxes_by_image
from fishcli.runs.locating.localiser import LocaliserRun, localiser_settings
from fishcli.runs.locating.report import write_found

CORNER = np.array([0.0, 0.0, 0.1, 0.1])
N_FOLDS = 2


class NoModel:
    """What stands for a network: bytes."""

    def save(self, path):
        path.write_bytes(b"no model")


def write_localiser(root, missed=(), is_complete=True, groups="auto"):
    """Write models/locate; returns the run and what `locate` prints.

    Each true box is found as it is, and a small one in the corner, half as surely. In the photos `missed`
    there is only the latter, surer than anything.
    """
    config = LocateConfig(data_dir=root / "data", models_dir=root / "models", folds=N_FOLDS, groups=groups)
    images = load_train(config.data_dir, config.reading)
    boxes = read_boxes(config.data_dir / "boxes", images, None)
    known = load_groups(config.groups, config.data_dir, images)
    number = np.arange(len(images)) if known is None else np.unique(known, return_inverse=True)[1]
    names = [""] * len(images) if known is None else list(known)
    folds = pd.DataFrame({"image": images["image"], "fold": number % N_FOLDS, "group": names})
    run = LocaliserRun(
        run_dir=config.models_dir / "locate",
        store="fishnet-64x64-0123456789ab",
        dataset=dataset_digest(images),
        targets=digest(folds.to_csv(index=False), boxes.to_csv(index=False)),
        settings=localiser_settings(config, ["identity"]),
    )
    write_json(run.run_dir / CONFIG, run.to_json(), sealed=True)
    write_csv(run.run_dir / "folds.csv", folds)
    true = boxes_by_image(boxes, images)
    for k in range(N_FOLDS if is_complete else 1):
        rows = np.flatnonzero(folds["fold"] == k)
        found = [_found(true[row], images["image"][row] in missed) for row in rows]
        kept = {"losses": [0.9, 0.5, 0.4], "seconds": 1.5, "n_parameters": 1234}
        run.save_fold(k, NoModel(), found, kept)
    if not is_complete:
        return run, ""
    truth = true, images[["height", "width"]].to_numpy()
    return run, write_found(run, folds, truth, iter([]), ["fishcli features --crop it", "fishcli train"])


def _found(true, is_missed):
    if is_missed:
        return CellBoxes(CORNER[None], np.array([0.95]))
    if not len(true):
        return CellBoxes(CORNER[None], np.array([0.05]))
    return CellBoxes(np.vstack([true, CORNER]), np.append(np.full(len(true), 0.9), 0.2))
