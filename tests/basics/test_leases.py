"""Two processes on one folder of S3: they take turns, though it has no locks."""

import threading
import time

import pytest
from served_bucket import served_bucket

from fishcli.basics import leases
from fishcli.basics.leases import Lease, NoLeasesError
from fishcli.basics.locks import alone
from fishcli.basics.remote import UnreachableError, parse_path


@pytest.fixture(scope="module")
def bucket():
    with served_bucket("leases") as url:
        yield url


@pytest.fixture
def place(bucket, monkeypatch, request):
    """A folder that nobody holds, among leases that are quick."""
    monkeypatch.setattr(leases, "GONE_S", 1.5)
    monkeypatch.setattr(leases, "RENEWED_S", 0.1)
    monkeypatch.setattr(leases, "ASKED_S", 0.05)
    return parse_path(f"{bucket}/{request.node.name}/store")


def lock_of(place):
    return place.parent / ".store.lock"


def entered(place):
    """A thread that enters, and what it notes then."""
    seen = []

    def go():
        with alone(place):
            seen.append(time.monotonic())

    thread = threading.Thread(target=go)
    thread.start()
    return thread, seen


def test_who_comes_second_waits_while_the_holder_is_at_work(place, capsys):
    with alone(place):
        thread, seen = entered(place)
        time.sleep(2.2)
        assert not seen
        left = time.monotonic()
    thread.join()
    assert seen[0] >= left
    assert f"another fishcli process works on {place}" in capsys.readouterr().err
    assert not lock_of(place).exists()


def test_what_a_killed_process_held_is_taken_over(place):
    lock_of(place).write_text("left by a process that is gone")
    start = time.monotonic()
    with alone(place):
        assert time.monotonic() - start >= 1.5
    assert not lock_of(place).exists()


def test_of_many_who_wait_for_a_dead_holder_one_at_a_time_gets_in(place):
    lock_of(place).write_text("left by a process that is gone")
    inside, most = [], []

    def go():
        with alone(place):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.1)
            inside.pop()

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_who_was_held_up_says_so_and_leaves_the_lease_to_its_new_holder(place, capsys):
    lease = Lease(lock_of(place))
    lease.acquire(waits=lambda: None)
    lock_of(place).write_text("taken by another")
    time.sleep(0.5)
    lease.release()
    assert "another fishcli process took over" in capsys.readouterr().err
    assert lock_of(place).read_text() == "taken by another"


@pytest.mark.parametrize("error", [PermissionError("denied"), OSError(38, "not implemented")])
def test_without_conditional_writes_or_leave_to_write_one_goes_on(place, monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(place.fs, "pipe_file", refuse)
    with pytest.raises(NoLeasesError):
        Lease(lock_of(place)).acquire(waits=lambda: None)
    with alone(place):
        pass


def test_a_bucket_that_is_not_there_is_an_error_and_no_endless_wait(place):
    with pytest.raises((FileNotFoundError, UnreachableError)), alone(parse_path("s3://no-such-bucket/store")):
        pass
