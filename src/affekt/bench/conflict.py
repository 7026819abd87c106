"""Planted conflicts: real voices beside real texts of other people, with the same emotion or not.

Each recording of a corpus of acted speech gets a text with an emotion of its own, drawn by the recording's id. Four
kinds of rows come of it, after the subsets of CA-MER: `agree`, both carry the same; `voice`, the voice alone carries an
emotion and the text is neutral; `text`, the other way round; `both`, each carries another one. Voices are read by heads
that never heard their speaker. What weighs the channels is fitted for each fold on the rows of the others, whose texts
are of another split.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.bench.scoring import Scored
from affekt.bench.stored import read_rows, write_table
from affekt.bench.tasks import Task
from affekt.catalog.corpora import ALL, corpus
from affekt.catalog.fusion import Fusion
from affekt.catalog.maps import space_map
from affekt.catalog.spaces import space
from affekt.core.clip import Clip
from affekt.core.prediction import Prediction
from affekt.core.protocols import Recogniser
from affekt.core.run import Score
from affekt.core.works import implements
from affekt.corpora.files import recording_of
from affekt.corpora.read import read
from affekt.explain.conflict import disagreement
from affekt.media.sound import read_sound
from affekt.metrics.bootstrap import bootstrap, paired_bootstrap
from affekt.metrics.classification import unweighted_average_recall_statistic
from affekt.metrics.ranking import area_under_roc_statistic
from affekt.metrics.statistic import Statistic
from affekt.models.fusion import carried, mixture

__all__ = [
    "KINDS",
    "ConflictAnswers",
    "Pair",
    "answered",
    "planted",
    "read_conflicts",
    "score_conflicts",
    "write_conflicts",
]

KINDS = ("agree", "voice", "text", "both")
TEXTS = "goemotions:ekman"
_MISSING = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class ConflictAnswers:
    """What the channels of each row carry and say.

    Attributes:
        ids: Names of the rows.
        speakers: Who speaks.
        kinds: One of `KINDS`.
        carries: Channel -> place of the label that it carries, shape (rows,).
        says: Channel -> shares of labels before they are weighed, shape (rows, labels).
        plans: How the channels of a row are weighed.
        fold: Place of its plan, shape (rows,).
    """

    ids: tuple[str, ...]
    speakers: tuple[str, ...]
    kinds: tuple[str, ...]
    carries: Mapping[str, NDArray[np.int64]]
    says: Mapping[str, NDArray[np.float64]]
    plans: tuple[Fusion, ...]
    fold: NDArray[np.int64]

    @property
    def truth(self) -> NDArray[np.int64]:
        """Place of the label of each row; -1 where each channel carries another one."""
        kinds = np.array(self.kinds)
        found: NDArray[np.int64] = np.where(kinds == "text", self.carries["text"], self.carries["voice"])
        return np.where(kinds == "both", -1, found)

    def read(self, gone: Mapping[str, NDArray[np.bool_]] | None = None) -> dict[str, NDArray[np.float64]]:
        """The mixture with gates, the plain average, each channel by itself, and the probability of conflict.

        Args:
            gone: Channel -> rows that lack it, shape (rows,).
        """
        rows = len(self.ids)
        says = {
            name: np.where((gone or {}).get(name, np.zeros(rows, bool))[:, None], np.nan, table)
            for name, table in self.says.items()
        }
        out = {k: np.zeros_like(next(iter(says.values()))) for k in ("fused", "averaged", *says)}
        conflict = np.zeros(rows)
        for k, plan in enumerate(self.plans):
            own = self.fold == k
            mixed, _, calm = mixture({name: t[own] for name, t in says.items()}, plan=plan)
            out["fused"][own] = mixed
            for name, table in calm.items():
                out[name][own] = table
            conflict[own] = disagreement(calm["text"], calm["voice"], plan=plan)
        stacked = np.stack([out[name] for name in says])
        there = ~np.isnan(stacked[..., 0])
        out["averaged"] = np.nan_to_num(stacked).sum(0) / np.maximum(there.sum(0), 1)[:, None]
        return {**out, "conflict": conflict}


@dataclass(frozen=True)
class Pair:
    """A recording with what its text is to carry.

    Attributes:
        clip: The recording.
        kind: One of `KINDS`.
        voice: Place of the label of the voice.
        text: Place of the label that the text is to have.
    """

    clip: Clip
    kind: str
    voice: int
    text: int


def planted(clip: Clip, voice: int, labels: int, neutral: int) -> Pair:
    """The kind of a row and the label of its text, drawn by the recording's id.

    Args:
        clip: The recording.
        voice: Place of its label.
        labels: Number of labels.
        neutral: Place of the neutral one.
    """
    rng = np.random.default_rng(zlib.crc32(clip.id.encode()))
    chance = rng.random()
    if voice == neutral:
        kind = "agree" if chance < 0.4 else "text"
        text = neutral if kind == "agree" else int(rng.integers(1, labels) + neutral) % labels
    else:
        kind = "agree" if chance < 0.4 else "voice" if chance < 0.7 else "both"
        others = [k for k in range(labels) if k not in (voice, neutral)]
        text = {"agree": voice, "voice": neutral, "both": int(rng.choice(others))}[kind]
    return Pair(clip, kind, voice, text)


def texts_by_label(split: str, data: str | Path | None) -> list[list[str]]:
    """Texts with one label, by its place in the space."""
    entry = corpus(TEXTS)
    labels = space(entry.space).labels
    found: list[list[str]] = [[] for _ in labels]
    for clip, gold in read(entry, split=split, data=data):
        if len(gold.labels) == 1 and clip.text:
            found[labels.index(gold.labels[0])].append(clip.text)
    return found


@implements(works=["mosear"])
def answered(
    chosen: Task,
    reader: Recogniser,
    *,
    folder: Path,
    data: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ConflictAnswers, Fusion]:
    """Plant conflicts in a corpus of recordings, and have both channels read.

    Args:
        chosen: The task; its corpus has recordings and folds of speakers.
        reader: What reads texts; it must not have learned from the dev and test splits of GoEmotions.
        folder: Folder of the run. What was heard is kept there as `heard.npz`, and not heard again where it is there.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        progress: Called with (recordings heard, recordings in all).

    Returns:
        The answers, and what weighs the channels if it is fitted on all rows: what the package comes with.

    Raises:
        DataError: A corpus is missing.
        MissingExtraError: The `train` extra is not installed.
    """
    from affekt.train.fusion.gates import fit_fusion
    from affekt.train.voice.fit import Heard, folds_of, held_out, speaker_of

    entry, target = chosen.corpus, chosen.space
    examples = list(read(entry, split=ALL, data=data))
    vectors = heard_once(examples, entry, folder, data, progress)
    speakers = np.array([speaker_of(entry, clip) for clip, _ in examples])
    heard = Heard(
        np.array([clip.id for clip, _ in examples]),
        vectors,
        np.array([gold.labels[0] for _, gold in examples]),
        speakers,
    ).beside_speakers()
    order = list(space(entry.space).labels)
    folds = folds_of(speakers, entry)
    logits, heads = held_out(heard, folds, order, strengths=(0.001, 0.003))
    logits /= np.select(folds, [head.temperature for head in heads])[:, None]
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    voice = np.stack(
        [
            carried(Prediction(name, entry.space, dict(zip(order, map(float, row), strict=True))), target=target.id)
            for name, row in zip(heard.ids, shares, strict=True)
        ]
    )
    carry = space_map(entry.space, target.id).weights
    labels, neutral = target.labels, target.labels.index(target.neutral or "")
    pairs = [
        planted(
            clip, labels.index(max(carry[gold.labels[0]], key=carry[gold.labels[0]].__getitem__)), len(labels), neutral
        )
        for clip, gold in examples
    ]
    read_as = {split: _read_texts(reader, pairs, texts_by_label(split, data), target.id) for split in ("dev", "test")}
    carries = {"text": np.array([p.text for p in pairs]), "voice": np.array([p.voice for p in pairs])}
    kinds = tuple(p.kind for p in pairs)
    fold = np.select(folds, range(len(folds)))

    def made(says: NDArray[np.float64], plans: tuple[Fusion, ...], place: NDArray[np.int64]) -> ConflictAnswers:
        names = tuple(clip.id for clip, _ in examples)
        return ConflictAnswers(names, tuple(speakers), kinds, carries, {"text": says, "voice": voice}, plans, place)

    truth = made(read_as["dev"], (), fold).truth
    tables = {"text": read_as["dev"], "voice": voice}

    def fitted(rows: NDArray[np.bool_], version: str) -> Fusion:
        return fit_fusion(
            {k: t[rows] for k, t in tables.items()},
            truth=truth[rows],
            alone={k: c[rows] for k, c in carries.items()},
            version=version,
        )

    plans = tuple(fitted(~own, f"fold {k}") for k, own in enumerate(folds, 1))
    return made(read_as["test"], plans, fold), fitted(np.ones(len(pairs), bool), "1.0")


def heard_once(
    examples: list[Any], entry: Any, folder: Path, data: str | Path | None, progress: Callable[[int, int], None] | None
) -> NDArray[np.float32]:
    file = folder / "heard.npz"
    ids = np.array([clip.id for clip, _ in examples])
    if file.is_file():
        with np.load(file, allow_pickle=False) as kept:
            if np.array_equal(kept["ids"], ids):
                found: NDArray[np.float32] = kept["vectors"]
                return found
    from affekt.models.registry import load_voice

    ear, heard = load_voice(), []
    for number, (clip, _) in enumerate(examples, 1):
        vector = ear.hear_utterance(read_sound(recording_of(entry, clip, data)))
        heard.append(vector if vector is not None else np.zeros(1024, np.float32))
        if progress:
            progress(number, len(examples))
    out = np.stack(heard)
    np.savez(file, ids=ids, vectors=out)
    return out


def drawn_text(pair: Pair, texts: list[list[str]]) -> str:
    """The text of a pair: that which its id draws among those of its label, as `texts_by_label` gives them."""
    own = texts[pair.text]
    return own[zlib.crc32(b"text " + pair.clip.id.encode()) % len(own)]


def _read_texts(reader: Recogniser, pairs: list[Pair], texts: list[list[str]], target: str) -> NDArray[np.float64]:
    """What the reader says of the text of each pair; each takes the one that its id draws among those of its label."""
    said = reader.predict([Clip(p.clip.id, drawn_text(p, texts)) for p in pairs])
    return np.stack([carried(prediction, target=target) for prediction in said])


# --- scores


def _detection(answers: ConflictAnswers, score: NDArray[np.float64], rows: NDArray[np.bool_]) -> Statistic:
    kinds = np.array(answers.kinds)
    truth = (kinds != "agree").astype(int)[rows]
    return area_under_roc_statistic(truth=truth[:, None], probability=score[rows][:, None]).by(
        np.array(answers.speakers)[rows]
    )


def _recall(answers: ConflictAnswers, table: NDArray[np.float64], rows: NDArray[np.bool_]) -> Statistic:
    labels = np.arange(table.shape[1])
    found = unweighted_average_recall_statistic(
        truth=answers.truth[rows], prediction=table[rows].argmax(1), labels=labels
    )
    return found.by(np.array(answers.speakers)[rows])


@implements(works=["mosear"])
def score_conflicts(task: Task, answers: ConflictAnswers, *, samples: int = 1000, seed: int = 0) -> Scored:
    """Score detection and the fused reading; intervals draw whole speakers.

    Args:
        task: The task.
        answers: What was answered.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.
    """
    kinds = np.array(answers.kinds)
    said = answers.read()
    known = answers.truth >= 0
    every = np.ones(len(kinds), bool)
    parts = {"conflict_auc": _detection(answers, said["conflict"], every)}
    for kind in KINDS[1:]:
        parts[f"conflict_auc_{kind}"] = _detection(answers, said["conflict"], np.isin(kinds, ["agree", kind]))
    for name in ("fused", "averaged", "text", "voice"):
        parts[f"{name}_uar"] = _recall(answers, said[name], known)
    assert set(parts) == set(task.keys)
    intervals = {k: bootstrap({k: p}, samples=samples, seed=seed)[k] for k, p in parts.items()}
    scores = {key: Score(float(i.value), float(i.low), float(i.high), i.n) for key, i in intervals.items()}
    gain = paired_bootstrap(first=parts["fused_uar"], second=parts["averaged_uar"], samples=samples, seed=seed)
    unsure = {name: 1 - said[name].max(1) for name in ("text", "voice")}
    control = {name: float(_detection(answers, u, every).value) for name, u in unsure.items()}
    carriers = {
        kind: {
            name: float(np.mean(said[name].argmax(1)[kinds == kind] == answers.truth[kinds == kind]))
            for name in ("fused", "averaged", "text", "voice")
        }
        for kind in KINDS[:3]
    }
    order = np.random.default_rng(seed).permutation(len(kinds))
    curve: dict[str, dict[str, list[float]]] = {}
    for gone in ("voice", "text"):
        curve[gone] = {"fused": [], "averaged": []}
        for share in _MISSING:
            lacks = np.isin(np.arange(len(kinds)), order[: round(share * len(kinds))])
            left = answers.read({gone: lacks})
            for name, values in curve[gone].items():
                values.append(float(_recall(answers, left[name], known).value))
    notes: dict[str, Any] = {
        "rows": len(kinds),
        "answered": len(kinds),
        "conflict": {
            "kinds": {kind: int((kinds == kind).sum()) for kind in KINDS},
            "gates_against_average": {"difference": gain.value, "low": gain.low, "high": gain.high, "p": gain.p},
            "auc_of_one_channel_being_unsure": control,
            "accuracy_by_kind": carriers,
            "missing": {"share": list(_MISSING), **curve},
        },
    }
    return Scored(scores, {}, notes)


# --- the record


def write_conflicts(answers: ConflictAnswers, file: Path, *, facts: Mapping[str, str]) -> None:
    """Write `predictions.parquet`, a line a row, and the plans beside it in the file's metadata.

    Args:
        answers: The answers.
        file: Where to; it is there whole or not at all.
        facts: Written into the file's metadata, such as task, model and split.

    Raises:
        OutputError: It cannot be written.
    """
    import msgspec
    import pyarrow as pa

    table = pa.table(
        {
            "id": list(answers.ids),
            "speaker": list(answers.speakers),
            "kind": list(answers.kinds),
            "fold": answers.fold,
            **{f"carries_{name}": each for name, each in answers.carries.items()},
            **{f"says_{name}": [row.tolist() for row in each] for name, each in answers.says.items()},
            "plan": [msgspec.json.encode(answers.plans[k]).decode() for k in answers.fold.tolist()],
        }
    ).replace_schema_metadata({**facts, "target": "conflicts"})
    write_table(table, file)


def read_conflicts(file: Path) -> ConflictAnswers:
    """Read what `write_conflicts` wrote.

    Raises:
        DataError: The file is missing or is not such a file.
    """
    import msgspec

    def made(rows: list[dict[str, Any]]) -> ConflictAnswers:
        plans = {row["fold"]: row["plan"] for row in rows}
        return ConflictAnswers(
            ids=tuple(row["id"] for row in rows),
            speakers=tuple(row["speaker"] for row in rows),
            kinds=tuple(row["kind"] for row in rows),
            carries={name: np.array([row[f"carries_{name}"] for row in rows]) for name in ("text", "voice")},
            says={name: np.array([row[f"says_{name}"] for row in rows], np.float64) for name in ("text", "voice")},
            plans=tuple(msgspec.json.decode(plans[k], type=Fusion) for k in sorted(plans)),
            fold=np.array([row["fold"] for row in rows]),
        )

    return read_rows(file, made, what="conflicts")
