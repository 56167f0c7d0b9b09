"""What training shows a head: whose features, labels, sizes and boxes they are.

A row's features are 1 in the column of its number and 0 elsewhere, and the last column tells the view: so a
batch says itself which rows, and how much of each, are in it.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishcli.heads import examples as examples_module
from fishcli.heads.examples import Examples, PseudoRows
from fishcli.heads.inputs import HeadInputs
from fishcli.heads.sampling import balanced_weights
from fishcli.options.train import TrainConfig

N = 40
ROWS = np.arange(3, 37)
"""Training rows; the others must never be seen."""


class WidthEncoder:
    """Gives the width away, which is the row's number + 1."""

    def encode(self, images):
        return images[["width"]].to_numpy(np.float32)


def some_inputs(n=N, n_views=1, n_classes=3, labels=None, groups=None):
    """Inputs that number their rows; every third has no box."""
    features = np.zeros((n_views, n, n + 1), np.float16)
    features[..., :n] = np.eye(n)
    features[..., n] = np.arange(n_views)[:, None]
    labels = np.random.default_rng(0).integers(n_classes, size=n) if labels is None else np.array(labels)
    images = pd.DataFrame({"image": [f"{i}.jpg" for i in range(n)], "height": 1, "width": np.arange(n) + 1})
    boxes = np.full((n_views, n, 4), np.nan, np.float32)
    for view in range(n_views):
        boxes[view, :] = (np.arange(n)[:, None] + view / 8) / n
    boxes[:, 2::3] = np.nan
    return HeadInputs(images, labels, groups, [f"view {v}" for v in range(n_views)], features, boxes)


def make(inputs, rows=ROWS, seed=0, pseudo=None, **options):
    counts = np.bincount(inputs.labels[rows], minlength=inputs.labels.max() + 1)
    config = TrainConfig(**{"batch_size": 8, "epochs": 20, **options})
    return Examples(config, inputs, rows, (WidthEncoder(), counts), seed, pseudo)


def joined(blocks):
    """An epoch's blocks as one: features, metadata, class, auxiliary, box, each by name."""
    parts = [{**block["inputs"], **block["targets"]} for block in blocks]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def shown(examples, number=0):
    return joined(examples.epoch(number))


def shares_of(seen):
    """How much of each row of the inputs is in each row that was shown: (m, n)."""
    return seen["features"][:, :-1].astype(np.float64)


def views_of(seen):
    return seen["features"][:, -1].astype(int)


def target_box(inputs, view, row):
    box = inputs.boxes[view, row]
    known = ~np.isnan(box).any(axis=1)
    return np.where(known[:, None], np.column_stack([box, np.ones(len(box))]), 0)


def assert_each_row_once(first, rows):
    np.testing.assert_array_equal(np.sort(first), np.sort(rows))


