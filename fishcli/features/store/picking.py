"""Which store is meant: the one of a name, or the one used last."""

import os
from contextlib import suppress
from pathlib import Path

from fishcli.basics.errors import FishError, choose
from fishcli.basics.files import read_json, write_json
from fishcli.basics.progress import say
from fishcli.basics.remote import UnreachableError, is_remote
from fishcli.basics.unwritable import CANNOT_BE_WRITTEN
from fishcli.features.store.lists import list_stores
from fishcli.features.store.store import FeatureStore
from fishcli.options.command_lines import advised
from fishcli.options.features import FeaturesConfig


def pick_store(stores_dir: Path, name: str | None) -> FeatureStore:
    """The store of that name, or the one used last of those that the user asked for.

    Raises:
        FishError: there is none.
    """
    store_dirs = list_stores(stores_dir)
    if not store_dirs:
        raise FishError(
            f"no features in {stores_dir}. Compute them first: "
            f"{advised('features', FeaturesConfig, backbone='NAME')}."
        )
    if name is None:
        name = next((path for path in store_dirs if FeatureStore(path).is_users), store_dirs[0]).name
        say(f"features {name} (used last; --features NAME picks another)")
    return FeatureStore(stores_dir / choose(name, [path.name for path in store_dirs], "features"))


def make_last(store: FeatureStore) -> None:
    """Make a store the one that was used last."""
    path = store.store_dir / "recipe.json"
    if is_remote(path):
        with suppress(UnreachableError):  # a store that can only be read keeps its place in the order
            write_json(path, read_json(path))
        return
    try:
        os.utime(path)
    except OSError as error:
        if error.errno not in CANNOT_BE_WRITTEN:  # then it keeps its place in the order
            raise
