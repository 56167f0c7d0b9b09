"""The search for near duplicates among many photos: seconds and peak memory.

    python benchmarks/twins.py [--counts 10000 100000 1000000] [--kinds hashes features blank] [--limit 600]

Drawn are hashes, and with `features` directions of 128 numbers: frames of sequences, four on average, each
up to two bits from its sequence's hash; a quarter as many test photos, a tenth of which are frames of the
same sequences. With `blank` nine photos in ten are blank. Each search is a process of its own with one
thread; one that takes longer than the limit is stopped.
"""

import argparse
import os
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

N_CLASSES, N_GROUPS, N_CHANNELS, N_SCENES = 8, 200, 128, 500
KINDS = ("hashes", "features", "blank")


def draw(n: int, kind: str) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Hashes (n,), features (n, channels) or None, and the sequence (n,) of each photo."""
    rng = np.random.default_rng(0)
    sequence = rng.integers(0, max(1, n // 4), n)
    hashes = rng.integers(0, 2**64, n, dtype=np.uint64)[sequence]
    for _ in range(2):
        hashes ^= np.uint64(1) << rng.integers(0, 64, n).astype(np.uint64)
    if kind == "blank":
        hashes[rng.random(n) < 0.9] = 0
    if kind != "features":
        return hashes, None, sequence
    scenes = rng.standard_normal((N_SCENES, N_CHANNELS), np.float32)
    of_sequence = scenes[rng.integers(0, N_SCENES, n)] + rng.standard_normal((n, N_CHANNELS), np.float32) / 2
    features = of_sequence[sequence]
    features += rng.standard_normal((n, N_CHANNELS), np.float32) / 10
    return hashes, features, sequence


def search(n: int, kind: str) -> None:
    """Find the twins of so many drawn photos, and say what it took."""
    from fishcli.audit.table import AuditTable
    from fishcli.audit.twins.twins import Photos, find_twins

    hashes, features, sequence = draw(n + n // 4, kind)
    rng = np.random.default_rng(1)
    is_new = rng.random(n // 4) < 0.9
    hashes[n:][is_new] = rng.integers(0, 2**64, is_new.sum(), dtype=np.uint64)
    if features is not None:
        features[n:][is_new] = rng.standard_normal((is_new.sum(), N_CHANNELS), np.float32)
    parts = [slice(0, n), slice(n, None)]
    photos, test = (
        Photos(
            [str(i) for i in range(len(hashes[part]))],
            hashes[part],
            None if features is None else features[part],
        )
        for part in parts
    )
    names = [f"class_{k}" for k in range(N_CLASSES)]
    groups = sequence[:n] % N_GROUPS
    table = AuditTable(names, sequence[:n] % N_CLASSES, groups, pd.DataFrame(index=range(n)), [])
    before, started, cpu_started = peak_mib(), time.perf_counter(), time.process_time()
    twins = find_twins(photos, table, rng.integers(0, 5, n), rng.gamma(1, 1, n), test)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    found = f"{twins.n_pairs:,} pairs, {twins.test.n_pairs if twins.test else 0:,} with test photos"
    print(f"{seconds:.1f} s, {cpu_seconds:.1f} CPU s, {peak_mib() - before:,.0f} MiB more: {found}")


def peak_mib() -> float:
    """The peak of this process's resident memory so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform != "darwin" else 1024**2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--limit", type=float, default=600, help="seconds that a search may take")
    parser.add_argument(
        "--alone", action="store_true", help="search in this process, as the others are told to"
    )
    args = parser.parse_args()
    if args.alone:
        search(args.counts[0], args.kinds[0])
        return
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for kind in args.kinds:
        for n in args.counts:
            command = [sys.executable, __file__, "--alone", "--kinds", kind, "--counts", str(n)]
            try:
                done = subprocess.run(
                    command, check=True, capture_output=True, text=True, timeout=args.limit, env=environment
                )
                print(f"{kind:<9} {n:>9,}: {done.stdout.strip()}", flush=True)
            except subprocess.TimeoutExpired:
                print(f"{kind:<9} {n:>9,}: stopped after {args.limit:.0f} s", flush=True)


if __name__ == "__main__":
    main()
