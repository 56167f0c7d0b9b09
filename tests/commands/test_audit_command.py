import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from conftest import make_image
from pipeline import compute
from typer.testing import CliRunner

from fishcli.audit.gains import Gain
from fishcli.audit.luck.nulls import STATISTIC, Null
from fishcli.audit.luck.selftest import WORLDS, Check, check_worlds
from fishcli.audit.per_field import FieldGain
from fishcli.audit.text import selftest_text, sentence
from fishcli.basics.errors import FishError
from fishcli.cli import app
from fishcli.commands import audit
from fishcli.options.audit import AuditConfig

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    """A table whose column "camera" tells the label, over boats; "depth" is noise."""
    rng = np.random.default_rng(0)
    boat = np.repeat(np.arange(24), 8)
    camera = rng.integers(3, size=24)[boat]
    label = np.where(rng.random(len(boat)) < 0.85, camera, rng.integers(3, size=len(boat)))
    table = pd.DataFrame(
        {
            "photo": [f"img_{i:03}.jpg" for i in range(len(boat))],
            "label": np.array(["ALB", "BET", "NoF"])[label],
            "boat": [f"boat {i}" for i in boat],
            "camera": np.array(["canon", "gopro", "sony"])[camera],
            "depth": rng.standard_normal(len(boat)).round(3),
            "sea": "Pacific",
        }
    )
    path = tmp_path_factory.mktemp("sheet") / "meta.csv"
    table.to_csv(path, index=False)
    return path


def config(sheet, out, **changes):
    known = {"table": sheet, "group_column": "boat", "id_column": "photo", "folds": 4, "permutations": 19}
    return AuditConfig(**{**known, "out": out, **changes})


@pytest.fixture(scope="module")
def audited(sheet, tmp_path_factory):
    """The folder and the text of the audit of the whole table."""
    out = tmp_path_factory.mktemp("audit")
    return out, audit.run(config(sheet, out))


def test_a_table_is_audited_without_photos(audited):
    out, text = audited
    found = json.loads((out / "audit.json").read_text())
    assert [(gain["fields"], gain["folds"]) for gain in found["gains"]] == [
        ("table", "random"),
        ("table", "grouped"),
    ]
    random, grouped = found["gains"]
    assert random["bits_low"] > 0.4
    assert grouped["bits"] > 0.4  # the camera tells the label on any boat
    assert [null["null"] for null in found["nulls"]] == ["images", "groups"]
    assert [null["p_value"] for null in found["nulls"]] == [pytest.approx(0.05)] * 2
    assert found["data"]["n_images"] == 192
    assert found["data"]["n_groups"] == 24
    assert text.splitlines()[-1] == found["sentence"]
    assert "The table alone tells" in found["sentence"]


def test_fields_stand_by_what_they_tell_with_their_own_p_values(audited):
    found = json.loads((audited[0] / "audit.json").read_text())
    camera, depth = found["per_field"]
    assert (camera["field"], depth["field"]) == ("camera", "depth")
    assert camera["p_images"] == camera["p_groups"] == pytest.approx(0.05)
    assert depth["p_images"] > 0.05
    assert camera["bits_without_family"] > 0.4 > 0.1 > depth["bits_without_family"]
    assert camera["cramers_v"] > 0.6 > 0.2 > depth["cramers_v"]
    assert set(camera) == {field.name for field in dataclasses.fields(FieldGain)}


def test_the_page_says_the_same(audited):
    out, _ = audited
    page = (out / "audit.html").read_text()
    assert json.loads((out / "audit.json").read_text())["sentence"].split(",")[0] in page


def test_the_same_seed_gives_the_same_files(sheet, audited, tmp_path):
    audit.run(config(sheet, tmp_path))
    for name in ("audit.json", "audit.html"):
        assert (tmp_path / name).read_bytes() == (audited[0] / name).read_bytes()


def test_a_limit_that_is_passed_exits_with_3_after_everything_is_written(sheet, tmp_path):
    options = ["--table", str(sheet), "--group-column", "boat", "--id-column", "photo", "--fields", "camera"]
    few = ["--folds", "3", "--permutations", "9", "--out", str(tmp_path)]
    failed = CliRunner().invoke(app, ["audit-leakage", *options, *few, "--fail-above-bits", "0.2"])
    assert failed.exit_code == 3
    assert "passes --fail-above-bits 0.2" in failed.stderr
    assert failed.stdout.splitlines()[-1].startswith("The table alone tells")
    assert (tmp_path / "audit.html").exists()
    passed = CliRunner().invoke(
        app, ["audit-leakage", *options, *few, "--fail-above-bits", "1.5", "--on", "grouped"]
    )
    assert passed.exit_code == 0


