"""Fine-tuning of one fold: where it starts, what moves how fast, and going on after a kill."""

import dataclasses
import json

import numpy as np
import pytest
from head_inputs import some_inputs

from fishcli.basics.errors import FishError
from fishcli.basics.quiet import load_keras
from fishcli.heads.fit import files_of, load_fold
from fishcli.heads.trained import KerasHead
from fishcli.options.finetune import FinetuneConfig
from fishcli.tuning.batches import EpochBatches
from fishcli.tuning.fit import TuningPlan, make_ready, seconds_of_steps, tune, usual_epochs
from fishcli.tuning.interpolate import go_between, load_ends, moving_weights, parse_share, save_ends
from fishcli.tuning.network import BODY, build_network, pooled_by
from fishcli.tuning.optimiser import HEAD_RATE, WARM_UP, WEIGHT_DECAY, TuningAdamW
from fishcli.tuning.rows import TuningRows
from fishcli.tuning.start import linear_start

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]

keras = load_keras()
ROWS, THREE = np.arange(36), np.arange(48) % 3
MEAN_BOX = np.array([0.2, 0.3, 0.6, 0.9])


@pytest.fixture(scope="module")
def tail():
    """The remaining layers of a backbone, for the maps of `some_inputs`."""
    keras.utils.set_random_seed(0)
    maps = keras.Input((3, 4, 8))
    hidden = keras.layers.Conv2D(6, 1, use_bias=False)(maps)
    hidden = keras.layers.BatchNormalization()(hidden)
    return keras.Model(maps, keras.layers.ReLU()(hidden), name=BODY)


def begun(tail, tmp_path, inputs=None, **options):
    """A fold's network, compiled; its plan; the linear head that it starts from."""
    config = FinetuneConfig(**{"epochs": 3, "batch_size": 8, "metadata": "size", **options})
    inputs = inputs or some_inputs(n_views=2)
    pooled = dataclasses.replace(
        inputs, features=np.stack([pooled_by(tail, inputs.features[v, np.arange(48)]) for v in range(2)])
    )
    linear, start = linear_start(config.metadata, pooled, ROWS, seed=0)
    metadata = linear.encoder.encode(inputs.images)
    with_boxes = not np.isnan(inputs.boxes).all()
    rows = TuningRows(inputs, ROWS, np.arange(2), metadata, len(linear.counts), with_boxes)
    plan = TuningPlan(config, rows, 5, tmp_path / "epochs.npz")
    how = (config.dropout, plan.seed)
    model = build_network(tail, start, metadata.shape[1], MEAN_BOX if with_boxes else None, how)
    make_ready(model, plan)
    return model, plan, (linear, pooled)


def with_labels(labels, **options):
    return dataclasses.replace(some_inputs(n_views=2, **options), labels=labels)


def weights_of(model):
    return [np.array(each) for each in model.get_weights()]


@pytest.mark.parametrize(
    "labels",
    [THREE, np.minimum(THREE, 1), np.where((THREE == 1) & (np.arange(48) < 36), 2, THREE)],
    ids=["three classes", "two", "one of three not in training"],
)
def test_before_its_first_step_a_network_says_what_the_linear_head_says(tail, tmp_path, labels):
    inputs = with_labels(labels)
    model, _, (linear, pooled) = begun(tail, tmp_path, inputs)
    head = KerasHead(model, linear.encoder, linear.counts)
    for view in range(2):
        found, _ = head.predict(inputs.features[view, np.arange(48)], inputs.images)
        expected, _ = linear.predict(pooled.features[view], inputs.images)
        np.testing.assert_allclose(found, expected, atol=2e-3)  # pooled features are kept in float16
    assert np.ptp(expected, axis=0).max() > 0.5


