"""Clips in which one thing happens at once, and the regions in which most changes."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.corpora.drawn_events import FEELINGS, drawn_events
from affekt.features.scene import around_events, evenly, movements, telling_tubes


def test_one_figure_darts_and_the_others_swim():
    clips = list(drawn_events(8, seed=2, seconds=3))
    assert [c.kind for c in clips] == [c.kind for c in drawn_events(8, seed=2, seconds=3)]
    assert {c.kind for c in clips} <= set(range(len(FEELINGS)))
    for clip in clips:
        times = np.array([frame.time for frame in clip.frames])
        there = ~np.isnan(clip.places[:, 0])
        assert (there == ((times >= clip.start) & (times < clip.end))).all()
        assert 4 <= there.sum() <= 5
        # Frame by frame it comes much further than anything that swims.
        assert (np.abs(np.diff(clip.places[there, 0])) > 10).all()
    with pytest.raises(ValueError, match="less than 3 seconds"):
        next(drawn_events(1, seed=1, seconds=2))


def test_frames_around_movement_hold_the_event_and_telling_regions_are_on_it():
    pytest.importorskip("cv2", reason="needs the video extra")
    held, on = [], []
    for clip in drawn_events(12, seed=5):
        times = np.array([frame.time for frame in clip.frames])
        ways = evenly(clip.seconds, 6), around_events(movements(clip.frames), seconds=clip.seconds, budget=6)
        held.append([any(clip.start <= t < clip.end for t in way) for way in ways])
        at = np.abs(times - np.array(ways[1])[:, None]).argmin(1)
        pixels = np.stack([clip.frames[k].pixels for k in at])
        before = np.stack([clip.frames[max(k - 1, 0)].pixels for k in at])
        kept = telling_tubes(pixels, before)
        assert kept.shape == (6, 9, 16)
        assert kept.sum() == round(0.1 * kept.size)
        for k, place in zip(kept, clip.places[at], strict=True):
            if 0 <= place[0] < 96:
                on.append(k[int(place[1] // 6), int(place[0] // 6)])
    evenly_held, around_held = np.mean(held, 0)
    assert around_held > evenly_held + 0.2
    assert np.mean(on) > 0.5


def test_regions_of_frames_that_do_not_fit_are_refused():
    frames = np.zeros((2, 12, 12), np.uint8)
    with pytest.raises(ValueError, match="those before them"):
        telling_tubes(frames, frames[:1])
    with pytest.raises(ValueError, match="no share of 0"):
        telling_tubes(frames, frames, share=0)
    # Light alone moves nothing: which is kept is the region that changed against the rest.
    now = frames.copy()
    now += 40
    now[1, 6:, 6:] = 90
    kept = telling_tubes(now, frames, share=1 / 8)
    assert kept.sum() == 1
    assert kept[1, 1, 1]
