"""Which photos come from one camera, or from one sequence of frames, told from the photos themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fishcli.dataset.metadata import is_hardly_shared, size_keys

CAMERA_LIKENESS = 0.2
"""Where clusters stop being merged. On drawn competitions, by day and night, the edges of thumbnails of
different cameras correlate by 0 +- 0.05, those of one camera by 0.2 to 0.9."""
ENCODER_WEIGHT = 0.1
"""What one image size, or one set of quantisation tables, adds: a rare one in common says more."""
ROWS_A_COMPONENT = 6
"""Directions that few photos show would be blown up by whitening."""
COLOUR_SIDE, COLOUR_COMPONENTS, FEATURE_COMPONENTS = 8, 32, 64
LUMA = (0.299, 0.587, 0.114)
MAX_ROWS = 6_000
"""A tree of so many rows takes about 1 GiB; more photos are merged into so many small clusters first."""
N_CUTS = 40
"""How many numbers of clusters are tried where the data are to say which."""


@dataclass(frozen=True)
class Cameras:
    """Clusters of photos.

    Attributes:
        cluster: (n,) int64 from 0, the largest first.
        kind: "camera" or "sequence", what the clusters are meant to be.
        how: how they were found, a sentence.
    """

    cluster: np.ndarray
    kind: str
    how: str


@dataclass(frozen=True)
class Agreement:
    """How well clusters fit known groups; all 1 where they are the same.

    Attributes:
        n_groups: known groups.
        adjusted_rand: Hubert & Arabie 1985; 0 is chance.
        homogeneity: 1 where each cluster has photos of one group only (Rosenberg & Hirschberg 2007).
        completeness: 1 where no group is cut; what honest folds need most.
    """

    n_groups: int
    adjusted_rand: float
    homogeneity: float
    completeness: float


def find_cameras(
    images: pd.DataFrame,
    pixels: np.ndarray,
    tables: Sequence[str],
    features: np.ndarray | None = None,
    n_clusters: int | None = None,
) -> Cameras:
    """Cluster photos by average linkage (UPGMA) of their likeness.

    Where sizes are shared, photos are frames of fixed cameras. One camera sees one scene, so likeness is the
    correlation of the edges of two thumbnails, which day and night leave in place, and a little more for a
    size and quantisation tables in common. Features are not looked at: they tell the scene, but the catch as
    well. Clusters are merged down to a likeness that different cameras don't reach.

    Where nearly every photo has a size of its own, they are crops or photos by hand, and what can be found is
    sequences: likeness is the mean of the cosines of whitened colours of the thumbnail and, where there are
    any, of whitened features (a whitened cosine is 0 on average, whatever the backbone). The number of
    clusters is the one of the largest mean silhouette (Rousseeuw 1987), out of 40.

    Args:
        images: n rows, columns `height` and `width`.
        pixels: (n, side, side, 3) uint8, thumbnails.
        tables: n digests of quantisation tables, "" where a file has none.
        features: (n, channels) float32, pooled, finite; or None.
        n_clusters: how many, instead of as many as the data say.
    """
    from threadpoolctl import threadpool_limits

    is_sequence = is_hardly_shared(images)
    with threadpool_limits(1):
        points = (
            _sequence_points(pixels, features)
            if is_sequence
            else _camera_points(pixels, [size_keys(images), list(tables)])
        )
        part = np.arange(len(points)) if len(points) <= MAX_ROWS else _small_clusters(points)
        cluster, how = _cut(_means(points, part), is_sequence, n_clusters)
    cluster = cluster[part]
    by_size = np.argsort(-np.bincount(cluster), kind="stable")
    seen = "colours" if features is None else "colours and features"
    what = f"the {seen} of thumbnails" if is_sequence else "edges of thumbnails, sizes and JPEG tables"
    kind = "sequence" if is_sequence else "camera"
    return Cameras(np.argsort(by_size)[cluster], kind, f"By {what}, average linkage; {how}.")


def measure_agreement(cluster: np.ndarray, groups: Sequence[str]) -> Agreement:
    """Compare clusters (n,) with the known group of each photo."""
    from sklearn.metrics import adjusted_rand_score, homogeneity_completeness_v_measure

    homogeneity, completeness, _ = homogeneity_completeness_v_measure(groups, cluster)
    rand = float(adjusted_rand_score(groups, cluster))
    return Agreement(len(set(groups)), rand, float(homogeneity), float(completeness))


def _camera_points(pixels: np.ndarray, codes: list[list[str]]) -> np.ndarray:
    """Points whose inner product is the likeness of two frames of fixed cameras: (n, m) float32."""
    luma = pixels.astype(np.float32) @ np.array(LUMA, np.float32)
    down, right = np.diff(luma, axis=1)[:, :, :-1], np.diff(luma, axis=2)[:, :-1]
    blocks = [_unit(np.concatenate([down.reshape(len(luma), -1), right.reshape(len(luma), -1)], axis=1))]
    for each in codes:
        known = pd.get_dummies(pd.Series(each), dtype=np.float32).to_numpy()
        blocks.append(np.sqrt(ENCODER_WEIGHT) * (known - known.mean(axis=0)))
    return np.hstack(blocks).astype(np.float32)


def _sequence_points(pixels: np.ndarray, features: np.ndarray | None) -> np.ndarray:
    """Points whose inner product is the likeness of two crops: (n, m) float32."""
    n, side = pixels.shape[:2]
    width = side // COLOUR_SIDE
    cells = pixels.reshape(n, COLOUR_SIDE, width, COLOUR_SIDE, width, 3).mean(axis=(2, 4), dtype=np.float32)
    blocks = [_whitened(cells.reshape(n, -1), COLOUR_COMPONENTS)]
    if features is not None:
        blocks.append(_whitened(_unit(features.astype(np.float32)), FEATURE_COMPONENTS))
    return np.hstack(blocks) / np.float32(np.sqrt(len(blocks)))


def _whitened(rows: np.ndarray, n_components: int) -> np.ndarray:
    """Rows on their first principal components, of equal variance each, then of length 1."""
    from sklearn.decomposition import PCA

    if (rows == rows[0]).all():
        return np.zeros((len(rows), 1), np.float32)
    n_components = min(n_components, rows.shape[1], max(1, len(rows) // ROWS_A_COMPONENT))
    return _unit(PCA(n_components, whiten=True, random_state=0).fit_transform(rows).astype(np.float32))


def _small_clusters(points: np.ndarray) -> np.ndarray:
    """The small cluster (n,) of each of many points, from 0; there are MAX_ROWS at most."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import TruncatedSVD

    if points.shape[1] > 2 * FEATURE_COMPONENTS:
        points = TruncatedSVD(2 * FEATURE_COMPONENTS, random_state=0).fit_transform(points)
    start = np.random.default_rng(0).permutation(len(points))[:MAX_ROWS]
    means = MiniBatchKMeans(
        MAX_ROWS, init=points[np.sort(start)], n_init=1, batch_size=4096, max_iter=10, random_state=0
    )
    found: np.ndarray = np.unique(means.fit_predict(points), return_inverse=True)[1]
    return found


