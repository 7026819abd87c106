"""What caused an emotion, as a task: gold and answers are links between turns, and conversations are the rows.

Of a task about questions, answers come as a table with the columns `id` and `label` (1 or `cause`, 0 or `no cause`; or
a probability) or `answer` (the words, empty where there are none), or as JSON from id to answer. Ids are those of the
official files (`dailydialog_tr_1_utt_4_true_cause_utt_3_span_0`). Of a task about pairs, they are JSON in the layout of
SemEval-2024 task 3: a list of conversations with `conversation_ID` and `emotion-cause_pairs`, such as
`["3_surprise", "1_0_5"]` for the tokens from 0 up to 5 of the first turn.

Either may come as the rows that `affekt analyze` writes too (`.jsonl`): `dialogue`, `turn` and `causes`, and `label` or
`labels` where emotions are wanted. A conversation, or question, that the file does not hold is counted as not answered.
"""

from __future__ import annotations

import json
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from affekt.bench.scoring import Scored
from affekt.bench.stored import read_rows, write_table
from affekt.bench.tables import rows_of
from affekt.bench.tasks import Task
from affekt.core.cause import Link
from affekt.core.clip import Clip
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.run import Score
from affekt.corpora.causes import CausedDialogue, Finder, questions_of, read_causes
from affekt.metrics.bootstrap import bootstrap
from affekt.metrics.causes import pair_counts

__all__ = [
    "CAUSES",
    "CauseAnswers",
    "answers_of",
    "found_by",
    "read_cause_answers",
    "score_causes",
    "token_span",
    "write_cause_answers",
]

CAUSES = ("cause-questions", "cause-pairs")
ABSENT = "not in the file"

_YES, _NO = ("1", "cause", "true", "yes"), ("0", "no cause", "false", "no")


@dataclass(frozen=True, slots=True)
class CauseAnswers:
    """Gold and answers, conversation for conversation.

    Attributes:
        ids: Names of the conversations, in the order of the corpus.
        truth: Links of each: of a task about questions, all that are asked, without a text where there is no cause.
        prediction: Links that were found.
        abstained: Reason for each conversation, `None` where there was an answer.
    """

    ids: tuple[str, ...]
    truth: tuple[tuple[Link, ...], ...]
    prediction: tuple[tuple[Link, ...], ...]
    abstained: tuple[str | None, ...]


# --- the gold


def token_span(text: str, span: str) -> tuple[int, int]:
    """The place of a span among the tokens of a text, as the official scorer of ECF finds it.

    Punctuation at its ends is left out; (0, 0) where it does not stand there.
    """
    cut = span.strip()
    while cut and (cut[0] in string.punctuation or cut[-1] in string.punctuation):
        cut = cut[1:] if cut[0] in string.punctuation else cut
        cut = cut[:-1] if cut and cut[-1] in string.punctuation else cut
        cut = cut.strip()
    wanted, tokens = cut.split(), text.split()
    for at in range(len(tokens) - len(wanted) + 1):
        if wanted and tokens[at : at + len(wanted)] == wanted:
            return at, at + len(wanted)
    return 0, 0


def _in_tokens(link: Link, turns: Sequence[Clip]) -> Link:
    start, end = token_span(turns[link.cause].text or "", link.text or "")
    return replace(link, start=start, end=end)


def _gold(chosen: Task, split: str, data: str | Path | None) -> tuple[list[CausedDialogue], list[tuple[Link, ...]]]:
    dialogues = list(read_causes(chosen.corpus.id, split=split, data=data))
    if chosen.entry.target == "cause-questions":
        return dialogues, [questions_of(d) for d in dialogues]
    return dialogues, [tuple(_in_tokens(link, d.dialogue.turns) for link in d.links) for d in dialogues]


# --- answers from a file


