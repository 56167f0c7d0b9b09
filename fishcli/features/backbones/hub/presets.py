"""The folder of a KerasHub preset: where it is, and what it says without KerasHub."""

import re
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError, choose
from fishcli.basics.files import read_json
from fishcli.basics.progress import say
from fishcli.basics.quiet import load_keras_hub
from fishcli.basics.remote import with_home

CONFIG, CONVERTER = "config.json", "image_converter.json"
KAGGLE, HUGGING_FACE = "kaggle://", "hf://"
SNAPSHOTS = "snapshots"
"""In which Hugging Face's cache keeps a folder a version, below that of the network."""
OWN_MODULES = ("keras", "keras_hub", "builtins")
"""Whose classes a preset may name: it is data, and gets no code to run."""


def preset_folder(asked: str) -> Path:
    """The folder of a preset: the one that is named, or one that is downloaded.

    Args:
        asked: a folder's path; a preset that KerasHub knows; kaggle://... or hf://...

    Raises:
        FishError: no such preset, one that can't be downloaded, or KerasHub is not installed.
    """
    folder = with_home(asked)
    if folder.is_dir():
        if not (folder / CONFIG).is_file():
            raise FishError(
                f"--backbone hub:{asked}: the folder has no {CONFIG}, so it is no preset. Expected one as "
                "save_to_preset writes it."
            )
        return folder.resolve()
    handle = asked
    if "://" not in asked:
        if "/" in asked:
            raise FishError(f"--backbone hub:{asked}: no such folder.")
        hub = load_keras_hub()
        known = hub.models.Backbone.presets
        of_images = sorted(set(known) & set(hub.layers.ImageConverter.presets))
        handle = known[choose(asked, of_images, "folder or preset of images in KerasHub")]["kaggle_handle"]
    say(f"getting {handle}")
    try:
        if handle.startswith(KAGGLE):
            import kagglehub

            return Path(kagglehub.model_download(handle.removeprefix(KAGGLE))).resolve()
        if handle.startswith(HUGGING_FACE):
            import huggingface_hub

            return Path(huggingface_hub.snapshot_download(handle.removeprefix(HUGGING_FACE))).resolve()
    except Exception as error:  # of whatever the network raises
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FishError(
            f"--backbone hub:{asked}: {handle} can't be downloaded ({reason}). On a machine with internet "
            f"get it, by keras_hub.models.Backbone.from_preset({asked!r}).save_to_preset(FOLDER) and "
            f"keras_hub.layers.ImageConverter.from_preset({asked!r}).save_to_preset(FOLDER) in Python, and "
            "pass its folder: --backbone hub:FOLDER."
        ) from None
    raise FishError(f"--backbone hub:{asked}: expected a folder, a preset, {KAGGLE}... or {HUGGING_FACE}...")


def name_of_preset(folder: Path) -> str:
    """What a preset is called: by its folder, or that above a version's; in small letters, digits and _."""
    if folder.parent.name == SNAPSHOTS:
        folder = folder.parent.parent
    elif folder.name.isdecimal():
        folder = folder.parent
    return re.sub(r"[^a-z0-9]+", "_", folder.name.rpartition("--")[2].lower()).strip("_") or "preset"


def files_of(folder: Path) -> list[Path]:
    """The files of a preset on which its numbers may depend."""
    return sorted(path for path in folder.iterdir() if path.is_file())


def usual_size_of(folder: Path) -> tuple[int, int] | None:
    """The input (height, width) that a preset was trained on, where it says so.

    Raises:
        FishError: its files are damaged.
    """
    config = _inner(read_json(folder / CONFIG))
    for known in (config, _inner(config.get("vision_encoder")), _inner(config.get("vision_config"))):
        shape = known.get("image_shape")
        if isinstance(shape, list) and len(shape) == 3 and all(isinstance(side, int) for side in shape[:2]):
            return shape[0], shape[1]
        if isinstance(known.get("image_size"), int):  # as transformers say it
            return known["image_size"], known["image_size"]
    if (folder / CONVERTER).is_file():
        size = _inner(read_json(folder / CONVERTER)).get("image_size")
        if isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) for side in size):
            return size[0], size[1]
    return None


def _inner(value: Any) -> dict[str, Any]:
    """What an object's own config is, of one as Keras writes it; {} of what is none."""
    if not isinstance(value, dict):
        return {}
    inner = value.get("config", value)
    return inner if isinstance(inner, dict) else {}


def check_is_data(value: Any, source: str) -> None:
    """Raise FishError where a config names classes of others than Keras and KerasHub."""
    if isinstance(value, list):
        for each in value:
            check_is_data(each, source)
    if not isinstance(value, dict):
        return
    module = value.get("module")
    if isinstance(module, str) and module.partition(".")[0] not in OWN_MODULES:
        raise FishError(f"{source} names code of {module}, and a preset is data. It is not read.")
    for each in value.values():
        check_is_data(each, source)