@given(st.integers(1, 60), st.integers(2, 40), st.integers(0, 3), st.randoms(use_true_random=False))
def test_an_epoch_shows_every_training_row_once(n_rows, batch_size, number, random):
    rows = np.array(random.sample(range(64), n_rows))
    examples = make(some_inputs(64), rows, batch_size=batch_size)
    seen = shown(examples, number)
    shares = shares_of(seen)
    assert set(np.unique(shares)) <= {0, 1}
    assert_each_row_once(shares.argmax(axis=1), rows)
    assert examples.n_steps == -(-n_rows // batch_size)


@given(st.integers(1, 50), st.integers(1, 3))
@settings(max_examples=20)
def test_what_is_shown_belongs_together(n_rows, n_views):
    inputs = some_inputs(50, n_views)
    seen = shown(make(inputs, np.arange(50)[-n_rows:]))
    row, view = shares_of(seen).argmax(axis=1), views_of(seen)
    assert seen["features"].dtype == np.float16
    assert {seen[name].dtype for name in ("metadata", "class", "box")} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(seen["class"], np.eye(3)[inputs.labels[row]])
    np.testing.assert_array_equal(seen["auxiliary"], seen["class"])
    np.testing.assert_array_equal(seen["metadata"][:, 0], row + 1)
    np.testing.assert_allclose(seen["box"], target_box(inputs, view, row), rtol=1e-6)
    known = seen["box"][:, 4] == 1
    assert not (row[known] % 3 == 2).any()


def test_epochs_come_in_orders_of_their_own():
    examples = make(some_inputs())
    first, second = (shares_of(shown(examples, number)).argmax(axis=1) for number in range(2))
    assert (first != second).mean() > 0.5
    assert (first != ROWS).mean() > 0.5


def test_rows_draw_one_of_all_views_each():
    examples = make(some_inputs(n_views=3))
    drawn = np.stack([views_of(shown(examples, number)) for number in range(20)])
    np.testing.assert_allclose(np.bincount(drawn.ravel()) / drawn.size, 1 / 3, atol=0.06)
    assert all(len(set(epoch)) == 3 for epoch in drawn)


def test_metadata_without_columns_is_no_input():
    inputs = some_inputs()

    class NoEncoder:
        def encode(self, images):
            return np.zeros((len(images), 0), np.float32)

    counts = np.bincount(inputs.labels)
    examples = Examples(TrainConfig(mixup=0.3), inputs, ROWS, (NoEncoder(), counts), 0)
    assert all(list(block["inputs"]) == ["features"] for block in examples.epoch(0))


def test_mixup_mixes_features_labels_and_sizes_alike():
    inputs = some_inputs()
    examples = make(inputs, mixup=0.4)
    n_mixed = 0
    for number in range(4):
        seen = shown(examples, number)
        shares = shares_of(seen)
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-3)
        assert ((shares > 0).sum(axis=1) <= 2).all()
        np.testing.assert_allclose(seen["class"], shares @ np.eye(3)[inputs.labels], atol=1e-3)
        np.testing.assert_array_equal(seen["auxiliary"], seen["class"])
        np.testing.assert_allclose(seen["metadata"][:, 0], shares @ np.arange(1, N + 1), atol=0.05)
        n_mixed += (np.abs(seen["class"].max(axis=1) - 0.75) < 0.2).sum()
    assert n_mixed > 10


def test_mixup_keeps_the_box_of_the_larger_part():
    inputs = some_inputs()
    seen = shown(make(inputs, mixup=0.4))
    first = shares_of(seen).argmax(axis=1)
    assert (shares_of(seen).max(axis=1) >= 0.5 - 1e-3).all()
    np.testing.assert_allclose(seen["box"], target_box(inputs, 0, first), rtol=1e-6)
    assert_each_row_once(first, ROWS)


@pytest.mark.parametrize(("alpha", "mean"), [(1.0, 0.25), (0.2, 0.1012), (10.0, 0.4119)])
def test_mixup_draws_shares_from_a_beta_distribution(alpha, mean):
    """The mean of the smaller of b and 1 - b where b is Beta(alpha, alpha)."""
    examples = make(some_inputs(), mixup=alpha)
    smaller = np.concatenate([np.sort(shares_of(shown(examples, n)))[:, -2] for n in range(60)])
    assert smaller.mean() == pytest.approx(mean * (1 - 1 / len(ROWS)), abs=0.015)


def test_mixup_draws_a_view_for_each_part():
    views = shown(make(some_inputs(n_views=2), mixup=10.0))["features"][:, -1]
    assert ((views > 0.1) & (views < 0.9)).any()


