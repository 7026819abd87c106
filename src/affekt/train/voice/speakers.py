"""A projection of the vectors of stretches of speech in which speakers stand apart, whatever they express."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_speakers"]


def fit_speakers(
    vectors: NDArray[np.float32],
    speakers: NDArray[np.str_],
    *,
    width: int = 20,
    kept: int = 150,
    shrinkage: float = 0.1,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Linear discriminants of speakers (Fisher 1936), between principal components and with shrunken covariance.

    Speakers who say the same in several emotions are what it has to learn from: what changes within a speaker is then
    what emotion and words change.

    Args:
        vectors: Shape (rows, values).
        speakers: Who speaks in each row; two or more, with several rows each.
        width: Number of discriminants, fewer than speakers.
        kept: Number of principal components before.
        shrinkage: Share of the covariance within speakers that is taken from the identity, 0..1.

    Returns:
        Mean, shape (values,), and weight, shape (values, width): `(vectors - mean) @ weight` are the discriminants.
    """
    names = np.unique(speakers)
    mean, sd = vectors.mean(0, dtype=np.float64), vectors.std(0, dtype=np.float64) + 1e-6
    standard = (vectors - mean) / sd
    _, spread, axes = np.linalg.svd(standard, full_matrices=False)
    count = min(kept, int((spread > 1e-6).sum()))
    whiten = axes[:count].T / spread[:count] * np.sqrt(len(standard))
    rows = standard @ whiten
    means = np.stack([rows[speakers == name].mean(0) for name in names])
    within = rows - means[np.searchsorted(names, speakers)]
    covariance = within.T @ within / (len(rows) - len(names))
    covariance = (1 - shrinkage) * covariance + shrinkage * np.trace(covariance) / count * np.eye(count)
    values, turned = np.linalg.eigh(covariance)
    level = turned / np.sqrt(values)
    _, _, found = np.linalg.svd((means - means.mean(0)) @ level, full_matrices=False)
    weight = (whiten @ level @ found[:width].T) / sd[:, None]
    return mean.astype(np.float32), weight.astype(np.float32)
