"""Heads that read vectors of stretches of speech, and how well they do on speakers that they never heard.

A head is multinomial logistic regression on standardised vectors. How closely it follows its rows (C) is chosen by
unweighted average recall on speakers that are left out, within the rows that it learns from and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.maps import space_map
from affekt.core.errors import CatalogError, DataError
from affekt.corpora import read
from affekt.corpora.files import data_folder
from affekt.extras import need
from affekt.media.sound import Sound, read_sound
from affekt.media.speech import SpeechOptions, speech
from affekt.models.voice import Baseline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["STRENGTHS", "Fitted", "Heard", "fit_head", "folds_of", "hear_corpus", "held_out", "trimmed"]

STRENGTHS = (0.0003, 0.001, 0.003, 0.01)
"""What is tried for C."""

_INNER = 5
_SPEECH = SpeechOptions(least_silence=0.5, padding=0.1)


@dataclass(frozen=True)
class Heard:
    """Recordings as vectors.

    Attributes:
        ids: Their ids.
        vectors: Shape (rows, width).
        labels: Shape (rows,), of the corpus or of the space that they were carried to.
        speakers: Shape (rows,), with the corpus in front where there are several.
    """

    ids: NDArray[np.str_]
    vectors: NDArray[np.float32]
    labels: NDArray[np.str_]
    speakers: NDArray[np.str_]

    def __getitem__(self, rows: NDArray[np.bool_]) -> Heard:
        return Heard(self.ids[rows], self.vectors[rows], self.labels[rows], self.speakers[rows])

    def and_(self, other: Heard) -> Heard:
        """Both, one after the other."""
        names = ("ids", "vectors", "labels", "speakers")
        return Heard(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names))

    def beside_speakers(self) -> Heard:
        """The same with each vector as it departs from its speaker's own manner."""
        vectors = self.vectors.copy()
        for name in np.unique(self.speakers):
            own = self.speakers == name
            vectors[own] = Baseline.of(vectors[own]).apart(vectors[own])
        return Heard(self.ids, vectors, self.labels, self.speakers)


@dataclass(frozen=True)
class Fitted:
    """A head: logits are `(vector - mean) / sd @ weight + bias`.

    Attributes:
        mean: Shape (width,).
        sd: Shape (width,).
        weight: Shape (width, labels).
        bias: Shape (labels,).
        strength: The C that was chosen.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    strength: float

    def logits(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Shape (rows, labels)."""
        out: NDArray[np.float64] = (vectors - self.mean) / self.sd @ self.weight + self.bias
        return out


def trimmed(sound: Sound) -> Sound:
    """From the first speech in a recording to the last; all of it where none is found."""
    found = list(speech(sound, options=_SPEECH))
    return sound.cut(found[0][0], found[-1][1]) if found else sound


