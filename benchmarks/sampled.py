"""One fishcli command with a look every few milliseconds at what it is doing.

    python benchmarks/sampled.py RESULT.json COMMAND [OPTIONS]

Writes the CPU seconds spent importing, tracing (building and reading back Keras networks among it), reading
files and computing. A look costs microseconds, so the command takes as long as without; what threads do
counts where the main thread waits for them.
"""

import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

STEP = 0.004  # seconds between looks
TRACING = ("keras/src/saving/", "tensorflow/python/framework/func_graph.py")
BUILDING = ("keras/src/models/functional.py", "__init__")
READING = (
    *("/PIL/", "/zarr/", "/numcodecs/", "/fsspec/", "/pandas/io/", "/json/"),
    *("fishcli/basics/files.py", "fishcli/dataset/", "fishcli/features/store/"),
)


class Sampler(threading.Thread):
    """Sums the CPU seconds between looks at the main thread, each for what the look finds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seconds: Counter[str] = Counter()
        self._is_done = threading.Event()

    def run(self) -> None:
        """Look until `stop`."""
        main, last = threading.main_thread().ident, time.process_time()
        while not self._is_done.wait(STEP):
            now = time.process_time()
            self.look(sys._current_frames().get(main), now - last)
            last = now

    def look(self, frame: FrameType | None, seconds: float) -> None:
        """Count the seconds up to a look."""
        self.seconds[kind_of(frame)] += seconds

    def stop(self) -> None:
        """Look no more."""
        self._is_done.set()
        self.join()


def kind_of(frame: FrameType | None) -> str:
    """What the innermost frame that says so is doing: "import", "tracing", "reading", else "computing"."""
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        if file.startswith("<frozen importlib"):
            return "import"
        if any(part in file for part in TRACING) or (BUILDING[0] in file and name == BUILDING[1]):
            return "tracing"
        if any(part in file for part in READING):
            return "reading"
        frame = frame.f_back
    return "computing"


def main() -> None:
    result, sys.argv = Path(sys.argv[1]), ["fishcli", *sys.argv[2:]]
    sampler = Sampler()
    sampler.start()
    try:
        from fishcli.cli import app

        app()
    finally:
        sampler.stop()
        result.write_text(json.dumps(sampler.seconds))


if __name__ == "__main__":
    main()