def test_a_limit_on_unseen_groups_needs_groups(sheet, tmp_path):
    with pytest.raises(FishError, match="no groups are known"):
        audit.run(config(sheet, tmp_path, group_column=None, permutations=1, fail_above_bits=0, on="grouped"))


def test_without_groups_nobody_knows(sheet, tmp_path, capsys):
    text = audit.run(config(sheet, tmp_path, group_column=None, fields="camera", permutations=9))
    assert text.endswith("without groups nobody knows what of it survives on unseen ones.")
    assert "folds are RANDOM" in capsys.readouterr().err
    found = json.loads((tmp_path / "audit.json").read_text())
    assert found["data"]["n_groups"] is None
    assert found["per_field"][0]["grouped_bits"] is None


def test_one_group_is_none(sheet, tmp_path, capsys):
    one = tmp_path / "one.csv"
    pd.read_csv(sheet).assign(boat="Argo").to_csv(one, index=False)
    told = {"fields": "camera", "permutations": 9}
    text = audit.run(config(one, tmp_path, **told))
    assert text.endswith("without groups nobody knows what of it survives on unseen ones.")
    assert "one group only" in capsys.readouterr().err
    with pytest.raises(FishError, match="no groups are known"):
        audit.run(config(one, tmp_path, **told, fail_above_bits=0, on="grouped"))


def test_what_the_user_says_of_a_field_is_kept(sheet, tmp_path):
    tags = tmp_path / "tags.csv"
    tags.write_text("field,at_test_time\ncamera,illegitimate\n")
    audit.run(config(sheet, tmp_path, tags=tags, fields="camera", permutations=1))
    (camera,) = json.loads((tmp_path / "audit.json").read_text())["per_field"]
    assert camera["at_test_time"] == "illegitimate"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fields": "camera,lens"}, "no column 'lens'"),
        ({"label_column": "sort"}, "sort"),
    ],
)
def test_bad_options_are_named(sheet, tmp_path, changes, message):
    with pytest.raises(FishError, match=message):
        audit.run(config(sheet, tmp_path, **changes))
    assert not (tmp_path / "audit.json").exists()


def test_an_unknown_run_is_named_before_anything_is_measured(tiny_competition, tmp_path, monkeypatch):
    monkeypatch.delattr(audit, "measure")
    with pytest.raises(FishError, match="no runs in"):
        audit.run(AuditConfig(data_dir=tiny_competition(), models_dir=tmp_path, run="nothing", folds=3))


def test_photos_are_audited_by_what_their_files_say(tiny_competition, tmp_path):
    data_dir = tiny_competition()
    text = audit.run(AuditConfig(data_dir=data_dir, folds=3, permutations=9, out=tmp_path / "audit"))
    found = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert [gain["fields"] for gain in found["gains"]][:2] == ["file", "file"]
    assert {gain["fields"] for gain in found["gains"]} == {"file", "layout", "pixels"}
    assert "width" in {field["field"] for field in found["per_field"]}
    assert sum(map(sum, found["class_by_size"]["counts"])) == found["data"]["n_images"] == 24
    # Neither the folder's layout nor the pixels are in the headline.
    of_headline = {f["section"] for f in found["per_field"] if f["bits_without_family"] is not None}
    assert of_headline == {"file"}
    assert "file metadata alone" in text.lower()
    assert found["twins"]["n_images"] == 24


def test_with_features_and_boxes_it_says_what_a_model_sees(tiny_competition, tmp_path):
    data_dir = tiny_competition(n_per_class=12)
    compute(tmp_path)
    told = {"fields": "width,size_key", "folds": 3, "permutations": 9, "background": True}
    audit.run(AuditConfig(data_dir=data_dir, out=tmp_path / "audit", **told))
    found = json.loads((tmp_path / "audit" / "audit.json").read_text())
    assert {each["field"] for each in found["seen"]["detectability"]} == {"width", "size_key"}
    assert [each["folds"] for each in found["seen"]["conditional_value"]] == ["random", "grouped"]
    assert found["background"]["n_images"] + found["background"]["n_without_boxes"] == 36
    assert {look["look"] for look in found["background"]["looks"]} == {"photo", "background", "fish", "boxes"}
    assert found["twins"]["n_images"] == 36
    assert found["twins"]["test"]["n_images"] == 6
    (world,) = found["worlds"]
    assert (world["split"], world["n_train"], world["n_test"]) == ("test", 36, 6)
    assert [telling["by"] for telling in world["tellings"]] == ["file", "features"]
    assert world["novelty"] is not None


