"""The competition's metric of a run: what it is worth out of fold, and the labels that are decided for it."""

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from fishcli.basics.intervals import MOST_PARTS, score_interval
from fishcli.basics.progress import note
from fishcli.dataset.layout.samples import wanted_answers
from fishcli.options.finetune import FinetuneConfig
from fishcli.options.train import AUTO_METRIC, CompareConfig, TrainConfig
from fishcli.runs.run import METRICS, Run
from fishcli.scoring.decisions import OF_TAGS, PLAIN, SAID, Decision, nested_decision, plain_decision
from fishcli.scoring.metrics import LOG_LOSS, Metric, metric_named, usual_metric

Measurable = TypeVar("Measurable", TrainConfig, FinetuneConfig, CompareConfig)
MOST_NUMBERS, LEAST_PARTS = 200_000_000, 20
"""An interval looks at so many probabilities, and leaves out so many parts of the groups at least."""
METRIC = "metric"
"""The key of a run's setting, and of what metrics.json has of it; absent where log loss is all there is."""


def asked_metric(asked: str) -> Metric | None:
    """The metric that `--metric` asks for beside log loss; None where that is log loss itself.

    Raises:
        FishError: there is none of that name.
    """
    name = usual_metric("probabilities") if asked == AUTO_METRIC else asked
    return None if name == LOG_LOSS else metric_named(name)


def for_the_answer(config: Measurable, class_names: list[str], is_tagged: bool = False) -> Measurable:
    """The config with the metric that goes with what the samples want, where none is asked for.

    Args:
        config: of a command that measures.
        class_names: in their order.
        is_tagged: whether an image may have several of them.

    Raises:
        FishError: there is no metric of that name, or it is none of such labels.
    """
    if config.metric != AUTO_METRIC:
        metric = asked_metric(config.metric)
        if metric is not None:
            metric.check(is_tagged)
        return config
    for name, answer in wanted_answers(config.data_dir, class_names, config.layout, is_tagged).items():
        usual = f"map@{answer.k}" if answer.form == "top-k" else usual_metric(answer.form, is_tagged)
        if usual != LOG_LOSS:
            note(f"metric: {usual}, as goes with what {name} wants (--metric takes another)")
            return dataclasses.replace(config, metric=usual)
    return config


def metric_of_run(this_run: Run) -> Metric | None:
    """The metric that a run is measured by beside log loss; None where there is none."""
    return asked_metric(this_run.settings.get(METRIC, AUTO_METRIC))


