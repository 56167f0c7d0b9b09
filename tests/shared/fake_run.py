"""What the page of a run shows, drawn at random: many groups, long and nasty names, pictures."""

import dataclasses
import io

import numpy as np
from fake_audit import LONG, NASTY
from PIL import Image

from fishcli.report.run_facts import Bins, Gap, Looked, Mistake, Part, RunFacts, Tuned, Versus, Way

IMAGE = '"><img src=x onerror=alert(2)>.jpg'


def rich_run(n_classes=8, n_groups=60, seed=0, **changes):
    """All that a run with classes, groups, boxes, maps and a sibling has."""
    rng = np.random.default_rng(seed)
    names = [NASTY, LONG, "OTHER $x_1$ & more", *(f"class {k}" for k in range(3, n_classes))]
    counts = rng.integers(5, 200, n_classes)
    counts[:3] = 250, 240, 230  # what has a name to be careful with is drawn, however many there are
    confusion = np.array([rng.multinomial(n, rng.dirichlet(np.ones(n_classes))) for n in counts])
    facts = RunFacts(
        name="run <b>7</b>",
        source="data & more",
        folds="grouped",
        n_groups=n_groups,
        groups_from="the run’s folds",
        class_counts=list(zip(names, counts.tolist(), strict=True)),
        scores=_scores(1.9, int(counts.sum())),
        expected="on unseen groups expect 1.90 (95%: 1.42 to 2.51, for 10 groups)",
        lead=(-0.05, 0.31),
        by_class=[_part(rng, name) for name in names],
        by_group=[_part(rng, f"<i>boat</i> {k}") for k in range(n_groups)],
        by_fold=[_part(rng, f"fold {k}") for k in range(5)],
        by_views={n: _scores(1.9 - 0.02 * k, int(counts.sum())) for k, n in enumerate("1248")},
        confusion=confusion,
        bins=_bins(rng),
        raw_bins=_bins(rng),
        curves={name: [_curves(rng) for _ in range(5)] for name in (LONG, NASTY)},
        tuned=Tuned(
            ways=[_way(rng, name) for name in ("frozen, head linear", "light alone", f"{NASTY} alone", LONG)],
            blended=("light alone", -0.04, -0.09, 0.01),
            by="group",
            parts=[Versus(f"<i>boat</i> {k}", 9, *rng.uniform(0.2, 4, 2)) for k in range(n_groups)],
        ),
        gap=Gap(
            sibling="compare/gap-none",
            losses={"random": 0.31, "grouped": 1.9},
            priors={"random": 2.0, "grouped": 2.1},
            accuracies={"random": 0.9, "grouped": 0.4},
            low=1.2,
            high=1.9,
            n_groups=n_groups,
        ),
        gap_note="",
        gap_command="",
        ious=(rng.random(300), 0.6 * rng.random(300)),
        boxes_note="",
        looked={
            "all": [Looked("all images", 300, 0.31, 0.1, 0.15)],
            "class": [Looked(name, 30, rng.random(), 0.2, None) for name in names],
            "group": [Looked(f"boat {k}", 20, rng.random(), 0.1, 0.2) for k in range(n_groups)],
        },
        looked_lead=(0.02, 0.3),
        mistakes=[
            Mistake(IMAGE, f"{NASTY} taken for {LONG}, 99% sure", "group 3", _jpeg(rng), _jpeg(rng)),
            Mistake("b.jpg", "A taken for B, 98% sure", "fold 2", _jpeg(rng)),
            Mistake("c.jpg", "A taken for B, 97% sure", "fold 2"),
        ],
        settings={"--head": ("gap", True), "--lr": ("0.01", False), "--pseudo": (NASTY, False)},
        facts={"Features": "fishnet-224x224-0123456789ab", "Images, sha256": "0" * 64},
        commands=["fishcli features --data-dir 'data & more'", "fishcli train --name 'run <b>7</b>'"],
        commands_note="",
    )
    return dataclasses.replace(facts, **changes)


def bare_run(**changes):
    """A run with one class, whose competition is not at hand."""
    part = Part("fold 0", 3)
    values = {
        "folds": "random",
        "n_groups": None,
        "bins": None,
        "raw_bins": None,
        "gap": None,
        "ious": None,
        "groups_from": "",
        "class_counts": [("raccoon", 3)],
        "scores": {"folds": "random", "n_images": 3},
        "expected": "",
        "lead": (None, None),
        "by_class": [Part("raccoon", 3)],
        "by_group": [],
        "by_fold": [part],
        "by_views": {"1": {"n_images": 3}},
        "confusion": np.array([[3]]),
        "curves": {"": [{}]},
        "tuned": None,
        "gap_note": "There is one class.",
        "boxes_note": "the photos are not at hand",
        "looked": {},
        "looked_lead": (None, None),
        "mistakes": [],
    }
    return dataclasses.replace(rich_run(), **{**values, **changes})


def _scores(loss, n_images):
    return {
        "n_images": n_images,
        "log_loss": loss,
        "prior_log_loss": 2.1,
        "explained": 1 - loss / 2.1,
        "accuracy": 0.4,
        "box_iou": 0.5,
        "box_iou_over_half": 0.6,
        "mean_box_iou": 0.3,
        "raw_log_loss": 2.4,
        "temperature": 1.7,
    }


def _part(rng, name):
    loss, prior = rng.uniform(0.2, 4, 2)
    taken_for = rng.choice(["", NASTY])
    return Part(name, int(rng.integers(1, 900)), loss, prior, rng.random(), rng.random(), 0.3, taken_for)


def _way(rng, name):
    return Way(name, 1.9, 2.4, 1.7, rng.random(), -0.31, -0.52, -0.08)


def _bins(rng):
    sure = np.arange(10) / 10 + 0.05
    return Bins(rng.integers(1, 99, 10), sure, rng.random(10), sure - 0.05, sure + 0.05, 0.11, 0.04)


def _curves(rng):
    epochs = range(1, 61)
    return {
        "loss": [(k, 2 / k + 0.1 * rng.random()) for k in epochs],
        "class": [(k, 1.5 / k + 0.1 * rng.random()) for k in epochs],
        "box": [(k, 0.01 / k**2) for k in epochs],
    }


def _jpeg(rng):
    picture = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(picture, "JPEG")
    return picture.getvalue()
