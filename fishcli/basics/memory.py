"""What the C library does with memory that is freed."""

import ctypes
import os
from functools import cache

TRIM, TOP_PAD, MMAP, ARENA_MAX = -1, -2, -3, -8
"""glibc's numbers of the parameters, from malloc.h."""
KEPT = {MMAP: 32 * 2**20, TRIM: 2**30, TOP_PAD: 64 * 2**20, ARENA_MAX: os.cpu_count() or 1}
"""Bytes: blocks below the first (the largest value that glibc takes) come from the heap, which is given back
to the system from the second on, and grows by the third. The last is how many heaps threads share, each of
which keeps what was freed in it."""


@cache
def keep_freed_memory() -> None:
    """Let glibc keep memory that is freed for what is taken next, where the environment does not say else.

    A training step takes and frees tens of MB. By default that goes back to the system and comes again, page
    by page, each cleared by the kernel. What it saves is system time, more the earlier it is said: `locate`
    on 480 drawn photos, two folds of two epochs on two busy cores, took 28 s of user and 12.5 of system time
    without, 26 and 7.7 where it was said when Keras was loaded, 26 and 6.9 when the command began. One heap a
    core in place of eight leaves that time as it is, and the most memory at 1.35 GB, not 1.59.

    Other C libraries have no such parameters and are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return
    for parameter, n in KEPT.items():
        mallopt(parameter, n)
