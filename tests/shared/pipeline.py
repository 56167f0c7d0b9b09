"""Configs and short-cuts that the tests of whole commands share."""

import dataclasses
import hashlib
import shlex
from pathlib import Path

import pandas as pd
import typer

from fishcli.basics.files import digests_of, read_json, write_json
from fishcli.cli import app
from fishcli.commands import features, predict, train
from fishcli.dataset.detections import write_detections
from fishcli.dataset.layout.images import load_tests, load_train
from fishcli.features.store.store import FeatureStore
from fishcli.options.features import FeaturesConfig
from fishcli.options.predict import PredictConfig
from fishcli.options.train import TrainConfig

CLASSES = ["ALB", "BET", "NoF"]


def features_config(root: Path, **changes):
    values = {"data_dir": root / "data", "backbone": "fishnet"}
    if "augment" in changes:
        changes["augment"] = str(changes["augment"])
    return FeaturesConfig(**{**values, "image_size": "64x64", "batch_size": 8, **changes})


def train_config(root: Path, **changes):
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    return TrainConfig(**{**places, "head": "gap", "folds": 3, "epochs": 2, "name": "run", **changes})


def predict_config(root: Path, **changes):
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    return PredictConfig(**{**places, "submissions_dir": root / "submissions", "run": "run", **changes})


def parse(line):
    """The config that a command line parses to."""
    _, name, *words = shlex.split(line)
    command = typer.main.get_command(app).commands[name]
    config_class = {"train": TrainConfig, "features": FeaturesConfig}[name]
    params = command.make_context(name, words).params
    fields = {field.name for field in dataclasses.fields(config_class)}
    return config_class(**{name: value for name, value in params.items() if name in fields})


def compute(root: Path, **changes) -> Path:
    """Run `features`; returns the store's folder."""
    return Path(features.run(features_config(root, **changes)))


def fit(root: Path, **changes) -> Path:
    """Run `train`; returns the run's folder."""
    return Path(train.run(train_config(root, **changes)).splitlines()[-1])


def submit(root: Path, **changes) -> pd.DataFrame:
    """Run `predict`; returns the (only) submission."""
    return pd.read_csv(predict.run(predict_config(root, **changes)))


def write_found(root: Path) -> Path:
    """Write what another tool found in all photos but every fourth: boxes for `--crop`, in `found.json`."""
    reading = FeaturesConfig(data_dir=root / "data").reading
    tables = {"train": load_train(root / "data", reading), **load_tests(root / "data", reading)}
    rows = []
    for split, images in tables.items():
        for n, image in enumerate(images["image"]):
            start = 0.05 * (n % 7)
            box = (0.9, start, start, start + 0.4, start + 0.5)
            rows.append((split, image, *(box if n % 4 else [float("nan")] * 5)))
    path = root / "found.json"
    columns = ["split", "image", "confidence", "x_min", "y_min", "x_max", "y_max"]
    write_detections(path, pd.DataFrame(rows, columns=columns), {"detector": "another tool"})
    return path


def complete_arrays(store: FeatureStore, split: str) -> list[str]:
    """The names of a split's arrays that are complete."""
    names = [path.parent.name for path in (store.store_dir / split).glob("*/zarr.json")]
    return sorted(name for name in names if store.is_complete(split, name))


def tree_hash(folder: Path, pattern: str = "**/*") -> dict[str, str]:
    """The sha256 of every file below `folder`."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def rewrite_oof(run_dir, oof):
    """Other out-of-fold predictions for a run, sealed as they are."""
    oof.to_csv(run_dir / "oof.csv", index=False)
    metrics = read_json(run_dir / "metrics.json")
    metrics["files"] |= digests_of([run_dir / "oof.csv"])
    write_json(run_dir / "metrics.json", metrics, sealed=True)