def test_sample_pairing_halves_features_and_keeps_the_first_rows_label_and_box():
    inputs = some_inputs(n_views=2)
    examples = make(inputs, sample_pairing=True)
    for number in (0, 7, 10):
        seen = shown(examples, number)
        shares = shares_of(seen)
        assert set(np.unique(shares)) <= {0, 0.5, 1}
        np.testing.assert_array_equal(shares.sum(axis=1), 1)
        assert (shares.max(axis=1) == 0.5).mean() > 0.8
        np.testing.assert_allclose(seen["metadata"][:, 0], shares @ np.arange(1, N + 1))
        assert set(np.unique(seen["class"])) == {0, 1}
        np.testing.assert_array_equal(
            seen["class"].sum(axis=0), np.bincount(inputs.labels[ROWS], minlength=3)
        )
        np.testing.assert_array_equal(seen["auxiliary"], seen["class"])
        known = seen["box"][:, 4] == 1
        first = (seen["box"][known, 0] * N).astype(int)
        assert_each_row_once(first, ROWS[ROWS % 3 != 2])
        assert (shares[known, first] >= 0.5).all()
        np.testing.assert_array_equal(seen["class"][known].argmax(axis=1), inputs.labels[first])


@pytest.mark.parametrize("n_epochs", [1, 10, 20, 45, 60])
def test_sample_pairing_pauses_every_10_epochs_and_stops_for_the_last_fifth(n_epochs):
    examples = make(some_inputs(), epochs=n_epochs, sample_pairing=True, batch_size=64)
    pairs = [shares_of(shown(examples, number)).max(axis=1).min() < 1 for number in range(n_epochs)]
    n_last = n_epochs // 5
    expected = [number % 10 < 8 and number < n_epochs - n_last for number in range(n_epochs)]
    assert pairs == expected


def lopsided_labels():
    labels = np.repeat(np.arange(3), (22, 10, 8))
    return np.random.default_rng(1).permutation(labels)


def test_smote_fills_classes_up_between_rows_of_one_class():
    inputs = some_inputs(labels=lopsided_labels())
    counts = np.bincount(inputs.labels[ROWS])
    examples = make(inputs, smote=True)
    assert examples.n_steps == -(-3 * counts.max() // 8)
    for number in range(3):
        seen = shown(examples, number)
        np.testing.assert_allclose(seen["class"].sum(axis=0), counts.max(), atol=1e-5)
        shares = shares_of(seen)
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-3)
        np.testing.assert_allclose(seen["class"], shares @ np.eye(3)[inputs.labels], atol=1e-3)
        np.testing.assert_allclose(seen["metadata"][:, 0], shares @ np.arange(1, N + 1), atol=0.05)
        np.testing.assert_allclose(seen["box"], target_box(inputs, 0, shares.argmax(axis=1)), rtol=1e-6)
        made = shares.max(axis=1) < 1 - 1e-3
        assert made.sum() > 0.9 * (3 * counts.max() - len(ROWS))
        assert set(ROWS) <= set(shares[~made].argmax(axis=1))


def test_smote_looks_for_neighbours_among_training_rows_by_their_average_over_places():
    """Two rows are near in the average, and far apart place by place."""
    inputs = some_inputs(8, labels=[0, 0, 0, 0, 0, 1, 1, 1])
    features = np.zeros((1, 8, 2, 1, 1), np.float16)
    features[0, :, :, 0, 0] = [[0, 0]] * 5 + [[8, 0], [0, 8.5], [5, 5]]
    inputs = HeadInputs(inputs.images, inputs.labels, None, ["identity"], features, inputs.boxes)
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examples_module, "smote_pairs", lambda *call: calls.append(call) or (ROWS[:0],) * 3)
        make(inputs, np.array([7, 0, 5, 6]), seed=3, smote=True)
    np.testing.assert_array_equal(calls[0][0], [[5], [0], [4], [4.25]])
    np.testing.assert_array_equal(calls[0][1], [1, 0, 1, 1])
    assert calls[0][2] == 3


