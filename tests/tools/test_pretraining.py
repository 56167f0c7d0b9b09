"""Pre-training: a killed run goes on to the same weights, and the plan is kept."""

import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pretrain_fishnet
import pytest
from pretrain_fishnet import Plan, pretrain
from small_studio import N_TILES, SEED, TOOLS, small_studio

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

UNTRACED = """
import pickle
import sys
from pathlib import Path

sys.path.insert(0, sys.argv.pop(1))
import pretrain_fishnet

studio = pickle.loads(Path(sys.argv.pop(1)).read_bytes())
pretrain_fishnet.Studio = lambda *how: studio
load = pretrain_fishnet.load_keras

def load_untraced():
    keras = load()
    import tensorflow
    tensorflow.config.run_functions_eagerly(True)
    return keras

pretrain_fishnet.load_keras = load_untraced
pretrain_fishnet.main()
"""
"""The tool, as the fixture of that name lets it run here, with classes that are drawn."""

OPTIONS = ["--schedule", "32:2,48:1", "--scenes", "2", "--tiles", "1", "--every", "2"]
PLAN = Plan(((32, 2), (48, 1)), n_scenes=2, n_tiles=N_TILES, seed=SEED, steps_a_checkpoint=2)


def test_a_killed_pre_training_ends_with_the_same_weights(tmp_path, capsys, monkeypatch):
    drawn = tmp_path / "studio.pickle"
    drawn.write_bytes(pickle.dumps(small_studio()))
    monkeypatch.setattr(pretrain_fishnet, "Studio", lambda *how: {(SEED, N_TILES): small_studio()}[how])
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    sha256 = hashlib.sha256(pretrain(PLAN, whole).read_bytes()).hexdigest()
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"sha256 {sha256}")
    command = [sys.executable, "-c", UNTRACED, TOOLS, drawn, killed, *OPTIONS]
    with subprocess.Popen(command, start_new_session=True) as process:
        # TensorFlow writes this file last: without it a checkpoint is not known.
        while not (killed / "checkpoints" / "checkpoint").exists() and process.poll() is None:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)  # and the processes that draw for it
    log = killed / "log.jsonl"
    assert not log.exists() or len(log.read_text().splitlines()) <= 1  # its row comes after the checkpoint
    assert hashlib.sha256(pretrain(PLAN, killed).read_bytes()).hexdigest() == sha256
    assert "going on after step 2" in capsys.readouterr().out
    rows = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [(row["step"], row["side"]) for row in rows] == [(2, 32), (3, 48)]
    assert all(np.isfinite(row["contrastive_loss"]) for row in rows)


def test_the_plan_runs_through_its_schedule():
    plan = Plan(((64, 3000), (96, 1000)), n_scenes=4, n_tiles=1, seed=0, steps_a_checkpoint=10)
    assert [plan.side(step) for step in (0, 2999, 3000, 3999)] == [64, 64, 96, 96]
    rates = [plan.rate(step) for step in range(plan.n_steps)]
    assert rates[0] == 0 and np.argmax(rates) == 200 and rates[-1] < 0.001 * max(rates)
    with pytest.raises(IndexError):
        plan.side(4000)
