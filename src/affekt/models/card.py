"""A model's `affekt.json`: how its outputs are read, and what is to be known of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from affekt.catalog.spaces import space as catalogue_space
from affekt.core.errors import ModelError
from affekt.core.protocols import RecogniserSpec
from affekt.models.target import Aim

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Abstention",
    "Asks",
    "Card",
    "Causes",
    "Dimensions",
    "Face",
    "Figure",
    "Head",
    "Speakers",
    "Turns",
    "Voice",
    "read_card",
    "spec_of",
]

Speakers = Literal["none", "names", "letters"]
"""How the speaker of a turn stands before its words."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """One set of labels: its output in the graph, and how that is read.

    Attributes:
        space: Label space.
        output: Output of the graph.
        reading: `multi`: independent logits; `single`: logits of a softmax; `strengths`: strengths of labels, 1 the
            highest; `levels`: for each label cumulative logits of its levels.
        scale: Calibration: logits are multiplied by this, for each unit of the output, and
        offset: this is added (Platt 1999; one temperature for a softmax).
        thresholds: From what score a label is given; of a softmax it is the highest.
        confidence: Scale and offset from the logit of the top score to that of its being right.
        columns: Units for each label; more than 1 for `levels`.
    """

    space: str
    output: str
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    thresholds: tuple[float, ...]
    confidence: tuple[float, float]
    reading: Literal["multi", "single", "strengths", "levels"] = "multi"
    columns: int = 1

    def scores(self, logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Outputs of shape (texts, units) as scores from 0 to 1, shape (texts, labels)."""
        z = logits.astype(np.float64) * np.array(self.scale) + np.array(self.offset)
        out: NDArray[np.float64]
        if self.reading == "strengths":
            out = np.clip(z, 0.0, 1.0)
        elif self.reading == "single":
            e = np.exp(z - z.max(1, keepdims=True, initial=-np.inf))
            out = e / e.sum(1, keepdims=True)
        else:
            out = 1.0 / (1.0 + np.exp(-z))
            if self.reading == "levels":
                out = out.reshape(len(out), -1, self.columns).mean(2)
        return out

    def sure(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of scores of shape (texts, labels), the probability that the highest of each text is right."""
        top = np.clip(scores.max(1, initial=0.0), 1e-6, 1 - 1e-6)
        a, b = self.confidence
        out: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-(a * np.log(top / (1 - top)) + b)))
        return out

    def reached(self, scores: NDArray[np.float64], thresholds: NDArray[np.float64] | None = None) -> list[list[int]]:
        """For each text its labels, those with the highest score first, ties in the space's order.

        Args:
            scores: Shape (texts, labels).
            thresholds: Thresholds of each text, same shape; default those of the head.
        """
        if self.reading == "single":
            return [[int(j)] for j in scores.argmax(1)] if scores.size else [[] for _ in scores]
        return _reached(scores, np.array(self.thresholds) if thresholds is None else thresholds)


class Dimensions(msgspec.Struct, frozen=True, kw_only=True):
    """The dimensional head: mean and log spread in standard units, and how to carry them to the native range.

    A head without spread has no `width`, and gives no intervals.
    """

    space: str
    output: str
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    width: tuple[float, ...]
    level: float


class Abstention(msgspec.Struct, frozen=True, kw_only=True):
    """The recommended least confidence, and what it costs and brings on the selection split."""

    min_confidence: float
    coverage: float
    risk_all: float
    risk_answered: float
    measured_on: str


class Asks(msgspec.Struct, frozen=True, kw_only=True):
    """What a model that is asked by name was trained on; see `affekt.models.asked`.

    Attributes:
        of: Space -> what of it was asked.
        dimensions: Space -> how answers are carried to the ranges of its dimensions.
    """

    of: dict[str, Literal["labels", "intensities", "dimensions"]]
    dimensions: dict[str, Dimensions]


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """How a model of the voice hears where the expression changes; see `affekt.models.changes`.

    Attributes:
        output: Name of the output of `heads.onnx`.
        window: Seconds around a moment that are read with it.
        hop: Seconds from one moment to the next.
        cost: What a change costs.
    """

    output: str
    window: float
    hop: float
    cost: float


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """How a model of the voice hears; see `affekt.models.voice`.

    Attributes:
        least: Seconds of the shortest stretch that gets an answer.
        longest: Seconds of the longest that is heard in one piece.
        stretches: From how many stretches on the speaker's own manner counts.
        least_silence: Seconds of silence that end a stretch, and
        padding: seconds that it is given on both sides: as what it learned from was cut.
        beside: How the output is read where it does; the head of the card reads a stretch alone.
        places: Dimensional space in which the labels were rated; valence, arousal and dominance are read off there.
        functionals: Which functionals a stretch is heard as, where it is not a vector of an encoder.
        learned: The corpora all of whose rows it learned from, so that a score on them says nothing.
        moments: How changes within a stretch are heard, where the model has a head for that.
    """

    least: float
    longest: float
    stretches: int
    least_silence: float = 0.1
    padding: float = 0.03
    beside: Head
    places: str | None = None
    functionals: Literal["", "egemaps", "full"] = ""
    learned: tuple[str, ...] = ()
    moments: Moments | None = None


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """How a model of faces sees; see `affekt.models.face`.

    Attributes:
        size: Pixels a side of the grey crop that it reads.
        places: Dimensional space in which the labels were rated; valence, arousal and dominance are read off there.
        learned: Corpora from whose train split it learned.
    """

    size: int
    places: str | None = None
    learned: tuple[str, ...] = ()


class Causes(msgspec.Struct, frozen=True, kw_only=True):
    """How a model of causes reads; see `affekt.models.causes`.

    Attributes:
        back: Turns before the one with the emotion that are read with it.
        ahead: Turns after it.
        scale: Scale and offset from the logit of a turn to that of its holding a cause.
        threshold: Probability from which a turn is said to hold one.
        span_threshold: The same where the words are what is asked for; default `threshold`.
        kinds: How the kinds of causes are read, where the model tells them.
        words: Whether it counts words (`affekt.models.cause_words`) in place of an encoder.
    """

    back: int
    ahead: int
    scale: tuple[float, float]
    threshold: float
    span_threshold: float | None = None
    kinds: Head | None = None
    words: bool = False


class Turns(msgspec.Struct, frozen=True, kw_only=True):
    """How a model reads a turn from vectors of its words and of those before it; see `affekt.models.turns`.

    Attributes:
        encoder: Name and version of the model whose encoder makes the vectors; its graph is the folder's `model.onnx`,
            or in a folder without one that of the bundled model of this name and version.
    """

    encoder: str


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured on a test split, with its 95 % bootstrap interval.

    Attributes:
        task: The task, such as `semeval2025-a:deu`.
        metric: Short key of the metric.
        value: The score; `low` and `high`: its interval; `None` where it is undefined.
        rows: Rows that it was measured on.
        source: The corpus: title, and who published it.
    """

    task: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    rows: int
    source: str


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """`affekt.json`: all that is needed to use the weights, and what is to be known of them.

    Attributes:
        id: Name of the model.
        version: Version of the weights.
        title: What it reads, in a line.
        licence: SPDX expression of the weights.
        licence_note: What the licence of the weights does not say and its data ask for, such as "for research
            only"; empty where there is nothing.
        languages: Languages that it was measured on; texts in others get no answer.
        works: Published works that it takes up.
        main: The space of the main head.
        heads: Space -> head.
        thresholds_by_language: Space -> language -> thresholds that were chosen on the development split of that
            language; where a language has none, those of the head hold.
        dimensions: The dimensional head, where there is one.
        policy: The recommended least confidence.
        max_tokens: Longest text that is read in one piece.
        window_tokens: Length of the windows that longer ones are cut into.
        context: How many turns before a text are read with it.
        speakers: How the speaker of each turn stands before its words, see `with_context`.
        voice: How it hears, where it is a model of the voice, whose `max_tokens` is 0.
        face: How it sees, where it is a model of faces, whose `max_tokens` is 0 and which is of no language.
        causes: How it reads, where it is a model of the causes of emotions; `main` is then the space of these.
        turns: How it reads turns, where it does so from vectors of their words.
        files: File -> SHA-256.
        scores: Language -> what was measured in it.
        facts: Whatever else is to be known: data with their licences, uses to keep from.
    """

    id: str
    version: str
    title: str
    licence: str
    licence_note: str = ""
    languages: tuple[str, ...]
    works: tuple[str, ...]
    main: str
    heads: dict[str, Head]
    thresholds_by_language: dict[str, dict[str, tuple[float, ...]]] = {}
    dimensions: Dimensions | None
    policy: Abstention
    max_tokens: int
    window_tokens: int
    context: int = 0
    speakers: Speakers = "none"
    target: Aim = "plain"
    asks: Asks | None = None
    voice: Voice | None = None
    face: Face | None = None
    causes: Causes | None = None
    turns: Turns | None = None
    fields: tuple[str, ...] = ()
    files: dict[str, str]
    scores: dict[str, tuple[Figure, ...]] = {}
    facts: dict[str, Any]

    @property
    def measured_in(self) -> str | None:
        """The dimensional space of what it gives beside labels; `None` where that is nothing."""
        if self.dimensions is not None:
            return self.dimensions.space
        beside = self.voice or self.face
        return None if beside is None else beside.places


def spec_of(card: Card) -> RecogniserSpec:
    """What the recogniser with this card is."""
    others = tuple(name for name in card.heads if name != card.main)
    measured = card.measured_in
    return RecogniserSpec(
        id=card.id,
        version=card.version,
        space=card.main,
        spaces=(card.main, *others),
        dimensions=tuple(d.name for d in catalogue_space(measured).dimensions) if measured else (),
        languages=card.languages,
        licence=card.licence,
        licence_note=card.licence_note,
    )


def read_card(folder: Path) -> Card:
    """Read a model folder's `affekt.json`.

    Raises:
        ModelError: It is missing or not valid.
    """
    file = folder / "affekt.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Card)
    except FileNotFoundError as err:
        raise ModelError(
            "This is not a model folder: it has no affekt.json", where=str(folder), hint="See `affekt models list`."
        ) from err
    except (msgspec.DecodeError, OSError) as err:
        raise ModelError(f"The model's affekt.json cannot be used: {err}", where=str(file)) from err


def _reached(scores: NDArray[np.float64], thresholds: NDArray[np.float64]) -> list[list[int]]:
    """For each text the labels at or above their thresholds, most probable first, ties in the space's order."""
    out: list[list[int]] = [[] for _ in range(len(scores))]
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = np.take_along_axis(scores >= thresholds, order, axis=1)
    for i, j in zip(*np.nonzero(hits), strict=True):
        out[i].append(int(order[i, j]))
    return out
