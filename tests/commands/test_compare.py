"""`fishcli compare`: the grid, its runs, the table and what its marks mean."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import write_competition
from pipeline import compute, submit, tree_hash

from fishcli.basics.errors import FishError
from fishcli.commands import compare
from fishcli.dataset.folds import make_folds
from fishcli.options.train import CompareConfig
from fishcli.runs.comparing.table import screen_table
from fishcli.runs.folders import opening

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

CELL = ["head", "metadata", "boxes"]


def compare_config(root, **changes):
    places = {"data_dir": root / "data", "models_dir": root / "models"}
    settings = {"heads": "gap,linear", "metadata": "none,size", "folds": 2, "epochs": 2}
    return CompareConfig(**{**places, **settings, **changes})


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    root = tmp_path_factory.mktemp("compare")
    write_competition(root / "data")
    compute(root)
    return root, compare.run(compare_config(root))


def test_every_entry_has_a_row_on_both_kinds_of_folds(compared):
    root, _ = compared
    table = pd.read_csv(root / "models" / "compare" / "compare.csv", keep_default_na=False, na_values=[""])
    assert len(table) == 8
    assert set(zip(table["head"], table["metadata"], table["folds"], strict=True)) == {
        (head, metadata, folds)
        for head in ("gap", "linear")
        for metadata in ("none", "size")
        for folds in ("grouped", "random")
    }
    for _, part in table.groupby("folds"):
        assert part["log_loss"].is_monotonic_increasing
        best = part.iloc[0]
        assert best["difference"] == 0
        assert np.isnan(best["low"])
        others = part.iloc[1:]
        np.testing.assert_allclose(others["difference"], others["log_loss"] - best["log_loss"])
        assert (others["low"] <= others["difference"] + 1e-9).all()
        assert (others["high"] >= others["difference"] - 1e-9).all()
        noise = ~((others["low"] > 0) | (others["high"] < 0))
        assert list(others["within_noise"].astype(str)) == list(noise.astype(str))


def test_losses_are_those_of_the_runs(compared):
    root, _ = compared
    table = pd.read_csv(root / "models" / "compare" / "compare.csv", keep_default_na=False, na_values=[""])
    for row in table.itertuples():
        name = f"{row.head}-{row.metadata}-{row.boxes}-{row.folds}-0"
        metrics = json.loads((root / "models" / "compare" / name / "metrics.json").read_text())
        assert metrics["folds"] == row.folds
        assert row.log_loss == pytest.approx(metrics["log_loss"])
        assert row.prior_log_loss == pytest.approx(metrics["prior_log_loss"])


def test_the_same_images_stand_in_the_same_folds_in_every_run(compared):
    root, _ = compared
    folder = root / "models" / "compare"
    for kind in ("grouped", "random"):
        folds = {path.read_text() for path in folder.glob(f"*-{kind}-0/folds.csv")}
        assert len(folds) == 1


def test_the_screen_names_folds_prior_and_files(compared):
    root, text = compared
    lines = text.splitlines()
    assert lines[0].split()[:3] == ["head", "metadata", "grouped"]
    assert "best" in text
    assert "grouped folds: out-of-fold log loss; the class prior's is" in text
    assert "on unseen groups expect" in text
    assert "random folds: out-of-fold log loss; the class prior's is" in text
    assert "grouped folds, no worse than noise, cheapest first:" in text
    assert lines[-2:] == [str(root / "models" / "compare" / name) for name in ("compare.csv", "compare.png")]
    assert (root / "models" / "compare" / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_the_second_time_nothing_is_trained(compared, monkeypatch):
    root, text = compared
    before = tree_hash(root / "models", "**/fold_*")

    def refuse(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr("fishcli.runs.training.several.train_folds", refuse)
    assert compare.run(compare_config(root)) == text
    assert tree_hash(root / "models", "**/fold_*") == before


def test_other_settings_ask_for_another_name(compared):
    root, _ = compared
    with pytest.raises(FishError, match=r"exists with other --epochs\. Choose another --name"):
        compare.run(compare_config(root, epochs=3))


def test_its_runs_are_runs_to_predict_with(compared):
    root, _ = compared
    found = submit(root, models_dir=root / "models" / "compare", run="linear-none-largest-grouped-0")
    np.testing.assert_allclose(found.drop(columns="image").sum(axis=1), 1, atol=1e-6)


def test_repeats_average_fold_seeds_image_by_image(compared):
    root, _ = compared
    text = compare.run(
        compare_config(root, heads="linear", metadata="none", epochs=60, repeats=2, name="twice")
    )
    assert "2 fold seeds" in text
    table = pd.read_csv(root / "models" / "twice" / "compare.csv")
    runs = [
        json.loads(
            (root / "models" / "twice" / f"linear-none-largest-grouped-{seed}/metrics.json").read_text()
        )
        for seed in (0, 1)
    ]
    grouped = table[table["folds"] == "grouped"].iloc[0]
    assert grouped["log_loss"] == pytest.approx(np.mean([run["log_loss"] for run in runs]))


def test_without_groups_only_random_folds_are_compared(compared, capsys):
    root, _ = compared
    text = compare.run(
        compare_config(root, heads="linear", metadata="none", epochs=60, groups="none", name="random")
    )
    assert "grouped" not in text
    assert "only random folds are compared" in capsys.readouterr().err
    assert set(pd.read_csv(root / "models" / "random" / "compare.csv")["folds"]) == {"random"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": "gap,gup"}, "unknown head 'gup'. Did you mean 'gap'"),
        ({"heads": "gap,,dense"}, "--heads 'gap,,dense': expected different names with commas"),
        ({"heads": "gap,gap"}, "expected different names"),
        ({"metadata": "none,sise"}, "unknown metadata 'sise'"),
        ({"boxes": "smallest"}, "unknown boxes 'smallest'"),
        ({"metadata": "size-embedding", "heads": "svm"}, "nothing is left to compare"),
        ({"auxiliary": True}, "--auxiliary means nothing to any of these heads"),
        ({"mixup": 0.2, "smote": True}, "--mixup and --smote both mix rows"),
        ({"name": "a/b"}, "expected a plain name"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused_before_anything_is_read(tmp_path, changes, message):
    with pytest.raises(FishError, match=message):
        compare.run(compare_config(tmp_path, **changes))


def cell(head, folds, loss, low=np.nan, high=np.nan, noise=True):
    return {
        "head": head,
        "metadata": "none",
        "features": "store",
        "boxes": "largest",
        "folds": folds,
        "log_loss": loss,
        "prior_log_loss": 1.8,
        "difference": loss - 1.2,
        "low": low,
        "high": high,
        "within_noise": noise,
        "box_iou": np.nan,
        "mean_box_iou": np.nan,
        "seconds_a_fold": {"gap": 2.0, "linear": 1.0}.get(head, 9.0),
        "parameters": 1000,
    }


def test_marks_tell_noise_from_difference_and_failure():
    table = pd.DataFrame(
        [
            cell("gap", "grouped", 1.2),
            cell("linear", "grouped", 1.25, -0.01, 0.11),
            cell("fcn", "grouped", 1.5, 0.2, 0.4, noise=False),
            cell("dense", "grouped", 1.9, 0.5, 0.9, noise=False),
        ]
    )
    table.loc[0, "difference"] = 0.0
    text = screen_table(table, CompareConfig())
    rows = {line.split()[0]: line for line in text.splitlines()[1:5]}
    assert "best" in rows["gap"]
    assert "~ [-0.010, +0.110]" in rows["linear"]
    assert "~" not in rows["fcn"]
    assert "[+0.200, +0.400]" in rows["fcn"]
    assert "FAILS (prior is better)   [+0.500, +0.900]" in rows["dense"]
    assert "cheapest first: linear, gap" in text
    assert "metadata" not in text.splitlines()[0]
    assert "random" not in text
    assert "unseen groups" not in text


def test_what_to_expect_of_unseen_groups_is_said_of_the_best_on_grouped_folds():
    known = {"expected_groups": 26, "groups": 78}
    table = pd.DataFrame(
        [
            {**cell("gap", "grouped", 1.2), "expected_low": 0.98, "expected_high": 1.612, **known},
            {**cell("fcn", "grouped", 1.5, 0.2, 0.4), "expected_low": 1.1, "expected_high": 2.0, **known},
            cell("fcn", "random", 0.2),
        ]
    )
    lines = screen_table(table, CompareConfig()).splitlines()
    assert "unseen groups" in lines[0]
    assert "0.98 to 1.61" in lines[1]
    assert "gap: on unseen groups expect 1.20 (95%: 0.98 to 1.61, for 26 groups)" in lines


def test_an_option_that_one_head_has_no_use_for_goes_to_the_others(compared):
    root, _ = compared
    settings = {
        name: json.loads(
            (root / "models" / "compare" / f"{name}-none-largest-random-0/config.json").read_text()
        )
        for name in ("gap", "linear")
    }
    assert settings["gap"]["settings"]["epochs"] == 2
    assert settings["linear"]["settings"]["epochs"] == 60


def test_repeats_on_the_same_folds_are_named(compared, tmp_path, capsys):
    """4 groups of equal size leave little choice."""
    options = {"heads": "linear", "metadata": "none", "epochs": 60, "folds": 4, "repeats": 2}
    compare.run(compare_config(compared[0], models_dir=tmp_path / "models", **options))
    folds = {path.read_text() for path in (tmp_path / "models" / "compare").glob("*-grouped-*/folds.csv")}
    assert ("have the same grouped folds" in capsys.readouterr().err) == (len(folds) < 2)


def test_runs_on_folds_of_another_version_are_not_mixed_with_new_ones(compared, tmp_path, monkeypatch):
    places = {"models_dir": tmp_path / "models", "heads": "linear", "epochs": 60}
    old = compare_config(compared[0], metadata="none", **places)
    with monkeypatch.context() as then:
        then.setattr(opening, "make_folds", lambda *how: (make_folds(*how) + 1) % 2)
        text = compare.run(old)
    assert compare.run(old) == text  # all on the same folds
    before = tree_hash(tmp_path / "models")
    more = compare_config(compared[0], metadata="none,size", **places)
    with pytest.raises(FishError, match=r"folds that another version of fishcli dealt .* another --name"):
        compare.run(more)
    assert tree_hash(tmp_path / "models") == before


def test_one_class_has_no_loss_to_compare_by(tmp_path):
    write_competition(tmp_path / "data", classes=["ALB"])
    compute(tmp_path)
    with pytest.raises(FishError, match="one class only"):
        compare.run(compare_config(tmp_path, heads="gap"))


def test_a_head_that_needs_maps_is_refused_before_anything_is_trained(tmp_path):
    write_competition(tmp_path / "data")
    compute(tmp_path, pool="avg")
    with pytest.raises(FishError, match="--head fcn needs maps"):
        compare.run(compare_config(tmp_path, heads="gap,fcn"))
    assert not (tmp_path / "models").exists()
