"""`fishcli runs note`: what the competition's leaderboard said of a run, kept in its folder."""

from fishcli.basics.errors import FishError, choose
from fishcli.basics.locks import alone
from fishcli.options.seeing import NoteConfig
from fishcli.runs.folders.finding import find_runs
from fishcli.runs.folders.notes import write_notes


def run(config: NoteConfig) -> str:
    """Keep the notes; returns all that are kept of the run.

    Raises:
        FishError: there is no such run, or nothing to note.
    """
    if config.public is None and config.private is None and config.text is None:
        raise FishError(f"nothing to note: fishcli runs note {config.run} --public 1.31 --private 1.40")
    known = find_runs(config.models_dir) if config.models_dir.is_dir() else []
    if not known:
        raise FishError(f"no runs in {config.models_dir}: nothing to note of them.")
    run_dir = config.models_dir / choose(config.run, known, "run")
    with alone(run_dir):
        kept = write_notes(run_dir, {"public": config.public, "private": config.private}, config.text)
    return f"{config.run}: " + ", ".join(f"{name} {value}" for name, value in kept.items())
