"""Pre-training: a killed run goes on to the same weights, and the plan is kept."""

import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

TOOL = Path(__file__).parents[1] / "tools" / "pretrain_fishnet.py"
OPTIONS = ["--schedule", "32:3,64:1", "--scenes", "4", "--tiles", "1", "--every", "2"]


def start(out_dir: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, str(TOOL), str(out_dir), *OPTIONS], stdout=subprocess.PIPE)


def test_a_killed_pre_training_ends_with_the_same_weights(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with start(whole) as process:
        shown = process.communicate()[0].decode()
    assert process.returncode == 0
    sha256 = hashlib.sha256((whole / "fishnet.npz").read_bytes()).hexdigest()
    assert shown.splitlines()[-1].endswith(f"sha256 {sha256}")
    with start(killed) as process:
        # TensorFlow writes this file last: without it a checkpoint is not known.
        while not (killed / "checkpoints" / "checkpoint").exists() and process.poll() is None:
            time.sleep(0.02)
        process.kill()
    with start(killed) as process:
        shown = process.communicate()[0].decode()
    assert process.returncode == 0
    assert "going on after step" in shown
    assert hashlib.sha256((killed / "fishnet.npz").read_bytes()).hexdigest() == sha256
    rows = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [(row["step"], row["side"]) for row in rows] == [(2, 32), (4, 64)]
    assert all(np.isfinite(row["contrastive_loss"]) for row in rows)


def test_the_plan_runs_through_its_schedule():
    sys.path.insert(0, str(TOOL.parent))
    from pretrain_fishnet import Plan

    plan = Plan(((64, 3000), (96, 1000)), n_scenes=4, n_tiles=1, seed=0, steps_a_checkpoint=10)
    assert [plan.side(step) for step in (0, 2999, 3000, 3999)] == [64, 64, 96, 96]
    rates = [plan.rate(step) for step in range(plan.n_steps)]
    assert rates[0] == 0 and np.argmax(rates) == 200 and rates[-1] < 0.001 * max(rates)
    with pytest.raises(IndexError):
        plan.side(4000)
