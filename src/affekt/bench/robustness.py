"""How a recipe of the voice bears noise, rooms, distance and lines, on speakers that it never heard.

Heads are trained for each fold of a task's speakers, from recordings as they are and, for each further way of learning,
from these and a copy of each under simulated conditions. Then the held-out speakers are heard under each condition and
level. What is trained and asked is the same everywhere, so differences are of the sound alone.
"""

from __future__ import annotations

import json
import math
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.bench.folds import check_folds
from affekt.bench.tasks import task
from affekt.catalog.conditions import Condition, condition, conditions
from affekt.catalog.corpora import ALL, Corpus, corpus
from affekt.catalog.maps import space_map
from affekt.catalog.recipes import VoiceRecipe
from affekt.core.clip import Clip
from affekt.core.errors import OutputError, UnknownNameError
from affekt.core.works import implements
from affekt.corpora.files import recording_of
from affekt.corpora.read import read
from affekt.features.disturb import disturb
from affekt.media.sound import Sound, read_sound
from affekt.media.speech import trimmed
from affekt.metrics import paired_bootstrap
from affekt.metrics.bootstrap import bootstrap
from affekt.metrics.classification import unweighted_average_recall_statistic
from affekt.metrics.statistic import Statistic
from affekt.train.voice.fit import Fitted, Heard, fit_head, folds_of, speaker_of
from affekt.train.voice.make import open_ear

__all__ = ["CLEAN", "LEARNED", "Point", "Robustness", "Step", "robustness"]

CLEAN = "clean"
LEARNED: Mapping[str, tuple[str, ...]] = {
    CLEAN: (),
    "distance": ("distance",),
    "all": ("white", "pink", "reverberation", "distance", "slower", "faster"),
}
"""Ways of learning: the conditions that copies of the training recordings are under."""

_VOICES = 6  # people in a babble

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Point:
    """Unweighted average recall under one condition.

    Attributes:
        manner: How recordings are read: `alone`, or `beside` the speaker's own manner under the same condition.
        condition: Its name; empty for recordings as they are.
        level: How much of it.
        learned: The way of learning.
        uar: The score, with
        low: the lower and
        high: the upper end of its 95 % interval from drawing speakers anew.
    """

    manner: str
    condition: str
    level: float
    learned: str
    uar: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Step:
    """What a way of learning brings under a condition, over all its levels together, against `clean`.

    Attributes:
        manner: As of a point.
        condition: The condition.
        learned: The way of learning.
        gain: Difference of unweighted average recall, with
        low: the lower and
        high: the upper end of its 95 % interval, on the same draws of speakers.
        regained: Share of what the condition costs that it brings back; NaN where nothing is lost.
    """

    manner: str
    condition: str
    learned: str
    gain: float
    low: float
    high: float
    regained: float


@dataclass(frozen=True, slots=True)
class Robustness:
    """What came out.

    Attributes:
        task: Id of the task.
        version: Its version.
        recipe: Name and version of the recipe.
        rows: Recordings asked under each condition.
        speakers: Their speakers.
        learned: Ways of learning, with the conditions of each.
        seed: Seed of all chance.
        points: Scores, conditions in the order of the catalogue.
        steps: What learning from disturbed copies brings.
    """

    task: str
    version: str
    recipe: str
    rows: int
    speakers: int
    learned: dict[str, tuple[str, ...]]
    seed: int
    points: tuple[Point, ...]
    steps: tuple[Step, ...]

    def encode(self) -> str:
        """As JSON."""
        return json.dumps(_plain(asdict(self)), indent=1)

    def save(self, file: Path) -> None:
        """Write it as JSON.

        Raises:
            OutputError: It cannot be written.
        """
        try:
            file.write_text(self.encode() + "\n", encoding="utf-8")
        except OSError as err:
            raise OutputError(f"It cannot be written: {err.strerror}", where=str(file)) from err


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, 5)
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def _random(*what: object) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(str(w).encode()) for w in what])


class _Babble:
    """Six people who are not the speaker, from the recordings that are asked."""

    def __init__(self, sounds: Sequence[Sound], speakers: NDArray[np.str_], own: str) -> None:
        self.sounds = sounds
        self.others = np.flatnonzero(speakers != own)

    def __call__(self, count: int, random: np.random.Generator) -> NDArray[np.float32]:
        out = np.zeros(count)
        for k in random.choice(self.others, min(_VOICES, len(self.others)), replace=False):
            line = self.sounds[k].samples.astype(np.float64)
            turned = np.resize(np.roll(line, int(random.integers(len(line)))), count)
            out += turned / max(float(np.sqrt(np.mean(turned**2))), 1e-9)
        return out.astype(np.float32)


