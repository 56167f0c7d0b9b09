"""A store that somebody removes while a command fills it."""

from types import SimpleNamespace

import pytest

from fishcli.basics.errors import FishError
from fishcli.features.todo import find_todo


def test_no_array_is_made_where_the_list_of_its_images_is_gone(tmp_path):
    """Else the next command would find features and nobody to tell whose they are."""
    store_dir = tmp_path / "fishnet"
    store = SimpleNamespace(store_dir=store_dir, list_path=lambda split: store_dir / split / "images.csv")
    with pytest.raises(FishError, match=r"fishnet was removed or changed .* Run the command again\."):
        find_todo(store, None, SimpleNamespace(split="train"), 8)
    assert not store_dir.exists()
