"""The drawings that the fishnet is pre-trained on: their labels, their bounds, and what may tell a class."""

import hashlib
import subprocess
import sys

import cv2
import fishnet_drawings as drawings
import fishnet_patterns as patterns
import fishnet_shapes as shapes
import numpy as np
import pytest
from small_studio import TOOLS, small_studio

SIZE = 64


@pytest.fixture(scope="module")
def studio():
    return small_studio()


@pytest.fixture(scope="module")
def scenes(studio):
    rng = np.random.default_rng(0)
    return [studio.draw(rng, SIZE) for _ in range(1200)]


def test_a_scene_is_as_declared(scenes):
    for scene in scenes:
        assert scene.image.shape == (SIZE, SIZE, 3) and scene.image.dtype == np.uint8
        assert scene.mask.shape == (SIZE, SIZE) and scene.mask.dtype == np.uint8
        assert set(np.unique(scene.mask)) <= {0, 1}
        assert 0 <= scene.shape < drawings.N_SHAPES
        assert 0 <= scene.texture < drawings.N_TEXTURES and 0 <= scene.ground < drawings.N_TEXTURES


def test_every_class_comes_up(scenes):
    for labels in ([s.shape for s in scenes], [s.texture for s in scenes], [s.ground for s in scenes]):
        assert len(set(labels)) > 0.95 * 256
        assert np.bincount(labels).max() < 20


@pytest.mark.parametrize("size", [32, 96, 130])
def test_scenes_come_in_any_size(studio, size):
    scene = studio.draw(np.random.default_rng(1), size)
    assert scene.image.shape == (size, size, 3) and scene.mask.shape == (size, size)


def test_equal_generators_draw_equal_scenes(studio):
    first, again, other = (studio.draw(np.random.default_rng(seed), SIZE) for seed in (5, 5, 6))
    assert np.array_equal(first.image, again.image) and np.array_equal(first.mask, again.mask)
    assert (first.shape, first.texture, first.ground) == (again.shape, again.texture, again.ground)
    assert not np.array_equal(first.image, other.image)


def test_another_process_draws_the_same_tiles():
    script = (
        "import sys, hashlib; sys.path.insert(0, sys.argv[1]); import fishnet_patterns as p\n"
        "print(hashlib.sha256(b''.join(p.tile(3, c, 1).tobytes() for c in range(10))).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", script, str(TOOLS)], capture_output=True, text=True, check=True
    )
    here = hashlib.sha256(b"".join(patterns.tile(3, c, 1).tobytes() for c in range(10))).hexdigest()
    assert there.stdout.strip() == here


@pytest.mark.parametrize("texture", range(10))
def test_tiles_depend_on_seed_class_and_instance(texture):
    tile = patterns.tile(0, texture, 0)
    assert tile.shape == (256, 256) and tile.dtype == np.uint8
    for other in (
        patterns.tile(1, texture, 0),
        patterns.tile(0, texture + 10, 0),
        patterns.tile(0, texture, 1),
    ):
        assert not np.array_equal(tile, other)


def test_no_tile_is_flat_or_bright_by_class(studio):
    tiles = studio.tiles[:, 0].reshape(256, -1).astype(np.float32)
    assert tiles.std(axis=1).min() > 30
    assert np.ptp(tiles.mean(axis=1)) < 8


def test_the_figure_takes_its_share_of_the_frame(scenes):
    share = np.array([scene.mask.mean() for scene in scenes])
    assert share.max() <= 0.5
    assert share.min() > 0.02
    assert np.mean(share > 0.045) > 0.9
    assert share.std() > 0.05


def test_about_a_quarter_of_the_figure_is_cut_off_at_most(studio):
    rng = np.random.default_rng(2)
    for shape in range(0, 256, 4):
        figure, cover = studio._main(rng, shape, area=0.2, size=SIZE)
        whole = figure.drawn((3 * SIZE, 3 * SIZE), np.array([-SIZE, -SIZE]))
        assert cover.sum() >= 0.74 * whole.sum()