@implements(works=["berst", "w2v2-dawn"])
def robustness(
    name: str,
    recipe: VoiceRecipe,
    *,
    recipe_name: str,
    asked: Sequence[str] = (),
    learned: Sequence[str] = ("distance",),
    every: int = 1,
    data: str | Path | None = None,
    encoder: Path | None = None,
    samples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Robustness:
    """Train a recipe for each fold of a task's speakers, and ask it under simulated conditions of recording.

    The speech in a recording is found before it is disturbed. A copy to learn from is of one condition and level for
    all recordings of a speaker, as they would be from one microphone. The strength of heads is chosen on clean
    recordings of speakers left out of what they learn from, and kept. A recording that is too quiet to be heard under
    a condition counts as answered wrongly.

    Args:
        name: Id of the task; its folds are of speakers.
        recipe: What is trained.
        recipe_name: What the recipe is called.
        asked: Names of conditions; default all.
        learned: Ways of learning, of `LEARNED`; `clean` is always among them.
        every: Ask each n-th recording of a speaker only; all are learned from.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        encoder: Folder of the recipe's encoder; default the graph of the bundled model made from it.
        samples: Number of bootstrap resamples.
        seed: Seed of all chance.
        progress: Called with what is done, how much of it, and of how much.

    Raises:
        UnknownNameError: There is no such task, condition or way of learning.
        InputError: The task has no folds of speakers, or the encoder is needed and not given.
        DataError: A corpus is missing.
    """
    chosen = task(name)
    check_folds(chosen)
    for way in learned:
        if way not in LEARNED:
            raise UnknownNameError("way of learning", way, LEARNED)
    ways = {CLEAN: (), **{way: LEARNED[way] for way in LEARNED if way in learned}}
    under = [condition(each) for each in asked] or list(conditions().values())
    order = list(chosen.space.labels)
    corpora = [chosen.corpus, *(c for c in map(corpus, recipe.corpora) if c.folder != chosen.corpus.folder)]

    def told(what: str, done: int, total: int) -> None:
        if progress:
            progress(what, done, total)

    with tempfile.TemporaryDirectory() as place:
        ear = open_ear(recipe, Path(place), name=recipe_name, encoder=encoder)
        whole = replace(ear.cut, longest=math.inf)
        taught: dict[str, list[Heard]] = {}
        rows: list[tuple[Clip, str, str, Sound]] = []
        for entry in corpora:
            vectors: dict[str, list[NDArray[np.float32] | None]] = {way: [] for way in ways}
            about: list[tuple[str, str, str]] = []
            examples = _labelled(entry, chosen.space.id, data)
            counted: dict[str, int] = {}
            for number, (clip, label) in enumerate(examples, 1):
                sound = trimmed(read_sound(recording_of(entry, clip, data)), options=whole)
                speaker = speaker_of(entry, clip)
                for way, drawn in ways.items():
                    copy = _copy(sound, drawn, _random(seed, "level", way, speaker), _random(seed, way, clip.id))
                    vectors[way].append(ear.hear(copy))
                about.append((clip.id, label, speaker))
                counted[speaker] = counted.get(speaker, 0) + 1
                if entry is chosen.corpus and counted[speaker] % every == 0:
                    rows.append((clip, label, speaker, sound))
                told(f"hear {entry.id}", number, len(examples))
            for way, found in vectors.items():
                taught.setdefault(way, []).append(_heard(about, found))
        asked_of = np.array([speaker for _, _, speaker, _ in rows])
        sounds = [sound for *_, sound in rows]
        disturbed: dict[tuple[str, float], Heard] = {}
        places = [(None, 0.0), *((some, level) for some in under for level in some.levels)]
        about = [(clip.id, label, speaker) for clip, label, speaker, _ in rows]
        for one, level in places:
            found = []
            for clip, _, speaker, sound in rows:
                if one is not None:
                    random = _random(seed, one.name, level, clip.id)
                    sound = disturb(sound, one, level, random, babble=_Babble(sounds, asked_of, speaker))
                found.append(ear.hear(sound))
            disturbed[one.name if one else "", level] = _heard(about, found)
            told("hear under conditions", len(disturbed), len(places))
    truth = np.array([order.index(label) for _, label, _, _ in rows])
    ids = np.array([clip.id for clip, *_ in rows])
    answers: dict[tuple[str, str, float, str], NDArray[np.intp]] = {}
    for manner in ("alone", "beside"):
        known = {w: [_side(h, manner) for h in hs] for w, hs in taught.items()}
        fitted = _train(list(ways), known, chosen.corpus, order, recipe, told)
        for (name_, level), heard in disturbed.items():
            own = _side(heard, manner)
            answered = np.isin(ids, own.ids)
            for way in ways:
                said = (truth + 1) % len(order)  # what is too quiet to be heard is not right
                for held, heads in fitted:
                    fold = np.isin(own.speakers, held)
                    said[answered & np.isin(asked_of, held)] = heads[way].logits(own.vectors[fold]).argmax(1)
                answers[manner, name_, level, way] = said
    scored = {" ".join(map(str, k)): _uar(truth, said, len(order), asked_of) for k, said in answers.items()}
    spread = bootstrap(scored, samples=samples, seed=seed)
    points = []
    for key in answers:
        score = spread[" ".join(map(str, key))]
        points.append(Point(*key, float(score.value), float(score.low), float(score.high)))
    steps = [
        _step(manner, each, way, answers, truth, len(order), asked_of, samples, seed)
        for manner in ("alone", "beside")
        for each in under
        for way in ways
        if way != CLEAN
    ]
    return Robustness(
        task=chosen.id,
        version=chosen.entry.version,
        recipe=f"{recipe_name}@{recipe.version}",
        rows=len(rows),
        speakers=len(set(asked_of)),
        learned=dict(ways),
        seed=seed,
        points=tuple(points),
        steps=tuple(steps),
    )


def _side(heard: Heard, manner: str) -> Heard:
    return heard.beside_speakers() if manner == "beside" else heard


def _labelled(entry: Corpus, space: str, data: str | Path | None) -> list[tuple[Clip, str]]:
    """Recordings of a corpus whose labels can be carried to a space."""
    weights = space_map(entry.space, space).weights
    carry = {label: max(row, key=row.__getitem__) for label, row in weights.items() if row}
    return [(c, carry[g.labels[0]]) for c, g in read(entry, split=ALL, data=data) if g.labels[0] in carry]


def _copy(sound: Sound, drawn: Sequence[str], own: np.random.Generator, random: np.random.Generator) -> Sound:
    """The recording under a condition that is its speaker's, or as it is."""
    if not drawn:
        return sound
    each = condition(drawn[int(own.integers(len(drawn)))])
    assert each.train is not None
    low, high = each.train
    # Ratios and distances are felt in steps of equal factors; dB are such already.
    level = np.exp(own.uniform(np.log(low), np.log(high))) if each.kind == "distance" else own.uniform(low, high)
    return disturb(sound, each, float(level), random)


def _heard(about: Sequence[tuple[str, str, str]], vectors: Sequence[NDArray[np.float32] | None]) -> Heard:
    kept = [k for k, vector in enumerate(vectors) if vector is not None]
    ids, labels, speakers = (np.array([about[k][i] for k in kept]) for i in range(3))
    return Heard(ids, np.stack([v for v in vectors if v is not None]), labels, speakers)


def _train(
    ways: Sequence[str],
    taught: Mapping[str, Sequence[Heard]],
    entry: Corpus,
    order: Sequence[str],
    recipe: VoiceRecipe,
    told: Progress,
) -> list[tuple[NDArray[np.str_], dict[str, Fitted]]]:
    """For each fold its speakers, and the head of each way that heard none of them."""
    clean = taught[CLEAN][0]
    folds = folds_of(clean.speakers, entry)
    out = []
    for number, rows in enumerate(folds, 1):
        held = np.unique(clean.speakers[rows])

        def rest(way: str, held: NDArray[np.str_] = held) -> Heard:
            own, *others = (h[~np.isin(h.speakers, held)] for h in taught[way])
            for other in others:
                own = own.and_(other)
            return own

        plain = rest(CLEAN)
        heads = {CLEAN: fit_head(plain, order, strengths=recipe.strengths)}
        kept = (heads[CLEAN].strength,)
        heads |= {way: fit_head(plain.and_(rest(way)), order, strengths=kept) for way in ways if way != CLEAN}
        out.append((held, heads))
        told("folds of speakers", number, len(folds))
    return out


def _uar(truth: NDArray[np.intp], said: NDArray[np.intp], labels: int, speakers: NDArray[np.str_]) -> Statistic:
    return unweighted_average_recall_statistic(truth=truth, prediction=said, labels=np.arange(labels)).by(speakers)


def _step(
    manner: str,
    each: Condition,
    way: str,
    answers: Mapping[tuple[str, str, float, str], NDArray[np.intp]],
    truth: NDArray[np.intp],
    labels: int,
    speakers: NDArray[np.str_],
    samples: int,
    seed: int,
) -> Step:
    """All levels of a condition as one set of answers."""
    many, who = np.tile(truth, len(each.levels)), np.tile(speakers, len(each.levels))
    said = {
        w: _uar(many, np.concatenate([answers[manner, each.name, level, w] for level in each.levels]), labels, who)
        for w in (CLEAN, way)
    }
    found = paired_bootstrap(first=said[way], second=said[CLEAN], samples=samples, seed=seed)
    lost = _uar(truth, answers[manner, "", 0.0, CLEAN], labels, speakers).value - said[CLEAN].value
    regained = float(found.value / lost) if lost > 0 else float("nan")
    return Step(manner, each.name, way, float(found.value), float(found.low), float(found.high), regained)
