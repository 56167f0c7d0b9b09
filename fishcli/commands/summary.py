"""`fishcli summary`: what a run's head is made of."""

import math
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError, examples
from fishcli.basics.files import read_json, whole_file
from fishcli.basics.locks import alone
from fishcli.basics.tables import table_text
from fishcli.heads.classical.fits import ClassicalHead, count_numbers
from fishcli.heads.encoding.arrays import EncodingModel
from fishcli.heads.encoding.fits import EncodingHead
from fishcli.heads.perceptrons.head import Perceptron, PerceptronHead
from fishcli.heads.trained import FoldHead, KerasHead
from fishcli.options.seeing import SummaryConfig
from fishcli.runs.folders.picking import pick_one_seed
from fishcli.runs.run import Run

PLOTS = (".png", ".svg", ".pdf")
DOTS = 120
"""Dots an inch of a plot: text stays legible in a tall one."""


def run(config: SummaryConfig) -> str:
    """Read the head of the first fold; returns its layers, or what scikit-learn fitted, as a table.

    Raises:
        FishError: no such run, a damaged one; a plot that can't be drawn.
    """
    if config.plot is not None and config.plot.suffix.lower() not in PLOTS:
        raise FishError(f"--plot {config.plot}: expected a file name that ends in {', '.join(PLOTS)}.")
    this_run = pick_one_seed(config.models_dir, config.run)
    head = this_run.load_fold(0)[0]
    if isinstance(head, KerasHead):
        table, end = _layers(head.model), _counts(head.model)
    elif isinstance(head, PerceptronHead):
        table, end = _perceptron_layers(head.model), f"{head.n_parameters:,} numbers"
    else:
        assert isinstance(head, ClassicalHead | EncodingHead)
        table = _encoding_parts(head.model) if isinstance(head, EncodingHead) else _fitted_parts(head)
        end = f"{head.n_parameters:,} numbers fitted by scikit-learn"
    parts = [_about(this_run, head), table_text(table), end]
    if config.plot is not None:
        _plot(head, config.plot, this_run)
        parts.append(str(config.plot))
    return "\n\n".join(parts)


def _about(this_run: Run, head: FoldHead) -> str:
    """What the head is of and what goes into it."""
    settings, encoder = this_run.settings, head.encoder
    kept = [read_json(this_run.fold_path(k, ".json")) for k in range(settings["folds"])]
    seconds = sum(each["seconds"] for each in kept)
    heads = "" if this_run.n_members == 1 else f" x {this_run.n_members} heads"
    size = sum(path.stat().st_size for path in this_run.model_files())
    metadata = "no metadata"
    if encoder.n_columns:
        sizes = f", sizes {examples(encoder.vocabulary, 6)}" if encoder.vocabulary else ""
        metadata = f"metadata in {encoder.n_columns} columns ({encoder.kind}{sizes})"
    return "\n".join(
        [
            f"run {this_run.name}: head {settings['head']} on {this_run.store}",
            f"{len(this_run.class_names)} classes: {examples(this_run.class_names, 12)}",
            f"{settings['folds']} folds{heads}, trained in {seconds:,.0f} s, {size / 2**20:,.1f} MiB",
            f"the head of fold 0, {metadata}:",
        ]
    )


def _layers(model: Any) -> list[dict[str, object]]:
    """A row a layer, and the layers that it comes after; the layers of a model inside stand below it."""
    sources = {each["name"]: _histories(each["inbound_nodes"]) for each in model.get_config()["layers"]}
    rows: list[dict[str, object]] = []
    for layer in model.operations:
        after = ", ".join(dict.fromkeys(sources.get(layer.name, [])))
        rows += [_layer(layer, layer.name, after)]
        rows += [_layer(inner, f"- {inner.name}", "") for inner in getattr(layer, "layers", [])]
    return rows


def _layer(layer: Any, name: str, after: str) -> dict[str, object]:
    outputs = layer.output if isinstance(layer.output, list | tuple) else [layer.output]
    shapes = [" x ".join(map(str, each.shape[1:])) for each in outputs]  # without the batch
    n_parameters = int(layer.count_params()) if hasattr(layer, "count_params") else 0
    return {
        "layer": name,
        "kind": type(layer).__name__,
        "output": ", ".join(shapes),
        "parameters": n_parameters,
        "after": after,
    }


def _histories(config: Any) -> list[str]:
    """The layers whose outputs a part of a Keras model's config names."""
    if isinstance(config, dict):
        own = [config["keras_history"][0]] if "keras_history" in config else []
        return own + [name for value in config.values() for name in _histories(value)]
    return [name for each in config for name in _histories(each)] if isinstance(config, list | tuple) else []