def explained(values, labels):
    """The share of the variance of (n, 3) values that lies between the labels."""
    overall = values.mean(axis=0)
    groups = [values[labels == label] for label in np.unique(labels)]
    between = sum(len(group) * (group.mean(axis=0) - overall) ** 2 for group in groups)
    return (between / ((values - overall) ** 2).sum(axis=0)).max()


def test_colour_tells_nothing_of_the_class(scenes):
    colour = np.array([scene.image[scene.mask > 0].mean(axis=0) for scene in scenes])
    for label in ("texture", "shape"):
        labels = np.array([getattr(scene, label) for scene in scenes])
        by_chance = (len(np.unique(labels)) - 1) / (len(scenes) - 1)
        assert explained(colour, labels) < by_chance + 0.07
    texture = np.array([scene.texture for scene in scenes])
    assert explained(colour, texture % 10) < 0.025


def test_no_two_shapes_are_threads_or_off_centre(studio):
    for figure in studio.figures:
        assert figure.area() == pytest.approx(1, rel=0.01)
        assert np.ptp(figure.points[:, 0]) ** 2 <= 1 / 0.16
        assert np.abs(figure.points).max() < 3


def rounded(figure):
    """A figure's polar spectrum once its covariance is round: what stretching and turning leave alone."""
    drawn = figure.moved(40, np.array([128, 128])).drawn((256, 256), np.zeros(2))
    moments = cv2.moments(drawn, binaryImage=True)
    centre = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    covariance = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]])
    spread, axes = np.linalg.eigh(covariance / moments["m00"])
    points = (figure.points * 40 + 128 - centre) @ axes / np.sqrt(spread) * 12 + 32
    drawn = shapes.Silhouette(points.astype(np.float32), figure.splits).drawn((64, 64), np.zeros(2))
    return np.abs(np.fft.rfft(cv2.warpPolar(drawn, (32, 64), (32, 32), 32, 0) / 255.0, axis=0))[:12].ravel()


def test_instances_of_a_shape_are_nearest_to_their_own_class(studio):
    rng = np.random.default_rng(4)
    figures = studio.figures[::4]
    first, second = (
        np.array([rounded(shapes.instance(rng, figure)) for figure in figures]) for _ in range(2)
    )
    apart = np.linalg.norm(first[:, None] - second[None], axis=-1)
    own = np.diag(apart)[:, None]
    assert np.mean(own < apart) > 0.93
    assert np.mean(apart.argmin(axis=1) == np.arange(len(figures))) > 0.4


def spectrum(tile):
    """The logarithm of a tile's power in rings of equal width: a crude account of a texture."""
    power = np.abs(np.fft.fft2(tile - tile.mean())) ** 2
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None]) * 256
    return np.log(np.bincount((frequency / 4).astype(int).ravel(), power.ravel())[:32])


def test_tiles_of_a_texture_resemble_each_other_more_than_others(studio):
    classes = range(0, 256, 5)
    first = np.array([spectrum(studio.tiles[c, 0]) for c in classes])
    second = np.array([spectrum(patterns.tile(0, c, 1)) for c in classes])
    apart = np.linalg.norm(first[:, None] - second[None], axis=-1)
    assert np.mean(np.diag(apart)[:, None] < apart) > 0.9


def test_a_view_has_the_size_asked_for(scenes):
    rng = np.random.default_rng(7)
    for size in (48, SIZE, 96):
        seen = drawings.view(rng, scenes[0].image, size)
        assert seen.shape == (size, size, 3) and seen.dtype == np.uint8


def test_views_vary_yet_repeat_with_their_generator(scenes):
    image, before = scenes[1].image, scenes[1].image.copy()
    first, again, other = (drawings.view(np.random.default_rng(seed), image, SIZE) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.array_equal(image, before)


def test_a_fifth_of_the_views_are_grey():
    image = np.full((16, 16, 3), (200, 90, 40), np.uint8)
    rng = np.random.default_rng(8)
    grey = [np.ptp(drawings.view(rng, image, 16).astype(int).mean(axis=(0, 1))) < 2 for _ in range(600)]
    assert 0.13 < np.mean(grey) < 0.3
