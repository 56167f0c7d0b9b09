"""Run a fishcli command in a process that kills itself: python killed.py WHERE N COMMAND...

WHERE is "chunk": within the writing of a chunk of the store, its data written but not yet named; or "fold":
within a fold, its head trained but not yet saved; N says which one.
"""

import os
import signal
import sys
from pathlib import Path

from fishcli.basics import quiet


def kill_at(where: str, n: int) -> None:
    """Arrange that this process gets SIGKILL at the n-th moment of its kind."""
    left = [n]

    def count_down() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    rename = Path.replace

    def replace(path: Path, target: Path) -> Path:
        is_chunk = where == "chunk" and Path(target).name.endswith(".0.0.0")
        is_fold = where == "fold" and Path(target).name.endswith(".perceptron.npz")
        if is_chunk or is_fold:
            count_down()
        return rename(path, target)

    Path.replace = replace


def untraced() -> None:
    """Let TensorFlow trace no graph here, as the fixture of that name does where this process is started."""
    load = quiet.load_keras

    def load_untraced() -> object:
        keras = load()
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)
        return keras

    quiet.load_keras = load_untraced


if __name__ == "__main__":
    kill_at(sys.argv[1], int(sys.argv[2]))
    untraced()
    from fishcli.cli import app

    app(sys.argv[3:])
