"""A pack's files: whole or not at all, and nothing taken on trust when it is opened."""

import json
import zipfile

import pytest
from packs import change_manifest

from fishcli.basics.errors import FishError
from fishcli.dataset.layout.answers import Answer
from fishcli.features.photos.crops import Crop
from fishcli.features.store.recipe import Recipe
from fishcli.features.store.store import FeatureStore
from fishcli.runs.packing import requirements
from fishcli.runs.packing.files import opened_pack, seal, written_pack
from fishcli.runs.packing.making import localiser_of
from fishcli.runs.packing.manifest import Packed, PackedForm, PackedLocaliser, PackedMember, PackedStore
from fishcli.runs.packing.requirements import requirements_text
from fishcli.scoring.decisions import Decision
from fishcli.scoring.ensembling import Blend

MAPS = Recipe("fishnet", "stage3", "a" * 64, (64, 64), "squash", "none", "fishnet", "pillow")
CROPS = Recipe(
    "fishnet", "out", "b" * 64, (64, 64), "squash", "avg", "fishnet", "pillow", crop=Crop(0.1, 0.2, "c")
)
PACKED = Packed(
    class_names=["ALB", "BET"],
    n_train=24,
    stores={
        MAPS.name: PackedStore(MAPS, "backbones/maps.npz", False),
        CROPS.name: PackedStore(CROPS, "backbones/crops.npz", True, "locate"),
    },
    localisers={"locate": PackedLocaliser("localisers/0/locate", MAPS.name)},
    members=[PackedMember(("runs/0/crop",), (CROPS.name,), 2)],
    blend=Blend("arithmetic", (1.0,)),
    mean="geometric",
    decision=Decision("cuts", cuts=(0.5,)),
    form=PackedForm(("id", "label"), 0, "stem", Answer("label", ("label",), ("ALB", "BET"))),
)
FILES = (
    "backbones/maps.npz",
    "backbones/crops.npz",
    "runs/0/crop/config.json",
    "localisers/0/locate/config.json",
)


def fill(folder):
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"content of {name}")
    return seal(folder, PACKED)


def write(out):
    with written_pack(out) as folder:
        fill(folder)
    return out


def error_of(path):
    with pytest.raises(FishError) as raised, opened_pack(path):
        pass
    return str(raised.value)


@pytest.mark.parametrize("name", ["pack", "pack.zip"])
def test_what_was_packed_is_what_is_opened(tmp_path, name):
    with opened_pack(write(tmp_path / name)) as pack:
        assert pack.packed == PACKED
        assert pack.name == "pack"
        assert (pack.root / FILES[0]).read_text() == f"content of {FILES[0]}"
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    assert pack.root.exists() == (name == "pack")


@pytest.mark.parametrize("name", ["pack", "pack.zip"])
def test_a_pack_that_fails_on_the_way_leaves_nothing(tmp_path, name):
    with pytest.raises(RuntimeError), written_pack(tmp_path / name) as folder:
        fill(folder)
        raise RuntimeError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["pack", "pack.zip"])
def test_nothing_is_replaced(tmp_path, name):
    write(tmp_path / name)
    with pytest.raises(FishError, match=f"--out .*{name} exists. Remove it, or name another"):
        write(tmp_path / name)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_or_missing_file_is_named(tmp_path, name):
    pack = write(tmp_path / "pack")
    content = (pack / name).read_text()
    (pack / name).write_text(content.upper())
    assert f"{name} is not what pack.json says. Copy it again" in error_of(pack)
    (pack / name).unlink()
    assert f"pack is damaged: it lacks {name}. Copy it again" in error_of(pack)


def test_a_changed_manifest_is_noticed(tmp_path):
    pack = write(tmp_path / "pack")
    path = pack / "pack.json"
    path.write_text(path.read_text().replace('"n_train": 24', '"n_train": 25'))
    assert "pack.json was changed or is damaged" in error_of(pack)


@pytest.mark.parametrize("format_", [0, 2, "1", None])
def test_a_pack_of_another_format_is_refused_with_who_made_it(tmp_path, format_):
    pack = write(tmp_path / "pack")
    change_manifest(pack, format=format_, fishcli="9.9")
    assert f"it is of format {format_!r}, made by fishcli 9.9" in error_of(pack)


def test_more_fields_than_are_known_are_no_guess(tmp_path):
    pack = write(tmp_path / "pack")
    change_manifest(pack, members=[], blend={"mean": "arithmetic", "weights": [], "temperature": 1.0})
    assert "pack.json is none of format 1 (as many weights as runs" in error_of(pack)
    change_manifest(pack, localisers={})
    assert "pack.json is none of format 1" in error_of(pack)


