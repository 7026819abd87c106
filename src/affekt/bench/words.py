"""Emotions in any words, as a task: gold and answers are sets of words, compared by the groups that they fall into.

Answers come as a table (`.csv`, `.tsv`, `.jsonl`, `.parquet`) with a column `id` (or `name`) and one of

- `words`, `openset` or `labels`: emotion words, as a list, or written out (`['glad', 'proud']`, `glad; proud`);
- `answer` or `text`: free text, of which the emotion words are taken that it does not deny.

So rows of `affekt analyze` are answers too: their labels are the words. Free text without an emotion word is no answer,
and counted as that; a word that no wheel knows is an answer, and counts nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.bench.scoring import Scored
from affekt.bench.stored import read_rows, write_table
from affekt.bench.tables import by_id, rows_of
from affekt.bench.tasks import Task
from affekt.catalog.emotion_words import grouping, wheel_groupings
from affekt.core.errors import UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.run import Score
from affekt.corpora.gold import free_words
from affekt.corpora.read import Example, read
from affekt.explain.open_words import named, words_of
from affekt.metrics.bootstrap import bootstrap
from affekt.metrics.setwise import groups_of

__all__ = ["WordAnswers", "read_words", "score_words", "words_by", "words_from", "write_words"]

_LISTS, _TEXTS = ("words", "openset", "labels"), ("answer", "text")


@dataclass(frozen=True, slots=True)
class WordAnswers:
    """Gold and answers, row for row.

    Attributes:
        ids: Clip ids, in the order of the corpus.
        truth: Words of each row.
        prediction: Words of each answer.
        abstained: Reason for each row, `None` where there was an answer.
    """

    ids: tuple[str, ...]
    truth: tuple[tuple[str, ...], ...]
    prediction: tuple[tuple[str, ...], ...]
    abstained: tuple[str | None, ...]


_Said = tuple[tuple[str, ...], str | None]


def _beside(examples: Sequence[Example], said: Sequence[_Said]) -> WordAnswers:
    return WordAnswers(
        ids=tuple(clip.id for clip, _ in examples),
        truth=tuple(gold.words or gold.labels for _, gold in examples),
        prediction=tuple(words for words, _ in said),
        abstained=tuple(reason for _, reason in said),
    )


def words_by(examples: Sequence[Example], predictions: Sequence[Prediction]) -> WordAnswers:
    """The words that the readings of a recogniser amount to, beside the gold.

    Args:
        examples: The rows.
        predictions: A reading of each, in any label space.
    """
    said: list[_Said] = [
        ((), p.abstained) if p.abstained is not None else (words_of(p), None if p.labels else "no label is sure enough")
        for p in predictions
    ]
    return _beside(examples, said)


def words_from(chosen: Task, file: Path, *, split: str, data: str | Path | None = None) -> WordAnswers:
    """Put the answers of a file beside the gold.

    Args:
        chosen: A task about words.
        file: The answers; see the module.
        split: The split that they answer.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.

    Raises:
        UnknownNameError: The table has none of the columns.
        InputError: The table cannot be read, has an id twice, or has ids that are not in the split.
        DataError: The corpus is missing.
    """
    examples = list(read(chosen.corpus, split=split, data=data))
    rows = [{("id" if k == "name" and "id" not in row else k): v for k, v in row.items()} for row in rows_of(file)]
    given = by_id(rows, [clip.id for clip, _ in examples], (), str(file))
    header = list(dict.fromkeys(key for cells in given.values() for key in cells))
    column = next((c for c in (*_LISTS, *_TEXTS) if c in header), None)
    if column is None:
        raise UnknownNameError("column", "words", header, where=str(file))
    return _beside(examples, [_said(given.get(clip.id), column) for clip, _ in examples])


def _said(cells: Mapping[str, Any] | None, column: str) -> _Said:
    if cells is None:
        return (), "not in the table"
    if reason := str(cells.get("abstained") or "").strip():
        return (), reason
    if column in _LISTS:
        words = free_words(cells.get(column))
        return words, None if words else "no words"
    words = named(str(cells.get(column) or ""))
    return words, None if words else "unparsable: no emotion word"


_GROUPINGS: dict[str, Callable[[], tuple[Mapping[str, str], ...]]] = {
    "s1": lambda: wheel_groupings(1),
    "s2": lambda: wheel_groupings(2),
    "s1+s2": lambda: wheel_groupings(1) + wheel_groupings(2),
    "form": lambda: (grouping(by="form", edition="mer2025"),),
}


def score_words(task: Task, answers: WordAnswers, *, samples: int = 1000, seed: int = 0) -> Scored:
    """Score words by the groups of MER2025.

    Args:
        task: A task about words.
        answers: What was answered.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.
    """
    parts = {
        key: m.statistic(truth=answers.truth, prediction=answers.prediction, groupings=_GROUPINGS[m.groups]())
        for key, m in task.keys.items()
    }
    intervals = bootstrap(parts, samples=samples, seed=seed)
    scores = {key: Score(float(i.value), float(i.low), float(i.high), i.n) for key, i in intervals.items()}
    reasons = Counter(reason for reason in answers.abstained if reason is not None)
    forms = _GROUPINGS["form"]()[0]
    sides = {"gold": answers.truth, "predicted": answers.prediction}
    notes: dict[str, Any] = {
        "rows": len(answers.ids),
        "answered": len(answers.ids) - sum(reasons.values()),
        "words": {name: len({word for row in side for word in row}) for name, side in sides.items()},
        "words_without_group": {
            name: len({word for row in side for word in row if not groups_of((word,), forms)})
            for name, side in sides.items()
        },
    }
    return Scored(scores, dict(sorted(reasons.items())), notes)


def write_words(answers: WordAnswers, file: Path, *, facts: Mapping[str, str]) -> None:
    """Write `predictions.parquet`: `id`, `gold` and `prediction` (lists of words), `abstained`.

    Args:
        answers: The answers.
        file: Where to; it is there whole or not at all.
        facts: Written into the file's metadata, such as task, model and split.

    Raises:
        OutputError: It cannot be written.
    """
    import pyarrow as pa

    strings = pa.list_(pa.string())
    table = pa.table(
        {
            "id": pa.array(answers.ids, type=pa.string()),
            "gold": pa.array([list(words) for words in answers.truth], type=strings),
            "prediction": pa.array([list(words) for words in answers.prediction], type=strings),
            "abstained": pa.array(answers.abstained, type=pa.string()),
        }
    ).replace_schema_metadata({**facts, "target": "words"})
    write_table(table, file)


def read_words(file: Path) -> WordAnswers:
    """Read what `write_words` wrote.

    Raises:
        DataError: The file is missing or is not such a file.
    """

    def made(rows: list[dict[str, Any]]) -> WordAnswers:
        sides = [tuple(tuple(row[side]) for row in rows) for side in ("gold", "prediction")]
        return WordAnswers(
            tuple(row["id"] for row in rows), sides[0], sides[1], tuple(row["abstained"] for row in rows)
        )

    return read_rows(file, made, what="words")
