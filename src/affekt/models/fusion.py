"""One reading of what several channels say by themselves: late fusion, with a weight for each channel and clip.

Each channel is carried to one space and its probabilities are calibrated; a gate then weighs it by how sure it is and
by how neutral it finds the clip, since where one channel is flat it is often the other that tells. What comes out is
the weighted mean. A channel that is missing, or that gives no answer, has no weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from affekt.catalog.fusion import Fusion, fusion
from affekt.catalog.maps import centroids, space_map
from affekt.catalog.spaces import space
from affekt.core.channel import Channel
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.works import implements

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["carried", "distances", "fuse", "mixture"]

_LEAST = 1e-6


def carried(prediction: Prediction, *, target: str | None = None) -> NDArray[np.float64]:
    """What a channel says, as shares of the labels of the space that channels meet in.

    Args:
        prediction: Its reading, in any space from which a map leads there.
        target: That space; default that of `affekt.catalog.fusion`.

    Returns:
        Shape (labels,), summing to 1; NaN where the channel read nothing.

    Raises:
        InputError: No map leads to the space.
    """
    labels = space(target or fusion().space).labels
    if not prediction.scores or prediction.abstained is not None:
        return np.full(len(labels), np.nan)
    scores = space_map(prediction.space, target or fusion().space).apply(prediction.scores)
    shares = np.clip([scores[label] for label in labels], _LEAST, None)
    out: NDArray[np.float64] = shares / shares.sum()
    return out


def mixture(
    tables: Mapping[str, NDArray[np.float64]], *, plan: Fusion | None = None
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """The weighted mean of channels, clip by clip.

    Args:
        tables: Channel -> shares of labels, shape (clips, labels); rows of NaN where it is missing.
        plan: How they are weighed; default what the package was fitted with.

    Returns:
        Shape (clips, labels), of NaN where no channel is there; channel -> weights, shape (clips,), which sum to 1
        over channels; and channel -> its calibrated shares, shape (clips, labels).

    Raises:
        UnknownNameError: A channel is none that can be weighed.
    """
    plan = plan or fusion()
    neutral = space(plan.space).labels.index(space(plan.space).neutral or "")
    names, each, logits = list(tables), [], []
    for name in names:
        if name not in plan.channels:
            raise UnknownNameError("channel", name, plan.channels)
        gate = plan.channels[name]
        warm = np.log(np.clip(tables[name], _LEAST, None)) / gate.temperature
        shares = np.exp(warm - warm.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        sure = 1 + (shares * np.log(shares)).sum(1) / np.log(shares.shape[1])
        each.append(shares)
        logits.append(gate.bias + gate.sure * sure + gate.neutral * shares[:, neutral])
    z = np.stack(logits)
    there = ~np.isnan(z)
    raised = np.where(there, np.exp(z - np.where(there, z, -np.inf).max(0, initial=-50.0)), 0.0)
    weights = raised / np.where(there.any(0), raised.sum(0), np.nan)
    mixed = (weights[..., None] * np.nan_to_num(np.stack(each))).sum(0)
    return mixed, dict(zip(names, weights, strict=True)), dict(zip(names, each, strict=True))


@implements(works=["mosear"])
def fuse(channels: Mapping[str, Prediction], *, plan: Fusion | None = None) -> Prediction:
    """Read a clip from what its channels say by themselves.

    Args:
        channels: Channel (`text`, `voice`, `face`) -> its reading of the clip, each in a space of its own; one that
            abstained counts as missing, and so does one that is not there.
        plan: How they are weighed; default what the package was fitted with.

    Returns:
        A reading in the space that channels meet in, with one label, what each channel says (`channels`), and the
        evidence of all. Its dimensions are where people placed the labels, weighted by the scores. It is an abstention
        where no channel gives an answer. How far channels disagree is `affekt.explain.conflict.conflict_of`.

    Raises:
        InputError: There is no channel, they are of different clips, or no map leads from one to the space.
        UnknownNameError: A channel is none that can be weighed.
    """
    plan = plan or fusion()
    ids = {prediction.clip_id for prediction in channels.values()}
    if len(ids) != 1:
        raise InputError(
            f"Channels of {len(ids)} clips cannot be one reading",
            hint="Give the readings of the channels of one clip, by channel: text, voice, face.",
        )
    (clip,) = ids
    model = f"fusion@{plan.version} of {', '.join(dict.fromkeys(p.model for p in channels.values() if p.model))}"
    mixed, weights, each = mixture({k: carried(p, target=plan.space)[None] for k, p in channels.items()}, plan=plan)
    evidence = tuple(e for p in channels.values() for e in p.evidence)
    labels = space(plan.space).labels
    there = [name for name in channels if weights[name][0] > 0]
    if not there:
        said = "; ".join(f"{name}: {p.abstained or 'nothing was read'}" for name, p in channels.items())
        return Prediction(clip, plan.space, abstained=f"no channel: {said}", evidence=evidence, model=model)
    scores = dict(zip(labels, map(float, mixed[0]), strict=True))
    top = max(scores, key=scores.__getitem__)
    places = centroids(plan.space, plan.places)
    return Prediction(
        clip_id=clip,
        space=plan.space,
        scores=scores,
        labels=(top,),
        dimensions=places.to_dimensions(scores),
        intervals=places.intervals(scores),
        confidence=scores[top],
        evidence=evidence,
        model=model,
        language=next((p.language for p in channels.values() if p.language), None),
        channels={
            name: Channel(dict(zip(labels, map(float, each[name][0]), strict=True)), float(weights[name][0]))
            for name in there
        },
    )


def distances(one: NDArray[np.float64], other: NDArray[np.float64], *, neutral: int) -> NDArray[np.float64]:
    """How far two channels are apart, three ways.

    Args:
        one: Shares of labels, shape (clips, labels).
        other: The same of another channel.
        neutral: Place of the neutral label.

    Returns:
        Shape (clips, 3): the Jensen-Shannon divergence in bits, the probability that two draws differ, and the
        difference in the probability of the neutral label; each 0 to 1, NaN where a channel is missing.
    """
    middle = (one + other) / 2
    parts = [(p * np.log2(np.clip(p, 1e-12, None) / np.clip(middle, 1e-12, None))).sum(1) / 2 for p in (one, other)]
    return np.stack([sum(parts), 1 - (one * other).sum(1), np.abs(one[:, neutral] - other[:, neutral])], 1)
