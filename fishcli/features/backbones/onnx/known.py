"""The frames of ONNX files that were read before on this machine, kept in the user's cache.

Reading a file takes the onnx package, and the time and the memory of its weights.
"""

from contextlib import suppress
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.basics.files import read_json, write_json
from fishcli.features.backbones.choice import name_of
from fishcli.features.backbones.facts import facts_path
from fishcli.features.backbones.onnx.data_files import inside
from fishcli.features.backbones.onnx.frame import Graph, ImageInput, Node


def known_graph(path: Path) -> Graph | None:
    """A file's frame, as `keep_graph` kept it; None where it did not, or the file is another now.

    Raises:
        FishError: a file with its weights is gone, or lies outside of its folder now.
    """
    kept = _place(path)
    if kept is None or not kept.is_file():
        return None
    try:
        return _from_json(path, read_json(kept))
    except (FishError, KeyError, TypeError):  # made again, and written over
        return None


def keep_graph(graph: Graph) -> None:
    """Keep a file's frame for the next time, where the cache can be written."""
    value = {
        "image": asdict(graph.image),
        "nodes": [astuple(node) for node in graph.nodes],
        "outputs": graph.outputs,
        "data_files": [str(path.relative_to(graph.path.parent)) for path in graph.data_files],
    }
    if (kept := _place(graph.path)) is not None:
        with suppress(OSError):
            write_json(kept, value, sealed=True)


def _place(path: Path) -> Path | None:
    """Where a file's frame is kept; None where there is no file."""
    with suppress(OSError):
        return facts_path({"backbone": name_of(path), "of": "graph"}, [path])
    return None


def _from_json(path: Path, value: dict[str, Any]) -> Graph:
    size = value["image"]["size"]
    return Graph(
        path=path,
        image=ImageInput(**{**value["image"], "size": None if size is None else tuple(size)}),
        nodes=tuple(Node(operator, *map(tuple, lists)) for operator, *lists in value["nodes"]),
        outputs=tuple(value["outputs"]),
        data_files=tuple(inside(path, location) for location in value["data_files"]),
    )
