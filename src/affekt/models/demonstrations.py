"""Demonstrations: labelled turns of conversations, found by how near they lie to a turn that is asked about.

A repository is a folder: the vectors of its turns (`vectors.safetensors`), the turns with the one or two before them
(`rows.parquet`), and what it was made of (`demonstrations.json`). It serves as examples for a prompt
and reads by itself: the labels of what lies nearest, after PRC-Emo, and mixed with a model's own answers, after
Khandelwal et al. (2020), "Generalization through Memorization: Nearest Neighbor Language Models".

Turns of the conversation that is asked about are never shown: its labels would be given away.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt.catalog.spaces import space as catalogue_space
from affekt.core.clip import Clip
from affekt.core.errors import DataError, InputError, OutputError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.protocols import Recogniser, RecogniserSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from affekt.models.vectors import SentenceVectors

__all__ = ["Demonstration", "Demonstrations", "Facts", "Found", "Interpolated", "NearestDemonstrations", "labelled"]

_ROWS, _VECTORS, _FACTS = "rows.parquet", "vectors.safetensors", "demonstrations.json"
_BEFORE = 2  # turns before a demonstration that are kept with it
_QUERIES = 256  # that are compared with all vectors at once
# What rows of one's own call the conversation and the label of a turn.
_DIALOGUE, _LABELS = ("dialogue", "dialogue_id", "conversation"), ("labels", "label", "emotion")


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A labelled turn.

    Attributes:
        id: Name in its corpus.
        text: What was said.
        labels: Its emotions.
        speaker: Who said it; `None` where that is not known.
        dialogue: The conversation that it is of.
        before: What was said right before it, oldest first.
        before_speakers: Who said that, `None` where that is not known.
    """

    id: str
    text: str
    labels: tuple[str, ...]
    speaker: str | None = None
    dialogue: str | None = None
    before: tuple[str, ...] = ()
    before_speakers: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A demonstration, and how near it lies.

    Attributes:
        demonstration: What was found.
        similarity: Cosine of the two vectors, from -1 to 1.
    """

    demonstration: Demonstration
    similarity: float


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a repository was made of.

    Attributes:
        space: Label space of its labels.
        source: Corpus and split, or file.
        licence: SPDX expression of the texts; empty where it is not known.
        languages: ISO 639-1 codes of the texts.
        encoder: Name and version of the model that gave the vectors.
        context: Weight of the turn before beside a turn's own words.
    """

    space: str
    source: str
    licence: str = ""
    languages: tuple[str, ...] = ()
    encoder: str = "text-en"
    context: float = 0.0


