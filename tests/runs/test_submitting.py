"""From a run's predictions to what is handed in."""

import shlex
from pathlib import Path

from fishcli.runs.predicting.submission import submit_line


def test_the_line_that_hands_a_submission_in_is_quoted():
    line = submit_line("the-fish", Path("my subs/crop run.csv"), "crop run")
    assert line.startswith("kaggle competitions submit -c the-fish -f ")
    assert shlex.split(line)[6:] == ["my subs/crop run.csv", "-m", "crop run"]
