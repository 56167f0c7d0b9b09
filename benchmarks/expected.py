"""How often intervals hold what comes on new groups, in drawn worlds whose truth is known.

    python benchmarks/expected.py [--times 300] [--seed 0]

In each world losses of old groups are drawn, and of groups to come, from one population: sizes are lognormal
(2 to 400 images), the groups' mean losses normal, lognormal, larger in larger groups ("sized"), five times as
high in every eighth ("heavy"), or all alike ("alike"). Beside the prediction interval stand Student's, with
the same standard deviation between groups, and the confidence interval of the old groups' mean, which is what
a plain bootstrap gives. Shares that held what came, and median widths. No data is needed.
"""

import argparse
import math

import numpy as np
import pandas as pd
from scipy import stats

from fishcli.basics.intervals import Interval, paired_interval, prediction_interval
from fishcli.basics.progress import track
from fishcli.basics.tables import table_text

WORLDS = ("normal", "lognormal", "sized", "heavy", "alike")
GROUPS = ((8, 3), (8, 10), (15, 10), (32, 10), (78, 10), (78, 26))


def draw(world: str, n_groups: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The mean loss and the number of images of each group."""
    sizes = np.clip(np.round(rng.lognormal(3, 1, n_groups)), 2, 400)
    hard = rng.random(n_groups) < 0.12
    level = {
        "normal": np.maximum(1.3 + 0.5 * rng.normal(size=n_groups), 0.02),
        "lognormal": rng.lognormal(-0.2, 0.9, n_groups),
        "sized": rng.lognormal(-0.2, 0.6, n_groups) * (sizes / 20) ** 0.4,
        "heavy": np.where(hard, rng.gamma(4, 1.2, n_groups), rng.gamma(1.5, 0.35, n_groups)),
        "alike": np.full(n_groups, 0.9),
    }[world]
    return level * rng.gamma(0.6 * sizes, 1 / (0.6 * sizes)), sizes


def students(losses: np.ndarray, groups: np.ndarray, n_new: int) -> Interval:
    counts = np.bincount(groups).astype(float)
    mean = losses.mean()
    residuals = np.bincount(groups, losses - mean)
    spread = math.sqrt((residuals**2).sum() / (len(counts) - 1)) / counts.mean()
    half = stats.t.ppf(0.975, len(counts) - 1) * spread * math.sqrt(1 / len(counts) + 1 / n_new)
    return Interval(mean - half, mean + half)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = []
    for world in track(WORLDS, "worlds"):
        for n_groups, n_new in GROUPS:
            rng = np.random.default_rng(arguments.seed)
            held, widths = [], []
            for _ in range(arguments.times):
                level, sizes = draw(world, n_groups + n_new, rng)
                came = np.average(level[n_groups:], weights=sizes[n_groups:])
                group = np.repeat(np.arange(n_groups), sizes[:n_groups].astype(int))
                losses = level[group]  # what images differ by inside a group is in its mean already
                found = [
                    prediction_interval(losses, group, n_new),
                    students(losses, group, n_new),
                    paired_interval(losses, group),
                ]
                held.append([each.low <= came <= each.high for each in found])
                widths.append([each.high - each.low for each in found])
            shares, middle = np.mean(held, axis=0), np.median(widths, axis=0)
            cells = [f"{share:.2f} ({wide:.2f})" for share, wide in zip(shares, middle, strict=True)]
            names = ("prediction", "Student's", "of the mean")
            rows.append(
                {"world": world, "groups": n_groups, "new": n_new, **dict(zip(names, cells, strict=True))}
            )
    print(table_text(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
