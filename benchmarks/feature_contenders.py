"""One contender of `features.py`, which starts this and tells it when to go over the files."""

import importlib.util
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from feature_stages import decoding, feeding, in_memory, plan_of, resizing, writing
from features import BATCH, SIDE, TIMM_NAMES
from joblib import cpu_count  # of this process, not of the machine

from fishcli.basics.quiet import load_keras
from fishcli.features.backbones.backbone import Backbone, load_backbone
from fishcli.features.backbones.choice import FISHNET, BackboneChoice, default_weights
from fishcli.features.backbones.engines.loading import EngineChoice, load_engine
from fishcli.features.extract import extract
from fishcli.features.store.store import FeatureStore
from fishcli.options.views import first_views

N_WORKERS = 2


class AbsentError(Exception):
    """A contender that can't take part; the message says why."""


def fishcli(backbone: Backbone, folder: Path, engine: str = "auto", n_views: int = 1) -> Callable[[], None]:
    store = FeatureStore.create(folder / f"{engine}-{n_views}", backbone.recipe, "random")
    made = load_engine(backbone, EngineChoice(engine), BATCH)
    plan = plan_of(folder, first_views(n_views))

    def run() -> None:
        shutil.rmtree(store.store_dir / "train", ignore_errors=True)
        extract([store], backbone, made, plan, BATCH, cpu_count())

    return run


def keras_batches(folder: Path) -> Any:
    """As tutorials read images."""
    keras = load_keras()
    paths = sorted((folder / "train").rglob("*.jpg"))
    for start in range(0, len(paths), BATCH):
        images = [
            keras.utils.load_img(path, target_size=(SIDE, SIDE)) for path in paths[start : start + BATCH]
        ]
        yield np.stack([keras.utils.img_to_array(image) for image in images])


def keras_loop(backbone: Backbone, folder: Path) -> Callable[[], None]:
    def run() -> None:
        for batch in keras_batches(folder):
            backbone.model.predict(backbone.preprocess(batch), verbose=0)

    return run


def keras_dataset(backbone: Backbone, folder: Path) -> Callable[[], None]:
    keras = load_keras()

    def run() -> None:
        images = keras.utils.image_dataset_from_directory(
            folder / "train", labels=None, image_size=(SIDE, SIDE), batch_size=BATCH, shuffle=False, verbose=0
        )
        backbone.model.predict(images.map(backbone.preprocess).prefetch(2), verbose=0)

    return run


def onnx_runtime(backbone: Backbone, folder: Path) -> Callable[[], None]:
    require("onnxruntime", "tf2onnx")
    import onnxruntime

    backbone.model(np.zeros((1, SIDE, SIDE, 3), np.float32))  # Keras exports what was called once
    path = folder / "backbone.onnx"
    backbone.model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(path)
    (name,) = (each.name for each in session.get_inputs())

    def run() -> None:
        for batch in keras_batches(folder):
            session.run(None, {name: np.asarray(backbone.preprocess(batch), np.float32)})

    return run


def torch_timm(backbone: Backbone, folder: Path) -> Callable[[], None]:
    require("torch", "timm", "torchvision")
    if backbone.recipe.backbone == FISHNET:
        raise AbsentError("timm has no fishnet")
    import timm
    import torch
    from PIL import Image

    paths = sorted((folder / "train").rglob("*.jpg"))

    class Photos(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, row: int) -> Any:
            image = Image.open(paths[row]).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1

    name = backbone.recipe.backbone
    model = timm.create_model(TIMM_NAMES.get(name, name), pretrained=False, num_classes=0).eval()
    loader = torch.utils.data.DataLoader(Photos(), batch_size=BATCH, num_workers=N_WORKERS)

    def run() -> None:
        with torch.inference_mode():
            for batch in loader:
                model.forward_features(batch).numpy()

    return run


def require(*modules: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise AbsentError(f"{module} is not installed")


def gflop(backbone: Backbone) -> float:
    """GFLOP of one image, a multiplication and an addition counted as two, by TensorFlow's profiler."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    image = tf.TensorSpec((1, SIDE, SIDE, 3), tf.float32)
    graph = convert_variables_to_constants_v2(tf.function(backbone.model).get_concrete_function(image)).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return tf.compat.v1.profiler.profile(graph, options=options).total_float_ops / 1e9


def main() -> None:
    name, network, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    answers, sys.stdout = sys.stdout, sys.stderr  # Keras prints there
    saved = folder / "random.weights.h5"
    weights = default_weights(network) if network == FISHNET else str(saved)
    if name == "weights":  # made once: to make them takes more memory than to use them
        drawn = load_backbone(BackboneChoice(network, "random", (SIDE, SIDE)))
        drawn.model.save_weights(saved)
        print(gflop(drawn), file=answers)
        return
    backbone = load_backbone(BackboneChoice(network, weights, (SIDE, SIDE)))
    contenders = {
        "fishcli": lambda: fishcli(backbone, folder),
        "tensorflow": lambda: fishcli(backbone, folder, "keras"),
        "views": lambda: fishcli(backbone, folder, n_views=8),
        "decode": lambda: decoding(backbone, folder),
        "resize": lambda: resizing(backbone, folder),
        "memory": lambda: in_memory(backbone, folder),
        "write": lambda: writing(backbone, folder),
        "feed": lambda: feeding(backbone, folder),
        "keras": lambda: keras_loop(backbone, folder),
        "dataset": lambda: keras_dataset(backbone, folder),
        "onnx": lambda: onnx_runtime(backbone, folder),
        "timm": lambda: torch_timm(backbone, folder),
    }
    try:
        run = contenders[name]()
        run()  # traces, compiles, fills caches
    except AbsentError as error:
        print(f"absent {error}", file=answers, flush=True)
        return
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        if line.strip() == "stop":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(peak / (1024 if sys.platform != "darwin" else 1024**2), file=answers, flush=True)
            return
        started, cpu_started = time.perf_counter(), time.process_time()
        run()
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
        print(seconds, cpu_seconds, file=answers, flush=True)


if __name__ == "__main__":
    main()
