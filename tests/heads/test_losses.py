"""Losses against their formulas, written out in NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishcli.basics.quiet import load_keras
from fishcli.heads.networks.losses import AUXILIARY_WEIGHT, box_loss, class_loss, make_losses
from fishcli.options.train import TrainConfig

pytestmark = pytest.mark.tensorflow

keras = load_keras()

COUNTS = np.array([20, 5, 15])
BOX_LOSSES = ["huber", "mae", "mse", "giou"]


def one_hot(labels, n_classes=3):
    return np.eye(n_classes)[labels]


def some_proba(n=6, n_classes=3, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), n)


def soft_targets(n=6):
    """Labels as mixup makes them: of one class, or of two."""
    share = np.linspace(0, 0.5, n)[:, None]
    return (1 - share) * one_hot(np.arange(n) % 3) + share * one_hot((np.arange(n) // 2) % 3)


def found(loss, true, predicted):
    value = loss(
        keras.ops.convert_to_tensor(true, "float32"), keras.ops.convert_to_tensor(predicted, "float32")
    )
    assert value.shape == ()
    return float(value)


def class_loss_of(true, predicted, counts=COUNTS, **options):
    return found(class_loss(TrainConfig(**options), counts), true, predicted)


def smoothed(true, smoothing):
    return (1 - smoothing) * true + smoothing / true.shape[1]


@pytest.mark.parametrize("smoothing", [0.0, 0.03, 0.3])
@pytest.mark.parametrize("true", [one_hot([0, 1, 2, 2, 0, 1]), soft_targets()], ids=["hard", "soft"])
def test_cross_entropy_with_label_smoothing(smoothing, true):
    proba = some_proba()
    expected = -(smoothed(true, smoothing) * np.log(proba)).sum(axis=1).mean()
    assert class_loss_of(true, proba, label_smoothing=smoothing) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("true", [one_hot([0, 1, 2, 2, 0, 1]), soft_targets()], ids=["hard", "soft"])
def test_focal_loss_counts_easy_images_less(gamma, smoothing, true):
    proba = some_proba()
    each = -smoothed(true, smoothing) * (1 - proba) ** gamma * np.log(proba)
    loss = class_loss_of(true, proba, label_smoothing=smoothing, focal=gamma)
    assert loss == pytest.approx(each.sum(axis=1).mean(), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 1e-7])
def test_focal_loss_without_gamma_is_cross_entropy(gamma):
    true, proba = soft_targets(), some_proba()
    assert class_loss_of(true, proba, focal=gamma) == pytest.approx(class_loss_of(true, proba), rel=1e-5)


def crammer_and_singer(labels, scores):
    own = scores[np.arange(len(labels)), labels]
    others = np.where(one_hot(labels) == 1, -np.inf, scores).max(axis=1)
    return np.maximum(0, 1 + others - own).mean()


@pytest.mark.parametrize(
    "shift", [4.0, pytest.param(-4.0, id="negative, as log priors are"), pytest.param(0.0, id="both")]
)
def test_hinge_is_crammer_and_singers(shift):
    labels = np.array([0, 1, 2, 2, 0, 1])
    scores = np.random.default_rng(1).normal(size=(6, 3)) + shift
    expected = crammer_and_singer(labels, scores)
    assert class_loss_of(one_hot(labels), scores, loss="hinge") == pytest.approx(expected, rel=1e-5)


def test_hinge_is_0_beyond_the_margin():
    scores = 1.5 * one_hot([0, 1, 2])
    assert class_loss_of(one_hot([0, 1, 2]), scores, loss="hinge") == 0


def sklearns_weights(counts):
    from sklearn.utils.class_weight import compute_class_weight

    present = np.flatnonzero(counts)
    weights = np.zeros(len(counts))
    weights[present] = compute_class_weight("balanced", classes=present, y=np.repeat(np.arange(3), counts))
    return weights


@pytest.mark.parametrize("counts", [[20, 5, 15], [7, 7, 7], [30, 0, 10]])
@pytest.mark.parametrize("options", [{}, {"focal": 2.0}, {"loss": "hinge"}], ids=str)
def test_balanced_weights_are_scikit_learns(counts, options):
    counts = np.array(counts)
    options = {**options, "label_smoothing": 0.0}
    for label in np.flatnonzero(counts):
        row = one_hot([label]), some_proba(1)
        balanced = class_loss_of(*row, counts=counts, class_weight="balanced", **options)
        plain = class_loss_of(*row, counts=counts, **options)
        assert balanced == pytest.approx(plain * sklearns_weights(counts)[label], rel=1e-5)


def test_balanced_rows_of_mixed_labels_weigh_as_the_mix_does():
    true, proba = soft_targets(), some_proba()
    weights = true @ sklearns_weights(COUNTS)
    expected = -(weights * (smoothed(true, 0.03) * np.log(proba)).sum(axis=1)).mean()
    assert class_loss_of(true, proba, class_weight="balanced") == pytest.approx(expected, rel=1e-5)


def test_balanced_classes_weigh_the_same_over_all_rows():
    true = one_hot(np.repeat(np.arange(3), COUNTS))
    proba = np.tile(1 / np.array([2, 4, 4]), (COUNTS.sum(), 1))
    loss = class_loss_of(true, proba, class_weight="balanced", label_smoothing=0.0)
    assert loss == pytest.approx(np.log([2, 4, 4]).mean(), rel=1e-5)


def test_outputs_get_their_losses_and_weights():
    config = TrainConfig(box_loss="mae", box_weight=3.0)
    losses = make_losses(config, COUNTS, ["class", "auxiliary", "box"])
    assert {name: weight for name, (_, weight) in losses.items()} == {
        "class": 1.0,
        "auxiliary": AUXILIARY_WEIGHT,
        "box": 3.0,
    }
    true, proba = soft_targets(), some_proba()
    for name in ("class", "auxiliary"):
        assert found(losses[name][0], true, proba) == pytest.approx(class_loss_of(true, proba))
    boxes = with_ones([[0.1, 0.2, 0.5, 0.6]])
    assert found(losses["box"][0], boxes, boxes[:, :4] + 0.25) == pytest.approx(0.25, rel=1e-5)
    assert list(make_losses(config, COUNTS, ["box"])) == ["box"]


def with_ones(boxes):
    """Corners as targets: all of them known."""
    return np.hstack([boxes, np.ones((len(boxes), 1))])


def giou(one, other):
    """Generalised IoU of two boxes of positive area, a corner at a time."""
    width = max(0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    union = sum(areas) - width * height
    hull = (max(one[2], other[2]) - min(one[0], other[0])) * (max(one[3], other[3]) - min(one[1], other[1]))
    return width * height / union - (hull - union) / hull


def expected_box_loss(kind, true, predicted):
    error = np.abs(true - predicted)
    return {
        "huber": lambda: np.where(error <= 0.1, error**2 / 2, 0.1 * error - 0.005).mean(axis=1),
        "mae": lambda: error.mean(axis=1),
        "mse": lambda: (error**2).mean(axis=1),
        "giou": lambda: np.array([1 - giou(*pair) for pair in zip(true, predicted, strict=True)]),
    }[kind]()


@st.composite
def boxes(draw, smallest=50):
    """One box of fractions, whose sides are at least `smallest` thousandths."""
    low = [draw(st.integers(0, 1000 - smallest)) for _ in range(2)]
    high = [draw(st.integers(corner + smallest, 1000)) for corner in low]
    return np.array([*low, *high]) / 1000


@pytest.mark.parametrize("kind", BOX_LOSSES)
@given(st.lists(st.tuples(boxes(), boxes()), min_size=1, max_size=5))
def test_box_losses_are_their_formulas(kind, pairs):
    true, predicted = (np.array(each) for each in zip(*pairs, strict=True))
    expected = expected_box_loss(kind, true, predicted).mean()
    assert found(box_loss(kind), with_ones(true), predicted) == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("kind", BOX_LOSSES)
def test_a_box_that_is_right_costs_nothing(kind):
    true = np.array([[0.1, 0.2, 0.5, 0.9]])
    assert found(box_loss(kind), with_ones(true), true) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("true", "predicted", "expected"),
    [
        ([0.0, 0.0, 0.2, 0.2], [0.1, 0.1, 0.3, 0.3], 1 - 1 / 7 + 2 / 9),
        ([0.0, 0.0, 0.2, 0.2], [0.4, 0.0, 0.6, 0.2], 1 + 1 / 3),
        ([0.0, 0.0, 0.2, 0.2], [0.2, 0.0, 0.4, 0.2], 1.0),
        ([0.0, 0.0, 0.1, 0.1], [0.9, 0.9, 1.0, 1.0], 1 + 0.98),
        ([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.5, 0.5], 1 - 1 / 4),
        ([0.2, 0.2, 0.6, 0.6], [0.4, 0.4, 0.4, 0.4], 1.0),
        ([0.2, 0.2, 0.6, 0.6], [0.4, 0.3, 0.4, 0.5], 1.0),
        ([0.1, 0.1, 0.1, 0.1], [0.9, 0.9, 0.9, 0.9], 2.0),
        ([0.4, 0.4, 0.4, 0.4], [0.4, 0.4, 0.4, 0.4], 1.0),
    ],
    ids=["corner", "disjoint", "touching", "far", "nested", "point", "line", "two points", "same point"],
)
def test_giou_by_hand(true, predicted, expected):
    for one, other in ((true, predicted), (predicted, true)):
        loss = found(box_loss("giou"), with_ones(np.array([one])), np.array([other]))
        assert loss == pytest.approx(expected, abs=1e-4)


@given(boxes(smallest=0), boxes(smallest=0))
def test_giou_lies_between_0_and_2_however_thin_boxes_are(one, other):
    loss = found(box_loss("giou"), with_ones(one[None]), other[None])
    assert -1e-5 <= loss <= 2 + 1e-5


def loss_and_gradient(kind, true, predicted):
    import tensorflow as tf

    variable = tf.Variable(np.array(predicted, np.float32))
    with tf.GradientTape() as tape:
        loss = box_loss(kind)(tf.constant(np.array(true, np.float32)), variable)
    return float(loss), tape.gradient(loss, variable).numpy()


@pytest.mark.parametrize(
    "missing", [[0.3, 0.3, 0.8, 0.8], [0.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.5]], ids=str
)
@pytest.mark.parametrize("kind", BOX_LOSSES)
def test_missing_boxes_add_nothing_to_the_loss_or_its_gradient(kind, missing):
    true, predicted = [0.1, 0.1, 0.5, 0.5], [0.15, 0.1, 0.9, 0.5]
    alone, alone_gradient = loss_and_gradient(kind, [[*true, 1]], [predicted])
    loss, gradient = loss_and_gradient(kind, [[*true, 1], [0] * 5], [predicted, missing])
    expected = expected_box_loss(kind, np.array([true]), np.array([predicted]))[0]
    assert loss == pytest.approx(expected, rel=1e-4)
    assert loss == pytest.approx(alone, rel=1e-6)
    assert np.isfinite(gradient).all()
    assert (gradient[1] == 0).all()
    np.testing.assert_allclose(gradient[0], alone_gradient[0], rtol=1e-5)
    assert gradient[0, 0] != 0


@pytest.mark.parametrize("kind", BOX_LOSSES)
def test_a_batch_without_a_box_costs_nothing(kind):
    loss, gradient = loss_and_gradient(kind, np.zeros((3, 5)), some_proba(3, 4))
    assert loss == 0
    np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize("kind", BOX_LOSSES)
def test_the_gradient_points_away_from_the_true_box(kind):
    true, predicted = np.array([[0.2, 0.3, 0.6, 0.7]]), np.array([[0.3, 0.2, 0.7, 0.6]])
    before, gradient = loss_and_gradient(kind, with_ones(true), predicted)
    after, _ = loss_and_gradient(kind, with_ones(true), predicted - 1e-3 * np.sign(gradient))
    assert (np.sign(gradient) == np.sign(predicted - true)).all()
    assert after < before
