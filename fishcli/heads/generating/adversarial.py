"""A generator of rows of a class, taught by a critic that tells made rows from true ones.

That is f-CLSWGAN (Xian, Lorenz, Schiele & Akata, "Feature generating networks for zero-shot learning",
2018): a Wasserstein GAN whose critic is held to slopes of 1 (Gulrajani et al. 2017), both conditioned on the
class; and a classifier of true rows, which stays as it is, says what made rows would be taken for.
"""

from dataclasses import dataclass

import numpy as np

from fishcli.heads.classical.softmax_regression import Linear
from fishcli.heads.generating.leaky import Adam, Layers, slopes

N_STEPS = 300
N_CRITIC_STEPS = 5
"""Of the critic to one of the generator."""
BATCH = 64
N_HIDDEN = 256
N_NOISE = 64
RATE = 1e-3
PENALTY = 10.0
"""Of the squared difference of the critic's slopes to 1."""
CLASS_SHARE = 0.1
"""Of the classifier's log loss in what the generator learns from."""
FIRST_SPREAD = 0.1
"""What made rows vary by at first, around their class's mean."""
AVERAGED = np.float32(0.03)
"""Share of each step's generator in the moving average that is kept: adversaries go round in circles (Yazici
et al., "The unusual effectiveness of averaging in GAN training", 2019)."""


@dataclass(frozen=True)
class Generator:
    """A trained generator.

    Attributes:
        layers: from noise and a class, N_NOISE + k inputs, to how a row differs from its class's mean.
        means: (k, r) float32, of the true rows of each class.
    """

    layers: Layers
    means: np.ndarray

    def draw(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A row (n, r) float32 of each of some classes (n,)."""
        return self.rows(labels, self.layers.sums(self.inputs(labels, rng)))

    def inputs(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Noise and classes (n, N_NOISE + k)."""
        noise = rng.standard_normal((len(labels), N_NOISE), np.float32)
        return np.hstack([noise, told(labels, len(self.means))])

    def rows(self, labels: np.ndarray, sums: np.ndarray) -> np.ndarray:
        """Rows (n, r) of classes and the sums that hidden units see."""
        return self.means[labels] + self.layers.outputs(sums)


def told(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Labels (n,) as networks are told of them: (n, k) float32, 0 and 1."""
    return np.eye(n_classes, dtype=np.float32)[labels]


def fit_generator(rows: np.ndarray, labels: np.ndarray, classifier: Linear, seed: int) -> Generator:
    """Train a generator, and a critic that is not kept.

    Args:
        rows: (n, r) float32, a few units from their mean.
        labels: (n,) int, of k classes from 0, each with a row at least.
        classifier: of k classes, fitted on the rows: coefficients (r, k) and intercepts (k,).
        seed: of weights and draws.
    """
    rng = np.random.default_rng(seed)
    n_columns, n_classes = rows.shape[1], int(labels.max()) + 1
    sizes = (N_NOISE + n_classes, N_HIDDEN, n_columns)
    means = np.stack([rows[labels == label].mean(axis=0) for label in range(n_classes)])
    generator = Generator(Layers.drawn(rng, sizes, FIRST_SPREAD), means)
    critic = Layers.drawn(rng, (n_columns + n_classes, N_HIDDEN, 1), 1.0)
    averaged = [each.copy() for each in generator.layers.arrays]
    teach_generator, teach_critic = Adam(generator.layers.arrays, RATE), Adam(critic.arrays, RATE)
    for _ in range(N_STEPS):
        for _ in range(N_CRITIC_STEPS):
            drawn = rng.integers(len(rows), size=BATCH)
            made = generator.draw(labels[drawn], rng)
            share = rng.random((BATCH, 1), np.float32)
            teach_critic.step(
                critic_slopes(critic, (rows[drawn], made), told(labels[drawn], n_classes), share)
            )
        wanted = labels[rng.integers(len(rows), size=BATCH)]
        inputs = generator.inputs(wanted, rng)
        sums = generator.layers.sums(inputs)
        by_made = made_slopes(critic, generator.rows(wanted, sums), wanted, classifier)
        teach_generator.step(generator.layers.slopes_of(inputs, sums, by_made))
        for mean, now in zip(averaged, generator.layers.arrays, strict=True):
            mean += AVERAGED * (now - mean)
    return Generator(Layers(*averaged), means)


def critic_slopes(
    critic: Layers, rows: tuple[np.ndarray, np.ndarray], classes: np.ndarray, share: np.ndarray
) -> tuple[np.ndarray, ...]:
    """How the critic's loss moves with its weights.

    The loss is the mean score of made rows less that of true ones, and PENALTY times the mean of (s - 1)^2, s
    being the length of the score's slope in a row between a true one and a made one.

    Args:
        critic: from a row and its class (r + k) to a score.
        rows: true ones and made ones, (b, r) each.
        classes: (b, k) of both, as `told`.
        share: (b, 1) of the true row in the one between.
    """
    b, n_columns = rows[0].shape
    inputs = np.hstack([np.concatenate(rows), np.tile(classes, (2, 1))])
    sums = critic.sums(inputs)
    by_scores = np.repeat(np.array([-1 / b, 1 / b], np.float32), b)[:, None]
    inner, bias, outer, offset = critic.slopes_of(inputs, sums, by_scores)
    steep = slopes(share * sums[:b] + (1 - share) * sums[b:])  # sums are linear in what lies between
    of_rows, weighed = critic.inner[:n_columns], steep * critic.outer.T
    slope = weighed @ of_rows.T
    length = np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), np.float32(1e-12))
    by_slope = np.float32(2 * PENALTY / b) * (1 - 1 / length) * slope
    inner[:n_columns] += by_slope.T @ weighed
    outer += (by_slope @ of_rows * steep).sum(axis=0)[:, None]
    return inner, bias, outer, offset


def made_slopes(critic: Layers, made: np.ndarray, labels: np.ndarray, classifier: Linear) -> np.ndarray:
    """How the generator's loss moves with made rows (b, r): the mean of their log losses less their scores.

    Args:
        critic: from a row and its class to a score.
        made: the rows.
        labels: (b,) the classes that they are to be of.
        classifier: what the log losses are of, CLASS_SHARE of them.
    """
    coefficients, intercepts = classifier
    n_classes = len(intercepts)
    steep = slopes(critic.sums(np.hstack([made, told(labels, n_classes)])))
    by_score = -(steep * critic.outer.T) @ critic.inner[: made.shape[1]].T
    scores = made @ coefficients + intercepts
    proba = np.exp(scores - scores.max(axis=1, keepdims=True))
    proba /= proba.sum(axis=1, keepdims=True)
    by_log_loss = np.float32(CLASS_SHARE) * (proba - told(labels, n_classes)) @ coefficients.T
    return np.asarray((by_score + by_log_loss) / np.float32(len(made)), np.float32)
