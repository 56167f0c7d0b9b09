"""What a mix of copies is worth: heads on inner folds, or on folds that took no part in choosing."""

import dataclasses
from collections import Counter
from dataclasses import dataclass

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.features.photos.recipes import copies_of
from fishcli.heads.classical.fits import fit_classical
from fishcli.heads.classical.rows import inner_folds
from fishcli.heads.inputs import HeadInputs
from fishcli.heads.lent import learned_from
from fishcli.options.train import TrainConfig
from fishcli.runs.searching.greedy import Mix
from fishcli.runs.training.fold_fits import predict_views
from fishcli.scoring.metrics import log_losses

PLAIN = "identity"
"""The view by which heads are measured, and from which they draw beside a mix."""


@dataclass(frozen=True)
class Trials:
    """Heads to try mixes with.

    Attributes:
        config: the head, its metadata and the seed.
        inputs: pooled, under PLAIN and all copies of all candidates.
    """

    config: TrainConfig
    inputs: HeadInputs

    def held_out(
        self, mix: Mix, train_rows: np.ndarray, held_rows: np.ndarray, *, chooses: bool = True
    ) -> np.ndarray:
        """The log losses (m,) of held out rows (m,), by a head that drew from `mix` on training rows.

        Args:
            mix: recipes.
            train_rows: (n,) of the inputs.
            held_rows: (m,) others.
            chooses: see `fit_classical`.
        """
        seen = self._drawing(mix, np.concatenate([train_rows, held_rows]))
        n = len(train_rows)
        training = np.arange(n)
        shown = learned_from(seen, training)
        head = fit_classical(self.config, shown, training, self.config.seed, chooses=chooses)
        proba, _ = predict_views(head, seen, np.arange(n, len(seen.images)), 1)
        return log_losses(seen.labels[n:], proba[0])

    def loss_within(self, mix: Mix, rows: np.ndarray) -> float:
        """The mean log loss of rows (m,) out of inner folds, which groups don't straddle; no others count.

        Raises:
            FishError: whatever is held out, what is left has one class only.
        """
        inputs = self.inputs
        groups = None if inputs.groups is None else inputs.groups[rows]
        fold = inner_folds(inputs.labels[rows], groups, self.config.seed)
        if not fold.any():
            raise FishError(
                "the training part of a fold has one class only, or too few photos: there is nothing to "
                "choose by. Pass fewer --folds, or other --groups."
            )
        losses = [
            self.held_out(mix, rows[fold != k], rows[fold == k], chooses=False) for k in np.unique(fold)
        ]
        return float(np.concatenate(losses).mean())

    def _drawing(self, mix: Mix, rows: np.ndarray) -> HeadInputs:
        """The inputs of rows (m,), under the plain photo and a mix's copies."""
        views = [PLAIN, *copies_in(mix)]
        places = np.array([self.inputs.views.index(view) for view in views])
        return dataclasses.replace(
            self.inputs,
            images=self.inputs.images.iloc[rows].reset_index(drop=True),
            labels=self.inputs.labels[rows],
            groups=None if self.inputs.groups is None else self.inputs.groups[rows],
            views=views,
            features=np.stack([self.inputs.features[place, rows] for place in places]),
            boxes=self.inputs.boxes[np.ix_(places, rows)],
            decks=None if self.inputs.decks is None else self.inputs.decks[np.ix_(places, rows)],
        )


def copies_in(mix: Mix) -> list[str]:
    """The names of a mix's copies: of each recipe as many as it is there."""
    return [copy for recipe, n in Counter(mix).items() for copy in copies_of(recipe, n)]
