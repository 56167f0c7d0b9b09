"""Features' and fine-tuning's steps in images a second, against a bare loop, on any Keras backend.

    KERAS_BACKEND=jax python benchmarks/gpu.py [--seconds 75]
    KERAS_BACKEND=torch python benchmarks/gpu.py [--seconds 75]

It draws its photos and takes random weights, and needs NumPy, Keras and a backend, beside this repository's
files. Decoding is left out: photos lie in memory, uint8. fishcli's way is, of features, the function that
`fishcli features` calls, from memory and back, in two threads, as it has on a GPU; of tuning, Keras' `fit`.
The bare loop runs one graph, written for the backend, again and again on one batch that lies on the device
already. What no time is left for is left out. Without a GPU: --batch 8 --size 96.
"""

import argparse
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  NumPy and Keras are all it needs
sys.path.insert(0, os.path.dirname(HERE))  # noqa: PTH120  where it is not installed
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras  # noqa: E402
import numpy as np  # noqa: E402

from fishcli.basics.backends import (  # noqa: E402
    backend_name,
    backend_version,
    compiled,
    find_device,
    in_precision,
)

ops = keras.ops
N_CLASSES = 8
N_THREADS = 2
CASES = (
    ("MobileNetV2", "features", "float16"),
    ("MobileNetV2", "tuning", "bfloat16"),
    ("MobileNetV2", "features", "float32"),
    ("MobileNetV2", "features", "bfloat16"),
    ("ResNet50", "features", "float16"),
    ("MobileNetV2", "tuning", "float32"),
    ("ResNet50", "tuning", "bfloat16"),
)
"""Network, what is measured, precision; the first ones matter most."""


def prepare(images):
    """In the graph: from uint8 to -1 to 1."""
    return ops.cast(images, "float32") / 127.5 - 1.0


def rate(run, batch, seconds):
    """Images a second of `run(n)`, which takes n steps and waits for the last."""
    run(2)
    started = time.perf_counter()
    run(2)
    n = max(2, int(2 * seconds / (time.perf_counter() - started)))
    started = time.perf_counter()
    run(n)
    return n * batch / (time.perf_counter() - started)


def network_of(name, size, trainable):
    keras.utils.set_random_seed(0)
    network = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(size, size, 3))
    for layer in network.layers:
        layer.trainable = trainable and not isinstance(layer, keras.layers.BatchNormalization)
    return network


def on_device(array):
    if backend_name() == "jax":
        import jax

        return jax.device_put(array)
    return ops.convert_to_tensor(array)


def wait_for(value):
    """Until it is computed."""
    if backend_name() == "jax":
        value.block_until_ready()
    elif backend_name() == "torch":
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
    else:
        value.numpy()


def features_our_way(network, photos):
    from concurrent.futures import ThreadPoolExecutor

    compute = compiled(network, prepare)
    pool = ThreadPoolExecutor(N_THREADS)

    def run(n):
        list(pool.map(lambda i: compute(photos[i % len(photos)])[0, 0, 0, 0], range(n)))

    return run


def features_bare(network, photos):
    batch = on_device(photos[0])
    if backend_name() == "jax":
        import jax

        parts = network.trainable_variables, network.non_trainable_variables
        weights = [[each.value for each in part] for part in parts]
        graph = jax.jit(lambda weights, x: network.stateless_call(*weights, prepare(x), training=False)[0])
        step = lambda: graph(weights, batch)  # noqa: E731
    elif backend_name() == "torch":
        import torch

        step = torch.no_grad()(lambda: network(prepare(batch), training=False))
    else:
        import tensorflow as tf

        graph = tf.function(lambda x: network(prepare(x), training=False))
        step = lambda: graph(batch)  # noqa: E731

    def run(n):
        for _ in range(n):
            found = step()
        wait_for(found)

    return run


def tuned_model(name, size, precision):
    """The network with pooling and a dense layer, from uint8 to probabilities; all but batch norm trains."""
    network = network_of(name, size, trainable=True)
    if precision != "float32":
        network = in_precision(network, precision)
    photos = keras.Input((size, size, 3), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 127.5, -1.0)(photos)
    pooled = keras.layers.GlobalAveragePooling2D(dtype="float32")(network(scaled))
    scores = keras.layers.Dense(N_CLASSES, "softmax", dtype="float32")(pooled)
    optimizer = keras.optimizers.AdamW(2e-4, weight_decay=0.02, global_clipnorm=1.0)
    return keras.Model(photos, scores), optimizer


