"""Objectives: a factory each, that may look at the training targets and gives a loss and how its head is read.

| objective | for | loss of a row |
|---|---|---|
| `multi_label` | labels side by side | binary cross-entropy, summed over labels |
| `class_balanced` | the same, rare labels | the same, weighted by effective numbers |
| `focal` | the same, rare labels | the same, less where the answer is already right |
| `unlikely_pairs` | the same | the same, and a penalty on pairs that annotators rarely give |
| `one_label` | one label, or a distribution of annotators | cross-entropy of a softmax |
| `ordinal` | strengths in levels | binary cross-entropy of "at least this level" |
| `strengths` | strengths | squared error |
| `squared_error` | dimensions | squared error |
| `mean_and_spread` | dimensions with single ratings | squared error + .1 Gaussian likelihood of the spread |
| `ccc` | dimensions | 1 - concordance correlation of the batch, + .1 squared error |
| `rank_n_contrast` | dimensions; beside another | contrast of embeddings by rank of value |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from affekt.core.errors import InputError, UnknownNameError
from affekt.train.objectives import labels, values
from affekt.train.objectives.base import Objective

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["WITH_SPREAD", "Objective", "objective", "objectives"]

_ALL: dict[str, Callable[..., Objective]] = {
    f.__name__: f
    for f in (
        labels.multi_label,
        labels.class_balanced,
        labels.focal,
        labels.unlikely_pairs,
        labels.one_label,
        labels.ordinal,
        values.strengths,
        values.squared_error,
        values.mean_and_spread,
        values.ccc,
        values.rank_n_contrast,
    )
}


# These want the variances of single ratings beside their means.
WITH_SPREAD = frozenset({"mean_and_spread"})


def objectives() -> tuple[str, ...]:
    """Names of all objectives."""
    return tuple(_ALL)


def objective(name: str, targets: NDArray[np.float64] | None = None, **settings: Any) -> Objective:
    """The objective of that name.

    Args:
        name: One of `objectives()`.
        targets: Training targets, shape (rows, columns); some objectives take counts from them.
        settings: What the objective can be set to.

    Raises:
        UnknownNameError: There is none; the nearest names are given.
        InputError: It has no such setting, or needs the targets.
    """
    if name not in _ALL:
        raise UnknownNameError("objective", name, _ALL)
    known = getattr(_ALL[name], "__kwdefaults__", None) or {}
    if unknown := sorted(set(settings) - set(known)):
        raise InputError(
            f"The objective {name} has no setting {', '.join(unknown)}", hint=f"It has: {', '.join(known) or 'none'}."
        )
    return _ALL[name](targets, **settings)