def _counts(model: Any) -> str:
    """How many parameters there are, and how many of them training moves."""
    trained = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    total = int(model.count_params())
    still = total - trained
    return (
        f"{total:,} parameters: {trained:,} trained, {still:,} not (statistics of batch norm, frozen layers)"
    )


def _perceptron_layers(model: Perceptron) -> list[dict[str, object]]:
    """A row a layer, in order."""
    rows: list[dict[str, object]] = []
    for name, layer in model.layers().items():
        arrays = {**layer.learned, **layer.kept}
        shapes = {part: " x ".join(map(str, array.shape)) for part, array in arrays.items()}
        rows.append(
            {
                "layer": name,
                "kind": type(layer).__name__,
                "arrays": ", ".join(f"{part} {shape}" for part, shape in shapes.items()),
                "numbers": sum(array.size for array in arrays.values()),
            }
        )
    return rows


def _fitted_parts(head: ClassicalHead) -> list[dict[str, object]]:
    """A row for each thing that scikit-learn fitted."""
    model = head.model
    what = {
        "scaler": f"mean and scale of each of {model['scaler'].n_features_in_:,} pooled features",
        "classifier": f"{len(model['classes'])} classes: {_said(model['classifier'])}",
        "boxes": f"4 corners: {_said(model['boxes'])}",
    }
    return [
        {
            "part": part,
            "kind": _kind(model[part]),
            "what": said,
            "numbers": count_numbers(model[part]),
        }
        for part, said in what.items()
        if model[part] is not None
    ]


def _encoding_parts(model: EncodingModel) -> list[dict[str, object]]:
    """A row for each thing that was fitted of a head that encodes."""
    book = model.codebook
    entries, called = ("words", "words") if "words" in book else ("means", "Gaussians")
    codebook = f"{len(book[entries]):,} {called} of {book[entries].shape[1]:,} principal components"
    ends = {"classifier": f"{len(model.classes)} classes: multinomial, L2 penalty by inner folds"}
    if model.boxes is not None:
        ends["boxes"] = f"4 corners: {_said(model.boxes)}"
    parts = {"classifier": model.scores, "boxes": model.boxes}
    rows: list[dict[str, object]] = [
        {
            "part": "codebook",
            "kind": "Words" if "words" in book else "Mixture",
            "what": codebook,
            "numbers": sum(each.size for each in book.values()),
        },
        {
            "part": "encoding",
            "kind": "Pyramid",
            "what": f"{len(model.mean):,} columns of {model.levels} levels, centred and scaled",
            "numbers": model.mean.size + model.scale.size,
        },
    ]
    for part, said in ends.items():
        fitted = parts[part]
        assert fitted is not None
        numbers = fitted.coef_.size + fitted.intercept_.size
        rows.append({"part": part, "kind": "Affine", "what": said, "numbers": numbers})
    return rows


def _kind(fitted: Any) -> str:
    """What a part is called: a classifier of arrays with C is one regression, without, a blend of several."""
    if isinstance(fitted, dict):
        return "Regression" if "cs" in fitted else "Blend"
    return type(fitted).__name__


def _said(fitted: Any) -> str:
    """What `heads.classical.estimators` fitted, in words."""
    kind = _kind(fitted)
    if kind == "Regression":
        return f"logistic, L2 penalty, C = {fitted['cs'][0]:g} by inner folds"
    if kind == "Blend":
        powers = ", ".join(f"{each:.2f}" for each in fitted["exponents"])
        return f"regressions and discriminants, blended to the powers {powers} by inner folds"
    if kind == "Affine":
        return "linear, L2 penalty by inner folds"
    if kind.startswith("RandomForest"):
        depth = max(tree.get_depth() for tree in fitted.estimators_)
        return f"{len(fitted.estimators_)} trees, {depth} levels at most"
    if kind.startswith("MultiOutput"):
        what = "for each against the rest, calibrated by a sigmoid" if kind.endswith("Classifier") else "each"
        return f"a support vector machine (RBF kernel) {what}"
    return "nothing to learn from"


def _plot(head: FoldHead, path: Path, this_run: Run) -> None:
    """Draw a Keras head by Graphviz."""
    if not isinstance(head, KerasHead):
        raise FishError(
            f"--plot draws Keras networks, which the head {this_run.settings['head']} is not. Leave it out."
        )
    from keras.utils import plot_model

    try:
        with alone(path), whole_file(path) as partial:
            plot_model(head.model, str(partial), show_shapes=True, show_layer_names=True, dpi=DOTS)
    except ImportError:
        raise FishError(
            "--plot draws with Graphviz, which is not there. Install both parts: pip install pydot, and the "
            "program dot: apt-get install graphviz (macOS: brew install graphviz). Or leave --plot out."
        ) from None
    except (AssertionError, OSError) as error:  # what pydot says of a dot that fails
        raise FishError(f"--plot {path}: Graphviz failed ({error}). Try another ending.") from None
