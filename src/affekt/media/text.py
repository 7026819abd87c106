"""Reading texts: files, standard input and Python objects, one `Read` for each row, in order.

Nothing is dropped: a row that cannot be read as text comes out with its `problem`, which becomes the reason
of an abstention. Files are read lazily and in bounded memory.

What is a row:
    * `.txt`, `.text`, `.md`, `.log`: one line. With `whole`, the file is one document.
    * `.csv`, `.tsv`: one record; the first one names the columns unless `header` is false. The delimiter of a
      `.csv` (`,` `;` tab or `|`) is taken from its first lines. Blank lines are no records.
    * `.jsonl`, `.ndjson`: one line that holds a JSON object. Blank lines are no records.
    * `.parquet`: one row.
    * `.vtt`, `.srt`, `.TextGrid`, `.eaf`: one segment of a transcript, with its times and its speaker.
    * `.json`, `.txt` with lines `Name: words` or from WhatsApp: one turn of a conversation; see `affekt.media.chats`.

Turns of a conversation name their dialogue; so do the rows of a table with a column of speakers or dialogues.

Text is UTF-8 (with or without a byte order mark) or UTF-16, unless `encoding` says otherwise.
"""

from __future__ import annotations

import io
import json
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import IO, cast, get_args

import msgspec

from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.media.chats.turn import LARGEST, Turn, said, seconds
from affekt.media.columns import MISSING, Columns, choose_columns, conversation_columns, looks_textual
from affekt.media.encoding import clean, encoding_of
from affekt.media.kinds import RECORDED, Kind, Transcript, cannot_read, kind_of

__all__ = [
    "MAX_CHARACTERS",
    "Columns",
    "FileSource",
    "Read",
    "ReadOptions",
    "read_items",
]

# A long novel has about this many. Beyond it a text is not cut but refused, with the number stated.
MAX_CHARACTERS = 1_000_000

_HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read.

    Attributes:
        columns: Which columns hold what.
        kind: Format of the input; default by the file's extension (`txt` for standard input).
        whole: Read a text file as one document instead of one row a line.
        header: Whether the first record of a `.csv` or `.tsv` names the columns; they are called `1`, `2`, ...
            where it does not.
        encoding: Encoding of text; default UTF-8, or UTF-16 where the file is. Of raw sound from standard input, how
            its samples are written (`affekt.media.live.ENCODINGS`).
        max_characters: Longest text that is read.
        transcript: Of a recording, the file of its turns; or whether to take one that lies beside it.
        rate: Of raw sound from standard input, its samples a second; default 16,000.
        channels: Of raw sound from standard input, its channels; default 1.
        speakers: Of a recording without one, how many speakers are told apart by their voices; default nobody is.
        measures: Of recordings, what is measured beside the reading; see `affekt.features.measures`.
        changes: Of recordings, whether a stretch is cut where the expression of the voice changes.
        conversation: Whether the rows are turns of a conversation, or each a text by itself; default where that cannot
            be mistaken.
    """

    columns: Columns = field(default_factory=Columns)
    kind: Kind | None = None
    whole: bool = False
    header: bool = True
    encoding: str | None = None
    max_characters: int = MAX_CHARACTERS
    transcript: Path | bool = True
    rate: int | None = None
    channels: int | None = None
    speakers: int | None = None
    measures: tuple[str, ...] = ()
    changes: bool = False
    conversation: bool | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """One row as it was read.

    Attributes:
        clip: The row. Its text is `None` where there is none, or where it is longer than the limit.
        problem: Why it cannot be read, `None` where it can: `kind` or `kind: details`.
        aside: What it is where it is nobody's words and nothing is wrong with it: a system message, a picture.
    """

    clip: Clip
    problem: str | None = None
    aside: str | None = None


def _text_of(value: object, limit: int, *, table: bool) -> tuple[str | None, str | None]:
    """The text in a cell and what is wrong with it."""
    if isinstance(value, str):
        if len(value) > limit:
            return None, f"too long: {len(value):,} characters, the limit is {limit:,}"
        if table and value.strip() in MISSING:
            return None, "NaN or missing"
        text, problem = clean(value)
        if not text.strip():
            return text, "empty"
        return text, problem
    if value is None or (isinstance(value, float) and value != value):
        return None, "NaN or missing"
    if isinstance(value, bytes):
        return _text_of(value.decode("utf-8", "surrogateescape"), limit, table=table)
    return None, f"not a text: {type(value).__name__}"


def _label(value: object) -> str | None:
    """A cell beside the text (id, speaker, time) as a string; `None` where it is empty or missing."""
    if value is None or value == "" or value != value:
        return None
    return clean(value if isinstance(value, str) else str(value))[0]


def _language(cell: str | None) -> str | None:
    """The language that a cell names, as it stands there; `None` where none is."""
    return None if cell is None or not cell.strip() or cell.strip() in MISSING else cell.strip()


class FileSource:
    """A file, or standard input, as rows.

    Opening it finds the format and the columns, so that a wrong name fails before a model is loaded.

    Args:
        path: The file; `None` for standard input.
        options: How to read it.

    Attributes:
        name: How messages and `Clip.source` call it.
        kind: Format that it is read as.
        chosen: Role (`text`, `id`, `speaker`, `time`, `language`, `target`) -> name of the column; empty for plain
            text.
        total: Number of rows, where that is known without reading.
        transcript: Always `None`: texts have no second file.
        conversation: What tells that its rows are turns of conversations; `None` where each is a text by itself.
        notes: What was wrong with it although it could be read; known at its end.

    Raises:
        InputError: It is not there, cannot be read, is empty, is not text, or its columns do not fit.
    """

    transcript: Path | None = None

    def __init__(self, path: Path | None, options: ReadOptions | None = None) -> None:
        self.path = path
        self.options = options or ReadOptions()
        self.name = "standard input" if path is None else clean(str(path))[0]
        self.kind: Kind = self.options.kind or ("txt" if path is None else kind_of(path))
        if self.kind in RECORDED:
            raise InputError(
                "A recording is not read as text", where=self.name, hint="Hear it with: affekt analyze RECORDING"
            )
        if isinstance(self.options.transcript, Path):
            raise InputError(
                f"A transcript ({self.options.transcript}) belongs to a recording, and this is none", where=self.name
            )
        if self.options.rate or self.options.channels:
            raise InputError("A rate and channels belong to sound, and this is text", where=self.name)
        self.chosen: dict[str, str] = {}
        self.total: int | None = None
        self.conversation: str | None = None
        self.notes: tuple[str, ...] = ()
        self._fraction: Callable[[], float | None] = lambda: None
        self._backward = 0
        if path is not None and path.is_dir():
            raise InputError("This is a folder, not a file", where=self.name, hint="Name the files in it.")
        self._closing = ExitStack()
        # Also closes what was opened and never read to its end.
        weakref.finalize(self, self._closing.close)
        try:
            self._rows = self._open()
        except OSError as err:
            raise cannot_read(path, self.name, err) from err

    def __iter__(self) -> Iterator[Read]:
        """The rows, once, in order. A failing read raises `InputError`."""
        try:
            yield from self._rows if self.conversation is None else self._in_dialogue(self._rows)
        except OSError as err:
            raise cannot_read(self.path, self.name, err) from err
        finally:
            self._closing.close()

    @property
    def fraction(self) -> float | None:
        """Share of the input that has been read, 0..1; `None` where its size is not known."""
        return self._fraction()

    def _open(self) -> Iterator[Read]:
        if self.kind == "parquet":
            return self._open_parquet()
        if self.kind in get_args(Transcript):
            return self._open_transcript(cast("Transcript", self.kind))
        return self._open_text()

    # --- text -------------------------------------------------------------------------------------------

    def _open_text(self) -> Iterator[Read]:
        raw = cast("IO[bytes]", sys.stdin.buffer)
        if self.path is not None:
            raw = self._closing.enter_context(self.path.open("rb", buffering=_HEAD))
        head = raw.peek(_HEAD)[:_HEAD] if isinstance(raw, io.BufferedReader) else b""
        if not head and isinstance(raw, io.BufferedReader):
            raise InputError("There is nothing in it" if self.path else "Nothing came in", where=self.name)
        encoding = self.options.encoding or encoding_of(head, self.name)
        # Only decoders of bytes can keep a wrong byte apart; UTF-16 and UTF-32 put U+FFFD in its place.
        errors = "replace" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        try:
            stream = io.TextIOWrapper(raw, encoding=encoding, errors=errors, newline="")
        except LookupError as err:
            raise InputError(f"Unknown encoding {encoding!r}", hint="For instance: utf-8, cp1252, shift_jis.") from err
        self._closing.callback(stream.detach)  # The file is closed by itself; standard input is not ours to close.
        if self.path is not None and (size := self.path.stat().st_size):
            self._fraction = lambda: 1.0 if raw.closed else min(raw.tell() / size, 1.0)
        if self.kind == "jsonl":
            return self._jsonl(stream)
        if self.kind in ("csv", "tsv"):
            from affekt.media.table import open_table

            table = open_table(
                stream,
                self.options.columns,
                where=self.name,
                delimiter="\t" if self.kind == "tsv" else None,
                header=self.options.header,
                max_characters=self.options.max_characters,
                conversation=self.options.conversation,
            )
            self.chosen, self.conversation = table.chosen, table.told
            return self._cells(table.records, table.roles)
        if self.kind == "json":
            from affekt.media.chats.objects import decoded, read_objects

            told, turns = read_objects(decoded(raw.read(LARGEST + 1), self.name), self.name, path=self.path)
            self.conversation = None if self.options.conversation is False else told
            return self._of_turns(turns)
        if self.kind in ("txt", "names", "whatsapp") and not self.options.whole:
            from affekt.media.chats.lines import chat_in, named_lines, whatsapp

            beginning = head.decode(encoding, "replace")
            asked = self.options.conversation
            chat = self.kind if self.kind != "txt" else None
            if self.kind == "txt" and asked is not False:
                chat = chat_in(beginning, asked=asked is True)
            if chat == "whatsapp":
                self.conversation = "a WhatsApp export"
                return self._of_turns(whatsapp(stream, self.options.max_characters, beginning))
            if chat is not None:
                self.conversation = "lines 'Name: words'"
                return self._of_turns(named_lines(stream, self.options.max_characters))
            if asked:
                self.conversation = "a turn a line"
        return self._document(stream) if self.options.whole else self._lines(stream)

    # --- conversations ----------------------------------------------------------------------------------

    def _of_turns(self, turns: Iterable[Turn]) -> Iterator[Read]:
        """Turns as rows."""
        for count, turn in enumerate(turns, 1):
            text, wrong = _text_of(turn.text, self.options.max_characters, table=False)
            start, end = self._times(turn.start, turn.end)
            clip = Clip(
                id=_label(turn.id) or str(count),
                text=text,
                start=start,
                end=end,
                speaker=_label(turn.speaker),
                source=f"{self.name}:{turn.place}",
                time=_label(turn.time),
                dialogue=_label(turn.dialogue),
            )
            yield Read(clip, None if turn.aside else turn.problem or wrong, turn.aside)

    def _times(self, start: float | None, end: float | None) -> tuple[float | None, float | None]:
        """Times that can be; an end before its start is left out, and noted."""
        if start is not None and end is not None and end < start:
            self._backward += 1
            self.notes = (f"{self._backward:,} turns end before they start; their end is left out",)
            return start, None
        return start, end

    def _in_dialogue(self, reads: Iterable[Read]) -> Iterator[Read]:
        """Rows with the name of their dialogue, the file's where they have none, and with ids that occur once."""
        taken: set[str] = set()
        for read in reads:
            clip = read.clip
            name = clip.id
            if name in taken and clip.dialogue is not None:
                name = f"{clip.dialogue}:{name}"
            while name in taken:
                name += "'"
            taken.add(name)
            yield replace(read, clip=replace(clip, id=name, dialogue=clip.dialogue or self.name))

    def _lines(self, stream: IO[str]) -> Iterator[Read]:
        from affekt.media.table import Lines, LineTooLongError

        limit, name = self.options.max_characters, self.name
        text: str | None
        problem: str | None
        lines = Lines(stream, limit)
        while True:
            number = lines.begin()
            try:
                line = next(lines)
            except StopIteration:
                return
            except LineTooLongError as err:
                text = None
                problem = str(err)
            else:
                text, problem = _text_of(line.rstrip("\r\n"), limit, table=False)
            yield Read(Clip(id=str(number), text=text, source=f"{name}:{number}"), problem)

    def _document(self, stream: IO[str]) -> Iterator[Read]:
        limit = self.options.max_characters
        text = stream.read(limit + 1)
        extra = 0
        while len(text) > limit and (more := stream.read(_HEAD)):
            extra += len(more)
        if len(text) > limit:
            problem: str | None = f"too long: {len(text) + extra:,} characters, the limit is {limit:,}"
            yield Read(Clip(id="1", text=None, source=self.name), problem)
            return
        kept, problem = _text_of(text, limit, table=False)
        yield Read(Clip(id="1", text=kept, source=self.name), problem)

    def _jsonl(self, stream: IO[str]) -> Iterator[Read]:
        from affekt.media.chats.objects import holds_turns, read_lines
        from affekt.media.table import Lines, LineTooLongError

        limit = self.options.max_characters
        lines = Lines(stream, 8 * limit)

        def objects() -> Iterator[tuple[int, dict[str, object] | str]]:
            while True:
                number = lines.begin()
                try:
                    line = next(lines)
                except StopIteration:
                    return
                except LineTooLongError as err:
                    yield number, str(err)
                    continue
                if line.strip():
                    yield number, _decode_object(line)

        rows = objects()
        sample = list(islice(rows, 100))
        keys = list(dict.fromkeys(key for _, row in sample if isinstance(row, dict) for key in row))
        if not keys:
            reasons = [row for _, row in sample if isinstance(row, str)]
            raise InputError(
                "No line of the first hundred holds a JSON object" if reasons else "There is nothing in it",
                where=self.name,
                hint='One object on each line, such as {"text": "..."}.',
            )
        first = next(row for _, row in sample if isinstance(row, dict))
        if self.options.conversation is not False and self.options.columns.text is None and holds_turns(first):
            self.conversation = "a dialogue a line"
            return self._of_turns(read_lines(chain(sample, rows)))
        roles = choose_columns(
            keys,
            self.options.columns,
            where=self.name,
            textual=lambda i: looks_textual(row.get(keys[i]) for _, row in sample if isinstance(row, dict)),
        )
        self._set_roles(keys, roles, lambda i: any(row.get(keys[i]) for _, row in sample if isinstance(row, dict)))

        def cells() -> Iterator[tuple[int, list[object] | None, str | None]]:
            for part in (sample, rows):
                for number, row in part:
                    if isinstance(row, str):
                        yield number, None, row
                    else:
                        yield number, [row.get(name) for name in self.chosen.values()], None
                sample.clear()

        return self._cells(cells(), {role: i for i, role in enumerate(self.chosen)})

    def _set_roles(self, names: list[str], roles: dict[str, int], filled: Callable[[int], bool]) -> None:
        found, self.conversation = conversation_columns(names, roles, wanted=self.options.conversation, filled=filled)
        self.chosen = {role: names[i] for role, i in found.items()}

    def _cells(
        self, records: Iterable[tuple[int, list[object] | None, str | None]], roles: Mapping[str, int]
    ) -> Iterator[Read]:
        """Rows of a table: number of the line, cells, and what is wrong with the record as a whole."""
        limit, name = self.options.max_characters, self.name
        at = roles["text"]
        id_at, speaker_at, time_at = roles.get("id"), roles.get("speaker"), roles.get("time")
        language_at, target_at, dialogue_at = roles.get("language"), roles.get("target"), roles.get("dialogue")
        start_at, end_at = roles.get("start"), roles.get("end")

        def cell(cells: list[object], index: int | None) -> str | None:
            return None if index is None or index >= len(cells) else _label(cells[index])

        for count, (number, cells, problem) in enumerate(records, 1):
            if cells is None:
                yield Read(Clip(id=str(count), source=f"{name}:{number}"), problem)
                continue
            text, wrong = _text_of(cells[at] if at < len(cells) else None, limit, table=True)
            start, end = self._times(seconds(cell(cells, start_at)), seconds(cell(cells, end_at)))
            clip = Clip(
                id=cell(cells, id_at) or str(count),
                text=text,
                source=f"{name}:{number}",
                speaker=cell(cells, speaker_at),
                time=cell(cells, time_at),
                language=_language(cell(cells, language_at)),
                target=cell(cells, target_at),
                start=start,
                end=end,
                dialogue=cell(cells, dialogue_at),
            )
            yield Read(clip, problem or wrong)

    # --- transcripts ------------------------------------------------------------------------------------

    def _open_transcript(self, kind: Transcript) -> Iterator[Read]:
        from affekt.media import timed
        from affekt.media.transcript import captioned

        if self.path is None:
            raise InputError("A transcript cannot be read from standard input", hint="Write it to a file first.")
        (found,) = timed.read(self.path, format=kind)
        if not found:
            raise InputError("There is no segment in it", where=self.name)
        self.total = len(found)
        if self.options.conversation is not False:
            self.conversation = "a transcript"

        def segments() -> Iterator[Read]:
            taken: set[str] = set()
            for count, s in enumerate(found, 1):
                name = s.id if s.id is not None and s.id not in taken else str(count)
                while name in taken:
                    name += "'"
                taken.add(name)
                if self.conversation is not None:
                    s = captioned(s)
                text, problem = _text_of(s.text or "", self.options.max_characters, table=False)
                clip = Clip(id=name, text=text, start=s.start, end=s.end, speaker=s.speaker, source=self.name)
                yield Read(clip, problem)

        return segments()

    # --- Parquet ----------------------------------------------------------------------------------------

    def _open_parquet(self) -> Iterator[Read]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.path is None:
            raise InputError("Parquet cannot be read from standard input", hint="Write it to a file first.")
        if self.path.stat().st_size == 0:
            raise InputError("There is nothing in it", where=self.name)
        try:
            file = self._closing.enter_context(pq.ParquetFile(self.path))
        except pa.ArrowInvalid as err:
            raise InputError("This is not a Parquet file, or it is damaged", where=self.name) from err
        schema = file.schema_arrow

        def textual(i: int) -> bool:
            kind = schema.field(i).type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))

        roles = choose_columns(list(schema.names), self.options.columns, where=self.name, textual=textual)

        def filled(i: int) -> bool:
            first = next(file.iter_batches(batch_size=100, columns=[schema.names[i]]), None)
            return first is not None and any(first.column(0).to_pylist())

        self._set_roles(list(schema.names), roles, filled)
        self.total = file.metadata.num_rows
        done = 0
        self._fraction = lambda: done / self.total if self.total else 1.0

        def records() -> Iterator[tuple[int, list[object] | None, str | None]]:
            nonlocal done
            wanted = list(dict.fromkeys(self.chosen.values()))
            try:
                for batch in file.iter_batches(batch_size=1024, columns=wanted):
                    columns = [batch.column(name).to_pylist() for name in self.chosen.values()]
                    for cells in zip(*columns, strict=True):
                        done += 1
                        yield done, list(cells), None
            except pa.ArrowException as err:
                raise InputError("The Parquet file is damaged", where=f"{self.name}, after row {done}") from err

        return self._cells(records(), {role: i for i, role in enumerate(self.chosen)})


