"""Timelines, the way from frames to them, and what is measured on them."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, recall_score

from affekt.core.errors import InputError
from affekt.core.frames import best_path, from_frames, median_filter, without_short_runs
from affekt.core.timeline import Segment, Timeline, timelines_of
from affekt.metrics import accuracy, unweighted_average_recall
from affekt.metrics import timeline as tl
from affekt.metrics.bootstrap import bootstrap

REFERENCE = json.loads((Path(__file__).parent / "reference" / "eder.json").read_text(encoding="utf-8"))
LABELS = ("joy", "anger", "sadness", "neutral")

often = settings(deadline=None, max_examples=60)


@st.composite
def timelines(draw, *, duration: float | None = None, overlap: bool = True) -> Timeline:
    """Up to six segments at thousandths of a second; with overlaps or one after the other."""
    end = draw(st.integers(1000, 20_000)) if duration is None else round(duration * 1000)
    if overlap:
        places = draw(st.lists(st.tuples(*(st.integers(0, end),) * 2), max_size=6))
    else:
        cuts = sorted(draw(st.lists(st.integers(0, end), max_size=12)))
        places = list(zip(cuts[::2], cuts[1::2], strict=False))
    return Timeline(
        tuple(Segment(min(p) / 1000, max(p) / 1000, (draw(st.sampled_from(LABELS)),)) for p in places),
        duration=end / 1000,
    )


pairs = st.integers(1000, 20_000).flatmap(
    lambda ms: st.tuples(timelines(duration=ms / 1000), timelines(duration=ms / 1000))
)


# --- segments and timelines


@pytest.mark.parametrize("place", [(-0.1, 1.0), (2.0, 1.0), (0.0, math.inf), (math.nan, 1.0)])
def test_a_segment_needs_times_in_order(place):
    with pytest.raises(ValueError, match="segment"):
        Segment(*place)


def test_labels_are_not_one_text():
    with pytest.raises(ValueError, match="tuple"):
        Segment(0, 1, "joy")


def test_segments_are_sorted_and_lie_within_the_recording():
    found = Timeline((Segment(2, 3), Segment(0, 4), Segment(0, 1)))
    assert [(s.start, s.end) for s in found] == [(0, 1), (0, 4), (2, 3)]
    assert found.duration == 4
    with pytest.raises(ValueError, match="ends at 3"):
        Timeline((Segment(0, 4),), duration=3)


@often
@given(timelines())
def test_layers_hold_every_segment_once_and_never_two_at_a_time(found):
    layers = found.layers()
    assert sorted((s.start, s.end, s.labels) for layer in layers for s in layer) == sorted(
        (s.start, s.end, s.labels) for s in found
    )
    for layer in layers:
        assert all(a.end <= b.start for a, b in itertools.pairwise(layer))
    moments = sorted({t for s in found for t in (s.start, s.end)})
    middles = [(a + b) / 2 for a, b in itertools.pairwise(moments)]
    most = max((sum(s.start < t < s.end for s in found) for t in middles), default=0)
    assert sum(any(s.duration > 0 for s in layer) for layer in layers) >= most
    if all(s.duration > 0 for s in found):
        assert len(layers) == most


@often
@given(timelines(), st.floats(0, 1))
def test_two_slices_are_the_whole_in_time(found, share):
    cut = share * found.duration
    left, right = found.between(0, cut), found.between(cut, found.duration)
    time = sum(s.duration for side in (left, right) for s in side)
    assert time == pytest.approx(sum(s.duration for s in found))
    assert all(s.end <= cut for s in left)
    assert all(s.start >= cut for s in right)


@often
@given(timelines())
def test_filling_leaves_no_gap_and_changes_nothing_else(found):
    filled = found.filled("neutral")
    assert set(found) <= set(filled)
    reached = 0.0
    for s in filled:
        assert s.start <= reached + 1e-9
        reached = max(reached, s.end)
    assert reached == pytest.approx(found.duration)
    assert tl.eder(truth=found, prediction=filled) == pytest.approx(0)


def test_neighbours_are_joined_with_means_weighted_by_time():
    first = Segment(0, 1, ("joy",), "Anna", "Oh", {"joy": 0.6}, {"valence": 3.0}, {"valence": (2.0, 4.0)}, "a")
    found = Timeline(
        (
            first,
            Segment(0.5, 3, ("anger",), "Bo"),
            Segment(
                1, 4, ("joy",), "Anna", "yes", {"joy": 1.0, "fear": 0.1}, {"valence": 4.0}, {"valence": (3.0, 5.0)}
            ),
            Segment(4.2, 5, ("joy",), "Anna"),
        )
    )
    joined = found.merged()
    assert [(s.start, s.end, s.speaker) for s in joined] == [(0, 4, "Anna"), (0.5, 3, "Bo"), (4.2, 5, "Anna")]
    (anna, _, _) = joined
    assert (anna.text, anna.id) == ("Oh yes", "a")
    assert anna.scores == {"joy": pytest.approx(0.9)}
    assert anna.dimensions == {"valence": pytest.approx(3.75)}
    assert anna.intervals["valence"] == pytest.approx((2.75, 4.75))
    assert [(s.start, s.end) for s in found.merged(gap=0.2).lane("Anna")] == [(0, 5)]


def test_a_timeline_is_rows_and_rows_are_a_timeline():
    found = Timeline(
        (
            Segment(0, 1.5, ("joy", "surprise"), "Anna", "Oh", {"joy": 0.6}, {"valence": 3.0, "effort": 2.0}, id="a"),
            Segment(1, 2, ("anger",), "Bo", intervals={"arousal": (1.0, 2.0)}, dimensions={"arousal": 1.5}, id="b"),
        ),
        source="talk.wav",
    )
    rows = found.rows(space="ekman", model="m@1")
    assert [(r.start, r.end, r.speaker, r.labels) for r in rows] == [
        (0, 1.5, "Anna", ["joy", "surprise"]),
        (1, 2, "Bo", ["anger"]),
    ]
    assert timelines_of(rows) == [found]


def test_rows_without_time_are_named():
    from dataclasses import replace

    (row,) = Timeline((Segment(0, 1, ("joy",), id="r7"),)).rows(space="ekman", model="m@1")
    with pytest.raises(InputError, match="'r7' has no start and end, which webvtt needs"):
        timelines_of([replace(row, end=None)], needed_by="webvtt")
    with pytest.raises(InputError, match="no place in time"):
        timelines_of([replace(row, end=-1.0)])


# --- from frames


def test_the_median_filter_is_scipys():
    from scipy.ndimage import median_filter as theirs

    scores = np.random.default_rng(0).random((40, 3))
    assert median_filter(scores, width=5) == pytest.approx(theirs(scores, size=(5, 1), mode="nearest"))
    with pytest.raises(ValueError, match="odd"):
        median_filter(scores, width=4)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 3), st.sampled_from([0.0, 0.3, 1.0, 5.0]))
def test_the_best_path_is_the_best_of_all(seed, frames, labels, cost):
    scores = np.random.default_rng(seed).dirichlet(np.ones(labels), frames)

    def worth(path) -> float:
        changes = sum(a != b for a, b in itertools.pairwise(path))
        return sum(math.log(max(scores[t, y], 1e-12)) for t, y in enumerate(path)) - cost * changes

    best = max(worth(path) for path in itertools.product(range(labels), repeat=frames))
    assert worth(best_path(scores, cost=cost)) == pytest.approx(best)


@often
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 8))
def test_no_run_is_shorter_than_the_least(seed, frames, least):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(3), frames)
    path = without_short_runs(scores.argmax(1), scores, least=least)
    lengths = [len(list(run)) for _, run in itertools.groupby(path.tolist())]
    assert len(lengths) == 1 or min(lengths) >= least
    assert set(path.tolist()) <= set(scores.argmax(1).tolist())


def test_frames_become_segments():
    scores = np.array([[0.9, 0.1]] * 5 + [[0.4, 0.6]] + [[0.9, 0.1]] * 4 + [[0.1, 0.9]] * 10)
    plain = from_frames(scores, labels=("calm", "angry"), hop=0.1)
    assert [(s.start, s.end, s.label) for s in plain] == [
        (0, pytest.approx(0.5), "calm"),
        (pytest.approx(0.5), pytest.approx(0.6), "angry"),
        (pytest.approx(0.6), pytest.approx(1.0), "calm"),
        (pytest.approx(1.0), pytest.approx(2.0), "angry"),
    ]
    assert plain.segments[0].scores == {"calm": pytest.approx(0.9), "angry": pytest.approx(0.1)}
    for smooth in ({"median": 3}, {"cost": 1.0}, {"least": 0.2}):
        found = from_frames(scores, labels=("calm", "angry"), hop=0.1, duration=1.95, **smooth)
        assert [s.label for s in found] == ["calm", "angry"], smooth
        assert found.segments[0].end == pytest.approx(1.0)
        assert found.segments[-1].end == found.duration == 1.95


def test_an_hour_of_frames_is_smoothed_in_seconds():
    import time

    scores = np.random.default_rng(0).dirichlet(np.ones(4), 3600 * 50)
    for smooth in ({"least": 0.5}, {"median": 5, "cost": 2.0, "least": 0.5}):
        started = time.process_time()
        found = from_frames(scores, labels=LABELS, hop=0.02, **smooth)
        assert time.process_time() - started < 20
        assert found.duration == pytest.approx(3600)
        assert min(s.duration for s in found) >= 0.5 - 1e-9


# --- error rates


def framed(frames: str, *, hop: float, window: float) -> Timeline:
    """Frames that overlap: each ends in the middle of what it shares with the next."""
    shift = (window - hop) / 2
    ends = [0.0, *(i * hop + shift for i in range(1, len(frames))), (len(frames) - 1) * hop + window]
    return Timeline(tuple(Segment(a, b, (x,)) for a, b, x in zip(ends, ends[1:], frames, strict=False)))


def test_eder_is_speechbrains():
    assert len(REFERENCE) == 200
    for case in REFERENCE:
        label, start, end = case["emotion"]
        ours = tl.eder(
            truth=Timeline((Segment(start, end, (label,)),), duration=case["duration"]),
            prediction=framed(case["frames"], hop=case["hop"], window=case["window"]),
            neutral="n",
            silence_is_wrong=True,
        )
        assert ours == pytest.approx(case["expected"], abs=1e-12)


def test_each_kind_of_error_is_counted_once():
    truth = Timeline((Segment(2, 6, ("joy",)), Segment(7, 8, ("anger",))), duration=10)
    said = Timeline(
        (
            Segment(1, 3, ("joy",)),  # 1 s too early
            Segment(3, 4, ("sadness",)),  # another one
            Segment(4.5, 6, ("joy", "anger")),  # one too many, after half a second of nothing
            Segment(7, 8, ("neutral",)),  # said to be none
        ),
        duration=12,
    )
    found = tl.error_times(truth=truth, prediction=said)
    assert (found.false_alarm, found.confusion, found.overlap, found.missed) == (1, 1, 1.5, 1.5)
    assert tl.eder(truth=truth, prediction=said) == pytest.approx(0.5)
    strict = tl.error_times(truth=truth, prediction=said, silence_is_wrong=True)
    assert (strict.unanswered, strict.missed, strict.false_alarm) == (4.5, 1.0, 1.0)


@often
@given(timelines())
def test_a_timeline_makes_no_error_against_itself(found):
    assert tl.eder(truth=found, prediction=found) == 0
    again = tl.boundary_f1(truth=found, prediction=found, tolerance=0)
    assert again == 1 or math.isnan(again)


@often
@given(pairs)
def test_rates_keep_to_their_bounds_and_add_up(both):
    truth, said = both
    found = tl.error_times(truth=truth, prediction=said)
    rate = tl.eder(truth=truth, prediction=said)
    assert 0 <= rate <= 1
    assert rate == pytest.approx(found.wrong / truth.duration)
    # The two sides change places: what was a false alarm is missed.
    other = tl.error_times(truth=said, prediction=truth)
    assert (other.false_alarm, other.missed) == (pytest.approx(found.missed), pytest.approx(found.false_alarm))
    assert (other.confusion, other.overlap) == (pytest.approx(found.confusion), pytest.approx(found.overlap))
    uar = tl.uar_in_time(truth=truth, prediction=said)
    assert 0 <= uar <= 1
    f1 = tl.boundary_f1(truth=truth, prediction=said)
    assert math.isnan(f1) or 0 <= f1 <= 1


@often
@given(pairs, st.integers(1, 5000))
def test_a_later_start_adds_time_and_no_error(both, ms):
    truth, said = both
    before = tl.error_times(truth=truth, prediction=said)
    after = tl.error_times(truth=truth.shifted(ms / 1000), prediction=said.shifted(ms / 1000))
    assert after.wrong == pytest.approx(before.wrong)
    assert after.duration == pytest.approx(before.duration + ms / 1000)
    assert tl.boundary_f1(truth=truth.between(0, truth.duration), prediction=said) == pytest.approx(
        tl.boundary_f1(truth=truth, prediction=said), nan_ok=True
    )


@often
@given(pairs, st.floats(0.01, 0.99))
def test_a_cut_segment_is_the_same_segment(both, share):
    truth, said = both
    cut = Timeline(
        tuple(
            part
            for s in said
            for part in (
                Segment(s.start, s.start + share * s.duration, s.labels),
                Segment(s.start + share * s.duration, s.end, s.labels),
            )
        ),
        duration=said.duration,
    )
    for measure in (tl.eder, tl.uar_in_time, tl.boundary_f1):
        whole, parts = (measure(truth=truth, prediction=side) for side in (said, cut))
        assert parts == pytest.approx(whole, nan_ok=True), measure


@settings(deadline=None, max_examples=20)
@given(pairs)
def test_frames_of_a_millisecond_give_the_exact_rate(both):
    # Every end lies on a millisecond, so that one frame is one millisecond of one kind.
    truth, said = both
    frames = [[set() for _ in range(round(truth.duration * 1000))] for _ in both]
    for side, out in zip(both, frames, strict=True):
        for s in side:
            for i in range(round(s.start * 1000), min(round(s.end * 1000), len(out))):
                out[i] |= set(s.labels) - {"neutral"}
    wrong = sum(a != b for a, b in zip(*frames, strict=True))
    assert tl.eder(truth=truth, prediction=said) == pytest.approx(wrong / len(frames[0]))


def test_of_several_recordings_time_counts_or_each_alike():
    truth = [Timeline((Segment(0, 1, ("joy",)),), duration=10), Timeline((Segment(0, 1, ("joy",)),), duration=1)]
    said = [Timeline((), duration=10), Timeline((Segment(0, 1, ("joy",)),), duration=1)]
    assert tl.eder_statistic(truth=truth, prediction=said).value == pytest.approx(1 / 11)
    assert tl.eder_mean_statistic(truth=truth, prediction=said).value == pytest.approx(0.05)
    found = bootstrap({"eder": tl.eder_statistic(truth=truth, prediction=said)}, samples=200)["eder"]
    assert (found.low, found.high) == (0, pytest.approx(0.1))
    with pytest.raises(ValueError, match="2 timelines of truth and 1"):
        tl.eder_statistic(truth=truth, prediction=said[:1])


def test_undefined_is_not_zero():
    empty = Timeline()
    assert math.isnan(tl.eder(truth=empty, prediction=empty))
    assert math.isnan(tl.uar_in_time(truth=empty, prediction=empty))
    assert math.isnan(tl.boundary_f1(truth=empty, prediction=empty))


def test_recall_in_seconds_is_a_mean_over_labels():
    truth = Timeline((Segment(0, 8, ("joy",)), Segment(8, 10, ("anger",))), duration=10)
    said = Timeline((Segment(0, 10, ("joy",)),), duration=10)
    assert tl.uar_in_time(truth=truth, prediction=said) == pytest.approx(0.5)
    f1 = tl.f1_per_label_in_time_statistic(truth=[truth], prediction=[said], labels=("joy", "anger", "fear")).values
    assert f1 == pytest.approx([16 / 18, 0, math.nan], nan_ok=True)


def test_boundaries_are_matched_one_to_one_within_the_tolerance():
    truth = Timeline((Segment(1, 2, ("joy",)), Segment(4, 5, ("anger",))), duration=6)
    said = Timeline((Segment(1.3, 2.2, ("joy",)), Segment(2.3, 3, ("anger",))), duration=6)
    # Begin and end of joy, of four true and four given ones; 2.3 is as near to 2, which has its partner.
    assert tl.boundary_f1(truth=truth, prediction=said, tolerance=0.3) == pytest.approx(0.5)
    assert tl.boundary_f1(truth=truth, prediction=said, tolerance=0.25) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="tolerance"):
        tl.boundary_f1(truth=truth, prediction=said, tolerance=-1)


@often
@given(pairs, st.sampled_from([0.05, 0.1, 0.5]))
def test_frames_at_a_hop_are_scored_as_by_scikit_learn(both, hop):
    a, b = (tl.sampled(side, hop=hop) for side in both)
    assert len(a) == len(b)
    assert accuracy(truth=a, prediction=b) == pytest.approx(accuracy_score(a, b))
    recalls = recall_score(a, b, labels=sorted(set(a)), average="macro", zero_division=0)
    assert unweighted_average_recall(truth=a, prediction=b) == pytest.approx(recalls)
