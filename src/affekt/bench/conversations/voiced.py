"""Whether the emotion of a turn that was made and spoken is heard in it by who knew neither its voice nor its words.

The same turns spoken without feeling stand beside: what is heard in them is what words and lengths give away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from affekt.bench.conversations import plan_of
from affekt.bench.voices import Scores
from affekt.catalog.dialogues import talk
from affekt.catalog.maps import space_map
from affekt.catalog.studies import Study
from affekt.core.clip import Clip
from affekt.core.works import implements
from affekt.features.cues import cue_values
from affekt.features.stream import descriptors
from affekt.metrics.classification import accuracy_statistic, unweighted_average_recall_statistic
from affekt.metrics.statistic import Statistic
from affekt.models.registry import load_voice
from affekt.models.voice import Baseline, VoiceRecogniser
from affekt.train.converse.speakers import Templates
from affekt.train.converse.talks import talks, voiced
from affekt.train.voice.fit import Heard, fit_head

__all__ = ["Turns", "heard_turns", "learned", "scores"]

_STRENGTH = 0.001


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How turns are spoken, and who hears them.

    Attributes:
        dialogues: Conversations that are made with each seed.
        turns: Turns of each.
        feeling: Whether turns are spoken with the feeling of their emotion, or all alike.
        heard: By a head that `learned` from other voices with other sentences, by the bundled model of people's voices
            (`bundled`), or by nobody: the most frequent emotion (`majority`).
    """

    dialogues: int = 24
    turns: int = 8
    feeling: bool = True
    heard: Literal["learned", "bundled", "majority"] = "learned"


@dataclass(frozen=True)
class Turns:
    """Turns that were spoken and heard.

    Attributes:
        heard: Their vectors, emotions and voices.
        whose: The conversation of each, shape (turns,).
        by: Whose sentence it is, shape (turns,).
        cues: What was measured of each (`affekt.features.cues`), shape (turns, cues).
        pitch: Median pitch in Hz, shape (turns,); NaN where nothing is voiced.
    """

    heard: Heard
    whose: NDArray[np.str_]
    by: NDArray[np.str_]
    cues: NDArray[np.float64]
    pitch: NDArray[np.float64]


@implements(works=["deepdialogue"])
def scores(entry: Study, *, data: str | Path | None, limit: int | None, progress: Callable[..., None]) -> list[Scores]:
    """Make, speak and hear conversations with each seed; conversations are what intervals draw."""
    plans = {v.name: plan_of(_Plan, entry, v.conversation) for v in entry.ways}
    order, ear = talk().course.labels, load_voice()
    found: dict[str, dict[str, list[Statistic]]] = {"uar": {}, "accuracy": {}}
    for seed in entry.seeds[: 1 if limit else None]:
        spoken: dict[bool, Turns] = {}
        for name, plan in plans.items():
            if plan.feeling not in spoken:
                many = {"dialogues": plan.dialogues, "turns": plan.turns, "feeling": plan.feeling}
                spoken[plan.feeling] = heard_turns(ear, seed, progress, **many)
            turns = spoken[plan.feeling]
            truth, whose = np.array([order.index(label) for label in turns.heard.labels]), turns.whose
            both = {"truth": truth, "prediction": _said(plan, turns, ear, order)}
            uar = unweighted_average_recall_statistic(**both, labels=np.arange(len(order)))
            found["uar"].setdefault(name, []).append(uar.by(whose))
            found["accuracy"].setdefault(name, []).append(accuracy_statistic(**both).by(whose))
    return [Scores(key, True, of) for key, of in found.items()]


def heard_turns(
    ear: VoiceRecogniser, seed: int, progress: Callable[..., None], *, dialogues: int, turns: int, feeling: bool
) -> Turns:
    """Conversations of two speakers of ours, made, spoken and heard.

    Args:
        ear: What hears them.
        seed: Seed of what is said and how.
        progress: Called with (variant, what is done, step, steps, loss).
        dialogues: How many are made.
        turns: Turns of each.
        feeling: Whether turns are spoken with the feeling of their emotion.

    Raises:
        MissingExtraError: espeak-ng is not installed.
    """
    pair = (Templates("steady"), Templates("lively"))
    rows: list[tuple[str, str, str, str, str]] = []
    vectors, cues, pitch = [], [], []
    for k, one in enumerate(islice(talks([pair], turns=turns, seed=seed), dialogues)):
        progress("felt" if feeling else "flat", f"seed {seed}", k, dialogues, 0.0)
        spoken = voiced(one, seed=seed, flat=not feeling)
        for n, (turn, (voice, sound)) in enumerate(zip(one.turns, spoken, strict=True)):
            vector = ear.hear_utterance(sound)
            if vector is None:
                continue
            rows.append((f"{one.id}-{n}", turn.emotion, voice, one.id, turn.by))
            vectors.append(vector)
            measured = descriptors(sound.samples)
            cues.append(cue_values(measured))
            voiced_frames = measured["f0_hz"][~np.isnan(measured["f0_hz"])]
            pitch.append(float(np.median(voiced_frames)) if len(voiced_frames) else float("nan"))
    ids, labels, voices, whose, by = (np.array(column) for column in zip(*rows, strict=True))
    return Turns(Heard(ids, np.stack(vectors), labels, voices), whose, by, np.stack(cues), np.array(pitch))


def learned(turns: Turns, order: tuple[str, ...]) -> NDArray[np.intp]:
    """The emotion of each turn by a head that learned from the other speaker's sentences in other voices."""
    beside, out = turns.heard.beside_speakers(), np.zeros(len(turns.by), np.intp)
    other = np.isin(turns.heard.speakers, np.unique(turns.heard.speakers)[::2])
    for whose in np.unique(turns.by):
        for half in (other, ~other):
            asked = half & (turns.by == whose)
            rest = beside[~half & (turns.by != whose)]
            # Emotions count alike in the score, however often they come (Menon et al. 2021).
            often = np.array([max((rest.labels == label).mean(), 1e-9) for label in order])
            logits = fit_head(rest, order, strengths=(_STRENGTH,)).logits(beside.vectors[asked])
            out[asked] = np.where(often > 1e-9, logits - np.log(often), -np.inf).argmax(1)
    return out


def _said(plan: _Plan, turns: Turns, ear: VoiceRecogniser, order: tuple[str, ...]) -> NDArray[np.intp]:
    heard = turns.heard
    if plan.heard == "majority":
        names, counts = np.unique(heard.labels, return_counts=True)
        return np.full(len(heard.ids), order.index(str(names[counts.argmax()])))
    if plan.heard == "learned":
        return learned(turns, order)
    weights = space_map("ravdess", "ekman-neutral").weights
    manner = {voice: Baseline.of(heard.vectors[heard.speakers == voice]) for voice in np.unique(heard.speakers)}
    answers = []
    for row, vector in enumerate(heard.vectors):
        judged = ear.judge(Clip(str(heard.ids[row])), vector, baseline=manner[heard.speakers[row]], space="ravdess")
        carried = dict.fromkeys(order, 0.0)
        for label, score in judged.scores.items():
            for into, share in weights[label].items():
                carried[into] += share * score
        answers.append(order.index(max(carried, key=carried.__getitem__)))
    return np.array(answers)