@pytest.mark.parametrize("name", ["../evil", "/evil", "runs/../../evil", "a\\..\\evil", "C:evil", ".", ""])
@pytest.mark.parametrize("is_zip", [False, True])
def test_names_that_lead_out_of_a_pack_are_refused_before_anything_is_written(tmp_path, name, is_zip):
    pack = write(tmp_path / "in" / "pack")
    change_manifest(pack, files={name: {"sha256": "a" * 64, "n_bytes": 4}})
    if is_zip:
        with zipfile.ZipFile(tmp_path / "in" / "pack.zip", "w") as archive:
            archive.write(pack / "pack.json", "pack.json")
            archive.writestr(name or "x", "evil")
        pack = tmp_path / "in" / "pack.zip"
    assert "which lies outside of it" in error_of(pack)
    assert not list(tmp_path.rglob("*evil*"))


def test_runs_and_weights_outside_the_pack_are_refused(tmp_path):
    pack = write(tmp_path / "pack")
    known = json.loads((pack / "pack.json").read_text())
    change_manifest(pack, members=[{**known["members"][0], "runs": ["../other/run"]}])
    assert "it names what is not in it" in error_of(pack)


def test_a_zip_is_unpacked_no_further_than_its_manifest_says(tmp_path):
    pack = write(tmp_path / "pack")
    more = tmp_path / "more.zip"
    with zipfile.ZipFile(more, "w") as archive:
        for path in [each for each in pack.rglob("*") if each.is_file()]:
            archive.write(path, path.relative_to(pack).as_posix())
        archive.writestr("../outside.txt", "evil")
        archive.writestr("beside.txt", "not asked for")
    with opened_pack(more) as opened:
        assert not (opened.root / "beside.txt").exists()
        assert not (opened.root.parent / "outside.txt").exists()


def test_a_link_in_a_zip_is_no_file(tmp_path):
    pack = write(tmp_path / "pack")
    linked = tmp_path / "linked.zip"
    with zipfile.ZipFile(linked, "w") as archive:
        archive.write(pack / "pack.json", "pack.json")
        for name in FILES:
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, f"content of {name}")
    assert "is not what pack.json says" in error_of(linked)


def test_a_cut_zip_and_what_is_none_are_refused(tmp_path):
    pack = write(tmp_path / "pack.zip")
    content = pack.read_bytes()
    pack.write_bytes(content[: len(content) // 2])
    assert "it is no zip file. Expected a folder or a .zip file" in error_of(pack)
    pack.write_bytes(content.replace(b"content of runs", b"CONTENT of runs"))
    assert "is damaged: Bad CRC-32 for file" in error_of(pack)
    assert "no such file or folder" in error_of(tmp_path / "nothing")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    assert "it has no pack.json, so it is no pack" in error_of(tmp_path / "other.zip")


def test_a_folder_around_a_pack_says_which_one_to_name(tmp_path):
    write(tmp_path / "around" / "pack")
    assert "so it is no pack. There is one in" in error_of(tmp_path / "around")


@pytest.mark.parametrize(
    ("is_there", "said"), [(True, r"another tool found .*fishcli locate"), (False, r"is gone.*--crop RUN")]
)
def test_crops_that_nobody_could_find_in_new_photos_cant_be_packed(tmp_path, is_there, said):
    found = tmp_path / "found.json"
    if is_there:
        found.write_text("{}")
    store = FeatureStore.create(tmp_path / "data" / "features", CROPS, "formula", detections=str(found))
    with pytest.raises(FishError, match=said):
        localiser_of(store)


def test_requirements_are_of_exact_versions_and_without_fishcli_itself():
    lines = requirements_text().splitlines()
    names = [line.partition("==")[0] for line in lines[1:]]
    assert {"numpy", "keras", "tensorflow", "scikit-learn", "scipy", "pillow"} <= set(names)
    assert all(line.count("==") == 1 for line in lines[1:])
    assert "fishcli" not in names
    assert names == sorted(set(names))


def test_what_reads_onnx_files_or_presets_is_required_where_one_is_packed(monkeypatch):
    known = {"onnx": "1.19.0", "onnxruntime-gpu": "1.22.0", "keras-hub": "0.32.0"}

    def version(name):
        if name not in known:
            raise requirements.metadata.PackageNotFoundError
        return known[name]

    monkeypatch.setattr(requirements.metadata, "version", version)
    monkeypatch.setattr(requirements.metadata, "requires", lambda name: None)
    assert requirements_text(["net.onnx"]).splitlines()[1:] == ["onnx==1.19.0", "onnxruntime-gpu==1.22.0"]
    assert requirements_text(["net.hub"]).splitlines()[1:] == ["keras-hub==0.32.0"]
    assert requirements_text().splitlines()[1:] == []


def test_a_file_that_no_pack_could_be_opened_with_is_not_packed(tmp_path):
    with (
        pytest.raises(FishError, match="can't be a file's name in a pack. Rename it"),
        written_pack(tmp_path / "pack") as folder,
    ):
        (folder / "a:b.bin").write_bytes(b"")
        fill(folder)
    assert not list(tmp_path.iterdir())
