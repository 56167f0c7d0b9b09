"""`fishcli heatmap`: class maps over photos, and how much of them lies on the fish."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from fishcli.basics.errors import FishError, choose, examples
from fishcli.basics.files import whole_file, write_csv
from fishcli.basics.locks import alone
from fishcli.basics.progress import say
from fishcli.basics.tables import table_text
from fishcli.dataset.annotations import BOX_COLUMNS
from fishcli.dataset.boxes import box_iou, target_boxes
from fishcli.dataset.layout.images import load_train
from fishcli.dataset.names import NameIndex
from fishcli.features.upkeep import Upkeep, bring_up_to_date
from fishcli.options.seeing import HeatmapConfig
from fishcli.report.contact_sheets import MAX_PHOTOS, Shot, pair_sheet, write_sheet
from fishcli.report.pictures import save_png
from fishcli.runs.folders.picking import pick_one_seed
from fishcli.runs.locating.crops import with_regions
from fishcli.runs.seeing.class_map_mass import MEANS, mass_of, summarise
from fishcli.runs.seeing.map_drawings import draw_images, prediction_said
from fishcli.runs.seeing.map_inputs import VIEW, MapInputs, load_map_inputs
from fishcli.runs.tagged import refuse_tags
from fishcli.scoring.metrics import log_losses

USUAL_WORST = 20


def run(config: HeatmapConfig) -> str:
    """Draw images and measure all boxed ones; returns the tables, a sentence and the pictures' folder."""
    if config.images and (config.worst is not None or config.class_name is not None):
        raise FishError("IMAGES are drawn whatever they are: leave out --worst and --class, or the images.")
    this_run = pick_one_seed(config.models_dir, config.run)
    refuse_tags(this_run.is_tagged, "heatmap", "what the run says of each image, its oof.csv has")
    inputs = load_map_inputs(this_run, config)
    train = load_train(config.data_dir, config.reading)
    bring_up_to_date(
        inputs.store,
        {"train": (with_regions(config, inputs.store, {"train": train})["train"], [VIEW])},
        Upkeep(config.data_dir, config.reading),
    )
    images = _chosen(config, inputs)
    out = config.out or this_run.run_dir / "heatmaps"
    with alone(out):
        _draw(inputs, images, out)
        text = _measured(inputs, images, out) if inputs.boxes else ""
    if not inputs.boxes:
        say(f"no boxes in {config.data_dir / 'boxes'}, so nobody knows how much of the maps lies on the fish")
    return "\n".join([*([text] if text else []), str(out)])


def _chosen(config: HeatmapConfig, inputs: MapInputs) -> list[str]:
    """The images to draw: those named, or the ones that were predicted worst, worst first."""
    if config.images:
        found, unknown = NameIndex(inputs.images.index).find_all(config.images, "IMAGES")
        if unknown:
            raise FishError(
                f"the run {inputs.run.name} was trained on no image named {examples(unknown)}. Name training "
                "images, which are drawn by the head of the fold that has not seen them."
            )
        return list(dict.fromkeys(found[name] for name in config.images))
    badness = pd.Series(_badness(inputs), index=inputs.images.index)
    if config.class_name is not None:
        name = choose(config.class_name, inputs.run.class_names, "class")
        badness = badness[inputs.images["class_name"] == name]
    worst = badness.dropna().sort_values(ascending=False, kind="stable")
    return list(worst.index[: config.worst or USUAL_WORST])


def _badness(inputs: MapInputs) -> np.ndarray:
    """How wrong each prediction is (n,): its log loss or, with one class only, its box; NaN where unknown."""
    if inputs.proba.shape[1] > 1:
        return log_losses(inputs.images["label"].to_numpy(), inputs.proba)
    ids, found = list(inputs.images.index), inputs.predicted_boxes()
    true = [
        pd.DataFrame(boxes, columns=BOX_COLUMNS).assign(image=image) for image, boxes in inputs.boxes.items()
    ]
    wanted = target_boxes(pd.concat(true), ids, "largest")
    predicted = np.stack([found.get(image, np.full(4, np.nan)) for image in ids])
    return 1.0 - box_iou(wanted, predicted)


def _draw(inputs: MapInputs, images: Sequence[str], out: Path) -> None:
    """Write a PNG an image, named as the image is, and a contact sheet of them."""
    smalls: dict[str, Image.Image] = {}
    for drawn in draw_images(inputs, images):
        with whole_file(out / f"{drawn.image}.png") as partial:
            save_png(drawn.picture(), partial)
        smalls[drawn.image] = drawn.small
    shown = [image for image in images if image in smalls][:MAX_PHOTOS]
    rows = inputs.rows(shown).tolist()
    paths = [inputs.images["path"].iloc[row] for row in rows]
    pairs = [
        (Shot(path, image, reading=inputs.reading), Shot(path, prediction_said(inputs, row), smalls[image]))
        for path, image, row in zip(paths, shown, rows, strict=True)
    ]
    title = f"{inputs.run.name}: {inputs.method}, out of fold ({inputs.kind} folds)"
    sheet = pair_sheet(pairs, [], title)
    write_sheet(out / "contact_sheet.png", sheet)
    say(f"{len(smalls):,} pictures and contact_sheet.png in {out}")


def _measured(inputs: MapInputs, images: Sequence[str], out: Path) -> str:
    """Measure the share of mass inside boxes; write it and return its tables and a sentence."""
    mass = mass_of(inputs)
    summary = summarise(mass)
    write_csv(out / "mass.csv", mass)
    write_csv(out / "mass_means.csv", summary)
    drawn = mass[mass["image"].isin(list(images))].drop(columns="fold")
    tables = [_printed(drawn)] if len(drawn) else []
    for by in ("class", "group"):
        rows = summary[summary["by"] == by]
        if len(rows):
            kept = rows.drop(columns=["by", "low", "high"]).rename(columns={"name": by, "n_images": "images"})
            tables.append(_printed(kept))
    return "\n\n".join([*tables, sentence(inputs, summary, len(mass))])


def _printed(table: pd.DataFrame) -> str:
    return table_text(table.rename(columns={"share": "in boxes", "class_name": "class"}))


def sentence(inputs: MapInputs, summary: pd.DataFrame, n_boxed: int) -> str:
    """What the means over all images say, beside the run's loss and the prior's."""
    means = summary.iloc[0]
    n_left_out = n_boxed - int(means["n_images"])
    nowhere = f"{n_left_out:,} images are left out: their map is nowhere positive. " if n_left_out else ""
    if n_left_out == n_boxed:
        return nowhere + _worth(inputs)
    share, area, elsewhere = (means[name] for name in MEANS)
    maps = "maps" if inputs.method in ("class maps", "box gradients") else f"{inputs.method} maps"
    text = (
        f"{share:.1%} of {inputs.run.name}'s {maps} lies in the true boxes, {share / area:.1f} times their "
        f"share of the area ({area:.1%})"
    )
    if elsewhere > 0:
        text += (
            f" and {share / elsewhere:.1f} times what lies in the boxes of other photos ({elsewhere:.1%}; "
            f"lead {share - elsewhere:+.1%}, 95% {means['low']:+.1%} to {means['high']:+.1%})"
        )
    return f"{text}. {nowhere}{_worth(inputs)}"


def _worth(inputs: MapInputs) -> str:
    metrics = inputs.run.read_metrics()
    if "log_loss" not in metrics:
        return f"Folds: {inputs.kind}."
    loss, prior = metrics["log_loss"], metrics["prior_log_loss"]
    return f"Log loss {loss:.4f} ({inputs.kind} folds; class prior {prior:.4f})."