def test_balancing_groups_shifts_how_often_rows_are_drawn():
    labels = np.tile([0, 0, 0, 1, 1], 8)
    groups = np.where(np.isin(np.arange(N) % 5, [2, 4]), "a", "b").astype(object)
    inputs = some_inputs(labels=labels, groups=groups)
    examples = make(inputs, balance="group")
    assert examples.n_steps == make(inputs).n_steps
    n_epochs = 300
    drawn = np.zeros(N)
    for number in range(n_epochs):
        shares = shares_of(shown(examples, number))
        assert len(shares) == len(ROWS)
        drawn += shares.sum(axis=0)
    expected = np.zeros(N)
    expected[ROWS] = balanced_weights(labels[ROWS], groups[ROWS]) * len(ROWS) * n_epochs
    assert expected[ROWS].max() > 1.2 * expected[ROWS].min()
    assert (np.abs(drawn - expected) <= 5 * np.sqrt(expected)).all()


def test_without_groups_each_row_is_its_own_group():
    examples = make(some_inputs(), balance="group")
    drawn = sum(shares_of(shown(examples, number)).sum(axis=0) for number in range(200))
    assert (np.abs(drawn[ROWS] - 200) < 5 * np.sqrt(200)).all()
    assert drawn.sum() == drawn[ROWS].sum()


N_TEST = 12
SURE = np.array([1, 4, 5, 11])


def some_pseudo(n=N, n_classes=3):
    """Test images, told by a negative number in the last column; only SURE are to be learned from."""
    features = np.zeros((1, N_TEST, n + 1), np.float16)
    features[..., n] = -1 - np.arange(N_TEST)
    images = pd.DataFrame({"image": [f"t{i}" for i in range(N_TEST)], "width": 1000 + np.arange(N_TEST)})
    proba = np.random.default_rng(5).dirichlet(np.ones(n_classes), N_TEST)
    return PseudoRows(images, features, SURE, proba)


