"""A compiled model's threads: that none of them is the first to infer."""

import threading
from types import SimpleNamespace

import numpy as np

from fishcli.features.backbones.engines.openvino_requests import on_all_cores


def test_a_model_has_inferred_before_threads_share_it():
    seen = []

    def infer(inputs):
        seen.append((threading.current_thread(), inputs[0].shape, inputs[0].dtype))
        return [inputs[0].mean(axis=(1, 2))]

    compiled = SimpleNamespace(
        create_infer_request=lambda: SimpleNamespace(infer=infer),
        input=lambda place: SimpleNamespace(shape=[1, 4, 6, 3]),
        get_property=lambda name: 2,
    )
    core = SimpleNamespace(compile_model=lambda model, device, how: compiled)
    compute, n_threads = on_all_cores(SimpleNamespace(Core=lambda: core), object())
    assert seen == [(threading.main_thread(), (1, 4, 6, 3), np.dtype(np.uint8))]
    assert n_threads == 2
    assert compute(np.full((2, 4, 6, 3), 7, np.uint8)).tolist() == [[7.0] * 3] * 2