def answers_of(
    chosen: Task, file: Path, *, split: str, data: str | Path | None = None, threshold: float = 0.5
) -> CauseAnswers:
    """Put the answers of a file beside the gold.

    Args:
        chosen: A task about causes.
        file: The answers.
        split: The split that they answer.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        threshold: Probability from which a question is answered with yes.

    Raises:
        InputError: The file cannot be read, or is about questions, conversations or labels that the task does not have.
        DataError: The corpus is missing.
    """
    dialogues, truth = _gold(chosen, split, data)
    if not file.is_file():
        raise InputError("There is no such file", where=str(file))
    found: dict[str, list[Link]] = {}
    by_id = {d.dialogue.id: d for d in dialogues}
    content = _json(file) if file.suffix.lower() == ".json" else list(rows_of(file))
    if isinstance(content, list) and content and isinstance(content[0], dict) and "causes" in content[0]:
        given = _analysed(chosen, content, by_id, str(file))
    elif chosen.entry.target == "cause-pairs":
        given = _pairs(chosen, content, by_id, str(file))
    else:
        given = _questions(content, dict(zip(by_id, truth, strict=True)), threshold, str(file))
    for name, link in given:
        found.setdefault(name, []).extend([link] if link is not None else [])
    if not found:
        raise InputError("The file holds no answers", where=str(file))
    return CauseAnswers(
        ids=tuple(by_id),
        truth=tuple(truth),
        prediction=tuple(tuple(found.get(name, ())) for name in by_id),
        abstained=tuple(None if name in found else ABSENT for name in by_id),
    )


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        raise InputError("This is not JSON", where=str(file)) from err


_Given = Iterator[tuple[str, Link | None]]


def _questions(content: Any, truth: Mapping[str, Sequence[Link]], threshold: float, where: str) -> _Given:
    """Answers by id."""
    asked = {str(q.id): (name, q) for name, questions in truth.items() for q in questions}
    if isinstance(content, dict):
        content = [{"id": key, "answer": value} for key, value in content.items()]
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise InputError("The JSON holds no answers by id", where=where)
    column = next((c for c in ("label", "answer", "labels") if content and c in content[0]), None)
    if content and (column is None or "id" not in content[0]):
        raise UnknownNameError("column", "id" if column else "label", list(content[0]), where=where)
    for number, row in enumerate(content, 1):
        here = f"{where}, row {number}"
        if str(row.get("id")) not in asked:
            raise InputError(
                f"The split has no question {row.get('id')!r}",
                where=here,
                hint=f"It has ids such as {next(iter(asked))}.",
            )
        name, q = asked[str(row["id"])]
        said = str(row.get(column or "") if row.get(column or "") is not None else "").strip()
        if column == "answer":
            yield name, Link(q.turn, q.cause, q.label, text=said, id=q.id) if said else None
            continue
        yes = said.casefold() in _YES or (said.casefold() not in _NO and _probability(said, here) >= threshold)
        yield name, Link(q.turn, q.cause, q.label, text="", id=q.id) if yes else None


def _probability(said: str, where: str) -> float:
    try:
        value = float(said)
    except ValueError as err:
        raise InputError(f"{said!r} is no answer", where=where, hint="Give 1, 0 or a probability.") from err
    if not 0.0 <= value <= 1.0:
        raise InputError(f"{said} is no probability", where=where)
    return value


def _turn(d: CausedDialogue, said: object, where: str, *, first: int) -> int:
    """A turn's place, counted from 0."""
    try:
        at = int(str(said).removeprefix("U")) - first
    except ValueError as err:
        raise InputError(f"{said!r} is no turn", where=where) from err
    if not 0 <= at < len(d.dialogue):
        raise InputError(f"The conversation {d.dialogue.id!r} has no turn {said}", where=where)
    return at


def _known(by_id: Mapping[str, CausedDialogue], name: str, where: str) -> CausedDialogue:
    if name not in by_id:
        raise InputError(
            f"The split has no conversation {name!r}", where=where, hint=f"It has ids such as {next(iter(by_id))!r}."
        )
    return by_id[name]


