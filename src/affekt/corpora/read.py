"""A corpus entry in, clips with their gold out."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from affekt.catalog.corpora import ALL, Corpus, CorpusFile, corpus
from affekt.core.clip import Clip
from affekt.core.errors import DataError, InputError, UnknownNameError
from affekt.corpora.files import checksum, file_of, files_of, joined_file
from affekt.corpora.generated import digest
from affekt.corpora.gold import GoldReader, Target
from affekt.corpora.layouts import Record, id_of, listed, records, text_of, wanted
from affekt.corpora.splits import split_of, splitter
from affekt.corpora.votes import means, ratings

__all__ = ["Example", "Target", "checksums", "overlap", "pictures", "ratings", "read", "split_of"]

Example = tuple[Clip, Target]


def read(name: str | Corpus, *, split: str, data: str | Path | None = None) -> Iterator[Example]:
    """Stream one split of a corpus.

    Rows come in the order of the files, one at a time; only a corpus whose duplicates are joined is held in
    memory, since the last line may still add a label to the first, and one whose gold is the mean of single
    ratings, which are read first.

    Args:
        name: Id of the corpus, of a view (`meld:sentiment`) or a part (`semeval2025-a:deu`), or its entry. Of a
            corpus that comes in parts, all are read, one after another, with the part's name before each id.
        split: Name of the split, such as `train`, `dev`, `test`; `all` for the rows of every split.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.

    Yields:
        The clip, and its gold in the space of the corpus.

    Raises:
        UnknownNameError: There is no such corpus or split.
        DataError: Data folder, corpus or file is missing, or a row does not fit the layout; says where.
    """
    entry = corpus(name) if isinstance(name, str) else name
    if split not in (*entry.splits, ALL):
        raise UnknownNameError("split", split, (*entry.splits, ALL), where=entry.id)
    return _parts(entry, split, data) if entry.matrix else _examples(entry, split, data)


def checksums(name: str | Corpus, *, split: str, data: str | Path | None = None) -> dict[str, str]:
    """SHA-256 of the files that a split is read from, or of the rows that are made: path -> digits."""
    entry = corpus(name) if isinstance(name, str) else name
    found = {}
    for part in _files_of(entry, split):
        if entry.layout == "generated":
            found[f"{entry.folder}/{part.path}"] = digest(entry, part)
            continue
        for file, path in zip(files_of(entry, part, data), _paths(entry, part, data), strict=True):
            found[f"{entry.folder}/{path}"] = checksum(file)
        for path in part.beside.values():
            found[f"{entry.folder}/{path}"] = checksum(file_of(entry, path, data))
    if entry.joined is not None:
        path = f"{entry.joined.folder or entry.folder}/{entry.joined.path}"
        found[path] = checksum(joined_file(entry, data))
    return found


def overlap(name: str | Corpus, *, data: str | Path | None = None) -> dict[tuple[str, str], int]:
    """Rows of one split whose exact text also stands in another.

    Returns:
        (split, other split) -> number of rows of the first; texts are compared as they are, without trimming.
    """
    entry = corpus(name) if isinstance(name, str) else name
    texts = {split: [hash(clip.text) for clip, _ in read(entry, split=split, data=data)] for split in entry.splits}
    known = {split: set(rows) for split, rows in texts.items()}
    return {
        (one, other): sum(text in known[other] for text in texts[one])
        for one in texts
        for other in texts
        if one != other
    }


def _files_of(entry: Corpus, split: str) -> list[CorpusFile]:
    return [f for f in entry.files if f.split in ("", split) or _every(entry, split)]


def _every(entry: Corpus, split: str) -> bool:
    """Whether the rows of every split are meant; a corpus may have one split of that name."""
    return split == ALL and split not in entry.splits


def _paths(entry: Corpus, part: CorpusFile, data: str | Path | None) -> list[str]:
    if "*" not in part.path:
        return [part.path]
    folder = Path(part.path).parent
    return [(folder / file.name).as_posix() for file in files_of(entry, part, data)]


def _parts(entry: Corpus, split: str, data: str | Path | None) -> Iterator[Example]:
    for part in entry.parts:
        if split in (*part.splits, ALL):
            name = part.id.partition(":")[2]
            for clip, target in _examples(part, split, data):
                yield replace(clip, id=f"{name}:{clip.id}"), target


@dataclass(slots=True)
class _Thread:
    """The dialogue that is being read: what was said so far, and which dialogues are over."""

    keep: int
    name: str | None = None
    said: deque[tuple[str, str | None]] = None  # type: ignore[assignment]
    turn: int = 0
    over: set[str] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.said, self.over = deque(maxlen=self.keep), set()

    def next(self, name: str, where: str) -> tuple[list[tuple[str, str | None]], int]:
        """Go to a turn of a dialogue: what was said before it and by whom, and its place."""
        if name != self.name:
            if self.name is not None:
                self.over.add(self.name)
            if name in self.over:
                raise DataError(
                    "The turns of a dialogue do not stand together, so what was said before is not known", where=where
                )
            self.name, self.turn = name, 0
            self.said.clear()
        self.turn += 1
        return list(self.said), self.turn - 1


def _examples(entry: Corpus, split: str, data: str | Path | None) -> Iterator[Example]:
    stream = _rows(entry, split, data)
    return _joined(entry, stream) if entry.merge_duplicates else stream


def _joined(entry: Corpus, stream: Iterator[Example]) -> Iterator[Example]:
    """One example a text: the first, with the labels of all."""
    first: dict[str, Example] = {}
    labels: dict[str, set[str]] = {}
    for clip, target in stream:
        key = clip.text or ""
        first.setdefault(key, (clip, target))
        labels.setdefault(key, set()).update(target.labels)
    order = GoldReader(entry).ordered
    for key, (clip, target) in first.items():
        yield clip, replace(target, labels=order(labels[key]))


def _rows(entry: Corpus, split: str, data: str | Path | None) -> Iterator[Example]:
    gold = GoldReader(entry, data=data)
    rated = means(entry, data=data) if entry.gold.mean else None
    known = {own: _contents(entry, others, data) for own, others in entry.unseen.items() if split in (own, ALL)}
    for part in _files_of(entry, split):
        split_of_row = splitter(entry, part, data)
        thread = _Thread(entry.context_turns)
        for record in records(entry, part, data):
            if not wanted(record, entry.where):
                continue
            text = text_of(entry, record)
            clip = _clip(entry, record, text, thread)
            own = split_of_row(record, text)
            if own is None or (own != split and not _every(entry, split)) or not wanted(record, entry.asked):
                continue
            if own in known and _content(entry, record, text) in known[own]:
                continue
            if rated is None:
                yield clip, Target() if part.no_label else gold(record)
            elif clip.id in rated:
                yield clip, gold.of_means(rated[clip.id])
            else:
                raise DataError("Nobody's rating of this row is in the release", where=record.where)


def _contents(entry: Corpus, splits: tuple[str, ...], data: str | Path | None) -> set[bytes]:
    """What the rows of some splits show or say, as digests."""
    found: set[bytes] = set()
    for split in splits:
        for part in _files_of(entry, split):
            split_of_row = splitter(entry, part, data)
            for record in records(entry, part, data):
                text = text_of(entry, record)
                if wanted(record, entry.where) and split_of_row(record, text) == split:
                    found.add(_content(entry, record, text))
    return found


def _content(entry: Corpus, record: Record, text: str) -> bytes:
    shown = record.raw(entry.columns.picture) if entry.columns.picture else text.encode()
    return hashlib.sha256(shown or b"").digest()


def pictures(name: str | Corpus, *, split: str, data: str | Path | None = None) -> Iterator[tuple[str, bytes]]:
    """Stream the pictures of a split.

    Args:
        name: Id of a corpus or view, or its entry.
        split: As for `read`.
        data: As for `read`.

    Yields:
        The id of the row, as of its clip, and the bytes of the JPEG. Rows that `read` leaves out may be among them.

    Raises:
        UnknownNameError: There is no such corpus or split.
        InputError: Rows of the corpus are not pictures.
        DataError: As of `read`, or a row has no picture.
    """
    entry = corpus(name) if isinstance(name, str) else name
    if not entry.columns.picture:
        raise InputError(f"Rows of {entry.title} are not pictures", where=entry.id, hint="See `affekt bench list`.")
    if split not in (*entry.splits, ALL):
        raise UnknownNameError("split", split, (*entry.splits, ALL), where=entry.id)
    return _pictures(entry, split, data)


def _pictures(entry: Corpus, split: str, data: str | Path | None) -> Iterator[tuple[str, bytes]]:
    for part in _files_of(entry, split):
        for record in records(entry, part, data):
            shown = record.raw(entry.columns.picture)
            if not isinstance(shown, bytes):
                raise DataError("The row has no picture", where=record.where, hint="Get the file again.")
            yield id_of(entry, record, text_of(entry, record)), shown


def _clip(entry: Corpus, record: Record, text: str, thread: _Thread) -> Clip:
    columns = entry.columns
    speaker = (record.text(columns.speaker) or None) if columns.speaker else None
    before: list[tuple[str, str | None]] = []
    dialogue = turn = None
    if columns.dialogue:
        dialogue = record.joined(columns.dialogue)
        before, turn = thread.next(dialogue, record.where)
        thread.said.append((text, speaker))
        if columns.turn:
            turn = _whole(record, columns.turn)
    if columns.context:
        before = _before(record, listed(columns.context), listed(columns.context_speakers))
    language = record.text(columns.language) if columns.language else ""
    return Clip(
        id=id_of(entry, record, text),
        text=text if columns.text else None,
        start=_seconds(record, columns.start),
        end=_seconds(record, columns.end),
        speaker=speaker,
        language=language or (entry.languages[0] if len(entry.languages) == 1 else None),
        source=f"{entry.folder}/{record.path}:{record.place}",
        context=tuple(said for said, _ in before),
        context_speakers=tuple(by for _, by in before) if any(by for _, by in before) else (),
        fields={name: value for name, column in columns.fields.items() if (value := record.text(column))},
        dialogue=dialogue,
        turn=turn,
        target=(record.text(columns.target) or None) if columns.target else None,
        facts={name: value for name, column in columns.facts.items() if (value := record.text(column))}
        | _of_speaker(entry, record),
    )


def _of_speaker(entry: Corpus, record: Record) -> dict[str, str]:
    """What the entry says of the one who speaks."""
    speaker = record.text(entry.columns.speaker) if entry.speakers else ""
    return {
        name: value
        for name, values in entry.speakers.items()
        for value, members in values.items()
        if speaker in members
    }


def _before(record: Record, columns: tuple[str, ...], speakers: tuple[str, ...]) -> list[tuple[str, str | None]]:
    """Earlier turns from columns with who said them, one a column; a column with a list of turns gives each of them."""
    found: list[tuple[str, str | None]] = []
    for column, of in zip_longest(columns, speakers, fillvalue=""):
        value = record.raw(column)
        if isinstance(value, list) and value and isinstance(value[0], list):
            turns = [" ".join(str(word) for word in turn) for turn in value]
        elif isinstance(value, list):
            turns = [str(turn) for turn in value]
        else:
            turns = [text] if (text := record.text(column)) else []
        by = (record.text(of) or None) if of else None
        found += [(turn, by) for turn in turns]
    return found


def _whole(record: Record, column: str) -> int:
    try:
        return int(record.text(column))
    except ValueError as err:
        raise DataError(f"The turn in {column!r} is not a whole number", where=record.where) from err


def _seconds(record: Record, column: str) -> float | None:
    """A time in seconds or `hours:minutes:seconds`, with a point or a comma; `None` where there is none."""
    text = record.text(column).strip().replace(",", ".") if column else ""
    if not text:
        return None
    try:
        seconds = 0.0
        for step in text.split(":"):
            seconds = seconds * 60 + float(step)
    except ValueError as err:
        raise DataError(f"The time in {column!r} cannot be read", where=record.where, hint="Mend the row.") from err
    return seconds