def test_a_truncated_photo_is_named_and_left_out_of_twins(tiny_competition, tmp_path, capsys):
    data_dir = tiny_competition()
    broken = sorted((data_dir / "train" / "ALB").iterdir())[0]
    broken.write_bytes(broken.read_bytes()[:-40])
    told = {"fields": "width", "folds": 3, "permutations": 1, "groups": "none"}
    audit.run(AuditConfig(data_dir=data_dir, out=tmp_path / "audit", **told))
    assert json.loads((tmp_path / "audit" / "audit.json").read_text())["twins"]["n_images"] == 23
    assert f"left out of twins: ALB/{broken.name}" in capsys.readouterr().err


def test_images_that_the_store_lacks_are_left_out_aloud(tiny_competition, tmp_path, capsys):
    data_dir = tiny_competition()
    compute(tmp_path, splits="train")
    make_image(data_dir / "train" / "ALB" / "new.jpg")
    told = {"fields": "width", "folds": 3, "permutations": 1, "groups": "none"}
    audit.run(AuditConfig(data_dir=data_dir, out=tmp_path / "audit", **told))
    assert json.loads((tmp_path / "audit" / "audit.json").read_text())["seen"] is None
    assert "lacks features of train" in capsys.readouterr().err


def test_painting_photos_needs_features(tiny_competition, tmp_path):
    data_dir = tiny_competition()
    with pytest.raises(FishError, match="First compute one: fishcli features"):
        audit.run(AuditConfig(data_dir=data_dir, out=tmp_path, background=True))


def test_one_class_is_nothing_to_audit(tiny_competition, tmp_path):
    data_dir = tiny_competition(classes=["ALB"])
    with pytest.raises(FishError, match="two classes"):
        audit.run(AuditConfig(data_dir=data_dir, out=tmp_path))


def test_fields_are_listed():
    listed = audit.run(AuditConfig(list_fields=True))
    assert "jpeg_tables" in listed
    assert "Digest of a JPEG's quantisation tables" in listed


def gain(bits, folds="random"):
    rest = {"share_of_prior": bits / 2, "accuracy": 0.6, "majority": 0.4, "macro_auc": 0.7}
    return Gain("file", folds, 2 - bits, 2.0, bits, bits - 0.1, bits + 0.1, **rest, learners={}, interval="")


def null(p_value, untestable=""):
    return Null("images", STATISTIC, 0.1, p_value, 0.001, 999, untestable, [])


@pytest.mark.parametrize(
    ("gains", "nulls", "said"),
    [
        (
            [gain(0.3), gain(-0.55, "grouped")],
            [null(0.001), null(0.4)],
            "File metadata alone tells 0.30 of 2.32 bits (13%) under random folds, p = 0.001; on unseen "
            "groups it tells nothing (-0.55), p = 0.4, which may be an accident.",
        ),
        (
            [gain(-0.02), gain(0.1, "grouped")],
            [null(0.6), null(None, "too few groups")],
            "File metadata alone tells nothing of the label under random folds (-0.02 bits), p = 0.6, which "
            "may be an accident; on unseen groups it tells 0.10 bits, untestable (too few groups).",
        ),
    ],
)
def test_the_sentence(gains, nulls, said):
    assert sentence(gains, nulls, 2.32) == said


def test_the_selftest_runs_the_audits_own_code(capsys):
    checks = check_worlds(2, 300, 3, 19, 0)
    assert [check.world for check in checks] == list(WORLDS)
    by_world = {check.world: check for check in checks}
    assert by_world["noise"].bits < 0.05
    assert by_world["a leak of 1.0 bits"].bits > 0.5
    assert abs(by_world["a leak of 1.0 bits"].expected_bits - by_world["a leak of 1.0 bits"].bits) < 0.3
    assert by_world["a leak of 1.0 bits"].p_images == 1.0
    assert by_world["a leak within boats only"].expected_bits is None
    assert by_world["a leak within boats only"].tested_groups == 1.0
    text = selftest_text(checks)
    assert all(name in text for name in WORLDS)
    assert isinstance(checks[0], Check)
