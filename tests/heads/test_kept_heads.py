"""Keras heads as files: what folds share, what is their own, and what is refused."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from fishcli.basics.errors import FishError
from fishcli.basics.files import sha256_of
from fishcli.basics.quiet import load_keras, seeded_keras
from fishcli.dataset.metadata import MetadataEncoder
from fishcli.heads.fit import files_of, load_fold
from fishcli.heads.graphs import as_graph
from fishcli.heads.networks.architectures import build_head
from fishcli.heads.networks.kept import NAMED, Networks, architecture_path
from fishcli.heads.trained import KerasHead
from fishcli.options.train import TrainConfig

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

keras = load_keras()
COUNTS = np.array([3, 5, 4])
SIZES = pd.DataFrame({"height": [48, 48, 64, 64] * 2, "width": [64, 64, 80, 80] * 2})


def head_of(seed, sizes=SIZES, name="attention"):
    """A head as a fold has it: prior, mean box and weights are its own."""
    rng = np.random.default_rng(seed)
    encoder = MetadataEncoder.fit("size", sizes)
    with seeded_keras(seed):
        mean_box = np.sort(rng.uniform(0.1, 0.9, 4))
        config = TrainConfig(head=name)
        model = build_head(config, (3, 3, 8), encoder, rng.dirichlet([1, 1, 1]), mean_box)
    for each in model.weights:
        each.assign(rng.uniform(0.1, 1, each.shape))
    return KerasHead(model, encoder, COUNTS)


def saved(folder, *heads):
    """The heads' files in a folder."""
    paths = [folder / f"fold_{k}.weights.npz" for k in range(len(heads))]
    for head, path in zip(heads, paths, strict=True):
        head.save(path)
    return paths


def answers(head):
    """What a head says of eight photos."""
    return np.hstack(head.predict(np.random.default_rng(9).random((8, 3, 3, 8), np.float32), SIZES))


def arrays_in(path):
    with np.load(path, allow_pickle=False) as kept:
        return {name: kept[name] for name in kept.files}


def test_folds_share_an_architecture_and_have_weights_of_their_own(tmp_path):
    heads = [head_of(0), head_of(1)]
    keras.layers.Dense(1)  # whatever else the process builds in between
    heads.append(head_of(2))
    paths = saved(tmp_path, *heads)
    (architecture,) = tmp_path.glob("architecture_*")
    assert {each for path in paths for each in files_of(path)} == {*paths, architecture}
    assert len(list(tmp_path.iterdir())) == 4
    for head, path in zip(heads, paths, strict=True):
        loaded = load_fold(path, head.encoder, COUNTS)
        np.testing.assert_array_equal(answers(loaded), answers(head))


def test_a_fold_that_knows_more_sizes_has_another_architecture(tmp_path):
    more = pd.concat([SIZES, pd.DataFrame({"height": [90] * 8, "width": [50] * 8})])
    saved(tmp_path, head_of(0), head_of(0, more))
    assert len(list(tmp_path.glob("architecture_*"))) == 2


@pytest.mark.parametrize("graphs", [False, True])
def test_heads_that_share_a_network_each_say_what_they_said(tmp_path, graphs):
    heads, networks = [head_of(k, name="fcn") for k in range(2)], Networks()
    paths = saved(tmp_path, *heads)
    loaded = [
        load_fold(path, each.encoder, COUNTS, networks) for path, each in zip(paths, heads, strict=True)
    ]
    assert len(networks) == 1 and len({id(each.model.network) for each in loaded}) == 1
    if graphs:
        loaded = [as_graph(each) for each in loaded]
    for head, one in [*zip(heads, loaded, strict=True), *zip(heads, loaded, strict=True)]:
        np.testing.assert_allclose(answers(one), answers(head), atol=1e-6)
        assert one.n_parameters == head.n_parameters and not one.takes_pooled


def test_what_is_saved_depends_on_nothing_that_was_built_before(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        saved(tmp_path / name, head_of(3))
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / n).iterdir()} for n in ("one", "other")
    )
    assert one == other


def refused(path, reason):
    with pytest.raises(FishError, match=rf"fold_0\.weights\.npz can't be loaded \(.*{reason}"):
        load_fold(path, head_of(0).encoder, COUNTS)


def test_another_architecture_under_the_same_name_is_refused(tmp_path):
    (path,) = saved(tmp_path, head_of(0))
    (architecture,) = tmp_path.glob("architecture_*")
    whole = architecture.read_text()
    architecture.write_text(whole.replace("tanh", "selu"))
    refused(path, "not the architecture")
    architecture.unlink()
    refused(path, architecture.name)


def test_an_architecture_that_holds_code_is_refused_whatever_names_it(tmp_path):
    (path,) = saved(tmp_path, head_of(0))
    features = keras.Input((4,), name="features")
    outputs = {"class": keras.layers.Lambda(lambda x: x)(features)}
    text = keras.Model({"features": features}, outputs).to_json()
    architecture_path(tmp_path, sha256_of(text.encode())).write_text(text)
    np.savez(path, **{NAMED: np.array(sha256_of(text.encode()))})
    refused(path, "it holds code")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda held: held.pop(next(name for name in held if name != NAMED)),
            "not those of its architecture",
        ),
        (lambda held: held.update(more=np.zeros(3)), "not those of its architecture"),
        (lambda held: held.update({NAMED: np.array("0" * 64)}), "architecture_0"),
        (lambda held: held.update({NAMED: np.zeros(2)}), "it names no architecture"),
        (lambda held: held.pop(NAMED), "it names no architecture"),
        (lambda held: held.update({"scores/bias": np.zeros(4)}), "scores/bias is not what"),
        (lambda held: held.update({"scores/bias": np.zeros(3, int)}), "scores/bias is not what"),
    ],
)
def test_weights_that_are_not_its_architectures_are_refused(tmp_path, change, reason):
    (path,) = saved(tmp_path, head_of(0))
    held = arrays_in(path)
    change(held)
    np.savez(path, **held)
    refused(path, reason)


def test_weights_that_would_unpack_to_more_are_refused(tmp_path):
    (path,) = saved(tmp_path, head_of(0))
    np.savez_compressed(path, **arrays_in(path))
    refused(path, "it is compressed")


def test_an_architecture_is_readable_json_without_what_weights_start_from(tmp_path):
    (path,) = saved(tmp_path, head_of(0))
    text = files_of(path)[1].read_text()
    assert json.loads(text)["class_name"] == "Functional" and "Constant" not in text
    with zipfile.ZipFile(path) as members:
        assert all(name.endswith(".npy") for name in members.namelist())
