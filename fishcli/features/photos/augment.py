"""Seeded augmented copies of training images, by albumentations (Buslaev et al. 2020)."""

import json
import random
import threading
from functools import cache
from typing import Any

import numpy as np

from fishcli.basics.files import digest
from fishcli.basics.quiet import load_albumentations, load_cv2

PREFIX = "augment_"
_per_thread = threading.local()


def augment_names(n_copies: int) -> list[str]:
    """The names under which `n_copies` augmented copies stand in the store: augment_1, augment_2, ..."""
    return [f"{PREFIX}{copy}" for copy in range(1, n_copies + 1)]


def augment(image: np.ndarray, boxes: np.ndarray, image_id: str, copy: str) -> tuple[np.ndarray, np.ndarray]:
    """Augment an image; the same id and copy always give the same result.

    Geometry moves the boxes with the pixels and may lose one. What only changes or erases pixels never sees
    them: albumentations' CoarseDropout would move and delete boxes.

    Args:
        image: (h, w, 3) uint8.
        boxes: (m, 4) fractions of the image, NaN where there is none.
        image_id: the image's id.
        copy: the name of the copy.

    Returns:
        The image in its own size, and the boxes (m, 4), NaN where there is none any more.
    """
    if not hasattr(_per_thread, "pipelines"):
        _per_thread.pipelines = _pipelines()
    geometry, pixels = _per_thread.pipelines
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
def augmentation_digest() -> str:
    """Identifies the augmentation's transforms and the version that made them."""
    albumentations = load_albumentations()
    described = [albumentations.to_dict(pipeline) for pipeline in _pipelines()]
    return digest(json.dumps(described, sort_keys=True, default=str))[:12]


def _pipelines() -> tuple[Any, Any]:
    """The transforms that move pixels (and boxes), and those that only change them."""
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
        bbox_params=a.BboxParams("albumentations", label_fields=["rows"], min_visibility=0.1, clip=True),
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
