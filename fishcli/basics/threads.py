"""How many threads compute with arrays: one where they are small, as threads would wait for each other."""

import importlib
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


@cache
def threads_of(package: str) -> "ThreadpoolController":
    """What sets the number of threads of the libraries that a package computes with; it is imported first.

    To look for the libraries takes 10 ms, as long as a small fit; hence once a process.
    """
    importlib.import_module(package)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