@pytest.mark.parametrize(("batch_size", "share", "n_pseudo"), [(8, 0.25, 2), (8, 0.5, 4), (10, 0.01, 1)])
def test_each_batch_has_its_share_of_confident_test_images(batch_size, share, n_pseudo):
    inputs, pseudo = some_inputs(), some_pseudo()
    examples = make(inputs, pseudo=pseudo, batch_size=batch_size, pseudo_share=share)
    assert examples.n_steps == -(-len(ROWS) // (batch_size - n_pseudo))
    drawn = []
    for number in range(6):
        seen = shown(examples, number)
        is_test = seen["features"][:, -1] < 0
        for start in range(0, len(is_test), batch_size):
            assert is_test[start : start + batch_size].sum() == n_pseudo
        test_row = -1 - seen["features"][is_test, -1].astype(int)
        np.testing.assert_allclose(seen["class"][is_test], pseudo.proba[test_row], rtol=1e-6)
        np.testing.assert_array_equal(seen["auxiliary"], seen["class"])
        np.testing.assert_array_equal(seen["metadata"][is_test, 0], 1000 + test_row)
        np.testing.assert_array_equal(seen["box"][is_test], 0)
        own = shares_of(seen)[~is_test].argmax(axis=1)
        assert_each_row_once(own, ROWS)
        np.testing.assert_array_equal(seen["class"][~is_test].argmax(axis=1), inputs.labels[own])
        assert {seen[name].dtype for name in ("metadata", "class", "box")} == {np.dtype(np.float32)}
        assert seen["features"].dtype == np.float16
        drawn += test_row.tolist()
    assert set(drawn) == set(SURE.tolist())


@pytest.mark.parametrize(("batch_size", "share"), [(2, 0.9), (4, 0.9), (3, 0.6), (2, 0.01)])
def test_a_small_batch_keeps_room_for_training_rows(batch_size, share):
    examples = make(some_inputs(), pseudo=some_pseudo(), batch_size=batch_size, pseudo_share=share)
    seen = shown(examples)
    is_test = seen["features"][:, -1] < 0
    assert_each_row_once(shares_of(seen)[~is_test].argmax(axis=1), ROWS)
    assert is_test.any()


def test_mixing_leaves_test_images_alone():
    pseudo = some_pseudo()
    seen = shown(make(some_inputs(), pseudo=pseudo, mixup=0.4))
    is_test = seen["features"][:, -1] < 0
    test_row = -1 - seen["features"][is_test, -1].astype(int)
    assert set(test_row) <= set(SURE)
    np.testing.assert_array_equal(shares_of(seen)[is_test], 0)
    np.testing.assert_allclose(seen["class"][is_test], pseudo.proba[test_row], rtol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_rows_has_unknown_metadata(share):
    examples = make(some_inputs(), metadata_dropout=share)
    unknown = []
    for number in range(40):
        seen = shown(examples, number)
        row = shares_of(seen).argmax(axis=1)
        assert_each_row_once(row, ROWS)
        here = seen["metadata"][:, 0] == 0
        np.testing.assert_array_equal(seen["metadata"][~here, 0], row[~here] + 1)
        unknown.append(here)
    assert np.mean(unknown) == pytest.approx(share, abs=0.06 if 0 < share < 1 else 0)
    if 0 < share < 1:
        assert len({tuple(each) for each in unknown}) > 30


OPTIONS = {
    "plain": {},
    "mixup": {"mixup": 0.4},
    "sample pairing": {"sample_pairing": True},
    "smote": {"smote": True},
    "balance": {"balance": "group"},
    "balance and smote": {"balance": "group", "smote": True},
    "metadata dropout": {"metadata_dropout": 0.5},
    "pseudo": {"pseudo_share": 0.25},
}


def make_with(name, seed=0, **options):
    groups = np.array(["a", "b", "c", "d"], dtype=object)[(np.arange(N) // 3) % 4]
    inputs = some_inputs(n_views=2, labels=lopsided_labels(), groups=groups)
    pseudo = some_pseudo() if name == "pseudo" else None
    return make(inputs, seed=seed, pseudo=pseudo, **OPTIONS[name], **options)


@pytest.mark.parametrize("name", OPTIONS)
def test_no_row_outside_the_training_part_is_ever_seen(name):
    examples = make_with(name)
    others = np.setdiff1d(np.arange(N), ROWS)
    for number in range(20):
        shares = shares_of(shown(examples, number))
        assert (shares[:, others] == 0).all()
        assert (shares[:, ROWS] > 0).any()


@pytest.mark.parametrize("name", OPTIONS)
def test_examples_are_drawn_by_seed(name):
    one, same, other = (make_with(name, seed) for seed in (1, 1, 2))
    for number in range(3):
        first, second, third = (shown(examples, number) for examples in (one, same, other))
        for key in first:
            np.testing.assert_array_equal(first[key], second[key])
        assert any((first[key] != third[key]).any() for key in first)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize(("block_bytes", "block_steps"), [(1, 16), (2 * (N + 1) * 8 * 2, 16), (2**25, 3)])
def test_blocks_are_the_same_batches_however_many_a_block(name, block_bytes, block_steps, monkeypatch):
    whole = [shown(make_with(name), 0)]
    monkeypatch.setattr(examples_module, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(examples_module, "BLOCK_STEPS", block_steps)
    examples = make_with(name)
    blocks = list(examples.epoch(0))
    steps = min(block_steps, max(1, block_bytes // (2 * (N + 1) * 8)))
    assert len(blocks) == -(-examples.n_steps // steps)
    assert all(len(block["batches"]["ends"]) == steps for block in blocks[:-1])
    assert all(block["batches"]["ends"][-1] == len(block["targets"]["class"]) for block in blocks)
    parts = joined(blocks)
    for key in parts:
        np.testing.assert_array_equal(parts[key], whole[0][key])


@given(st.integers(1, 60), st.integers(2, 20))
def test_batches_are_even_so_that_none_is_a_single_row(n_rows, batch_size):
    inputs = some_inputs(n=60)
    examples = make(inputs, rows=np.arange(n_rows), batch_size=batch_size)
    sizes = [size for block in examples.epoch(0) for size in np.diff(block["batches"]["ends"], prepend=0)]
    assert sum(sizes) == n_rows
    assert len(sizes) == examples.n_steps
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