class Batches(keras.utils.PyDataset):
    """An epoch of `n` batches from memory."""

    def __init__(self, photos, labels, n):
        super().__init__()
        self.photos, self.labels, self.n = photos, labels, n

    def __len__(self):
        return self.n

    def __getitem__(self, step):
        return self.photos[step % len(self.photos)], self.labels


def tuning_our_way(model, optimizer, photos, labels):
    jit = "auto" if backend_name() == "jax" else False
    model.compile(optimizer, loss=keras.losses.CategoricalCrossentropy(), jit_compile=jit)
    return lambda n: model.fit(Batches(photos, labels, n), shuffle=False, verbose=0)


def tuning_bare(model, optimizer, photos, labels):
    x, y = on_device(photos[0]), on_device(labels)
    optimizer.build(model.trainable_variables)
    loss = keras.losses.CategoricalCrossentropy()
    if backend_name() == "jax":
        return _jax_steps(model, optimizer, loss, x, y)
    variables = model.trainable_variables
    if backend_name() == "torch":
        import torch

        def step():
            model.zero_grad()
            value = loss(y, model(x, training=True))
            value.backward()
            with torch.no_grad():
                optimizer.apply([each.value.grad for each in variables], variables)
            return value

    else:
        import tensorflow as tf

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                value = loss(y, model(x, training=True))
            optimizer.apply(tape.gradient(value, variables), variables)
            return value

    def run(n):
        for _ in range(n):
            value = step()
        wait_for(value)

    return run


def _jax_steps(model, optimizer, loss, x, y):
    import jax

    def lost(trained, fixed):
        found, fixed = model.stateless_call(trained, fixed, x, training=True)
        return loss(y, found), fixed

    def step(state):
        trained, fixed, moments = state
        (value, fixed), grads = jax.value_and_grad(lost, has_aux=True)(trained, fixed)
        trained, moments = optimizer.stateless_apply(moments, grads, trained)
        return value, (trained, fixed, moments)

    graph = jax.jit(step, donate_argnums=0)
    parts = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
    state = tuple([ops.copy(each.value) for each in part] for part in parts)

    def run(n):
        nonlocal state
        for _ in range(n):
            value, state = graph(state)
        wait_for(value)

    return run


def measured(case, batch, size, seconds):
    """Images a second of both ways."""
    name, what, precision = case
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 256, (4, batch, size, size, 3), np.uint8)
    if what == "features":
        network = network_of(name, size, trainable=False)
        network = network if precision == "float32" else in_precision(network, precision)
        return [rate(make(network, photos), batch, seconds) for make in (features_our_way, features_bare)]
    labels = np.eye(N_CLASSES, dtype=np.float32)[rng.integers(0, N_CLASSES, batch)]
    rates = []
    for make in (tuning_our_way, tuning_bare):
        keras.utils.clear_session()
        rates.append(rate(make(*tuned_model(name, size, precision), photos, labels), batch, seconds))
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, help="images a step; 256 for features and 64 for tuning")
    parser.add_argument("--size", type=int, default=224, help="side of the network's input")
    parser.add_argument("--seconds", type=float, default=75.0, help="begin no measurement after so many")
    parser.add_argument("--each", type=float, default=1.5, help="seconds that each way is timed for")
    parser.add_argument("--cases", type=int, default=len(CASES), help="only the first so many")
    arguments = parser.parse_args()
    started = time.perf_counter()
    print(f"{backend_version()}, Keras {keras.__version__}, {find_device().name}, {arguments.size} pixels")
    print("| network | what | precision | batch | fishcli img/s | bare img/s | ratio | at s |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for case in CASES[: arguments.cases]:
        if time.perf_counter() - started > arguments.seconds:
            print(f"no time left for {' '.join(case)}")
            continue
        batch = arguments.batch or (256 if case[1] == "features" else 64)
        ours, bare = measured(case, batch, arguments.size, arguments.each)
        at = time.perf_counter() - started
        row = (*case, batch, f"{ours:,.0f}", f"{bare:,.0f}", f"{ours / bare:.2f}", f"{at:.0f}")
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    main()
