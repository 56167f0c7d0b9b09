"""The exact versions of what fishcli computes with here, as pip reads them."""

import re
from collections.abc import Iterable, Iterator
from importlib import metadata

from fishcli import __version__
from fishcli.features.backbones.choice import is_hub, is_onnx

NAME = re.compile(r"[A-Za-z0-9._-]+")
BESIDE = ("openvino", "scikit-image")
"""What computes where it is installed, though nothing requires it."""
OF_ONNX = ("onnx", "onnxruntime", "onnxruntime-gpu")
"""What reads ONNX files, and what computes them where it is installed."""
OF_HUB = ("keras-hub",)
"""What builds networks of KerasHub."""


def requirements_text(backbones: Iterable[str] = ()) -> str:
    """A requirements.txt of all that is installed of what fishcli needs; its own wheel comes beside them.

    Args:
        backbones: the names of those that compute.
    """
    versions: dict[str, str] = {}
    names = list(backbones)
    own = [*(OF_ONNX if any(map(is_onnx, names)) else ()), *(OF_HUB if any(map(is_hub, names)) else ())]
    todo = [*_required_by("fishcli"), *BESIDE, *own]
    while todo:
        name = re.sub("[-_.]+", "-", todo.pop()).lower()
        if name in versions or name == "fishcli":
            continue
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # of another platform
            continue
        todo += _required_by(name)
    lines = [f"{name}=={version}" for name, version in sorted(versions.items())]
    return "\n".join([f"# of a pack made by fishcli {__version__}", *lines, ""])


def _required_by(name: str) -> Iterator[str]:
    """The names of what a package requires without its extras."""
    for line in metadata.requires(name) or []:
        if "extra ==" not in line.partition(";")[2] and (found := NAME.match(line)):
            yield found.group()
