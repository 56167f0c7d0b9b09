"""JSON: which of its forms a file has."""

from collections.abc import Iterator
from pathlib import Path

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json
from fishcli.dataset.annotations.coco import read_coco
from fishcli.dataset.annotations.entries import Record, Skipped
from fishcli.dataset.annotations.label_studio import is_label_studio, read_label_studio
from fishcli.dataset.annotations.labelme import read_labelme
from fishcli.dataset.annotations.megadetector import is_megadetector, read_megadetector
from fishcli.dataset.annotations.sloth import read_sloth
from fishcli.dataset.annotations.via import is_via, read_via


def read_box_json(path: Path) -> Iterator[Record | Skipped]:
    """The boxes of a JSON file, of whichever form its keys say; FishError for another."""
    content = read_json(path)
    if isinstance(content, list):
        return read_label_studio(path, content) if is_label_studio(content) else read_sloth(path, content)
    if isinstance(content, dict):
        if {"images", "annotations"} <= content.keys():
            return read_coco(path, content)
        if is_megadetector(content):
            return read_megadetector(path, content)
        if "shapes" in content:
            return read_labelme(path, content)
        if is_via(content):
            return read_via(path, content)
    raise FishError(
        f"{path}: neither Sloth (a list of images), Label Studio (a list of tasks), LabelMe (an object with "
        "'shapes'), VIA (images with 'regions'), MegaDetector (an object with 'images' and "
        "'detection_categories') nor COCO (an object with 'images' and 'annotations'). "
        "Convert it, or move it out of the folder."
    )