def _pairs(chosen: Task, content: Any, by_id: Mapping[str, CausedDialogue], where: str) -> _Given:
    """The layout of SemEval-2024 task 3."""
    if not isinstance(content, list):
        raise InputError("The JSON is not a list of conversations", where=where)
    for number, row in enumerate(content, 1):
        here = f"{where}, conversation {number}"
        if not isinstance(row, dict) or not isinstance(row.get("emotion-cause_pairs"), list):
            raise InputError("A conversation has no list 'emotion-cause_pairs'", where=here)
        d = _known(by_id, str(row.get("conversation_ID")), here)
        yield d.dialogue.id, None
        for pair in row["emotion-cause_pairs"]:
            parts = [str(side).split("_") for side in pair] if isinstance(pair, list) else []
            if [len(p) for p in parts] != [2, 3] or not all(x.isdigit() for x in parts[1][1:]):
                raise InputError(
                    f"{pair!r} is no pair",
                    where=here,
                    hint='Give turn and emotion, turn and tokens: ["3_joy", "1_0_5"].',
                )
            label = _label(chosen, parts[0][1], here)
            turn, cause = _turn(d, parts[0][0], here, first=1), _turn(d, parts[1][0], here, first=1)
            yield d.dialogue.id, Link(turn, cause, label, int(parts[1][1]), int(parts[1][2]), "")


def _label(chosen: Task, name: str, where: str) -> str:
    known = {label.casefold(): label for label in chosen.space.labels}
    if name.strip().casefold() not in known:
        raise UnknownNameError("label", name, chosen.space.labels, where=where)
    return known[name.strip().casefold()]


def _analysed(
    chosen: Task, rows: Sequence[Mapping[str, Any]], by_id: Mapping[str, CausedDialogue], where: str
) -> _Given:
    """Rows of an analysis."""
    for number, row in enumerate(rows, 1):
        here = f"{where}, row {number}"
        d = _known(by_id, str(row.get("dialogue")), here)
        turn = _turn(d, row.get("turn"), here, first=0)
        yield d.dialogue.id, None
        label = d.labels[turn]
        if chosen.entry.target == "cause-pairs":
            said = row.get("label") or next(iter(row.get("labels") or ()), None)
            label = _label(chosen, str(said), here) if said else None
            if label == chosen.space.neutral:
                continue
        for c in row.get("causes") or ():
            try:
                cause, start, end = _turn(d, c["turn"], here, first=0), int(c["start"]), int(c["end"])
            except (KeyError, TypeError, ValueError) as err:
                raise InputError("A cause has no turn, start and end", where=here) from err
            yield d.dialogue.id, _link(chosen, d.dialogue.turns, Link(turn, cause, label, start, end))


def _link(chosen: Task, turns: Sequence[Clip], link: Link) -> Link:
    """A link with its words, and with tokens for characters where the task counts in these."""
    told = replace(link, text=(turns[link.cause].text or "")[link.start : link.end])
    return _in_tokens(told, turns) if chosen.entry.target == "cause-pairs" else told


# --- answers of a model


