"""Policies: files that say which mix of augmented copies heads should draw from."""

from pathlib import Path

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json

SUFFIX = ".json"
"""How a policy's name ends: what `--augment` takes for a file, not for recipes."""
MIX = "mix"


def read_policy(path: Path) -> str:
    """The mix of a file that `fishcli augment-search` wrote, as it stands there.

    Raises:
        FishError: the file is missing or damaged, was changed, or is none.
    """
    try:
        policy = read_json(path)
        if not isinstance(policy, dict) or not isinstance(policy.get(MIX), str):
            raise FishError(f"{path} is no policy.")
    except FishError as error:
        raise FishError(f"--augment: {error} A policy is found by: fishcli augment-search.") from None
    return str(policy[MIX])
