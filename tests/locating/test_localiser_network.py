"""What a localiser's network looks at."""

import numpy as np
import pytest

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("untraced")]


def test_a_boxs_sides_are_looked_for_seven_cells_around_and_no_farther():
    from fishcli.basics.quiet import load_keras, seeded_keras
    from fishcli.locating.network import build_localiser

    with seeded_keras(0):
        model = build_localiser(3, (np.zeros(3), np.ones(3)), (0.1, np.full(4, 0.2)), looks_far=True)
    seen = load_keras().Model(model.input, model.get_layer("boxes_around4").output)
    maps = np.random.default_rng(0).normal(size=(1, 17, 17, 3)).astype(np.float32)
    before = np.asarray(seen(maps))[0, 8, 8]
    for away, changes in ((7, True), (8, False)):
        other = maps.copy()
        other[0, 8 + away, 8 - away] += 9
        assert np.allclose(np.asarray(seen(other))[0, 8, 8], before) != changes
