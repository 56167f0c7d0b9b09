"""Predicting with a pack: block by block, in memory that does not grow with the photos."""

import time

import pandas as pd
from joblib import cpu_count

from fishcli.basics.progress import bar, say
from fishcli.dataset.classes import proba_columns
from fishcli.dataset.photos.photo import warn_of_truncated
from fishcli.heads.trained import PREDICT_BATCH
from fishcli.options.predict import PredictConfig, seconds_of
from fishcli.runs.packing.files import OpenPack
from fishcli.runs.packing.pace import Pace, Spent
from fishcli.runs.packing.ready import Clock, answer, load_pack, prior
from fishcli.runs.predicting.images import tell_unreadable

BLOCK = PREDICT_BATCH
"""Photos at a time: as many as heads take in one go."""


def predict_pack(
    config: PredictConfig, pack: OpenPack, tests: dict[str, pd.DataFrame], clock: Clock = time.monotonic
) -> pd.DataFrame:
    """Predict all test photos with a pack.

    Args:
        config: how photos are read, `time_limit`, `strict`.
        pack: it is open.
        tests: the photos by split, as `load_tests` has them.
        clock: tells seconds.

    Returns:
        `split`, `image` and the classes' `proba_columns`.

    Raises:
        FishError: a photo that can't be read, where `config.strict`; a pack that can't be loaded here.
    """
    started, limit_s = clock(), seconds_of(config.time_limit)
    all_photos = pd.concat(list(tests.values()))
    ready = load_pack(pack, all_photos, config.reading, config.workers or cpu_count())
    pace = Pace(ready.work, len(all_photos), (started, limit_s), clock)
    columns, parts = proba_columns(pack.packed.class_names), []
    with bar(len(all_photos), f"predicting with {pack.name}", "img") as progress:
        for split, left in tests.items():
            reasons: dict[str, str] = {}
            truncated: list[str] = []
            while len(left):
                is_over = pace.is_over
                images = left if is_over else left.iloc[:BLOCK]
                left = left.iloc[len(images) :]
                if is_over:
                    pace.say_over()
                    proba = prior(ready, len(images))
                else:
                    spent = Spent()
                    block = answer(ready, split, images, pace.level, (clock, spent))
                    if config.strict:
                        tell_unreadable(split, block.reasons, is_strict=True)
                    proba = block.proba
                    reasons |= block.reasons
                    truncated += block.truncated
                    pace.note(len(images), spent)
                part = pd.DataFrame(proba, columns=columns)
                part.insert(0, "image", list(images["image"]))
                part.insert(0, "split", split)
                parts.append(part)
                progress.update(len(images))
            warn_of_truncated(split, truncated)
            tell_unreadable(split, reasons, is_strict=False)
    seconds = clock() - started
    say(f"{len(all_photos):,} photos in {seconds:,.0f} s, {len(all_photos) / max(seconds, 1e-9):,.1f} img/s")
    return pd.concat(parts, ignore_index=True)
