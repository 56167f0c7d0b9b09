"""Stdout and stderr as they may be: in an encoding that lacks letters, without colours, read by nobody."""

import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

RED, YELLOW = 31, 33


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel: its cells paint red what comes on stderr."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


def spoken_on() -> TextIO:
    """Where lines and bars go: stderr, in a notebook its cell's output."""
    return sys.stdout if in_notebook() else sys.stderr


def make_printable() -> None:
    """Let stdout and stderr escape what they can't encode: where they are ASCII, 鯖 is \\u9bd6."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # else a notebook's or another program's own
            stream.reconfigure(errors="backslashreplace")


def marked(text: str, colour: int) -> str:
    """`text` in a colour where stderr is a terminal and NO_COLOR (no-color.org) is not set."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stderr.isatty()
    return text if is_plain else f"\x1b[{colour}m{text}\x1b[0m"


def show(text: str) -> None:
    """Print a command's result on stdout, whether anybody reads it or not, as in `fishcli runs | head -1`."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        leave_closed(sys.stdout)


def leave_closed(stream: TextIO) -> None:
    """Send what is still written to a stream to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):  # one without a file descriptor
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