def _means(points: np.ndarray, part: np.ndarray) -> np.ndarray:
    """The mean point of each part: the inner product of two is the mean likeness of their photos."""
    sums = np.zeros((part.max() + 1, points.shape[1]), np.float64)
    np.add.at(sums, part, points)
    return sums / np.bincount(part)[:, None]


def _cut(points: np.ndarray, is_sequence: bool, n_clusters: int | None) -> tuple[np.ndarray, str]:
    """The cluster of each point, from 0, and how their number was found."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(points) == 1:
        return np.zeros(1, np.int64), "one photo"
    likeness = points @ points.T
    top = float(likeness.max())  # distances must not be negative
    distance = np.maximum(top - likeness, 0.0)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average")
    if n_clusters is not None:
        return fcluster(tree, n_clusters, "maxclust") - 1, f"{n_clusters} were asked for"
    if not is_sequence:
        cluster = fcluster(tree, top - CAMERA_LIKENESS, "distance") - 1
        return cluster, f"merged down to a likeness of {CAMERA_LIKENESS:g}"
    cuts = np.unique(np.geomspace(2, max(2, len(points) // 2), N_CUTS).round().astype(int))
    tried = {int(n): fcluster(tree, n, "maxclust") - 1 for n in cuts}
    scores = {n: _silhouette(distance, cluster) for n, cluster in tried.items()}
    best = max(scores, key=lambda n: scores[n])
    return tried[best], f"their number has the largest mean silhouette ({scores[best]:.2f}) of {len(cuts)}"


def _silhouette(distance: np.ndarray, cluster: np.ndarray) -> float:
    from sklearn.metrics import silhouette_score

    if not 1 < len(np.unique(cluster)) < len(cluster):
        return -1.0
    return float(silhouette_score(distance, cluster, metric="precomputed"))


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-6))
