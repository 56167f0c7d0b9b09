"""A backbone in 8 bits: calibrated on a store's photos, and kept beside the features that it makes."""

import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from fishcli.basics.errors import FishError
from fishcli.basics.files import digest, whole_file
from fishcli.basics.quiet import load_nncf, load_openvino
from fishcli.basics.remote import read_bytes
from fishcli.features.backbones.backbone import Backbone
from fishcli.features.backbones.engines.engine import Engine
from fishcli.features.backbones.engines.openvino_engine import (
    checks_path,
    converted,
    engine_name,
    first_line,
    known_difference,
)
from fishcli.features.backbones.engines.openvino_requests import on_all_cores
from fishcli.features.store.recipe import INT8

GRAPH, WEIGHTS = "int8.xml", "int8.bin"
"""The files of the quantised backbone, in the store's folder; the second is written first."""
INSTALL = "pip install 'fishcli[int8]'"


def is_quantised(store_dir: Path) -> bool:
    """Whether a store has its backbone in 8 bits."""
    return (store_dir / GRAPH).exists()


def quantise(store_dir: Path, backbone: Backbone, images: np.ndarray) -> None:
    """Bring a backbone to 8 bits, by what its layers make of some images, and keep it in a store's folder.

    Post-training quantisation: weights by channel, activations by layer, and biases corrected by the images
    (Nagel et al., 2019, Data-Free Quantization Through Weight Equalization and Bias Correction; NNCF).

    Args:
        store_dir: the folder.
        backbone: of which the numbers are to be.
        images: (n, h, w, 3) uint8 RGB, n at least 1.

    Raises:
        FishError: NNCF or OpenVINO is not installed, or OpenVINO can't take the backbone.
    """
    openvino, nncf = load_openvino(), load_nncf()
    if openvino is None or nncf is None:
        missing = "OpenVINO" if openvino is None else "NNCF, which brings networks to 8 bits,"
        raise FishError(f"--precision int8: {missing} is not installed. Install it: {INSTALL}.")
    try:
        exact = converted(openvino, backbone)
    except RuntimeError as error:
        raise FishError(
            f"--precision int8: OpenVINO can't take {backbone.recipe.backbone} ({first_line(error)}). Leave "
            "--precision out."
        ) from None
    with redirect_stdout(StringIO()):  # it draws its progress there
        photos = nncf.Dataset([image[None] for image in images])
        # Half the range of weights: sums of 16 bits, which processors without VNNI make, then hold them, so
        # that all processors compute the same. EfficientNet-lite0's maps were 0.35 off with it, 0.45 without.
        how = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE)
        coarse = nncf.quantize(exact, photos, subset_size=len(images), advanced_parameters=how)
    with tempfile.TemporaryDirectory(prefix="fishcli-") as folder:
        openvino.save_model(coarse, Path(folder, GRAPH), compress_to_fp16=False)
        for name in (WEIGHTS, GRAPH):
            with whole_file(store_dir / name) as partial:
                partial.write_bytes(Path(folder, name).read_bytes())


def int8_engine(openvino: Any, backbone: Backbone, store_dir: Path) -> Engine:
    """A store's backbone in 8 bits, ready to compute.

    Raises:
        FishError: its files are damaged.
    """
    graph, weights = (read_bytes(store_dir / name) for name in (GRAPH, WEIGHTS))
    try:
        model = openvino.Core().read_model(graph, weights)
        compute, n_threads = on_all_cores(openvino, model)
    except RuntimeError as error:
        raise FishError(
            f"{store_dir / GRAPH} or {WEIGHTS} beside it is damaged ({first_line(error)}): what made the "
            f"features is lost. Remove {store_dir}, and compute them anew."
        ) from None
    checks = checks_path(openvino, backbone, f"{INT8}-{digest(graph, weights)[:12]}")
    known, name = known_difference(checks), engine_name(openvino, INT8)
    return Engine(name, compute, 1, n_threads, tolerance=np.inf, known=known, checks=checks)