class Demonstrations:
    """Labelled turns that are searched by similarity.

    Args:
        rows: The turns.
        vectors: Their vectors, of length 1, shape (turns, width).
        facts: What they are of.
        encoder: What makes a vector of a turn that is asked about.

    Raises:
        InputError: There are no turns, or not as many vectors.
    """

    def __init__(
        self,
        rows: Sequence[Demonstration],
        vectors: NDArray[np.float32],
        *,
        facts: Facts,
        encoder: SentenceVectors,
    ) -> None:
        if not rows or len(rows) != len(vectors):
            raise InputError(f"{len(rows)} labelled turns and {len(vectors)} vectors make no repository")
        self.rows, self.vectors, self.facts = tuple(rows), vectors, facts
        self.encoder = encoder
        self._dialogues = np.array([row.dialogue or "" for row in rows])
        self._ids = np.array([row.id for row in rows])

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def build(
        cls, turns: Iterable[tuple[Clip, Sequence[str]]], *, facts: Facts, encoder: SentenceVectors
    ) -> Demonstrations:
        """Make a repository of labelled turns; those without words or labels are left out.

        Args:
            turns: Turns with the turns before them (`Clip.context`), and their labels.
            facts: What they are of.
            encoder: What makes vectors.

        Raises:
            InputError: No turn has words and a label, or a label is not one of the space.
        """
        known = frozenset(catalogue_space(facts.space).labels)
        kept: list[Clip] = []
        rows: list[Demonstration] = []
        for clip, labels in turns:
            if strange := [label for label in labels if label not in known]:
                raise UnknownNameError("label", strange[0], known, where=f"{facts.source}, {clip.id}")
            if not labels or not (clip.text or "").strip():
                continue
            kept.append(clip)
            who = clip.context_speakers[-_BEFORE:] or (None,) * len(clip.context[-_BEFORE:])
            rows.append(
                Demonstration(
                    clip.id,
                    clip.text or "",
                    tuple(labels),
                    clip.speaker,
                    clip.dialogue,
                    tuple(clip.context[-_BEFORE:]),
                    tuple(who),
                )
            )
        if not rows:
            raise InputError("No turn has both words and a label", where=facts.source)
        return cls(rows, _keys(encoder, kept, facts.context), facts=facts, encoder=encoder)

    def save(self, folder: Path) -> None:
        """Write the repository.

        Raises:
            OutputError: The folder cannot be written.
        """
        import pyarrow as pa
        from pyarrow import parquet
        from safetensors.numpy import save_file

        table = [{field: getattr(row, field) for field in Demonstration.__slots__} for row in self.rows]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            parquet.write_table(pa.Table.from_pylist(table, schema=_schema()), folder / _ROWS, compression="zstd")
            save_file({"vectors": self.vectors.astype(np.float16)}, folder / _VECTORS)
            facts = json.dumps(msgspec.to_builtins(self.facts), indent=1, ensure_ascii=False)
            (folder / _FACTS).write_text(facts + "\n", encoding="utf-8")
        except OSError as err:
            raise OutputError(f"The repository cannot be written: {err.strerror or err}", where=str(folder)) from err

    @classmethod
    def load(cls, folder: str | Path, *, jobs: int | None = None) -> Demonstrations:
        """Read a repository.

        Args:
            folder: What `save` wrote.
            jobs: Threads for the vectors of what is asked; default all cores.

        Raises:
            DataError: The folder holds no repository.
            ModelError: Its encoder is not here in the version that made it.
        """
        import pyarrow as pa
        from pyarrow import parquet
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        from affekt.models.vectors import SentenceVectors

        here = Path(folder)
        try:
            facts = msgspec.json.decode((here / _FACTS).read_bytes(), type=Facts)
            table = parquet.read_table(here / _ROWS, schema=_schema()).to_pylist()
            vectors = load_file(here / _VECTORS)["vectors"].astype(np.float32)
        except (
            OSError,
            msgspec.DecodeError,
            msgspec.ValidationError,
            pa.ArrowInvalid,
            SafetensorError,
            KeyError,
        ) as err:
            raise DataError(
                "The folder holds no repository of demonstrations",
                where=str(here),
                hint="Make one: affekt demonstrations build reccon --out DIR",
            ) from err
        rows = [msgspec.convert(row, Demonstration) for row in table]
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return cls(rows, vectors, facts=facts, encoder=SentenceVectors(facts.encoder, jobs=jobs))

    def search(self, clips: Sequence[Clip], *, most: int = 5) -> list[list[Found]]:
        """What lies nearest to each turn, the nearest first.

        Args:
            clips: Turns that are asked about, with the turns before them where these are known.
            most: How many for each.
        """
        out: list[list[Found]] = []
        for at, similarity in self.nearest(clips, most=most):
            out += [
                [Found(self.rows[i], float(s)) for i, s in zip(own, near, strict=True) if np.isfinite(s)]
                for own, near in zip(at.tolist(), similarity, strict=True)
            ]
        return out

    def nearest(self, clips: Sequence[Clip], *, most: int) -> Iterable[tuple[NDArray[np.intp], NDArray[np.float32]]]:
        """The same in places and cosines, for some of the clips at a time.

        Yields:
            Places of rows, shape (some clips, most), and cosines; `-inf` where there are not so many.
        """
        most = min(most, len(self))
        keys = _keys(self.encoder, clips, self.facts.context)
        for first in range(0, len(clips), _QUERIES):
            some = clips[first : first + _QUERIES]
            close = keys[first : first + _QUERIES] @ self.vectors.T
            close[self.forbidden(some)] = -np.inf
            at = np.argpartition(-close, most - 1, axis=1)[:, :most]
            order = np.argsort(-np.take_along_axis(close, at, 1), axis=1, kind="stable")
            at = np.take_along_axis(at, order, 1)
            yield at, np.take_along_axis(close, at, 1)

    def forbidden(self, clips: Sequence[Clip]) -> NDArray[np.bool_]:
        """What must not be shown of each clip: all turns of its conversation, and itself; shape (clips, turns)."""
        out: NDArray[np.bool_] = np.array([clip.id for clip in clips])[:, None] == self._ids[None]
        named = np.array([clip.dialogue or "" for clip in clips])
        out |= (named[:, None] == self._dialogues[None]) & (named[:, None] != "")
        return out

    def counts(self) -> dict[str, int]:
        """Turns with each label, in the order of the space."""
        held = Counter(label for row in self.rows for label in row.labels)
        return {label: held[label] for label in catalogue_space(self.facts.space).labels if held[label]}

    def targets(self) -> NDArray[np.float64]:
        """Which labels each turn has, 0 or 1, shape (turns, labels)."""
        labels = catalogue_space(self.facts.space).labels
        return np.array([[float(label in row.labels) for label in labels] for row in self.rows])