def read_items(
    source: Iterable[object], columns: Columns | None = None, *, max_characters: int = MAX_CHARACTERS
) -> Iterator[Read]:
    """Rows from Python objects: strings, clips, mappings (a column for each key), or missing values.

    Args:
        source: The objects; a generator is read as far as it is needed.
        columns: Which keys of mappings hold what; found from the first mapping where not named.
        max_characters: Longest text that is read.

    Raises:
        InputError: A data frame was given, or no key of the first mapping can be the text.
    """
    if hasattr(source, "columns"):
        raise InputError("This is a data frame", hint="Give one column of it, such as frame['text'], or its file.")
    roles: dict[str, str] | None = None
    for count, item in enumerate(source, 1):
        if isinstance(item, Clip):
            text, problem = _text_of(item.text, max_characters, table=False)
            yield Read(item if text == item.text else _with_text(item, text), problem)
            continue
        if isinstance(item, Mapping):
            if roles is None:
                keys, first = list(item), item
                found = choose_columns(
                    [str(key) for key in keys],
                    columns or Columns(),
                    where=f"item {count}",
                    textual=lambda i, keys=keys, first=first: looks_textual([first[keys[i]]]),  # type: ignore[misc]
                )
                roles = {role: keys[i] for role, i in found.items()}
            text, problem = _text_of(item.get(roles["text"]), max_characters, table=True)
            get = item.get
            yield Read(
                Clip(
                    id=_label(get(roles["id"]) if "id" in roles else None) or str(count),
                    text=text,
                    speaker=_label(get(roles["speaker"]) if "speaker" in roles else None),
                    time=_label(get(roles["time"]) if "time" in roles else None),
                    language=_language(_label(get(roles["language"]) if "language" in roles else None)),
                    target=_label(get(roles["target"]) if "target" in roles else None),
                ),
                problem,
            )
            continue
        text, problem = _text_of(item, max_characters, table=False)
        yield Read(Clip(id=str(count), text=text), problem)


def _with_text(clip: Clip, text: str | None) -> Clip:
    return replace(clip, text=text)


def _decode_object(line: str) -> dict[str, object] | str:
    """The object on a line, or what is wrong with the line."""
    kept, problem = clean(line)
    try:
        value = msgspec.json.decode(kept)
    except msgspec.DecodeError:
        # The standard library also reads NaN, which many writers leave in, and lone surrogates.
        try:
            value = json.loads(kept.rstrip("\r\n"))
        except json.JSONDecodeError as err:
            return f"not JSON: {said(err)} at column {err.colno}"
        except (ValueError, RecursionError):
            return "not JSON"
    except RecursionError:
        return "not JSON: nested too deep"
    if not isinstance(value, dict):
        return "not a JSON object"
    if problem:
        # Back to lone surrogates, so that only the cells that hold a wrong byte are refused.
        try:
            return cast("dict[str, object]", json.loads(line))
        except ValueError:
            return problem
    return value