def test_all_layers_but_batch_norms_move_and_the_pre_trained_ones_stay_for_other_folds(tail, tmp_path):
    before = weights_of(tail)
    model, plan, _ = begun(tail, tmp_path, lr=1e-3, dropout=0.0)
    losses = tune(model, plan, lambda loss: None)
    kernel, *norm = (np.array(each) for each in model.get_layer(BODY).get_weights())
    assert np.abs(kernel - before[0]).max() > 1e-4
    for one, other in zip(norm, before[1:], strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(weights_of(tail), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert set(losses) == {"loss", "class", "box"} and all(len(each) == 3 for each in losses.values())
    assert losses["loss"][2] < losses["loss"][0]


def test_the_box_does_not_move_the_backbone(tail, tmp_path):
    """Its targets are elsewhere; what the backbone has become is the same."""
    bodies = []
    for boxes in (0.1, 0.6):
        inputs = some_inputs(n_views=2)
        inputs = dataclasses.replace(
            inputs, boxes=np.where(np.isnan(inputs.boxes), np.nan, np.float32(boxes))
        )
        # So small a rate that gradients are never shortened together.
        model, plan, _ = begun(tail, tmp_path, inputs, epochs=1)
        model.optimizer.global_clipnorm = None  # it would shorten all gradients together
        tune(model, dataclasses.replace(plan, checkpoint=tmp_path / f"{boxes}.npz"), lambda loss: None)
        bodies.append(weights_of(model.get_layer(BODY)))
    for one, other in zip(*bodies, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_killed_within_an_epoch_it_goes_on_from_the_last_one_and_ends_with_the_same_weights(tail, tmp_path):
    whole, plan, _ = begun(tail, tmp_path)
    losses = tune(whole, plan, lambda loss: None)
    plan.checkpoint.unlink()

    killed, plan, _ = begun(tail, tmp_path)
    steps = []

    def on_step(loss):
        steps.append(loss)
        if len(steps) == 2 * plan.n_steps + 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(killed, plan, on_step)
    again, plan, _ = begun(tail, tmp_path)
    counted = []
    assert tune(again, plan, counted.append) == losses
    assert len(counted) == 3 * plan.n_steps
    for one, other in zip(weights_of(again), weights_of(whole), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_damaged_checkpoint_is_told_and_the_fold_begins_anew(tail, tmp_path, capsys):
    model, plan, _ = begun(tail, tmp_path, epochs=1)
    plan.checkpoint.write_bytes(b"no zip")
    assert len(tune(model, plan, lambda loss: None)["loss"]) == 1
    assert "can't be gone on from" in capsys.readouterr().err


def test_measuring_a_step_leaves_the_network_as_it_was(tail, tmp_path):
    whole, plan, _ = begun(tail, tmp_path, epochs=1)
    tune(whole, plan, lambda loss: None)
    plan.checkpoint.unlink()
    measured, plan, _ = begun(tail, tmp_path, epochs=1)
    assert min(seconds_of_steps(measured, plan)) > 0
    tune(measured, plan, lambda loss: None)
    for one, other in zip(weights_of(measured), weights_of(whole), strict=True):
        np.testing.assert_array_equal(one, other)


def rows_of(n_views=2):
    inputs = some_inputs(n_views=n_views)
    return TuningRows(inputs, ROWS, np.arange(n_views), np.zeros((48, 0), np.float32), 3, True)


def test_an_epoch_shows_each_training_row_once_in_even_batches():
    source = rows_of()
    seen = EpochBatches(source, 8, seed=1, epoch=0)
    batches = [seen[i] for i in range(len(seen))]
    sizes = [len(targets["class"]) for _, targets in batches]
    assert sizes == [7, 7, 8, 7, 7]
    shown = np.concatenate([inputs["features"] for inputs, _ in batches]).reshape(36, -1)
    known = source.inputs.features[:, ROWS].reshape(2, 36, -1)
    at = [np.argwhere((known == each).all(axis=2)) for each in shown]
    views, rows = np.concatenate(at).T
    assert sorted(rows) == list(range(36)) and set(views) == {0, 1}
    labels = np.concatenate([targets["class"] for _, targets in batches]).argmax(axis=1)
    np.testing.assert_array_equal(labels, source.inputs.labels[rows])


def test_batches_depend_on_seed_and_epoch_alone():
    def labels(seed, epoch):
        batches = EpochBatches(rows_of(), 8, seed, epoch)
        return np.concatenate([batches[i][0]["features"].ravel() for i in range(len(batches))])

    np.testing.assert_array_equal(labels(1, 2), labels(1, 2))
    assert (labels(1, 2) != labels(1, 3)).any() and (labels(1, 2) != labels(2, 2)).any()


def test_rows_without_a_box_are_masked_and_hold_no_nan():
    batches = EpochBatches(rows_of(), 8, seed=0, epoch=0)
    boxes = np.concatenate([batches[i][1]["box"] for i in range(len(batches))])
    assert np.isfinite(boxes).all() and set(boxes[:, 4]) == {0, 1}
    np.testing.assert_array_equal(boxes[boxes[:, 4] == 0], 0)


LR, N_STEPS = 0.01, 40
SLOW_KERNEL, SLOW_BIAS, FAST_KERNEL, FAST_BIAS = range(4)


def steps_of(gradient, start=1.0):
    """How far each variable moves in each step (steps, 4) under a constant gradient."""
    start = keras.initializers.Constant(start)
    layers = [keras.layers.Dense(1, kernel_initializer=start, bias_initializer=start) for _ in range(2)]
    model = keras.Sequential([keras.Input((1,)), *layers])
    variables = model.trainable_variables
    optimizer = TuningAdamW(LR, N_STEPS, variables, layers[1].trainable_variables)
    values = [np.concatenate([np.ravel(each) for each in variables])]
    for _ in range(N_STEPS):
        optimizer.apply([keras.ops.full(each.shape, gradient) for each in variables], variables)
        values.append(np.concatenate([np.ravel(each) for each in variables]))
    return np.diff(values, axis=0)


def test_the_head_moves_five_times_as_fast_as_the_backbone():
    steps = steps_of(gradient=0.1, start=0.0)
    np.testing.assert_allclose(steps[:, FAST_BIAS], HEAD_RATE * steps[:, SLOW_BIAS], rtol=1e-3, atol=1e-7)
    assert HEAD_RATE == 5


def test_kernels_decay_by_their_own_rate_and_biases_do_not():
    steps = steps_of(gradient=0.0)
    np.testing.assert_array_equal(steps[:, [SLOW_BIAS, FAST_BIAS]], 0)
    assert steps[:, SLOW_KERNEL].min() == pytest.approx(-LR * WEIGHT_DECAY, rel=0.02)
    assert steps[:, FAST_KERNEL].min() == pytest.approx(-HEAD_RATE * LR * WEIGHT_DECAY, rel=0.02)


def test_the_rate_rises_for_a_tenth_of_the_steps_then_falls_as_a_cosine():
    """Under a constant gradient each step of Adam is as long as the rate."""
    rates = -steps_of(gradient=0.5, start=0.0)[:, SLOW_BIAS]
    warm_up = round(WARM_UP * N_STEPS)
    at = np.arange(N_STEPS - warm_up)
    np.testing.assert_allclose(rates[:warm_up], LR * np.arange(1, warm_up + 1) / warm_up, rtol=1e-3)
    cosine = LR / 2 * (1 + np.cos(np.pi * at / len(at)))
    np.testing.assert_allclose(rates[warm_up:], cosine, rtol=1e-2, atol=1e-6)


def test_more_photos_take_fewer_epochs():
    assert [usual_epochs(n) for n in (1, 20, 686, 4069, 10**6)] == [30, 30, 15, 6, 4]


def test_a_saved_network_holds_nothing_that_only_training_needs(tail, tmp_path):
    model, plan, (linear, _) = begun(tail, tmp_path)
    tune(model, plan, lambda loss: None)
    head, path = KerasHead(model, linear.encoder, linear.counts), tmp_path / "fold_0.weights.npz"
    head.save(path)
    loaded = load_fold(path, linear.encoder, linear.counts)
    for one, other in zip(weights_of(model), weights_of(loaded.model), strict=True):
        np.testing.assert_array_equal(one, other)
    with np.load(path, allow_pickle=False) as saved:
        assert set(saved.files) == {"architecture", *(each.path for each in model.weights)}
    assert not json.loads(files_of(path)[1].read_text())["compile_config"]
    assert model.optimizer.variables  # the network itself may be trained on


def test_half_the_way_is_half_of_each_weight_and_the_ends_are_the_ends(tail, tmp_path):
    model, plan, _ = begun(tail, tmp_path, epochs=1, lr=0.01)
    start = moving_weights(model)
    tune(model, plan, lambda loss: None)
    ends = start, moving_weights(model)
    save_ends(tmp_path / "ends.npz", ends)
    ends = load_ends(tmp_path / "ends.npz")
    for share in (0.0, 0.5, 1.0):
        go_between(model, ends, share)
        for here, one, other in zip(moving_weights(model), *ends, strict=True):
            np.testing.assert_allclose(here, one + share * (other - one), atol=1e-6)
    assert any((one != other).any() for one, other in zip(*ends, strict=True))


@pytest.mark.parametrize("text", ["1.01", "-0.1", "half", "nan", ""])
def test_a_share_that_is_none_is_refused(text):
    with pytest.raises(FishError, match="--interpolate"):
        parse_share(text)
