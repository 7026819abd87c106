"""Studies of the voice: every variant with every seed, on speakers that are held out, scored speaker by speaker.

Rows are speakers: a score is a function of sums over them, so that intervals draw whole speakers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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
        of: Variant -> its score with each seed, all over the same speakers; of those that have such a score.
    """

    metric: str
    higher_is_better: bool
    of: dict[str, list[Statistic]]


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


# --- what is heard in a stretch


class _Heads(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a small net learns from vectors of stretches, each head from the rows that have its targets.

    Attributes:
        corpora: Corpora of recordings with one label each.
        spoken: Whether speech that is made stands beside them (`affekt.train.voice.spoken`).
        classes: Objective of the labels, `one_label`, weighted by how rare each is; empty leaves the head out.
        dimensions: Objective of valence and arousal of made speech.
        votes: What of its listeners' votes is learned: the label of the `majority`, with rows that have none left
            out, or of the `plurality`; their `shares`; the set of all labels that one of them gave (`all-inclusive`);
            or that with a penalty on pairs that are never given together (`penalised`).
        intensities: `strengths` learns the listeners' mean intensity of each emotion; `shuffled` the same with the
            rows' targets dealt out anew: the control.
        share: Share of the vectors' parts that is kept, and
        picks: whether those with most salience for the labels, or any.
        epochs: Passes over the rows.
    """

    corpora: tuple[str, ...] = ()
    spoken: bool = False
    classes: Literal["", "one_label"] = ""
    dimensions: Literal["", "ccc", "squared_error"] = ""
    votes: Literal["", "majority", "plurality", "shares", "all-inclusive", "penalised"] = ""
    intensities: Literal["", "strengths", "shuffled"] = ""
    share: float = 1.0
    picks: Literal["salient", "random"] = "salient"
    epochs: int = 15


_FOLDS = 6
_SPACE = "ravdess"  # that labels of all corpora are carried to


@dataclass(frozen=True)
class _Rows:
    """Stretches with all that is known of them; NaN where it is not. Votes and intensities are shares and means."""

    vectors: NDArray[np.float32]
    speakers: NDArray[np.str_]
    languages: NDArray[np.str_]
    classes: NDArray[np.float64]
    dimensions: NDArray[np.float64]
    votes: NDArray[np.float64]
    intensities: NDArray[np.float64]

    def folds(self) -> list[NDArray[np.bool_]]:
        """Rows of each fold: published folds where a corpus has them, else its speakers dealt out."""
        out = [np.zeros(len(self.speakers), bool) for _ in range(_FOLDS)]
        for name in dict.fromkeys(s.partition(" ")[0] for s in self.speakers.tolist()):
            own = sorted({s for s in self.speakers.tolist() if s.startswith(f"{name} ")})
            given = corpus(name).speaker_folds if name != _MADE else ()
            named = [[f"{name} {s}" for s in fold] for fold in given] or [own[k::_FOLDS] for k in range(_FOLDS)]
            for k, speakers in enumerate(named):
                out[k % _FOLDS] |= np.isin(self.speakers, speakers)
        return out


_MADE = "spoken"


def _rows(plan: _Heads, encoder: str, data: str | Path | None, progress: Said) -> _Rows:
    from affekt.train.voice.fit import hear_corpus
    from affekt.train.voice.spoken import EMOTIONS, spoken

    hear = _heard(encoder)
    order = list(space(_SPACE).labels)
    columns: dict[str, list[Any]] = {name: [] for name in _Rows.__dataclass_fields__}
    unknown = {"classes": len(order), "dimensions": 2, "votes": len(EMOTIONS), "intensities": len(EMOTIONS)}

    def add(vector: Any, speaker: str, language: str, **known: Any) -> None:
        columns["vectors"].append(vector)
        columns["speakers"].append(speaker)
        columns["languages"].append(language)
        for name, width in unknown.items():
            columns[name].append(known.get(name, np.full(width, np.nan)))

    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress("all", "heard", done, 0, 0.0)

    for name in plan.corpora:
        found = hear_corpus(name, hear, labels=_SPACE, data=data, progress=count)
        for k in range(len(found.ids)):
            one = np.eye(len(order))[order.index(str(found.labels[k]))]
            add(found.vectors[k], str(found.speakers[k]), corpus(name).languages[0], classes=one)
    for clip in spoken() if plan.spoken else ():
        vector = hear(clip.sound)
        count(1)
        if vector is not None:
            add(
                vector,
                f"{_MADE} {clip.speaker}",
                clip.language,
                dimensions=np.array([clip.valence, clip.arousal]),
                votes=clip.votes / clip.votes.sum(),
                intensities=clip.intensities.mean(0),
            )
    return _Rows(
        **{
            name: np.stack(rows) if name not in ("speakers", "languages") else np.array(rows)
            for name, rows in columns.items()
        }
    )


def _tasks(plan: _Heads, rows: _Rows, seed: int) -> dict[str, Any]:
    """The heads of a variant on some rows."""
    from affekt.train.voice.net import Task

    out = {}
    if plan.classes:
        out["classes"] = Task(rows.classes, plan.classes, balanced=True)
    if plan.dimensions:
        out["dimensions"] = Task(rows.dimensions, plan.dimensions)
    if plan.votes:
        first = np.eye(rows.votes.shape[1])[np.nan_to_num(rows.votes).argmax(1)]
        first[np.isnan(rows.votes).all(1)] = np.nan
        targets, name = {
            "majority": (np.where(rows.votes.max(1, keepdims=True) > 0.5, first, np.nan), "one_label"),
            "plurality": (first, "one_label"),
            "shares": (rows.votes, "one_label"),
            "all-inclusive": ((rows.votes > 0).astype(float), "multi_label"),
            "penalised": ((rows.votes > 0).astype(float), "unlikely_pairs"),
        }[plan.votes]
        out["votes"] = Task(np.where(np.isnan(rows.votes), np.nan, targets), name)
    if plan.intensities:
        targets = rows.intensities
        if plan.intensities == "shuffled":
            targets = targets[np.random.default_rng(seed).permutation(len(targets))]
        out["intensities"] = Task(targets, "strengths")
    return out


def _heads(entry: Study, data: str | Path | None, encoder: str, limit: int | None, progress: Said) -> list[Scores]:
    from affekt.train.voice.net import fit_net, salient

    plans: dict[str, _Heads] = {v.name: _plan(_Heads, entry, v.voice) for v in entry.ways}
    rows = _rows(plans[entry.baseline], encoder, data, progress)
    if limit is not None:
        kept = np.random.default_rng(0).permutation(len(rows.speakers))[:limit]
        rows = _Rows(*(getattr(rows, name)[kept] for name in _Rows.__dataclass_fields__))
    folds = rows.folds()
    scores: dict[str, Scores] = {}
    seeds = entry.seeds[: 1 if limit else None]
    for name, plan in plans.items():
        for seed in seeds:
            said: dict[str, NDArray[np.float64]] = {}
            never = np.zeros((len(rows.speakers), *2 * rows.votes.shape[1:]), bool)
            for k, asked in enumerate(folds):
                learned = ~asked
                own = _Rows(*(getattr(rows, n)[learned] for n in _Rows.__dataclass_fields__))
                columns: Any = slice(None)
                if plan.share < 1:
                    width = rows.vectors.shape[2]
                    if plan.picks == "random":
                        drawn = np.random.default_rng([seed, k]).permutation(width)
                        columns = np.sort(drawn[: max(round(plan.share * width), 1)])
                    else:
                        columns = salient(own.vectors.mean(1), own.classes, share=plan.share)
                net = fit_net(own.vectors[..., columns], _tasks(plan, own, seed), seed=seed, epochs=plan.epochs)
                for head, outputs in net.outputs(rows.vectors[asked][..., columns]).items():
                    said.setdefault(head, np.full((len(rows.speakers), outputs.shape[1]), np.nan))[asked] = outputs
                if plan.votes:
                    given = np.nan_to_num(own.votes) > 0
                    never[asked] = (given.T.astype(int) @ given) == 0
                progress(f"{name}, seed {seed}", f"fold {k + 1}", k + 1, len(folds), 0.0)
            for key, up, statistic in _scored(plan, rows, said, never):
                scores.setdefault(key, Scores(key, up, {})).of.setdefault(name, []).append(statistic)
    return list(scores.values())


def _summed(speakers: NDArray[np.str_], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns of a table of rows, added up for each speaker: shape (columns, speakers)."""
    _, at = np.unique(speakers, return_inverse=True)
    out = np.zeros((table.shape[1], at.max() + 1))
    np.add.at(out.T, at, table)
    return out


def _mean_of(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last axis of what is defined."""
    known = ~np.isnan(parts)
    return divide(np.where(known, parts, 0.0).sum(-1), known.sum(-1))


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64], speakers: NDArray[np.str_]) -> Statistic:
    """Mean over columns of one sum over another, such as recalls; (rows, columns) each."""
    n = above.shape[1]
    return Statistic(
        _summed(speakers, np.concatenate([above, below], 1)), lambda s: _mean_of(divide(s[..., :n], s[..., n:]))
    )


def _correlated(
    truth: NDArray[np.float64], said: NDArray[np.float64], speakers: NDArray[np.str_], *, concordance: bool
) -> Statistic:
    """Mean over columns of Pearson's or the concordance correlation, pooled over rows."""
    n = truth.shape[1]
    moments = np.concatenate([np.ones_like(truth), truth, said, truth**2, said**2, truth * said], 1)

    def finish(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        count, x, y, xx, yy, xy = (sums[..., k * n : (k + 1) * n] for k in range(6))
        mx, my = divide(x, count), divide(y, count)
        vx, vy, both = divide(xx, count) - mx**2, divide(yy, count) - my**2, divide(xy, count) - mx * my
        if concordance:
            return _mean_of(divide(2 * both, vx + vy + (mx - my) ** 2))
        return _mean_of(divide(both, np.sqrt(np.maximum(vx * vy, 0))))

    return Statistic(_summed(speakers, moments), finish)


def _scored(
    plan: _Heads, rows: _Rows, said: Mapping[str, NDArray[np.float64]], never: NDArray[np.bool_]
) -> Iterator[tuple[str, bool, Statistic]]:
    """Report key, direction and score of each thing that a variant says."""
    if plan.classes:
        known = ~np.isnan(rows.classes).any(1)
        truth = rows.classes[known]
        right = truth * np.eye(truth.shape[1])[said["classes"][known].argmax(1)]
        speakers, languages = rows.speakers[known], rows.languages[known]
        yield "uar", True, _ratio(right, truth, speakers)
        for language in dict.fromkeys(languages.tolist()) if len(set(languages.tolist())) > 1 else ():
            own = languages == language
            yield f"uar_{language}", True, _ratio(right[own], truth[own], speakers[own])
    if plan.dimensions:
        known = ~np.isnan(rows.dimensions).any(1)
        truth, found, speakers = rows.dimensions[known], said["dimensions"][known], rows.speakers[known]
        yield "ccc_mean", True, _correlated(truth, found, speakers, concordance=True)
        for k, name in enumerate(("valence", "arousal")):
            one = slice(k, k + 1)
            yield f"ccc_{name}", True, _correlated(truth[:, one], found[:, one], speakers, concordance=True)
    if plan.votes:
        known = ~np.isnan(rows.votes).any(1)
        yield from _votes_scored(plan, rows.votes[known], said["votes"][known], never[known], rows.speakers[known])
    if plan.intensities:
        known = ~np.isnan(rows.intensities).any(1)
        truth, found, speakers = rows.intensities[known], said["intensities"][known], rows.speakers[known]
        yield "pcc_mean", True, _correlated(truth, found, speakers, concordance=False)
        yield "mae_mean", False, _ratio(np.abs(truth - found), np.ones_like(truth), speakers)


def _votes_scored(
    plan: _Heads,
    votes: NDArray[np.float64],
    logits: NDArray[np.float64],
    never: NDArray[np.bool_],
    speakers: NDArray[np.str_],
) -> Iterator[tuple[str, bool, Statistic]]:
    together = plan.votes in ("all-inclusive", "penalised")
    e = np.exp(logits - logits.max(1, keepdims=True))
    single = e / e.sum(1, keepdims=True)
    each = 1 / (1 + np.exp(-logits))
    chance = 1 / votes.shape[1]
    # A softmax names what it holds for likelier than chance, as Chou (arXiv:2510.05934) reads distributions.
    named: Any = each > 0.5 if together else single > chance
    there = votes > 0
    share = each / each.sum(1, keepdims=True) if together else single
    one = np.ones((len(votes), 1))
    twice = np.concatenate([2.0 * (named & there)], 1)
    yield "macro_f1", True, _ratio(twice, named.astype(float) + there, speakers)
    if not together:
        apart = np.where(there, votes * np.log(np.where(there, votes, 1) / np.clip(share, 1e-9, 1)), 0).sum(1)
        yield "kl", False, _ratio(apart[:, None], one, speakers)
    ranks = (-share).argsort(1)
    best = votes.argmax(1)
    for n in (1, 2, 3):
        hit = np.any(ranks[:, :n] == best[:, None], axis=1)
        yield f"top{n}", True, _ratio(hit[:, None].astype(float), one, speakers)
    pairs = (named[:, :, None] & named[:, None] & never).any((1, 2))
    yield "never_seen_pairs", False, _ratio(pairs[:, None].astype(float), one, speakers)


# --- encoders


def _encoder(encoder: str) -> Any:
    from affekt.train.voice.encoder import SpeechEncoder

    return SpeechEncoder(Path(encoder))


def _frames(encoder: str, layer: int) -> Callable[[Sound], NDArray[np.float32]]:
    """What gives the frames of one layer of a sound."""
    if not encoder:
        from affekt.models.registry import load_voice

        return load_voice().frames
    reader = _encoder(encoder)
    if not 0 <= layer <= reader.layers:
        raise CatalogError(f"It has {reader.layers} layers, and the study asks for layer {layer}", where=encoder)
    return lambda sound: reader.frames(sound)[layer]


def _heard(encoder: str) -> Callable[[Sound], NDArray[np.float32] | None]:
    """What gives the mean and the spread over time of every layer, (layers, width); the bundled trunk has one."""
    if not encoder:
        from affekt.models.registry import load_voice

        ear = load_voice()
        return lambda sound: None if (vector := ear.hear(sound)) is None else vector[None]
    reader = _encoder(encoder)

    def hear(sound: Sound) -> NDArray[np.float32]:
        frames = reader.frames(sound)
        return np.concatenate([frames.mean(1), frames.std(1)], 1).astype(np.float32)

    return hear


def _counted(items: Iterable[T], limit: int | None, what: str, progress: Said) -> Iterator[T]:
    for k, item in enumerate(items if limit is None else islice(items, limit), 1):
        progress(what, "heard", k, limit or 0, 0.0)
        yield item


_PROBLEMS: dict[str, Callable[..., list[Scores]]] = {"changes": _changes, "heads": _heads}
