"""How often the audit's interval of a gain holds the truth, on drawn data sets whose leak is known.

    python benchmarks/audit_intervals.py [--images 480] [--sets 100] [--truths 20] [--seed 0]

A line a world of `audit-leakage --selftest`, random folds: the gain, what the learners gain on fresh images
when trained on as many (averaged over --truths training sets), the share of 95% intervals that hold that, and
the standard error that the intervals say beside what the gain varies by from data set to data set.
"""

import argparse

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from fishcli.audit.gains import gain_on, measure_gain
from fishcli.audit.luck.selftest import N_FRESH, WORLDS
from fishcli.audit.luck.simulate import World
from fishcli.basics.progress import track
from fishcli.basics.tables import table_text
from fishcli.dataset.folds import make_folds

N_FOLDS = 10


def audited(world: World, n_images: int, seed: int) -> tuple[float, float | None, float | None]:
    """The gain in a data set, bits, and the ends of its interval."""
    table = world.draw(n_images, (seed, 0))
    fold = make_folds(pd.Series(table.labels).astype(str), None, N_FOLDS, seed)
    gain = measure_gain(table, fold, "file", "random").gain
    return gain.bits, gain.bits_low, gain.bits_high


def truth(world: World, n_images: int, seed: int) -> float:
    """What the learners of a data set gain on fresh images, bits."""
    return gain_on(world.draw(n_images, (seed, 1)), world.draw(N_FRESH * n_images, (seed, 2)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("images", 480), ("sets", 100), ("truths", 20), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    rows = []
    for name, world in WORLDS.items():
        if world.boats:
            continue
        seeds = range(args.seed * 10_000, args.seed * 10_000 + args.sets)
        fits = (delayed(audited)(world, args.images, seed) for seed in seeds)
        found = Parallel(n_jobs=-1, return_as="generator")(fits)
        bits, low, high = np.array(list(track(found, name, "data set", args.sets))).T
        fits = (delayed(truth)(world, args.images, seed) for seed in seeds[: args.truths])
        expected = float(np.mean(Parallel(n_jobs=-1)(fits)))
        rows.append(
            {
                "world": name,
                "bits": bits.mean(),
                "expected": expected,
                "covered, aim .95": ((low <= expected) & (expected <= high)).mean(),
                "error said": np.sqrt((((high - low) / 3.92) ** 2).mean()),
                "varies by": bits.std(ddof=1),
            }
        )
    print(table_text(pd.DataFrame(rows)))


if __name__ == "__main__":
    main()