@dataclass(frozen=True)
class Measured:
    """What out-of-fold predictions are worth by a metric.

    Attributes:
        metric: which one.
        labels: (n,) int, the truth; or tags (n, C).
        proba: (n, C) as they are answered.
        decided: the labels, like those, decided for, each fold's by what the other folds know.
        decision: how labels of other images are decided.
        prior: (n, C) the class prior of each image's fold-training part.
    """

    metric: Metric
    labels: np.ndarray
    proba: np.ndarray
    decided: np.ndarray
    decision: Decision
    prior: np.ndarray

    def value(self, rows: np.ndarray) -> float:
        """The metric of some rows, (n,) bool; NaN where it is undefined."""
        return self.metric.score(self.labels[rows], self.proba[rows], self.decided[rows])

    def figures(self, rows: np.ndarray) -> dict[str, Any]:
        """The metric of some rows and what there is to beat, for a JSON file; None where undefined.

        That is the most frequent class of the other folds, or their prior for a metric of probabilities; of a
        ranking the mean prior, as else folds would be told apart by theirs.
        """
        prior = (
            self.prior if self.metric.of_labels else np.tile(self.prior.mean(axis=0), (len(self.prior), 1))
        )
        return {
            "name": self.metric.name,
            "higher_is_better": self.metric.higher_is_better,
            "value": _known(self.value(rows)),
            "baseline": _known(self._plain(rows, prior)),
            "baseline_of": "majority" if self.metric.of_labels else "prior",
        }

    def _plain(self, rows: np.ndarray, proba: np.ndarray) -> float:
        """The metric of some rows of probabilities (n, C), labels being decided by no rule that was found."""
        decided = plain_decision(self.labels).decide(proba)
        return self.metric.score(self.labels[rows], proba[rows], decided[rows])

    def all_figures(self, groups: np.ndarray | None) -> dict[str, Any]:
        """`figures` of all rows; with groups (n,) their interval, with labels how they are decided."""
        figures = self.figures(np.ones(len(self.labels), bool))
        if groups is not None:
            most = int(np.clip(MOST_NUMBERS // self.proba.size, LEAST_PARTS, MOST_PARTS))
            interval = score_interval(self.value, groups, most_parts=most)
            ends = np.clip([interval.low, interval.high], self.metric.least, 1.0)
            figures |= {name: _known(end) for name, end in zip(("low", "high"), ends, strict=True)}
        if self.metric.of_labels:
            plain = self._plain(np.ones(len(self.labels), bool), self.proba)
            figures |= {"argmax": _known(plain), "decision": self.decision.to_dict()}
        return figures


def measure(
    metric: Metric, labels: np.ndarray, proba: np.ndarray, fold: np.ndarray, prior: np.ndarray
) -> Measured:
    """Measure out-of-fold predictions (n, C) by a metric, labels being decided fold by fold.

    Args:
        metric: which one.
        labels: (n,) int, or tags (n, C).
        proba: (n, C), rows sum to 1, but for tags.
        fold: (n,) int.
        prior: (n, C) of `fold_priors`.
    """
    decided, decision = nested_decision(metric, labels, proba, fold)
    return Measured(metric, labels, proba, decided, decision, prior)


def decision_of(this_run: Run, n_views: int) -> Decision:
    """How a run decides for labels of test images: the likeliest class where its metric is none of labels.

    Args:
        this_run: it is complete.
        n_views: the rule is that of as many views, or of as many as were measured.

    Raises:
        FishError: metrics.json is damaged.
    """
    try:
        by_views = this_run.read_metrics()["by_views"]
        known = max((n for n in map(int, by_views) if n <= n_views), default=1)
        kept = by_views[str(known)].get(METRIC, {}).get("decision")
        usual = Decision("half") if this_run.is_tagged else Decision()
        return usual if kept is None else Decision.from_dict(kept)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise this_run.results_damaged(
            this_run.run_dir / METRICS, f"{type(error).__name__} {error}."
        ) from None


def beside_loss(figures: dict[str, Any]) -> dict[str, float | None]:
    """The columns that a metric's figures have in a table: its value, and what there is to beat."""
    name = figures["name"]
    return {name: figures["value"], f"{figures['baseline_of']}'s {name}": figures["baseline"]}


def figures_said(figures: dict[str, Any], kind: str) -> str:
    """A sentence on `Measured.all_figures`, the folds being of a kind."""
    name, direction = figures["name"], "higher" if figures["higher_is_better"] else "lower"
    said = (
        f"out-of-fold {name} {_said(figures['value'])} ({kind} folds; {direction} is better; "
        f"{figures['baseline_of']} {_said(figures['baseline'])}"
    )
    if figures.get("low") is not None:
        said += f"; 95% over groups {_said(figures['low'])} to {_said(figures['high'])}"
    said += ")"
    if "argmax" not in figures:
        return said
    rule = figures["decision"]["rule"]
    plain = SAID["half" if rule in OF_TAGS else "argmax"]
    if rule in PLAIN:
        return f"{said}, of {plain}"
    return f"{said}, by {SAID[rule]}, each fold's found on the others; of {plain} {_said(figures['argmax'])}"


def undefined_said(by_fold: list[dict[str, Any]]) -> list[str]:
    """A sentence on the folds in which a metric is undefined, where there are any."""
    places = [str(k) for k, each in enumerate(by_fold) if each["value"] is None]
    if not places:
        return []
    name = by_fold[0]["name"]
    lack = "lacks" if len(places) == 1 else "lack"
    return [f"{name} is undefined in fold {', '.join(places)}, which {lack} images of a class"]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _said(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
