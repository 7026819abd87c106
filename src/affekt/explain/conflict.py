"""Whether the channels of a clip carry the same emotion."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from affekt.catalog.fusion import Fusion, fusion
from affekt.catalog.spaces import space
from affekt.core.channel import Channel, Conflict
from affekt.core.works import implements
from affekt.models.fusion import distances

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["conflict_of", "disagreement"]


def disagreement(
    one: NDArray[np.float64], other: NDArray[np.float64], *, plan: Fusion | None = None
) -> NDArray[np.float64]:
    """Probability that two channels do not carry the same emotion, clip by clip.

    Args:
        one: Calibrated shares of the labels of the space that channels meet in, shape (clips, labels).
        other: The same of another channel.
        plan: What was fitted; default that of the package.
    """
    plan = plan or fusion()
    d = plan.disagreement
    labels = space(plan.space)
    apart = distances(one, other, neutral=labels.labels.index(labels.neutral or ""))
    out: NDArray[np.float64] = 1 / (1 + np.exp(-(d.bias + apart @ np.array([d.divergence, d.differs, d.neutral]))))
    return out


@implements(works=["mosear"])
def conflict_of(channels: Mapping[str, Channel], *, plan: Fusion | None = None) -> Conflict | None:
    """How likely the channels of a clip do not carry the same emotion, and which two are furthest apart.

    Args:
        channels: Channel -> what it says, as `affekt.models.fusion.fuse` gives it.
        plan: What was fitted; default that of the package. It was fitted on voices and words; what it says of other
            pairs was not measured.

    Returns:
        The conflict; `None` where there are fewer than two channels.
    """
    plan = plan or fusion()
    labels = space(plan.space).labels
    tables = {name: np.array([[c.scores.get(label, 0.0) for label in labels]]) for name, c in channels.items()}
    pairs = {pair: float(disagreement(*(tables[c] for c in pair), plan=plan)[0]) for pair in combinations(tables, 2)}
    if not pairs:
        return None
    furthest = max(pairs, key=pairs.__getitem__)
    return Conflict(pairs[furthest], furthest)
