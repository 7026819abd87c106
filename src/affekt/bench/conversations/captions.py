"""Captions of made turns from what is heard of them, against what is written from how they were made.

A facet is scored by ROUGE-L; the control deals the same captions out among the turns.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from affekt.bench.conversations import plan_of
from affekt.bench.conversations.voiced import Turns, heard_turns, learned
from affekt.bench.voices import Scores
from affekt.catalog.dialogues import talk
from affekt.catalog.maps import centroids
from affekt.catalog.studies import Study
from affekt.core.works import implements
from affekt.features.captions import FACETS, Captions, captions, written
from affekt.features.cues import CUES
from affekt.metrics.overlap import rouge_l_statistic
from affekt.metrics.statistic import Statistic
from affekt.models.registry import load_voice

__all__ = ["scores"]

_NAMED = ("pitch", "loudness", "rate")


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which captions a turn has.

    Attributes:
        dialogues: Conversations that are made with each seed.
        turns: Turns of each.
        dealt: Whether captions are dealt out anew among the turns: the control.
    """

    dialogues: int = 16
    turns: int = 8
    dealt: bool = False


@implements(works=["emotiontalk"])
def scores(entry: Study, *, data: str | Path | None, limit: int | None, progress: Callable[..., None]) -> list[Scores]:
    """Make, speak and hear conversations with each seed, and caption them; conversations are what intervals draw."""
    plans = {v.name: plan_of(_Plan, entry, v.conversation) for v in entry.ways}
    plan, ear = next(iter(plans.values())), load_voice()
    found: dict[str, dict[str, list[Statistic]]] = {f"rouge_l_{facet}": {} for facet in FACETS}
    for seed in entry.seeds[: 1 if limit else None]:
        turns = heard_turns(ear, seed, progress, dialogues=plan.dialogues, turns=plan.turns, feeling=True)
        rng = np.random.default_rng(seed)
        given, wanted = _given(turns), _wanted(turns, rng)
        order = rng.permutation(len(given))
        for name, way in plans.items():
            own = [given[k] for k in order] if way.dealt else given
            for facet in FACETS:
                both = {"truth": [getattr(c, facet) for c in wanted], "prediction": [getattr(c, facet) for c in own]}
                found[f"rouge_l_{facet}"].setdefault(name, []).append(rouge_l_statistic(**both).by(turns.whose))
    return [Scores(key, True, of) for key, of in found.items()]


def _given(turns: Turns) -> list[Captions]:
    """From what is heard: pitch of the voice, departures from its manner, and the emotion that a head hears."""
    labels = talk().course.labels
    at = [next(k for k, cue in enumerate(CUES) if cue.name == name) for name in _NAMED]
    out: dict[int, Captions] = {}
    said = learned(turns, labels)
    for voice in np.unique(turns.heard.speakers):
        rows = np.flatnonzero(turns.heard.speakers == voice)
        own = turns.cues[rows][:, at]
        z = (own - np.nanmedian(own, 0)) / (np.nanstd(own, 0) + 1e-9)
        pitch = float(np.nanmedian(turns.pitch[rows]))
        for row, departs in zip(rows.tolist(), z.tolist(), strict=True):
            named = dict(zip(_NAMED, departs, strict=True))
            out[row] = captions(pitch=pitch, departures=named, emotion=labels[said[row]])
    return [out[k] for k in range(len(said))]


def _wanted(turns: Turns, rng: np.random.Generator) -> list[Captions]:
    """From how they were made: the kind of voice, the arousal of the emotion's place, the emotion."""
    places = centroids("goemotions", "concept-va").points
    out = []
    for voice, emotion in zip(turns.heard.speakers.tolist(), turns.heard.labels.tolist(), strict=True):
        arousal = float(places[emotion].mean["arousal"]) if emotion in places else 0.0
        a, b, c = (int(k) for k in rng.integers(0, 3, 3))
        out.append(written(woman="+f" in voice, arousal=arousal, emotion=emotion, way=(a, b, c)))
    return out