def _schema() -> Any:
    import pyarrow as pa

    text, several = pa.string(), pa.list_(pa.string())
    kinds = {"labels": several, "before": several, "before_speakers": several}
    return pa.schema([(field, kinds.get(field, text)) for field in Demonstration.__slots__])


def _keys(encoder: SentenceVectors, clips: Sequence[Clip], context: float) -> NDArray[np.float32]:
    """What turns are compared by: their own words, and the turn before so far as it counts."""
    found = encoder.vectors([clip.text or "" for clip in clips])
    if context:
        has = [i for i, clip in enumerate(clips) if clip.context]
        if has:
            found[has] += np.float32(context) * encoder.vectors([clips[i].context[-1] for i in has])
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return found


def labelled(rows: Iterable[Mapping[str, Any]], *, where: str) -> list[tuple[Clip, tuple[str, ...]]]:
    """Turns of one's own, with the turns of their conversation before them.

    Args:
        rows: Each has `text`, `label` (or `labels`, `emotion`; several with commas between them) and may have
            `speaker`, `dialogue` and `id`. Rows of one conversation stand in their order.
        where: Name of the file, for messages.

    Raises:
        InputError: A row has no text or no label.
    """
    said: dict[str, list[tuple[str, str | None]]] = {}
    out = []
    for number, row in enumerate(rows, 1):
        given = next((row[name] for name in _LABELS if row.get(name)), None)
        if "text" not in row or not any(name in row for name in _LABELS):
            raise InputError(
                "A row has no text or no label", where=f"{where}, row {number}", hint="Columns: text, label."
            )
        dialogue = next((str(row[name]) for name in _DIALOGUE if row.get(name)), None)
        labels = given if isinstance(given, list) else str(given or "").split(",")
        before = said.setdefault(dialogue, []) if dialogue else []
        clip = Clip(
            str(row.get("id") or f"row-{number}"),
            str(row["text"] or ""),
            speaker=str(row["speaker"]) if row.get("speaker") else None,
            context=tuple(text for text, _ in before),
            context_speakers=tuple(who for _, who in before),
            dialogue=dialogue,
            turn=len(before) if dialogue else None,
        )
        out.append((clip, tuple(label.strip() for label in labels if label.strip())))
        before.append((clip.text or "", clip.speaker))
    return out


