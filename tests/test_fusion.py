"""One reading of several channels, and their conflict."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.catalog.fusion import fusion
from affekt.catalog.spaces import space
from affekt.core.channel import Channel
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.prediction import Evidence, Prediction
from affekt.explain.conflict import conflict_of
from affekt.models.fusion import carried, distances, fuse, mixture

LABELS = space("ekman-neutral").labels


def reading(label: str, sure: float = 0.9, *, id: str = "a", **more) -> Prediction:
    rest = (1 - sure) / (len(LABELS) - 1)
    return Prediction(id, "ekman-neutral", {name: sure if name == label else rest for name in LABELS}, (label,), **more)


def test_channels_of_one_clip_become_one_reading():
    evidence = Evidence("voice", "pitch", 0.0, 1.0, 0.2, "joy")
    found = fuse({"text": reading("joy"), "voice": reading("joy", 0.7, evidence=(evidence,), model="voice@1.0")})
    assert found.labels == ("joy",) and found.top == "joy" and found.confidence == found.scores["joy"] > 0.5
    assert sum(found.scores.values()) == pytest.approx(1) and tuple(found.scores) == LABELS
    assert sum(c.weight for c in found.channels.values()) == pytest.approx(1)
    mixed = {name: sum(c.weight * c.scores[name] for c in found.channels.values()) for name in LABELS}
    assert found.scores == pytest.approx(mixed)
    assert found.evidence == (evidence,) and "voice@1.0" in found.model
    low, high = found.intervals["valence"]
    assert low <= found.dimensions["valence"] <= high and found.dimensions["valence"] > 3


def test_a_flat_channel_leaves_it_to_the_other():
    for other in ("text", "voice"):
        one = "voice" if other == "text" else "text"
        found = fuse({one: reading("neutral", 0.8), other: reading("anger", 0.8)})
        assert found.labels == ("anger",), one
        assert found.channels[other].weight > 0.5


def test_channels_may_be_missing():
    alone = fuse({"voice": reading("fear")})
    assert alone.labels == ("fear",) and alone.channels["voice"].weight == 1
    silent = Prediction("a", "goemotions", abstained="empty")
    assert fuse({"text": silent, "voice": reading("fear")}).scores == pytest.approx(alone.scores)
    nothing = fuse({"text": silent, "voice": Prediction("a", "ravdess", abstained="no speech: silent")})
    assert nothing.abstained == "no channel: text: empty; voice: no speech: silent"
    assert not nothing.scores and not nothing.channels and conflict_of(nothing.channels) is None
    tables = {k: np.full((3, len(LABELS)), np.nan) for k in ("text", "voice")}
    tables["text"][0] = tables["voice"][1] = 1 / len(LABELS)
    mixed, weights, _ = mixture(tables)
    assert weights["text"][:2].tolist() == [1, 0] and np.isnan(weights["text"][2])
    assert mixed[:2].sum(1) == pytest.approx(1) and np.isnan(mixed[2]).all()


def test_channels_are_carried_to_one_space():
    eight = space("ravdess").labels
    voice = Prediction("a", "ravdess", {name: 0.3 if name in ("calm", "neutral") else 0.4 / 6 for name in eight})
    assert carried(voice)[LABELS.index("neutral")] == pytest.approx(0.6)
    comment = Prediction("a", "goemotions", {"gratitude": 0.9, "sadness": 0.1})
    assert carried(comment).sum() == pytest.approx(1) and LABELS[carried(comment).argmax()] == "joy"
    face = Prediction("a", "fer2013", dict.fromkeys(space("fer2013").labels, 1 / 7))
    assert set(fuse({"face": face, "text": comment}).channels) == {"face", "text"}


def test_what_cannot_be_one_reading_is_refused():
    with pytest.raises(InputError, match="2 clips"):
        fuse({"text": reading("joy"), "voice": reading("joy", id="b")})
    with pytest.raises(InputError, match="0 clips"):
        fuse({})
    with pytest.raises(UnknownNameError, match="voice"):
        fuse({"voices": reading("joy")})


def test_conflict_grows_with_the_distance_of_channels():
    def between(**labels: tuple[str, float]) -> dict[str, Channel]:
        return dict(fuse({name: reading(*said) for name, said in labels.items()}).channels)

    agree = conflict_of(between(text=("joy", 0.9), voice=("joy", 0.8)))
    apart = conflict_of(between(text=("joy", 0.9), voice=("anger", 0.8)))
    assert agree is not None and apart is not None
    assert 0 < agree.score < 0.5 < apart.score < 1 and set(apart.between) == {"text", "voice"}
    three = conflict_of(between(text=("joy", 0.9), voice=("joy", 0.8), face=("sadness", 0.95)))
    assert three is not None and "face" in three.between and three.score > agree.score
    assert conflict_of(between(text=("joy", 0.9))) is None


def test_distances_are_within_bounds_and_symmetrical():
    rng = np.random.default_rng(0)
    one, other = (rng.dirichlet(np.full(len(LABELS), 0.3), 50) for _ in range(2))
    found = distances(one, other, neutral=0)
    assert ((found >= 0) & (found <= 1)).all()
    assert found == pytest.approx(distances(other, one, neutral=0))
    same = distances(one, one, neutral=0)
    assert same[:, [0, 2]] == pytest.approx(0, abs=1e-12)
    point = np.eye(len(LABELS))
    assert distances(point[:1], point[1:2], neutral=0) == pytest.approx(np.ones((1, 3)))


def test_what_weighs_channels_says_what_it_was_fitted_on():
    plan = fusion()
    assert plan.channels["text"].fitted and plan.channels["voice"].fitted and not plan.channels["face"].fitted
    assert "GoEmotions" in plan.note and "Faces" in plan.note
    assert plan.channels["voice"].sure > 0 and plan.disagreement.divergence + plan.disagreement.differs > 0
