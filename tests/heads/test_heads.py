"""Heads: shapes, where they start, the box loss, and what they may look at."""

import dataclasses
import gc

import numpy as np
import pytest
from head_inputs import CONFIG, MEAN_BOX, some_inputs, weights_of

from fishcli.basics.errors import FishError
from fishcli.heads.choices import needs_maps
from fishcli.heads.fit import fit_fold, load_fold, suffix_of
from fishcli.options.train import TrainConfig

NETWORKS = ["gap", "dense", "fcn", "allconv", "inception", "residual", "attention"]


@pytest.mark.tensorflow
@pytest.mark.parametrize("head", NETWORKS)
def test_a_head_learns_classes_and_boxes_and_survives_saving(head, tmp_path):
    inputs = some_inputs()
    config = dataclasses.replace(CONFIG, head=head, epochs=15)
    trained, losses = fit_fold(config, inputs, np.arange(36), seed=1)
    assert losses["loss"][-1] < losses["loss"][0]
    images = inputs.images.iloc[36:]
    proba, boxes = trained.predict(inputs.features[0, 36:], images)
    assert (proba.argmax(axis=1) == inputs.labels[36:]).mean() > 0.8
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert np.abs(boxes - MEAN_BOX).max() < 0.2
    path = tmp_path / f"fold_0{suffix_of(head)}"
    trained.save(path)
    loaded = load_fold(path, trained.encoder, trained.counts)
    np.testing.assert_allclose(loaded.predict(inputs.features[0, 36:], images)[0], proba, atol=1e-6)


def test_training_is_reproducible_and_sees_training_rows_only():
    inputs = some_inputs(n_views=2)
    rows = np.arange(36)
    config = dataclasses.replace(CONFIG, epochs=2, views=2)
    first, _ = fit_fold(config, inputs, rows, seed=3)
    changed = some_inputs(n_views=2)
    changed.features[:, 36:] = 100
    changed.boxes[:, 36:] = 0.5
    changed.images.loc[36:, ["height", "width"]] = 999
    second, _ = fit_fold(config, changed, rows, seed=3)
    for one, other in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_array_equal(one, other)
    third, _ = fit_fold(config, inputs, rows, seed=4)
    assert any((a != b).any() for a, b in zip(weights_of(first), weights_of(third), strict=True))


def test_training_draws_from_every_view():
    inputs = some_inputs(n_views=2, with_boxes=False)
    inputs.features[1] *= 0
    one_view = dataclasses.replace(
        inputs, views=inputs.views[:1], features=inputs.features[:1], boxes=inputs.boxes[:1]
    )
    config = dataclasses.replace(CONFIG, epochs=3)
    both, _ = fit_fold(config, inputs, np.arange(36), seed=3)
    single, _ = fit_fold(config, one_view, np.arange(36), seed=3)
    assert any((a != b).any() for a, b in zip(weights_of(both), weights_of(single), strict=True))


def test_without_boxes_there_is_no_box_output():
    trained, _ = fit_fold(
        dataclasses.replace(CONFIG, epochs=1), some_inputs(with_boxes=False), np.arange(36), 0
    )
    assert list(trained.model.chains) == ["class"]
    _, boxes = trained.predict(np.zeros((2, 3, 4, 8), np.float16), some_inputs().images.iloc[:2])
    assert np.isnan(boxes).all()


def test_a_class_that_training_lacks_gets_its_smoothed_prior():
    inputs = some_inputs()
    rows = np.flatnonzero(inputs.labels != 1)
    trained, _ = fit_fold(dataclasses.replace(CONFIG, epochs=2), inputs, rows, seed=0)
    proba, _ = trained.predict(inputs.features[0, :6], inputs.images.iloc[:6])
    np.testing.assert_allclose(proba[:, 1], 0.5 / (len(rows) + 1.5))


def test_one_class_only_learns_boxes():
    inputs = dataclasses.replace(some_inputs(), labels=np.zeros(48, np.int64))
    trained, losses = fit_fold(dataclasses.replace(CONFIG, epochs=3), inputs, np.arange(36), seed=0)
    proba, boxes = trained.predict(inputs.features[0, :4], inputs.images.iloc[:4])
    np.testing.assert_array_equal(proba, np.ones((4, 1)))
    assert np.isfinite(boxes).all()
    assert np.isfinite(losses["loss"]).all()


def test_unseen_sizes_do_not_move_the_prediction():
    inputs = some_inputs()
    trained, _ = fit_fold(dataclasses.replace(CONFIG, epochs=2), inputs, np.arange(36), seed=0)
    assert trained.encoder.vocabulary == ("64x48", "80x48")
    images = inputs.images.iloc[:4]
    one = trained.predict(inputs.features[0, :4], images.assign(width=1111))[0]
    other = trained.predict(inputs.features[0, :4], images.assign(width=2222))[0]
    np.testing.assert_array_equal(one, other)


def test_a_loss_that_explodes_is_refused():
    inputs = some_inputs(with_boxes=False)
    inputs.features[:, 0] = np.nan
    with pytest.raises(FishError, match="not finite"):
        fit_fold(dataclasses.replace(CONFIG, epochs=2), inputs, np.arange(36), seed=0)


@pytest.mark.tensorflow
def test_a_damaged_model_file_is_named(tmp_path):
    path = tmp_path / "fold_0.keras"
    path.write_bytes(b"no model")
    trained, _ = fit_fold(dataclasses.replace(CONFIG, epochs=1), some_inputs(), np.arange(36), seed=0)
    with pytest.raises(FishError, match=r"fold_0\.keras can't be loaded"):
        load_fold(path, trained.encoder, trained.counts)


def test_who_needs_maps():
    assert not needs_maps(TrainConfig(head="gap"), has_boxes=False)
    assert needs_maps(TrainConfig(head="gap"), has_boxes=True)
    assert needs_maps(TrainConfig(head="gap", pooling="max"), has_boxes=False)
    assert needs_maps(TrainConfig(head="dense"), has_boxes=False)
    assert not needs_maps(TrainConfig(head="linear"), has_boxes=True)


@pytest.mark.tensorflow
def test_training_leaves_no_graphs_behind():
    """Keras' sum over devices, which one device needs not, would keep every training's graph for good."""
    from tensorflow.python.framework.func_graph import FuncGraph

    counts = []
    for seed in range(3):
        inputs = some_inputs(with_boxes=False)
        config = dataclasses.replace(CONFIG, head="attention", epochs=1, metadata="none")
        fit_fold(config, inputs, np.arange(36), seed)
        gc.collect()
        counts.append(sum(isinstance(each, FuncGraph) for each in gc.get_objects()))
    assert counts[2] == counts[1]


@pytest.mark.tensorflow
@pytest.mark.parametrize("head", ["attention", "fcn"])
def test_a_graph_trains_to_what_its_steps_one_by_one_train_to(head):
    """Other modules train without a graph, which takes a second to trace."""
    import tensorflow as tf

    inputs, found = some_inputs(), []
    config = dataclasses.replace(CONFIG, head=head, epochs=2)
    for one_by_one in (False, True):
        tf.config.run_functions_eagerly(one_by_one)
        try:
            trained, losses = fit_fold(config, inputs, np.arange(36), seed=0)
        finally:
            tf.config.run_functions_eagerly(False)
        proba, boxes = trained.predict(inputs.features[0], inputs.images)
        found.append((losses["loss"], losses["box"], proba, boxes))
    for graph, steps in zip(*found, strict=True):
        np.testing.assert_allclose(steps, graph, atol=1e-4)
