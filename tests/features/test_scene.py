"""What pictures are like, and where something happens: against what was drawn."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from films import eventful, film, scene

from affekt.features.scene import (
    SCENE,
    LookMeter,
    Movement,
    around_events,
    at_cuts,
    evenly,
    movements,
    scene_cues,
    scene_of,
)
from affekt.media.video import Frame, Video


def looks(*pixels: np.ndarray):
    meter = LookMeter()
    return [meter.take(Frame(0.5 * k, one)) for k, one in enumerate(pixels)]


def test_brightness_colour_movement_and_cuts() -> None:
    dark, bright = scene(ground=(20, 20, 20)), scene(ground=(230, 230, 230))
    red, blue = scene(ground=(200, 40, 40)), scene(ground=(40, 40, 200))
    found = looks(dark, dark, bright, red, blue)
    assert [round(look.brightness, 2) for look in found[:3]] == [0.08, 0.08, 0.9]
    assert [look.cut for look in found] == [False, False, True, True, True]
    assert found[3].saturation == pytest.approx(160 / 255, abs=0.01) and found[0].saturation == 0
    assert found[3].warmth == pytest.approx(-found[4].warmth) and found[3].warmth > 0.5
    assert math.isnan(found[0].motion) and found[1].motion == 0 and math.isnan(found[2].motion)
    moving = looks(scene((0, 40, bright[:60, :60])), scene((30, 40, bright[:60, :60])))
    assert moving[1].motion > 0.02 and not moving[1].cut


def test_a_segment_is_the_mean_of_its_frames() -> None:
    of = scene_of(looks(scene(ground=(0, 0, 0)), scene(ground=(102, 102, 102))))
    assert tuple(of) == SCENE and of["brightness"] == pytest.approx(0.2) and of["cuts"] == 1
    assert all(math.isnan(v) for v in scene_of([]).values())


def test_a_segment_unlike_the_others_is_named() -> None:
    usual = [(float(k), k + 1.0, {"brightness": 0.5 + 0.01 * (k % 3), "motion": 0.1}) for k in range(8)]
    odd = (8.0, 9.0, {"brightness": 0.1, "motion": 0.1})
    *others, (cue,) = scene_cues([*usual, odd])
    assert others == [[]] * 8 and (cue.modality, cue.name, cue.direction, cue.weight) == (
        "scene",
        "brightness",
        "below",
        0,
    )
    assert cue.cue.startswith("the picture is darker") and cue.z is not None and cue.z < -10
    assert scene_cues([*usual[:4], odd]) == [[]] * 5, "too few to say what is usual"


def test_times_of_a_budget() -> None:
    still = [Movement(k / 10, 0.01, k == 40) for k in range(100)]
    assert around_events(still, seconds=10, budget=4) == evenly(10, 4) == [1.25, 3.75, 6.25, 8.75]
    assert at_cuts(still, seconds=10) == [2.0, 7.0]
    busy = [Movement(k / 10, 1.0 if k == 73 else 0.01 + 0.001 * (k % 5), False) for k in range(100)]
    assert around_events(busy, seconds=10, budget=1) == [7.3]
    times = around_events(busy, seconds=10, budget=8)
    assert len(times) == 8 and times == sorted(times) and {7.1, 7.3, 7.5} <= {round(t, 1) for t in times}
    always = [Movement(k / 10, float(k % 2), False) for k in range(100)]
    assert around_events(always, seconds=10, budget=4) == evenly(10, 4), "what moves all the time is no event"
    with pytest.raises(ValueError, match="holds none"):
        evenly(10, 0)


def test_an_event_is_held_more_often_than_by_even_times(tmp_path: Path) -> None:
    even = around = 0
    for seed in range(3):
        frames, start, end = eventful(seed, seconds=8.0)
        video = Video(film(tmp_path / f"{seed}.mp4", frames.__getitem__, frames=len(frames), rate=12))
        times = around_events(movements(video), seconds=8.0, budget=4)
        around += any(start <= t < end for t in times)
        even += any(start <= t < end for t in evenly(8.0, 4))
    assert around == 3 > even
