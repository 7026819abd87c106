"""Studies of the voice: every variant with every seed, on speakers that are held out, scored speaker by speaker.

Rows are speakers: a score is a function of sums over them, so that intervals draw whole speakers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from affekt.catalog.corpora import corpus
from affekt.catalog.spaces import space
from affekt.catalog.studies import Study
from affekt.core.errors import CatalogError, UnknownNameError
from affekt.media.sound import Sound
from affekt.metrics.statistic import Statistic, divide

__all__ = ["Scores", "run_voices"]

T = TypeVar("T")
Said = Callable[[str, str, int, int, float], None]


@dataclass(frozen=True)
class Scores:
    """One score of every variant.

    Attributes:
        metric: Its report key.
        higher_is_better: Its direction.
        of: Variant -> its score with each seed, all over the same speakers.
    """

    metric: str
    higher_is_better: bool
    of: Mapping[str, Sequence[Statistic]]


def run_voices(
    entry: Study,
    *,
    data: str | Path | None = None,
    encoder: str = "",
    limit: int | None = None,
    progress: Said | None = None,
) -> list[Scores]:
    """Run a study of the voice.

    Args:
        entry: The study.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        encoder: Folder of a speech encoder as transformers saves it; default the trunk of the bundled model.
        limit: Most recordings, with the first seed alone; for a trial.
        progress: Called with (variant, what is done, step, steps, loss).

    Raises:
        CatalogError: The study does not fit together.
    """
    problem = str(entry.voice.get("problem"))
    if problem not in _PROBLEMS:
        raise UnknownNameError("problem of the voice", problem, _PROBLEMS, where=entry.title)
    return _PROBLEMS[problem](entry, data, encoder, limit, progress or (lambda *_: None))


def _plan(kind: type[Any], entry: Study, own: Mapping[str, Any]) -> Any:
    fields = {k: v for k, v in (entry.voice | dict(own)).items() if k != "problem"}
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as err:
        raise CatalogError(f"The plan of the study is not one: {err}") from err


# --- which emotion when


class _Moments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How joined recordings are read.

    Attributes:
        corpus: Corpus of recordings that are joined.
        layer: Layer of an encoder that is named; the bundled trunk has one.
        window: Seconds around a moment that are read with it.
        hop: Seconds from one moment to the next.
        strength: C of the logistic regressions.
        reads: `nothing` calls all neutral; `whole` gives a recording one label, by a head that learned whole pieces;
            `moments` gives each moment its own; `smoothed` takes the best path through them, a change costing what
            was best on the speakers of another fold; `parts` cuts at the changes of that path, and has the head of
            whole pieces judge each part.
    """

    corpus: str = "ravdess"
    layer: int = 3
    window: float = 1.0
    hop: float = 0.1
    strength: float = 0.001
    reads: Literal["nothing", "whole", "moments", "smoothed", "parts"] = "moments"


_READS = {"nothing": "nothing", "whole": "one_label", "moments": "moments", "smoothed": "smoothed", "parts": "parts"}


def _changes(entry: Study, data: str | Path | None, encoder: str, limit: int | None, progress: Said) -> list[Scores]:
    from affekt.train.voice.changes import Reader, follow, wrong_seconds
    from affekt.train.voice.joined import joined

    plan: _Moments = _plan(_Moments, entry, {})
    ways = {v.name: _READS[_plan(_Moments, entry, v.voice).reads] for v in entry.ways}
    labels = space(corpus(plan.corpus).space)
    order, neutral = list(labels.labels), labels.neutral or ""
    frames = _frames(encoder, plan.layer)
    scores: dict[str, list[Statistic]] = {name: [] for name in ways}
    speaker_folds = [[f"{plan.corpus} {s}" for s in fold] for fold in corpus(plan.corpus).speaker_folds]
    for seed in entry.seeds[: 1 if limit else None]:
        recordings = _counted(joined(plan.corpus, data=data, seed=seed), limit, f"seed {seed}", progress)
        followed = follow(recordings, frames, window=plan.window, hop=plan.hop)
        folds = [rows for fold in speaker_folds if (rows := np.isin(followed.speakers, fold)).any()]
        if len(folds) < 3:
            raise CatalogError(f"Recordings of {len(folds)} folds of speakers are too few", hint="Raise --limit.")
        speakers = np.unique(followed.speakers)
        sums = {name: np.zeros((2, len(speakers))) for name in ways}
        for k, asked in enumerate(folds):
            chosen = folds[(k + 1) % len(folds)]
            reader = Reader.fit(
                followed, learned=~asked & ~chosen, chosen=chosen, order=order, neutral=neutral, strength=plan.strength
            )
            progress(f"seed {seed}", f"fold {k + 1}, cost of a change {reader.cost:g}", k + 1, len(folds), reader.cost)
            for r in np.flatnonzero(asked).tolist():
                column = np.searchsorted(speakers, followed.speakers[r])
                for name, reads in ways.items():
                    sums[name][:, column] += wrong_seconds(followed.truth[r], getattr(reader, reads)(r), neutral)
        for name, each in sums.items():
            scores[name].append(Statistic(each, lambda s: divide(s[..., 0], s[..., 1])))
    return [Scores("eder", False, scores)]


def _frames(encoder: str, layer: int) -> Callable[[Sound], NDArray[np.float32]]:
    """What gives the frames of one layer of a sound."""
    if encoder:
        from affekt.train.voice.encoder import SpeechEncoder

        reader = SpeechEncoder(Path(encoder))
        if not 0 <= layer <= reader.layers:
            raise CatalogError(f"It has {reader.layers} layers, and the study asks for layer {layer}", where=encoder)
        return lambda sound: reader.frames(sound)[layer]
    from affekt.models.registry import load_voice

    return load_voice().frames


def _counted(items: Iterable[T], limit: int | None, what: str, progress: Said) -> Iterator[T]:
    for k, item in enumerate(items if limit is None else islice(items, limit), 1):
        progress(what, "heard", k, limit or 0, 0.0)
        yield item


_PROBLEMS: dict[str, Callable[..., list[Scores]]] = {"changes": _changes}
