"""`fishcli features --verify`: every chunk against its checksum, and the command that mends the store."""

from contextlib import suppress
from pathlib import Path

from fishcli.basics.errors import FishError
from fishcli.basics.locks import alone
from fishcli.basics.progress import track
from fishcli.features.store.again import line_for
from fishcli.features.store.checks import ChunkCheck, check_chunks, list_arrays, n_chunks
from fishcli.features.store.lists import list_stores, read_unreadable
from fishcli.features.store.store import FeatureStore
from fishcli.options.command_lines import advised
from fishcli.options.features import FeaturesConfig

N_NAMED = 20
"""Chunks that are named; the commands mend all."""


def verify_stores(config: FeaturesConfig) -> str:
    """Check all stores; returns a line each.

    Damaged chunks are removed where that can be done: only they and the missing ones are computed again.

    Raises:
        FishError: something is damaged or missing: each chunk's file, and the commands that mend it.
    """
    store_dirs = list_stores(config.stores_dir)
    if not store_dirs:
        raise FishError(
            f"no features in {config.stores_dir}: nothing to verify. Compute them: "
            f"{advised('features', FeaturesConfig)}."
        )
    whole, broken = [], []
    for store_dir in store_dirs:
        with alone(store_dir):
            try:
                whole.append(_verify(config, store_dir))
            except FishError as error:
                broken.append(str(error))
    if broken:
        raise FishError("\n".join([*broken, *whole]))
    return "\n".join(whole)


def _verify(config: FeaturesConfig, store_dir: Path) -> str:
    """The line of a store that is whole; FishError where it isn't."""
    store = FeatureStore(store_dir)
    for split in {split for split, _ in list_arrays(store)}:
        store.images(split)
        store.unreadable(split)
    total = n_chunks(store)
    checks = track(check_chunks(store), f"verifying {store_dir.name}", "chunk", total)
    bad = [check for check in checks if check.problem]
    if not bad:
        return f"{store_dir}: all {total:,} chunks are whole"
    for check in bad:
        with suppress(OSError):  # a folder that can't be written to: then they are named all the same
            check.path.unlink(missing_ok=True)
    listed = "".join(f"\n  {check.problem}: {check.path}" for check in bad[:N_NAMED])
    listed += f"\n  ... ({len(bad):,} in all)" if len(bad) > N_NAMED else ""
    left = [check for check in bad if check.path.exists()]
    removed = (
        f"\nFirst remove the {len(left):,} damaged files; they can't be removed from here." if left else ""
    )
    commands = [_mending(config, store, split, bad) for split in sorted({check.split for check in bad})]
    raise FishError(
        f"{len(bad):,} of {total:,} chunks of {store_dir} are not whole:{listed}{removed}\n"
        "Compute just these again:" + "".join(f"\n  {command}" for command in commands)
    )


def _mending(config: FeaturesConfig, store: FeatureStore, split: str, bad: list[ChunkCheck]) -> str:
    """The command that computes the bad chunks of a split again."""
    names = {check.view for check in bad if check.split == split}
    return line_for(
        store.store_dir,
        split,
        names,
        data_dir=config.data_dir,
        features_dir=config.features_dir,
        skip_unreadable=read_unreadable(store.store_dir / split / "unreadable.json")["skipped"],
    )
