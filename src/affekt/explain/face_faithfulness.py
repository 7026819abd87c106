"""Whether the region of a face that an explanation names is what moved its label: take it away and see.

The region that is named is the one whose covering costs the label most. Covering it again would only repeat that, so it
is taken away another way too (blurred); beside it, a box of the same size anywhere on the face, and the region that was
found to matter least.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from affekt.core.errors import InputError
from affekt.explain.face import REGIONS, Box, blurred, covered, falls_of
from affekt.metrics import bootstrap
from affekt.metrics.statistic import Statistic
from affekt.models.face import grey_square

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from affekt.models.face import FaceRecogniser

__all__ = ["ORDERS", "FaceFaithfulness", "check_faces"]

WAYS = {"covered": covered, "blurred": blurred}
ORDERS = ("named", "random", "least")

Numbers = tuple[float, float, float]


@dataclass(frozen=True)
class FaceFaithfulness:
    """Result of the check.

    Attributes:
        falls: Way of taking away -> which box -> (mean, low, high) of the fall of the probability of the top label,
            with a 95 % interval from drawing faces anew.
        gains: Way -> (mean, low, high) of named minus random, paired by face.
        named: Region -> share of the faces of which it was named.
        rows: Faces that were measured.
    """

    falls: dict[str, dict[str, Numbers]]
    gains: dict[str, Numbers]
    named: dict[str, float]
    rows: int


def check_faces(eye: FaceRecogniser, faces: Sequence[NDArray[np.uint8]], *, seed: int = 0) -> FaceFaithfulness:
    """Measure how faithful the regions that are named are for the top label of each face.

    Args:
        eye: The model.
        faces: As for `FaceRecogniser.predict`.
        seed: Seed of the random boxes and of the intervals.

    Raises:
        InputError: There are no faces.
    """
    if not len(faces):
        raise InputError("There are no faces to check")
    rng = np.random.default_rng(seed)
    falls: dict[tuple[str, str], list[float]] = {(way, order): [] for way in WAYS for order in ORDERS}
    names: list[str] = []
    for face in faces:
        crop = grey_square(face, eye.face.size)
        top = int(eye.scores(crop[None])[0].argmax())
        by_region = falls_of(eye, [crop, *(covered(crop, box) for box in REGIONS.values())], top)
        order = np.argsort(by_region)
        regions = list(REGIONS)
        names.append(regions[int(order[-1])])
        boxes = {"named": REGIONS[names[-1]], "least": REGIONS[regions[int(order[0])]]}
        boxes["random"] = _elsewhere(boxes["named"], rng)
        for way, take in WAYS.items():
            each = falls_of(eye, [crop, *(take(crop, boxes[which]) for which in ORDERS)], top)
            for which, fall in zip(ORDERS, each, strict=True):
                falls[way, which].append(float(fall))
    table = {key: np.array(values) for key, values in falls.items()}

    def interval(values: NDArray[np.float64]) -> Numbers:
        mean = Statistic(np.stack([values, np.ones_like(values)]), lambda sums: sums[..., 0] / sums[..., 1])
        drawn = bootstrap({"mean": mean}, seed=seed)["mean"]
        return float(drawn.value), float(drawn.low), float(drawn.high)

    return FaceFaithfulness(
        falls={way: {which: interval(table[way, which]) for which in ORDERS} for way in WAYS},
        gains={way: interval(table[way, "named"] - table[way, "random"]) for way in WAYS},
        named={region: names.count(region) / max(len(names), 1) for region in REGIONS},
        rows=len(names),
    )


def _elsewhere(box: Box, rng: np.random.Generator) -> Box:
    """A box of the same size anywhere."""
    tall, wide = box[1] - box[0], box[3] - box[2]
    top, left = rng.uniform(0, 1 - tall), rng.uniform(0, 1 - wide)
    return top, top + tall, left, left + wide
