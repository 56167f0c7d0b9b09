"""The drawn competition as files: images, boxes, groups, sample submissions and the solution."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from fishcli.basics.files import whole_file, write_csv, write_json
from fishcli.basics.progress import bar
from fishcli.demo.boats import Boat
from fishcli.demo.deck import Deck, draw_deck
from fishcli.demo.paint import Image, cv2
from fishcli.demo.plan import CLASS_SHARES, Sequence, plan_competition
from fishcli.demo.scene import Frame, draw_sequence

STAGES = {"test_stg1": "stg1", "test_stg2": "stg2"}
Annotations = dict[str, list[dict[str, object]]]
"""The entries of one image, by the kind of file."""
_IN_FLIGHT = 64  # sequences handed to the threads at a time: what is drawn but not yet written stays small


def draw_competition(data_dir: Path, n_images: int, n_boats: int, seed: int) -> None:
    """Draw a competition in the mould of NCFM into `data_dir`.

    Written: ``train/<CLASS>/*.jpg``, ``test_stg1/`` from the same boats, ``test_stg2/`` from unseen ones,
    ``boxes/<class>_labels.json`` and ``boxes/<class>_points.json`` (Sloth: a rectangle a fish, and a point at
    its head, then one at its tail), ``groups.csv``, ``sample_submission_stg1.csv`` and ``_stg2.csv``
    (filled with the training prior), and ``solution.csv`` (image, class_name, stage, group).
    The same arguments give the same bytes, on the same machine with the same libraries.

    Args:
        data_dir: an empty folder, or none yet.
        n_images: training images, at least 40; stage 1 gets a quarter of them, stage 2 half.
        n_boats: training boats, at least 3; stage 2 has half of them, at least 3.
        seed: 0 or more; another seed draws other boats, catches and photos.

    Raises:
        ValueError: too few images or boats.
        FishError: OpenCV lacks a library of the system.
    """
    sequences = plan_competition(n_images, n_boats, seed)
    fish = _write_images(data_dir, sequences, seed)
    _write_annotations(data_dir / "boxes", sequences, fish)
    _write_tables(data_dir, sequences)


def _write_images(data_dir: Path, sequences: list[Sequence], seed: int) -> dict[str, Annotations]:
    """Draw and write every image; returns the annotations by the image's path under `data_dir`."""
    boats = {sequence.boat.name: sequence.boat for sequence in sequences}
    for path in {PurePosixPath(path).parent for sequence in sequences for path in sequence.paths}:
        (data_dir / path).mkdir(parents=True, exist_ok=True)
    fish: dict[str, Annotations] = {}
    n_frames = sum(len(sequence.names) for sequence in sequences)
    with (
        ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool,
        bar(n_frames, "drawing images", "image") as progress,
    ):
        decks = dict(zip(boats, pool.map(draw_deck, boats.values()), strict=True))

        def draw(number: int) -> dict[str, Annotations]:
            sequence = sequences[number]
            return _write_sequence(data_dir, sequence, decks[sequence.boat.name], [seed, 3, number])

        for start in range(0, len(sequences), _IN_FLIGHT):
            for drawn in pool.map(draw, range(start, min(start + _IN_FLIGHT, len(sequences)))):
                fish.update(drawn)
                progress.update(len(drawn))
    return fish


def _write_sequence(
    data_dir: Path, sequence: Sequence, deck: Deck, seed: list[int]
) -> dict[str, Annotations]:
    """Draw and write the frames of one sequence."""
    boat = sequence.boat
    # Seeds belong to sequences and frames, not to threads: the order of drawing does not matter.
    seeds = [[*seed, 0], *([*seed, 1, frame] for frame in range(len(sequence.names)))]
    drawn = {}
    frames = draw_sequence(boat, deck, sequence.class_name, seeds)
    for path, frame in zip(sequence.paths, frames, strict=True):
        _write_jpeg(data_dir / path, frame.image, boat)
        drawn[path] = _annotated(frame)
    return drawn


def _write_jpeg(path: Path, image: Image, boat: Boat) -> None:
    _, encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, boat.lens.jpeg_quality])
    with whole_file(path) as partial:
        partial.write_bytes(encoded.tobytes())


def _annotated(frame: Frame) -> Annotations:
    """The rectangles and the points of a frame's fish, as Sloth has them."""
    rects: list[dict[str, object]] = [
        {"class": "rect", "height": height, "width": width, "x": x, "y": y}
        for x, y, width, height in frame.boxes
    ]
    points: list[dict[str, object]] = [
        {"class": "point", "x": round(x, 1), "y": round(y, 1)} for ends in frame.ends for x, y in ends
    ]
    return {"labels": rects, "points": points}


def _write_annotations(boxes_dir: Path, sequences: list[Sequence], fish: dict[str, Annotations]) -> None:
    """A Sloth file of rectangles and one of points for each class with fish, images sorted by name."""
    for class_name in CLASS_SHARES:
        train = [s for s in _of(sequences, "train") if s.class_name == class_name != "NoF"]
        paths = sorted(path for s in train for path in s.paths)
        for kind in ("labels", "points") if class_name != "NoF" else ():
            entries = [
                {"annotations": fish[path][kind], "class": "image", "filename": PurePosixPath(path).name}
                for path in paths
            ]
            write_json(boxes_dir / f"{class_name.lower()}_{kind}.json", entries)


def _write_tables(data_dir: Path, sequences: list[Sequence]) -> None:
    """groups.csv, the sample submissions and solution.csv, sorted by image."""
    import pandas as pd

    train = _of(sequences, "train")
    groups = [(path.removeprefix("train/"), s.boat.name) for s in train for path in s.paths]
    write_csv(data_dir / "groups.csv", pd.DataFrame(sorted(groups), columns=["image", "group"]))
    n_images = Counter(dict.fromkeys(CLASS_SHARES, 0))
    for sequence in train:
        n_images[sequence.class_name] += len(sequence.names)
    prior = {name: f"{n / n_images.total():.6f}" for name, n in n_images.items()}
    solution = []
    for split, stage in STAGES.items():
        rows = sorted(
            # Stage-1 ids are bare and stage-2 ids have their folder, as in the real competition.
            (name if stage == "stg1" else f"{split}/{name}", s.class_name, stage, s.boat.name)
            for s in _of(sequences, split)
            for name in s.names
        )
        solution += rows
        sample = pd.DataFrame({"image": [row[0] for row in rows], **prior})
        write_csv(data_dir / f"sample_submission_{stage}.csv", sample)
    table = pd.DataFrame(solution, columns=["image", "class_name", "stage", "group"])
    write_csv(data_dir / "solution.csv", table)


def _of(sequences: list[Sequence], split: str) -> list[Sequence]:
    return [sequence for sequence in sequences if sequence.split == split]