class NearestDemonstrations:
    """Reads a turn as what lies nearest to it was labelled.

    A label's score is its share among the nearest, each weighing `exp(sharpness * cosine)`. It is given where it is the
    highest of a space of single labels, and else from one half.

    Args:
        held: The repository.
        most: How many count.
        sharpness: How much more the nearer ones count.
        drawn: Seed by which as many are drawn at random instead, whatever is asked: the control; `None` to search.
    """

    def __init__(
        self, held: Demonstrations, *, most: int = 20, sharpness: float = 10.0, drawn: int | None = None
    ) -> None:
        self.held, self.most, self.sharpness, self.drawn = held, most, sharpness, drawn
        self._targets = held.targets()
        facts = held.facts
        self.spec = RecogniserSpec(
            id=f"demonstrations-{'drawn' if drawn is not None else 'nearest'}",
            version=f"{most}",
            space=facts.space,
            spaces=(facts.space,),
            dimensions=(),
            languages=facts.languages,
            licence=facts.licence,
        )

    def shares(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """Share of each label among what is nearest to each clip, shape (clips, labels)."""
        if self.drawn is not None:
            return self._drawn(clips)
        found = [vote(self._targets, at, near, self.sharpness) for at, near in self.held.nearest(clips, most=self.most)]
        return np.concatenate([*found, np.zeros((0, self._targets.shape[1]))])

    def _drawn(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        out = np.zeros((len(clips), self._targets.shape[1]))
        for i, clip in enumerate(clips):
            # Drawn anew for each clip, by its own id, so that the answer does not depend on what is asked beside it.
            rng = np.random.default_rng([self.drawn or 0, *clip.id.encode()])
            allowed = np.flatnonzero(~self.held.forbidden([clip])[0])
            out[i] = self._targets[rng.choice(allowed, min(self.most, len(allowed)), replace=False)].mean(0)
        return out

    def predict(self, clips: Sequence[Clip], *, space: str | None = None) -> list[Prediction]:
        """Read each clip; see `Recogniser.predict`."""
        facts = self.held.facts
        if space not in (None, facts.space):
            raise UnknownNameError("space of this repository", str(space), (facts.space,))
        return _told(clips, self.shares(clips), facts.space, self.spec.name)


def vote(
    targets: NDArray[np.float64], at: NDArray[np.intp], near: NDArray[np.float32], sharpness: float
) -> NDArray[np.float64]:
    """Share of each label among the nearest.

    Args:
        targets: Labels of all turns, 0 or 1, shape (turns, labels).
        at: Places of the nearest, shape (clips, most).
        near: Their cosines, highest first, `-inf` for what does not count; shape (clips, most).
        sharpness: How much more the nearer ones count.

    Returns:
        Shape (clips, labels).
    """
    weight = np.exp(sharpness * (near.astype(np.float64) - np.where(np.isfinite(near[:, :1]), near[:, :1], 0.0)))
    weight /= np.maximum(weight.sum(1, keepdims=True), 1e-12)
    out: NDArray[np.float64] = np.einsum("ck,ckl->cl", weight, targets[at]).clip(0.0, 1.0)
    return out


def _told(clips: Sequence[Clip], shares: NDArray[np.float64], space: str, model: str) -> list[Prediction]:
    """Answers from shares of labels."""
    found = catalogue_space(space)
    out = []
    for clip, row in zip(clips, shares.tolist(), strict=True):
        if not (clip.text or "").strip():
            out.append(Prediction(clip.id, space, abstained="empty", model=model))
            continue
        scores = dict(zip(found.labels, row, strict=True))
        order = sorted(found.labels, key=lambda label: -scores[label])
        given = order[:1] if found.kind == "single" else [label for label in order if scores[label] >= 0.5]
        out.append(Prediction(clip.id, space, scores=scores, labels=tuple(given), confidence=max(row), model=model))
    return out


class Interpolated:
    """A model's answers mixed with what lies nearest: `share * nearest + (1 - share) * model`.

    Args:
        model: The model; it answers in the repository's space.
        nearest: What is mixed in.
        share: Weight of the nearest, from 0 to 1.

    Raises:
        UnknownNameError: The model does not answer in the repository's space.
    """

    def __init__(self, model: Recogniser, nearest: NearestDemonstrations, *, share: float) -> None:
        space = nearest.held.facts.space
        if space not in model.spec.spaces:
            raise UnknownNameError("space of this model", space, model.spec.spaces, where=model.spec.name)
        self._model, self._nearest, self.share = model, nearest, share
        self.spec = replace(model.spec, id=f"{model.spec.id}+nearest", space=space, spaces=(space,), dimensions=())

    def predict(self, clips: Sequence[Clip], *, space: str | None = None) -> list[Prediction]:
        """Read each clip; see `Recogniser.predict`."""
        own = self._nearest.held.facts.space
        labels = catalogue_space(own).labels
        given = self._model.predict(clips, space=own)
        table = np.array([[p.scores.get(label, 0.0) for label in labels] for p in given])
        mixed = self.share * self._nearest.shares(clips) + (1 - self.share) * table
        return _told(clips, mixed, own, self.spec.name)
