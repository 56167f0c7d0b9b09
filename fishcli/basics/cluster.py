"""A Dask cluster that a command's tasks run on: the one module that knows Dask."""

import logging
import queue
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import Any

from fishcli.basics.backends import chosen_backend
from fishcli.basics.errors import FishError
from fishcli.basics.progress import say, set_quiet, warn

CONNECT_SECONDS = 10.0
LOOK_SECONDS = 5.0
"""How often it is looked whether workers came or went."""
AHEAD = 4
"""So many tasks a worker's thread are with the scheduler; the others are not made yet."""
PACKAGES = (
    *("fishcli", "tensorflow", "tensorflow-cpu", "jax", "torch", "keras", "openvino", "numpy"),
    *("scikit-learn", "pillow", "albumentations", "opencv-python", "opencv-python-headless"),
)
"""What results depend on: all workers have the versions that the command has."""


class CancelledTaskError(Exception):
    """A worker's task is not wanted any more."""


@dataclass(frozen=True)
class Cluster:
    """A connection to a Dask scheduler.

    Attributes:
        client: Dask's.
        address: the scheduler's, as the user named it.
    """

    client: Any
    address: str

    def share(self, value: Any) -> Any:
        """Send a value to the workers once; what comes back stands for it among a call's arguments.

        It is a task's result: where the worker that holds it dies, it is made again.
        """
        return self.client.submit(_same, value, pure=False)

    def run(self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> Generator[Any]:
        """Call `function` on the workers; yields the results as they come, in no order.

        Calls are taken from `calls` while there is room, so they may be many. One whose worker dies is made
        again by another worker. However the loop ends, calls that are still waiting are cancelled.

        Raises:
            FishError: raised by `function`, named by its worker; or the cluster is lost.
        """
        waiting = iter(calls)
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        pending: set[Any] = set()
        looked, room, is_empty = -LOOK_SECONDS, 1, False
        expected = _versions()
        try:
            while pending or not is_empty:
                if time.monotonic() - looked > LOOK_SECONDS:
                    looked, had_room, room = time.monotonic(), room, AHEAD * self._n_threads()
                    if had_room and not room:
                        warn(f"{self.address} has no worker: waiting for one (dask worker {self.address})")
                n_free = max(room - len(pending), 0)
                batch = list(islice(waiting, n_free))
                is_empty = is_empty or len(batch) < n_free
                for arguments in batch:
                    future = self.client.submit(_call, expected, function, *arguments, pure=False)
                    pending.add(future)
                    future.add_done_callback(done.put)
                try:
                    future = done.get(timeout=LOOK_SECONDS)
                except queue.Empty:
                    continue
                pending.discard(future)
                yield self._result(future)
        finally:
            self.client.cancel(list(pending), force=True)

    def _n_threads(self) -> int:
        """The threads of all workers."""
        try:
            return sum(self.client.nthreads().values())
        except (OSError, ValueError, RuntimeError):
            raise self._lost() from None

    def _result(self, future: Any) -> Any:
        from distributed.client import CancelledError
        from distributed.scheduler import KilledWorker

        try:
            return future.result()
        except CancelledError:
            raise self._lost() from None
        except KilledWorker as error:
            raise FishError(
                f"workers of {self.address} died again and again over one task, {error.last_worker.address} "
                "the last: too little memory there, most likely. What is finished is kept."
            ) from None

    def _lost(self) -> FishError:
        return FishError(
            f"the scheduler {self.address} is gone. What is finished is kept: start it again and run the "
            "command again, or go on without --scheduler."
        )


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Connect to a scheduler that has workers.

    Raises:
        FishError: Dask is not installed; nobody answers; there are no workers, or one has other versions of
            what matters.
    """
    try:
        from distributed import Client
    except ImportError:
        raise FishError("--scheduler needs Dask. Install it: pip install 'fishcli[dask]'.") from None
    for name in [each for each in logging.root.manager.loggerDict if each.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is said in one line
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise FishError(
            f"--scheduler {address}: no Dask scheduler answers ({type(error).__name__}). Start one, such as "
            "with dask scheduler, and workers with dask worker tcp://HOST:8786 --nthreads 1."
        ) from None
    try:
        workers = client.nthreads()
        if not workers:
            raise FishError(
                f"--scheduler {address}: it has no workers. Start some: dask worker {address} --nthreads 1."
            )
        say(f"{address}: workers {len(workers):,}, threads {sum(workers.values()):,}")
        try:
            client.run(_check_versions, _versions())
        except ImportError as error:
            raise FishError(
                f"--scheduler {address}: a worker can't import fishcli ({error}). Install it there."
            ) from None
        yield Cluster(client, address)
    finally:
        client.close(timeout=CONNECT_SECONDS)


@contextmanager
def joblib_on(address: str | None) -> Iterator[None]:
    """Let what joblib runs in parallel run on a cluster; without an address, nothing changes."""
    if address is None:
        yield
        return
    with connected(address) as cluster:
        from joblib import parallel_config

        with cluster.client.as_current(), parallel_config(backend="dask", n_jobs=-1):
            yield


def stop_if_cancelled() -> None:
    """Raise CancelledTaskError where this is a worker's task that the command has given up."""
    if "distributed.worker" not in sys.modules:
        return
    from distributed import get_worker
    from distributed.worker import thread_state

    try:
        task = get_worker().state.tasks.get(getattr(thread_state, "key", ""))
    except ValueError:  # no worker
        return
    if task is None or task.state in ("cancelled", "released", "forgotten"):
        raise CancelledTaskError


def _same(value: Any) -> Any:
    return value


def _call(expected: dict[str, str], function: Callable[..., Any], *arguments: Any) -> Any:
    """On a worker: a task of `Cluster.run`."""
    from distributed import get_worker

    set_quiet(True)
    try:
        _check_versions(expected)
        return function(*arguments)
    except FishError as error:
        raise FishError(f"worker {get_worker().address}: {error}") from None


def _check_versions(expected: dict[str, str]) -> None:
    """On a worker: raise FishError where its packages are not those of the command."""
    found = _versions()
    if differing := [name for name in expected if found[name] != expected[name]]:
        listed = ", ".join(f"{name} {found[name]} there, {expected[name]} here" for name in differing)
        raise FishError(
            f"this worker has other versions than the command: {listed}. Results would depend on who "
            "computes them: install and set the same on all machines."
        )


def _versions() -> dict[str, str]:
    found = {"KERAS_BACKEND": chosen_backend()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found
