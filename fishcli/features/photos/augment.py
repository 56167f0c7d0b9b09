"""Seeded augmented copies of training images, by albumentations (Buslaev et al. 2020)."""

import json
import random
import threading
from functools import cache
from typing import Any

import numpy as np

from fishcli.basics.files import digest
from fishcli.basics.quiet import load_albumentations, load_cv2
from fishcli.features.photos.recipes import FIRST, bbox_params, pipelines_of, recipe_of

_per_thread = threading.local()


def augment(image: np.ndarray, boxes: np.ndarray, image_id: str, copy: str) -> tuple[np.ndarray, np.ndarray]:
    """Augment an image; the same id and copy always give the same result.

    Geometry moves the boxes with the pixels and may lose one. What only changes or erases pixels never sees
    them: albumentations' CoarseDropout would move and delete boxes.

    Args:
        image: (h, w, 3) uint8.
        boxes: (m, 4) fractions of the image, NaN where there is none.
        image_id: the image's id.
        copy: the name of the copy, which says its recipe, too.

    Returns:
        The image in its own size, and the boxes (m, 4), NaN where there is none any more.
    """
    known_pipelines, recipe = _per_thread.__dict__, recipe_of(copy)
    if recipe not in known_pipelines:
        known_pipelines[recipe] = _pipelines(recipe)
    geometry, pixels = known_pipelines[recipe]
    seed = int(digest(image_id, copy)[:8], 16)
    for pipeline in (geometry, pixels):
        # Not set_random_seed: it gives every transform the same seed, so both flips happen or none.
        pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
    known = np.flatnonzero(~np.isnan(boxes).any(axis=1))
    moved = geometry(image=image, bboxes=boxes[known].astype(np.float64), rows=known)
    result = np.full(boxes.shape, np.nan, np.float32)
    for row, box in zip(moved["rows"], moved["bboxes"], strict=True):
        result[int(row)] = box[:4]
    return pixels(image=moved["image"])["image"], result


@cache
def augmentation_digest(recipe: str = FIRST) -> str:
    """Identifies a recipe's transforms and the version that made them."""
    albumentations = load_albumentations()
    described = [albumentations.to_dict(pipeline) for pipeline in _pipelines(recipe)]
    return digest(json.dumps(described, sort_keys=True, default=str))[:12]


def _pipelines(recipe: str = FIRST) -> tuple[Any, Any]:
    """The transforms of a recipe that move pixels (and boxes), and those that only change them."""
    if recipe != FIRST:
        return pipelines_of(recipe)
    a, cv2 = load_albumentations(), load_cv2()
    # Replicated borders: reflected ones would come with reflected copies of the boxes.
    geometry = a.Compose(
        [
            a.HorizontalFlip(p=0.5),
            a.VerticalFlip(p=0.5),
            a.Affine(
                scale=(0.8, 1.25),
                translate_percent=(-0.1, 0.1),
                rotate=(-25, 25),
                keep_ratio=True,
                rotate_method="ellipse",
                border_mode=cv2.BORDER_REPLICATE,
                p=0.8,
            ),
            a.CropAndPad(percent=(-0.15, 0.0), keep_size=True, p=0.5),
            a.ElasticTransform(alpha=40, sigma=8, border_mode=cv2.BORDER_REPLICATE, p=0.2),
        ],
        bbox_params=bbox_params(a),
    )
    pixels = a.Compose(
        [
            a.RandomBrightnessContrast(0.25, 0.25, p=0.6),
            a.HueSaturationValue(15, 25, 15, p=0.4),
            a.ChannelShuffle(p=0.05),
            a.OneOf([a.GaussianBlur(blur_limit=(3, 5)), a.GaussNoise(std_range=(0.02, 0.08))], p=0.3),
            a.CoarseDropout(
                num_holes_range=(1, 4), hole_height_range=(0.05, 0.2), hole_width_range=(0.05, 0.2), p=0.3
            ),
        ]
    )
    return geometry, pixels
