"""A second opinion from the lower layers.

A dimensional head that was trained together with the encoder fits its training rows far better than fresh ones, and
what the top layer has learned by heart the lower ones have less of. A ridge regression on the means of some layers,
mixed with the head, stays a single linear map on the means of all layers, and costs next to nothing to run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["mix_in_layers", "ridge"]

# What is tried on dev for each dimension: layers (0 is the embeddings), strength of the ridge, share of the ridge.
_LAYERS: tuple[tuple[int, ...], ...] = ((0,), (0, 1, 2), (0, 1, 2, 3, 4), (2, 3, 4, 5), (0, 3))
_STRENGTHS = (1e3, 3e3, 1e4, 3e4)
_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def ridge(
    *, inputs: NDArray[np.float64], targets: NDArray[np.float64], strength: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ridge regression on standardised inputs.

    Args:
        inputs: Shape (rows, n).
        targets: Shape (rows, k).
        strength: Weight of the squared coefficients.

    Returns:
        Coefficients for the inputs as they are, shape (k, n), and offsets, shape (k,).
    """
    mean, sd = inputs.mean(0), inputs.std(0) + 1e-8
    z = (inputs - mean) / sd
    centre = targets.mean(0)
    solved = np.linalg.solve(z.T @ z + strength * np.eye(z.shape[1]), z.T @ (targets - centre))
    coefficients: NDArray[np.float64] = (solved / sd[:, None]).T
    return coefficients, centre - coefficients @ mean


def mix_in_layers(
    weights: Mapping[str, NDArray[np.float32]],
    *,
    head: str,
    means: Callable[[Sequence[str]], NDArray[np.float64]],
    train: tuple[Sequence[str], NDArray[np.float64]],
    dev: tuple[Sequence[str], NDArray[np.float64]],
) -> tuple[dict[str, NDArray[np.float32]], list[dict[str, Any]]]:
    """Mix a head of means and log spreads with ridge regressions on the layers, chosen on dev by correlation.

    Args:
        weights: State of the model; the head reads the top layer.
        head: Name of the head; its first half of outputs are means.
        means: Texts -> means of all layers side by side, shape (texts, layers * width).
        train: Texts that the regressions are fitted on, and their values in the units of the head's outputs.
        dev: The same for layers, strength and share to be chosen on.

    Returns:
        The weights with the head widened to all layers, and what was chosen for each dimension.
    """
    top, bias = weights[head + ".weight"].astype(np.float64), weights[head + ".bias"].astype(np.float64)
    k, width = len(top) // 2, top.shape[1]
    a, b = means(train[0]), means(dev[0])
    n_layers = a.shape[1] // width
    wide = np.zeros((2 * k, a.shape[1]))
    wide[:, -width:] = top
    base = b[:, -width:] @ top[:k].T + bias[:k]
    out_bias = bias.copy()
    fits = {}
    for layers in _LAYERS:
        at = np.concatenate([np.arange(i * width, (i + 1) * width) for i in layers if i < n_layers])
        for strength in _STRENGTHS:
            fits[layers, strength] = (at, *ridge(inputs=a[:, at], targets=train[1], strength=strength))
    chosen: list[dict[str, Any]] = []
    for j in range(k):
        best: tuple[float, Any] = (-1.0, None)
        for key, (at, coefficients, offset) in fits.items():
            other = b[:, at] @ coefficients[j] + offset[j]
            # The ridge shrinks; it is brought to the spread of the head before they are mixed.
            gain = base[:, j].std() / max(other.std(), 1e-9)
            for share in _SHARES:
                mixed = (1 - share) * base[:, j] + share * gain * other
                r = float(np.corrcoef(mixed, dev[1][:, j])[0, 1])
                if r > best[0] + 1e-4:
                    best = (r, (key, share, gain))
        r, ((layers, strength), share, gain) = best
        at, coefficients, offset = fits[layers, strength]
        wide[j] *= 1 - share
        wide[j, at] += share * gain * coefficients[j]
        out_bias[j] = (1 - share) * bias[j] + share * gain * offset[j]
        # Least squares on dev brings centre and spread back to those of the ratings.
        says = b @ wide[j] + out_bias[j]
        slope = float(np.cov(says, dev[1][:, j])[0, 1] / says.var())
        wide[j] *= slope
        out_bias[j] = slope * (out_bias[j] - says.mean()) + float(dev[1][:, j].mean())
        before = float(np.corrcoef(base[:, j], dev[1][:, j])[0, 1])
        chosen.append({"layers": list(layers), "strength": strength, "share": share, "dev_r": r, "dev_r_head": before})
    return {
        **weights,
        head + ".weight": wide.astype(np.float32),
        head + ".bias": out_bias.astype(np.float32),
    }, chosen
