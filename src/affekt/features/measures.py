"""What is measured of each stretch of a recording beside its reading, by the names that `affekt analyze` takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields

from affekt.core.errors import UnknownNameError
from affekt.features.quality import noise_level, quality
from affekt.features.rhythm import Rhythm, rhythm
from affekt.features.scene import SCENE
from affekt.features.stream import descriptors
from affekt.media.recording import Stretch

__all__ = ["MEASURES", "Measure", "measures"]


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that can be measured in a stretch.

    Attributes:
        gives: Names of its numbers, which become columns `measure.NAME`.
        of: From a stretch that has sound to these numbers; NaN, or none of that name, where one is undefined.
    """

    gives: tuple[str, ...]
    of: Callable[[Stretch], Mapping[str, float]]


def _quality(stretch: Stretch) -> Mapping[str, float]:
    assert stretch.sound is not None
    return quality(stretch.sound.samples, noise=noise_level(stretch.around))


def _rhythm(stretch: Stretch) -> Mapping[str, float]:
    assert stretch.sound is not None
    return asdict(rhythm(descriptors(stretch.sound.samples)))


MEASURES: dict[str, Measure] = {
    "quality": Measure(("level_db", "snr_db", "clipped", "bandwidth_hz"), _quality),
    "rhythm": Measure(tuple(each.name for each in fields(Rhythm)), _rhythm),
    # Of the pictures of a video, by `affekt.features.scene.scene_of`: a stretch of sound has none.
    "scene": Measure(SCENE, lambda _: {}),
}
"""The measures by name; add your own to have them taken too."""


def measures(names: Iterable[str]) -> list[Measure]:
    """The measures of these names.

    Raises:
        UnknownNameError: There is no such measure; the nearest names are given.
    """
    found = []
    for name in names:
        if name not in MEASURES:
            raise UnknownNameError("measure", name, MEASURES)
        found.append(MEASURES[name])
    return found
