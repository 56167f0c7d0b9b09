"""Encodings by themselves: what codes, pyramids and Fisher vectors are by definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from fishcli.heads.encoding.codebooks import components_of, fit_mixture, fit_words, nearest_words
from fishcli.heads.encoding.encodings import ENCODINGS, encode
from fishcli.heads.encoding.places import descriptors_of
from fishcli.heads.encoding.pyramid import parts_of_grid, pyramid

RNG = np.random.default_rng(0)
SAMPLE = descriptors_of(RNG.normal(size=(300, 1, 1, 6)).astype(np.float16)).reshape(300, 6)
CODEBOOKS = {"bow": fit_words(SAMPLE, 7, 0), "fisher": fit_mixture(SAMPLE, 3, 0)}
CODEBOOKS["llc"] = CODEBOOKS["bow"]
SEEN = components_of(CODEBOOKS["bow"], SAMPLE)


def maps(n, height=5, width=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n, height, width, 6)).astype(np.float16)


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("head", ENCODINGS)
def test_vectors_have_length_1_and_do_not_depend_on_their_neighbours(head, levels, monkeypatch):
    together = encode(head, CODEBOOKS[head], levels, maps(4))
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    monkeypatch.setattr("fishcli.heads.encoding.encodings.NUMBERS_AT_ONCE", 1)
    np.testing.assert_allclose(encode(head, CODEBOOKS[head], levels, maps(4)), together, atol=1e-6)


@pytest.mark.parametrize("head", ENCODINGS)
def test_the_order_of_places_matters_to_quarters_and_not_to_the_whole(head):
    one = maps(1)
    other = one[:, ::-1]
    whole = [encode(head, CODEBOOKS[head], 1, each) for each in (one, other)]
    np.testing.assert_allclose(*whole, atol=1e-5)
    size = whole[0].shape[1]
    quarters = [encode(head, CODEBOOKS[head], 2, each) for each in (one, other)]
    np.testing.assert_allclose(*(each[:, :size] for each in quarters), atol=1e-5)
    np.testing.assert_allclose(quarters[0][:, :size], whole[0] / np.sqrt(2), atol=1e-5)
    assert np.abs(quarters[0] - quarters[1]).max() > 0.01


@pytest.mark.parametrize("head", ENCODINGS)
def test_maps_of_few_places_and_places_of_nothing_are_no_error(head):
    for few in (maps(2, 1, 1), np.zeros((2, 4, 4, 6), np.float16)):
        found = encode(head, CODEBOOKS[head], 3, few)
        assert np.isfinite(found).all()
        assert found.any()


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3))
def test_the_finest_cells_share_out_all_places(height, width, levels):
    seen = np.zeros((height, width), int)
    parts = parts_of_grid(height, width, levels)
    for rows, columns in parts:
        seen[rows, columns] += 1
    assert len(parts) == 4 ** (levels - 1)
    assert (seen == 1).all()


@pytest.mark.parametrize("reduce", ["sum", "max"])
def test_coarser_cells_are_what_their_places_come_to(reduce):
    finest = RNG.random((1, 16, 2))
    (found,) = pyramid(finest, reduce, lambda pooled: pooled)
    pool = {"sum": np.sum, "max": np.max}[reduce]
    grid = finest.reshape(4, 4, 2)
    cells = [grid, *(grid[i : i + 2, j : j + 2] for i in (0, 2) for j in (0, 2))]
    expected = np.stack([pool(cell, axis=(0, 1)) for cell in cells])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    weights = np.sqrt([1 / 4, *[1 / 4 / 4] * 4])  # Lazebnik's 1/4, 1/4 and 1/2, by level
    np.testing.assert_allclose(found[:10], (expected * weights[:, None]).ravel(), atol=1e-6)
    assert (found[10:] ** 2).sum() == pytest.approx(1 / 2)


def test_components_are_those_of_the_most_variance_and_vary_by_1():
    deviations = SEEN.std(axis=0)
    assert deviations.max() > 1.05 * deviations.min()
    np.testing.assert_allclose((deviations**2).mean(), 1, rtol=1e-2)
    assert (np.diff(deviations) < 1e-3).all()
    assert np.abs(np.corrcoef(SEEN.T) - np.eye(6)).max() < 1e-3


def test_the_nearest_words_are_those_of_all_distances():
    words, found = CODEBOOKS["bow"]["words"], SEEN[:40]
    distances, nearest = nearest_words(words, found)
    every = ((found[:, None] - words) ** 2).sum(axis=-1)
    np.testing.assert_array_equal(nearest, np.argsort(every, axis=1)[:, :5])
    np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :5], atol=1e-5)


def test_a_place_counts_once_however_its_words_share_it():
    codebook = CODEBOOKS["bow"]
    counts = ENCODINGS["bow"].pooled(codebook, SEEN.reshape(2, 150, -1))
    np.testing.assert_allclose(counts.sum(axis=1), 150)
    sharp = {**codebook, "spread": np.float32(1e-6)}
    hard = ENCODINGS["bow"].pooled(sharp, SEEN.reshape(2, 150, -1))
    nearest = nearest_words(codebook["words"], SEEN)[1][:, 0].reshape(2, 150)
    np.testing.assert_allclose(hard, [np.bincount(each, minlength=7) for each in nearest], atol=1e-4)


def test_locality_constrained_codes_rebuild_a_place_from_its_words():
    words = CODEBOOKS["llc"]["words"]

    def codes(*descriptors):
        return ENCODINGS["llc"].pooled(CODEBOOKS["llc"], np.stack(descriptors)[None].astype(np.float32))[0]

    assert codes(words[3])[3] == pytest.approx(1, abs=1e-2)
    neighbour = nearest_words(words, words[3:4])[1][0, 1]
    place = 0.6 * words[3] + 0.4 * words[neighbour]
    np.testing.assert_allclose(codes(place) @ words, place, atol=0.02)
    largest = np.maximum(codes(words[3]), codes(place))
    np.testing.assert_allclose(codes(words[3], place), largest, atol=1e-5)


def test_a_fisher_vector_is_the_gradient_of_the_log_likelihood():
    codebook = {name: each.astype(float) for name, each in CODEBOOKS["fisher"].items()}
    seen = components_of(codebook, SAMPLE[:30].astype(float))

    def log_likelihood(means, spreads):
        apart = (seen[:, None] - means) / spreads
        logs = np.log(codebook["weights"]) - (apart**2 / 2 + np.log(spreads)).sum(axis=-1)
        return logsumexp(logs, axis=1).sum()

    at = [codebook["means"], np.sqrt(codebook["variances"])]
    slopes = [np.zeros_like(each) for each in at]
    for which, k, d in np.ndindex(2, *at[0].shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = [each.copy() for each in at]
            moved[which][k, d] += step
            ends.append(log_likelihood(*moved))
        slopes[which][k, d] = (ends[0] - ends[1]) / 2e-5
    weights = codebook["weights"][:, None]
    units = [np.sqrt(weights), np.sqrt(2 * weights)]  # of Fisher's information
    expected = np.hstack([slope * at[1] / unit for slope, unit in zip(slopes, units, strict=True)])
    encoding = ENCODINGS["fisher"]
    found = encoding.vector_of(codebook, encoding.pooled(codebook, seen[None])[:, None]).ravel()
    np.testing.assert_allclose(np.sign(found) * found**2, expected.ravel(), rtol=1e-4, atol=1e-4)


def test_codebooks_of_less_than_was_asked_for():
    alike = np.repeat(SAMPLE[:1], 30, axis=0)
    for head in ENCODINGS:
        codebook = ENCODINGS[head].fit(alike, 8, 0)
        assert all(np.isfinite(each).all() for each in codebook.values())
        found = encode(head, codebook, 2, maps(2))
        assert np.isfinite(found).all()
    assert len(fit_words(SAMPLE[:4], 8, 0)["words"]) == 4
    assert len(fit_mixture(SAMPLE[:20], 8, 0)["weights"]) == 2
