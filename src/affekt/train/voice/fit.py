"""Heads that read vectors of stretches of speech, and how well they do on speakers that they never heard.

A head is multinomial logistic regression on standardised vectors. How closely it follows its rows (C) is chosen by
unweighted average recall on speakers that are left out, within the rows that it learns from and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affekt.catalog.corpora import ALL, Corpus, corpus
from affekt.catalog.maps import space_map
from affekt.core.clip import Clip
from affekt.core.errors import DataError
from affekt.corpora import read
from affekt.corpora.files import recording_of
from affekt.extras import need
from affekt.media.sound import Sound, read_sound
from affekt.media.speech import trimmed
from affekt.metrics import unweighted_average_recall
from affekt.models.voice import Baseline
from affekt.train.calibrate import fit_temperature

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["STRENGTHS", "Fitted", "Heard", "fit_head", "folds_of", "hear_corpus", "held_out", "speaker_of"]

STRENGTHS = (0.0003, 0.001, 0.003, 0.01)
"""What is tried for C."""

_INNER = 5


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
        temperature: What logits are divided by to become probabilities, by what they came to on speakers left out.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    strength: float
    temperature: float = 1.0

    def logits(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Shape (rows, labels)."""
        out: NDArray[np.float64] = (vectors - self.mean) / self.sd @ self.weight + self.bias
        return out


def hear_corpus(
    name: str,
    hear: Callable[[Sound], NDArray[np.float32] | None],
    *,
    labels: str | None = None,
    whole: bool = False,
    data: str | Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Heard:
    """Every recording of a corpus as a vector, whatever split it is in.

    Args:
        name: Id of a corpus whose rows are recordings.
        hear: What makes a vector of a sound; rows of which it makes none are left out.
        labels: Space that labels are carried to by the catalogue's maps; rows without a label there are left out.
            Default the corpus' own.
        whole: Whether it is given whole recordings, and not what is between the first and the last speech in them.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        progress: Called with the number of recordings done.

    Raises:
        InputError: Rows of the corpus are not recordings, or no map leads to the space.
        DataError: A file is missing, or no row is left.
    """
    entry = corpus(name)
    weights = space_map(entry.space, labels or entry.space).weights
    carry = {label: max(row, key=row.__getitem__) for label, row in weights.items() if row}
    rows = []
    for clip, target in read(entry, split=ALL, data=data):
        label = carry.get(target.labels[0])
        vector = None
        if label:
            sound = read_sound(recording_of(entry, clip, data))
            vector = hear(sound if whole else trimmed(sound))
        if vector is not None:
            rows.append((clip.id, vector, label, speaker_of(entry, clip)))
        if progress:
            progress(1)
    if not rows:
        raise DataError(f"The corpus {name} has no recording with one of the labels")
    ids, vectors, found, speakers = zip(*rows, strict=True)
    return Heard(np.array(ids), np.stack(vectors), np.array(found), np.array(speakers))


def speaker_of(entry: Corpus, clip: Clip) -> str:
    """A speaker's name with the corpus' in front, so that those of several corpora are told apart."""
    return f"{entry.folder} {clip.speaker}"


def folds_of(
    speakers: NDArray[np.str_], entry: Corpus | None = None, *, count: int = _INNER
) -> list[NDArray[np.bool_]]:
    """Rows of each fold of speakers: those that the corpus has, else so many dealt out in the order of their names.

    Args:
        speakers: Of each row, as `speaker_of` names them.
        entry: The corpus; `None` where rows are of several.
        count: How many, where they are dealt out.

    Raises:
        DataError: A speaker is in no fold of the corpus, or in several.
    """
    if entry is None or not entry.speaker_folds:
        names = np.unique(speakers)
        return [np.isin(speakers, names[k :: min(count, len(names))]) for k in range(min(count, len(names)))]
    folds = [np.isin(speakers, [f"{entry.folder} {name}" for name in fold]) for fold in entry.speaker_folds]
    if strays := sorted(set(speakers[np.sum(folds, 0) != 1])):
        raise DataError(f"The folds do not hold each speaker once: {', '.join(strays)}", where=entry.id)
    return [fold for fold in folds if fold.any()]


class _Logistic:
    """Logistic regression on standardised rows; each fit begins where the one before ended, where that is asked."""

    def __init__(self, heard: Heard, order: Sequence[str], *, warm: bool = False) -> None:
        linear = need("sklearn.linear_model", extra="train")
        self.labels, self.order = heard.labels, order
        self.mean = heard.vectors.mean(0, dtype=np.float64)
        self.sd = heard.vectors.std(0, dtype=np.float64) + 1e-6
        # To choose a strength, half the precision does.
        self.rows = ((heard.vectors - self.mean) / self.sd).astype(np.float32 if warm else np.float64)
        self.model = linear.LogisticRegression(max_iter=300, warm_start=warm)

    def fit(self, strength: float) -> Fitted:
        model = self.model.set_params(C=strength).fit(self.rows, self.labels)
        weight = np.zeros((self.rows.shape[1], len(self.order)))
        bias = np.full(len(self.order), -20.0)  # a label that no row has is never likely
        for k, label in enumerate(model.classes_):
            at = self.order.index(label)
            weight[:, at], bias[at] = model.coef_[k], model.intercept_[k]
        return Fitted(self.mean, self.sd, weight, bias, strength)


def fit_head(heard: Heard, order: Sequence[str], *, strengths: Sequence[float] = STRENGTHS) -> Fitted:
    """A head from rows, with C chosen on speakers that are left out in turn.

    Args:
        heard: The rows; three labels or more.
        order: The labels in the order of their space.
        strengths: What is tried for C; where it is one, that is taken.
    """
    if len(strengths) == 1:
        return _Logistic(heard, order).fit(strengths[0])
    tried = {strength: np.empty((len(heard.ids), len(order))) for strength in sorted(strengths)}
    for out in folds_of(heard.speakers):
        inner = _Logistic(heard[~out], order, warm=True)
        for strength, logits in tried.items():
            logits[out] = inner.fit(strength).logits(heard.vectors[out])
    truth = np.array([order.index(label) for label in heard.labels])
    best = max(tried, key=lambda s: (unweighted_average_recall(truth=truth, prediction=tried[s].argmax(1)), -s))
    head = _Logistic(heard, order).fit(best)
    return replace(head, temperature=fit_temperature(truth=np.eye(len(order))[truth], logits=tried[best]))


def held_out(
    heard: Heard,
    folds: Sequence[NDArray[np.bool_]],
    order: Sequence[str],
    *,
    beside: Heard | None = None,
    strengths: Sequence[float] = STRENGTHS,
    progress: Callable[[int], None] | None = None,
) -> tuple[NDArray[np.float64], list[Fitted]]:
    """Logits of every row from a head that heard none of its fold's speakers.

    Args:
        heard: The rows.
        folds: Rows of each fold, which together are all rows.
        order: The labels in the order of their space.
        beside: Rows of other corpora that every head learns from too.
        strengths: What is tried for C.
        progress: Called with the number of folds done.

    Returns:
        Shape (rows, labels), and the head of each fold.
    """
    out, heads = np.full((len(heard.ids), len(order)), np.nan), []
    for rows in folds:
        rest = heard[~rows]
        head = fit_head(rest.and_(beside) if beside is not None else rest, order, strengths=strengths)
        out[rows] = head.logits(heard.vectors[rows])
        heads.append(head)
        if progress:
            progress(1)
    return out, heads
