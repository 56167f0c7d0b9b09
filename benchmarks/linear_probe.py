"""What frozen features are worth: logistic regression on them, under random and under grouped folds.

    python benchmarks/linear_probe.py DATA_DIR fishnet fishnet:random mobilenet_v2:PATH.h5 thumbnail --groups

Features are average-pooled at --image-size, standardised, and given to a logistic regression with the best C
of 1e-4 ... 1 on the very rows it is scored on; 5 folds, the mean over --seeds fold seeds. `thumbnail` is the
photo itself at 16x16. Grouped folds need --groups, so that nobody looks at them while choosing.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from against_logistic import logistic_loss
from threadpoolctl import threadpool_limits

from fishcli.basics.quiet import load_cv2
from fishcli.basics.tables import table_text
from fishcli.commands import features
from fishcli.dataset.classes import labels_of
from fishcli.dataset.folds import make_folds
from fishcli.dataset.groups import load_groups
from fishcli.dataset.layout.images import load_train
from fishcli.features.photos.decode import decode
from fishcli.features.store.store import FeatureStore
from fishcli.heads.inputs import store_rows
from fishcli.heads.reading import read_features
from fishcli.options.features import FeaturesConfig
from fishcli.scoring.metrics import log_loss

N_FOLDS = 5
THUMBNAIL = 16


def thumbnails(train: pd.DataFrame) -> np.ndarray:
    """(n, 768) float64: each photo squashed to 16x16 RGB."""
    cv2 = load_cv2()
    small = [
        cv2.resize(decode(path), (THUMBNAIL,) * 2, interpolation=cv2.INTER_AREA) for path in train["path"]
    ]
    return np.stack(small).reshape(len(small), -1).astype(np.float64)


def pooled_features(name: str, data_dir: Path, image_size: str, ids: list[str]) -> np.ndarray:
    """(n, channels) float64 of `backbone` or `backbone:weights`, by `fishcli features` in a new folder."""
    backbone, _, weights = name.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        config = FeaturesConfig(
            data_dir=data_dir,
            features_dir=Path(folder),
            backbone=backbone,
            weights=weights or None,
            image_size=image_size,
            pool="avg",
            splits="train",
        )
        store = FeatureStore(Path(features.run(config)))
        found = read_features(store, {"train": store_rows(store, "train", ids)}, ["identity"], pool=True)
        return found[0, np.arange(len(ids))].astype(np.float64)


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("names", nargs="+", help="BACKBONE, BACKBONE:WEIGHTS or thumbnail")
    parser.add_argument("--image-size", default="224x224")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--groups", action="store_true", help="grouped folds as well")
    arguments = parser.parse_args()
    train = load_train(arguments.data_dir)
    class_names = sorted(set(train["class_name"]))
    labels = labels_of(train["class_name"], class_names)
    kinds = {"random": None}
    if arguments.groups:
        kinds["grouped"] = load_groups("auto", arguments.data_dir, train)
    folds = {
        kind: [make_folds(train["class_name"], groups, N_FOLDS, seed) for seed in range(arguments.seeds)]
        for kind, groups in kinds.items()
    }
    shares = np.bincount(labels) / len(labels)
    rows = [
        {
            "features": "class prior",
            **dict.fromkeys(folds, log_loss(labels, np.tile(shares, (len(labels), 1)))),
        }
    ]
    for name in arguments.names:
        if name == "thumbnail":
            columns = thumbnails(train)
        else:
            columns = pooled_features(name, arguments.data_dir, arguments.image_size, list(train["image"]))
        row = {"features": name, "channels": columns.shape[1]}
        for kind, each in folds.items():
            with threadpool_limits(1):  # the fits are small: BLAS threads would only wait for each other
                found = [logistic_loss(columns, labels, fold) for fold in each]
            row |= {kind: np.mean([loss for _, loss, _ in found]), f"{kind} C": found[0][0]}
            row |= {f"{kind} accuracy": np.mean([right for _, _, right in found])}
        rows.append(row)
    print(table_text(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
