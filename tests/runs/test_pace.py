"""What is left out of predicting so that it ends in time, by a clock that a test moves."""

import pytest

from fishcli.basics.errors import FishError
from fishcli.options.predict import seconds_of
from fishcli.runs.packing.pace import RESERVE, Level, Pace, Spent, Work

WORK = Work(of_stores=[8], of_runs=[(8, 5)])


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def through(clock, pace, n_blocks, features=0.0, heads=0.0, crops=0.0):
    """Predict blocks of 100 photos, each view of whose features and each head take so many seconds."""
    for _ in range(n_blocks):
        spent = Spent(
            crops, features * pace._work.n_features(pace.level), heads * pace._work.n_heads(pace.level)
        )
        clock.now += spent.crops + spent.features + spent.heads
        pace.note(100, spent)


def test_without_a_limit_nothing_is_left_out(capsys):
    clock = Clock()
    pace = Pace(WORK, 1000, (1000.0, None), clock)
    through(clock, pace, 9, features=1000.0)
    assert pace.level == Level(8, 5)
    assert not pace.is_over
    assert (
        "about 20.0 hours for the 900 photos to go, as long as the first 100 took" in capsys.readouterr().err
    )


def test_where_all_fits_nothing_is_left_out():
    clock = Clock()
    pace = Pace(WORK, 1000, (1000.0, 1000.0 / RESERVE), clock)
    through(clock, pace, 10, features=12.4)
    assert pace.level == Level(8, 5)
    assert not pace.is_over


def test_views_go_first_as_few_as_it_takes(capsys):
    clock = Clock()
    pace = Pace(WORK, 1000, (1000.0, 600.0 / RESERVE), clock)
    through(clock, pace, 1, features=10.0)
    assert pace.level == Level(8, 5)  # the first block makes things ready: nothing is decided by it
    through(clock, pace, 1, features=10.0)
    assert pace.level == Level(5, 5)  # 440 s for 8 blocks: 55 s each
    said = capsys.readouterr().err
    assert "the 800 photos to go would take 11 minutes" in said
    assert "they are predicted with 5 views and 5 folds" in said
    through(clock, pace, 8, features=10.0)
    assert clock.now <= 1000 + 600
    assert not pace.is_over


def test_folds_go_where_one_view_is_too_much(capsys):
    clock = Clock()
    pace = Pace(WORK, 1000, (1000.0, 300.0 / RESERVE), clock)
    through(clock, pace, 2, heads=2.5)
    assert pace.level == Level(1, 5)
    through(clock, pace, 2, heads=20.0)  # it turns slower
    assert pace.level.n_views == 1
    assert pace.level.n_folds < 5
    assert "1 view and" in capsys.readouterr().err


def test_what_making_ready_took_counts(capsys):
    clock = Clock()
    clock.now += 30.0
    pace = Pace(WORK, 1000, (1000.0, 25.0), clock)
    assert pace.is_over
    pace.say_over()
    said = capsys.readouterr().err
    assert "of 25 seconds no more is left than for writing; the class prior answers the 1,000 photos" in said


def test_when_the_time_is_up_it_says_so_and_the_least_was_tried():
    clock = Clock()
    pace = Pace(WORK, 1000, (1000.0, 100.0), clock)
    through(clock, pace, 2, features=6.0)
    assert pace.level == Level(1, 1)
    assert pace.is_over


def test_the_time_of_finding_crops_stays_whatever_is_left_out():
    clock = Clock()
    pace = Pace(WORK, 1000, (1000.0, 500.0 / RESERVE), clock)
    through(clock, pace, 2, crops=40.0, features=2.5)
    assert pace.level == Level(3, 5)  # 380 s for 8 blocks are 47.5 each, of which 40 are for crops
    through(clock, pace, 8, crops=40.0, features=2.5)
    assert clock.now <= 1000 + 500


def test_several_runs_lose_what_they_have_more_of():
    work = Work(of_stores=[8, 2], of_runs=[(8, 5), (2, 3)])
    assert [work.n_features(level) for level in work.levels()] == [10, 9, 8, 7, 6, 5, 4, 2, 2, 2, 2, 2]
    assert work.n_heads(Level(8, 5)) == 46
    assert work.n_heads(Level(1, 4)) == 7


@pytest.mark.parametrize(("text", "seconds"), [("8h", 28800), ("1h30m", 5400), ("90s", 90), (" 2m ", 120)])
def test_time_limits_are_said_in_hours_minutes_and_seconds(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "8", "0h", "eight", "30m1h", "1.5h", "-1h"])
def test_other_time_limits_are_refused(text):
    with pytest.raises(FishError, match="--time-limit .* expected hours, minutes, seconds, such as 8h"):
        seconds_of(text)