def found_by(
    chosen: Task,
    find: Finder,
    *,
    split: str,
    data: str | Path | None = None,
    emotions: Callable[[CausedDialogue], Mapping[int, str]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CauseAnswers:
    """Let a model answer.

    Args:
        chosen: A task about causes.
        find: From turns and the emotions of some of them to the links of each, with spans in characters.
        split: The split to answer.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        emotions: Where the task does not give the emotions of turns, what tells them.
        progress: Called with (conversations done, conversations in all).

    Raises:
        InputError: The task wants emotions, and nothing tells them.
    """
    if chosen.entry.target == "cause-pairs" and emotions is None:
        raise InputError(f"{chosen.id!r} does not give emotions", hint="Name a model that tells them with --emotions.")
    dialogues, truth = _gold(chosen, split, data)
    found = []
    for number, d in enumerate(dialogues, 1):
        told = emotions(d) if emotions and chosen.entry.target == "cause-pairs" else {}
        if chosen.entry.target == "cause-questions":
            told = {i: str(d.labels[i]) for i in d.asked}
        links = [link for some in find(d.dialogue.turns, told).values() for link in some]
        found.append(tuple(_link(chosen, d.dialogue.turns, link) for link in links))
        if progress:
            progress(number, len(dialogues))
    nothing = (None,) * len(dialogues)
    return CauseAnswers(tuple(d.dialogue.id for d in dialogues), tuple(truth), tuple(found), nothing)


# --- scores


def score_causes(task: Task, answers: CauseAnswers, *, samples: int = 1000, seed: int = 0) -> Scored:
    """Score links; intervals are of a bootstrap that draws whole conversations.

    Args:
        task: A task about causes.
        answers: What was answered.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.
    """
    sides: dict[str, Any] = {"truth": answers.truth, "prediction": answers.prediction}
    labels = [name for name in task.names if name != task.space.neutral]
    pairs = task.entry.target == "cause-pairs"
    given = {"labels": labels} if pairs else {}
    parts = {key: m.statistic(**sides, **given) for key, m in task.keys.items()}
    intervals = bootstrap(parts, samples=samples, seed=seed)
    scores = {key: Score(float(i.value), float(i.low), float(i.high), i.n) for key, i in intervals.items()}
    reasons = Counter(reason for reason in answers.abstained if reason is not None)
    there = [link for links in answers.truth for link in links]
    notes: dict[str, Any] = {
        "rows": len(answers.ids),
        "answered": len(answers.ids) - sum(reasons.values()),
        "unit": "conversations",
        "links": sum(link.text is not None for link in there),
        "found": sum(map(len, answers.prediction)),
    }
    if pairs:
        notes["per_label"] = _per_label(answers, labels)
    else:
        notes["questions"] = len(there)
    return Scored(scores, dict(sorted(reasons.items())), notes)


def _per_label(answers: CauseAnswers, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Pairs of turns of each emotion, whatever the span."""
    rows = [
        pair_counts(t, p, labels=labels, way="turns") for t, p in zip(answers.truth, answers.prediction, strict=True)
    ]
    out = {}
    for j, name in enumerate(labels):
        right, there, said = (sum(row[j][k] for row in rows) for k in range(3))
        out[name] = {
            "precision": right / said if said else float("nan"),
            "recall": right / there if there else float("nan"),
            "f1": 2 * right / (there + said) if there + said else float("nan"),
            "actual": int(there),
            "predicted": int(said),
        }
    return out


# --- the record


def _link_type() -> Any:
    import pyarrow as pa

    return pa.list_(
        pa.struct(
            [
                ("turn", pa.int64()),
                ("cause", pa.int64()),
                ("label", pa.string()),
                ("start", pa.int64()),
                ("end", pa.int64()),
                ("text", pa.string()),
                ("score", pa.float64()),
                ("id", pa.string()),
            ]
        )
    )


_FIELDS = ("turn", "cause", "label", "start", "end", "text", "score", "id")


def write_cause_answers(answers: CauseAnswers, file: Path, *, facts: Mapping[str, str]) -> None:
    """Write `predictions.parquet`: `id`, `gold` and `prediction` (lists of links), `abstained`.

    Args:
        answers: The answers.
        file: Where to; it is there whole or not at all.
        facts: Written into the file's metadata, such as task, model and split.

    Raises:
        OutputError: It cannot be written.
    """
    import pyarrow as pa

    def plain(side: Sequence[Sequence[Link]]) -> Any:
        rows = [[{f: getattr(link, f) for f in _FIELDS} for link in links] for links in side]
        return pa.array(rows, type=_link_type())

    table = pa.table(
        {
            "id": pa.array(answers.ids, type=pa.string()),
            "gold": plain(answers.truth),
            "prediction": plain(answers.prediction),
            "abstained": pa.array(answers.abstained, type=pa.string()),
        }
    ).replace_schema_metadata({**facts, "target": "causes"})
    write_table(table, file)


def read_cause_answers(file: Path) -> CauseAnswers:
    """Read what `write_cause_answers` wrote.

    Raises:
        DataError: The file is missing or is not such a file.
    """

    def made(rows: list[dict[str, Any]]) -> CauseAnswers:
        sides = [tuple(tuple(Link(**link) for link in row[side]) for row in rows) for side in ("gold", "prediction")]
        return CauseAnswers(
            tuple(row["id"] for row in rows), sides[0], sides[1], tuple(row["abstained"] for row in rows)
        )

    return read_rows(file, made, what="causes")