def hear_corpus(
    name: str,
    hear: Callable[[Sound], NDArray[np.float32] | None],
    *,
    labels: str | None = None,
    data: str | Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Heard:
    """Every recording of a corpus as a vector, whatever split it is in.

    Args:
        name: Id of a corpus whose rows are files.
        hear: What makes a vector of a sound; rows of which it makes none are left out.
        labels: Space that labels are carried to by the catalogue's maps of equal names; rows without a label there
            are left out. Default the corpus' own.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        progress: Called with the number of recordings done.

    Raises:
        CatalogError: Rows of the corpus are not files.
        DataError: A file is missing, or no row is left.
    """
    entry = corpus(name)
    folder = data_folder(data) / entry.folder
    carry = None if labels in (None, entry.space) else _carrier(entry.space, labels)
    rows = []
    for split in entry.splits:
        for clip, target in read(entry, split=split, data=data):
            if "file" not in clip.facts:
                raise CatalogError(f"Rows of the corpus {name} are not files")
            label = target.labels[0] if carry is None else carry.get(target.labels[0])
            vector = hear(trimmed(read_sound(folder / clip.facts["file"]))) if label else None
            if vector is not None:
                rows.append((clip.id, vector, label, f"{name} {clip.speaker}"))
            if progress:
                progress(1)
    if not rows:
        raise DataError(f"The corpus {name} has no recording with one of the labels")
    ids, vectors, found, speakers = zip(*rows, strict=True)
    return Heard(np.array(ids), np.stack(vectors), np.array(found), np.array(speakers))


def _carrier(origin: str, target: str) -> dict[str, str]:
    """Label -> the one label of another space with the same place in Ekman's six and neutral."""
    here, there = space_map(origin, "ekman-neutral"), space_map(target, "ekman-neutral")

    def places(weights: Any) -> dict[str, str]:
        return {label: max(row, key=row.__getitem__) for label, row in weights.items() if row}

    back: dict[str, str] = {}
    for label, place in places(there.weights).items():
        back.setdefault(place, label)  # neutral before calm
    return {label: back[place] for label, place in places(here.weights).items() if place in back}


def folds_of(speakers: NDArray[np.str_], count: int) -> list[NDArray[np.bool_]]:
    """Rows of each of so many groups of speakers, dealt out in the order of their names."""
    names = np.unique(speakers)
    return [np.isin(speakers, names[k :: min(count, len(names))]) for k in range(min(count, len(names)))]


def _logistic(heard: Heard, order: Sequence[str], strength: float) -> Fitted:
    linear = need("sklearn.linear_model", extra="train")
    mean, sd = heard.vectors.mean(0, dtype=np.float64), heard.vectors.std(0, dtype=np.float64) + 1e-6
    model = linear.LogisticRegression(C=strength, max_iter=300)
    model.fit((heard.vectors - mean) / sd, heard.labels)
    weight = np.zeros((heard.vectors.shape[1], len(order)))
    bias = np.full(len(order), -20.0)  # a label that no row has is never likely
    for k, label in enumerate(model.classes_):
        weight[:, order.index(label)], bias[order.index(label)] = model.coef_[k], model.intercept_[k]
    return Fitted(mean, sd, weight, bias, strength)


def fit_head(heard: Heard, order: Sequence[str], *, strengths: Iterable[float] = STRENGTHS) -> Fitted:
    """A head from rows, with C chosen on speakers that are left out in turn.

    Args:
        heard: The rows; three labels or more.
        order: The labels in the order of their space.
        strengths: What is tried for C; where it is one, that is taken.
    """
    strengths = tuple(strengths)
    if len(strengths) == 1:
        return _logistic(heard, order, strengths[0])
    tried = {}
    for strength in strengths:
        found = np.empty(len(heard.ids), heard.labels.dtype)
        for out in folds_of(heard.speakers, _INNER):
            head = _logistic(heard[~out], order, strength)
            found[out] = np.array(order)[head.logits(heard.vectors[out]).argmax(1)]
        tried[strength] = float(np.mean([(found[heard.labels == c] == c).mean() for c in np.unique(heard.labels)]))
    return _logistic(heard, order, max(tried, key=lambda s: (tried[s], -s)))


def held_out(
    heard: Heard, folds: Sequence[NDArray[np.bool_]], order: Sequence[str], *, beside: Heard | None = None
) -> tuple[NDArray[np.float64], list[float]]:
    """Logits of every row from a head that heard none of its fold's speakers.

    Args:
        heard: The rows.
        folds: Rows of each fold, which together are all rows.
        order: The labels in the order of their space.
        beside: Rows of other corpora that every head learns from too.

    Returns:
        Shape (rows, labels), and the C of each fold.
    """
    out, strengths = np.full((len(heard.ids), len(order)), np.nan), []
    for rows in folds:
        rest = heard[~rows]
        head = fit_head(rest.and_(beside) if beside is not None else rest, order)
        out[rows] = head.logits(heard.vectors[rows])
        strengths.append(head.strength)
    return out, strengths
