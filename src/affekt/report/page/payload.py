"""Rows on their way into the page: sampled, packed, laid in columns.

The columns are a container: the length of a JSON header (4 bytes), the header, then typed arrays, each at a
multiple of 8 bytes. `decode.js` reads it. Scores and scales are whole thousandths.
"""

from __future__ import annotations

import heapq
import json
import math
import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np

from affekt.core.prediction import kind_of
from affekt.core.row import OWN, ChannelRow, Row, WindowRow, value_of
from affekt.core.turning import turning_points

__all__ = [
    "MAX_BYTES",
    "MAX_ROWS",
    "MAX_TEXT",
    "MAX_WINDOWS",
    "Packed",
    "Sample",
    "columns",
    "finite",
    "pack",
    "utf8",
]

MAX_ROWS = 50_000
"""Most rows that the page holds; of more, it holds a uniform sample."""
MAX_BYTES = 25_000_000
"""Most bytes of packed rows, before compression, that the page holds."""
MAX_TEXT = 20_000
"""Most characters of one text that the page holds; the reading is of the whole text all the same."""
MAX_WINDOWS = 400
"""Most steps of one trajectory; of more, neighbours are averaged."""

_SEED = 20_030  # fixes which rows a sample holds
_MISSING = 65_535  # in columns of thousandths
_NO_NUMBER = -(2**31)  # in columns of signed thousandths


class Packed(NamedTuple):
    """One row in few bytes; texts are UTF-8, numbers are those of the page."""

    number: int
    id: bytes
    text: bytes
    length: int  # characters of the whole text, where the page holds only its start; else 0
    source: bytes
    speaker: str
    time: bytes
    start: float | None
    end: float | None
    scores: bytes
    labels: tuple[int, ...]
    numbers: tuple[int, ...]  # value, low, high of each dimension, in thousandths
    confidence: int
    abstained: str
    evidence: tuple[tuple[str, bytes, float, float, float, int], ...]
    windows: tuple[tuple[int, int, tuple[int, int, int], bytes], ...]
    language: str
    dialogue: str
    turn: int
    causes: tuple[tuple[int, int, int, int], ...]  # turn, characters, score in thousandths
    explanation: bytes  # a sentence a line
    person: str
    faces: tuple[tuple[float, int, int, int, int], ...]  # seconds; left, top, width, height in pixels
    channels: tuple[tuple[str, int, int, int], ...]  # name, share in the reading, its first label and that one's score
    conflict: int
    between: str


# Held rows are short byte strings: as Python objects they would take several times the room.
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Packed)


class Sample:
    """A uniform sample without replacement under a cap on rows and on bytes.

    Every row draws a key; the rows with the smallest keys are held. Which ones that are depends on the
    number of the row alone, so the same input gives the same page.
    """

    def __init__(self) -> None:
        self._rng = np.random.default_rng(_SEED)
        self._keys: list[float] = []
        self._heap: list[tuple[float, int, bytes]] = []  # largest key first (negated), number of the row, the row
        self._bytes = 0
        self._bar = 1.0

    def key(self) -> float:
        """Draw the key of the next row; every row draws one."""
        if not self._keys:
            self._keys = self._rng.random(4096).tolist()
        return self._keys.pop()

    def wants(self, key: float) -> bool:
        """Whether a row with this key would be held, so that others need not be packed."""
        return key < self._bar

    def add(self, key: float, row: Packed) -> None:
        """Hold a row, and let go of those with the largest keys until the caps are kept."""
        packed = _encoder.encode(row)
        heapq.heappush(self._heap, (-key, row.number, packed))
        self._bytes += len(packed)
        while len(self._heap) > MAX_ROWS or (self._bytes > MAX_BYTES and len(self._heap) > 1):
            dropped, _, packed = heapq.heappop(self._heap)
            self._bar = -dropped
            self._bytes -= len(packed)

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Packed]:
        """The rows that are held, in the order of the input."""
        for _, _, packed in sorted(self._heap, key=lambda held: held[1]):
            yield _decoder.decode(packed)


def finite(value: float | None) -> float | None:
    """The value itself, or `None` for what is no finite number."""
    return value if value is not None and math.isfinite(value) else None


def _milli(value: float | None) -> int:
    known = finite(value)
    return _NO_NUMBER if known is None else max(min(round(known * 1000), 2**31 - 1), _NO_NUMBER + 1)


def _share(value: float | None) -> int:
    known = finite(value)
    return _MISSING if known is None else max(min(round(known * 1000), _MISSING - 1), 0)


def utf8(text: str | None) -> bytes:
    """UTF-8 of `text`. Half a surrogate pair has none, so it becomes U+FFFD: one character as before."""
    try:
        return (text or "").encode()
    except UnicodeEncodeError:
        return re.sub("[\ud800-\udfff]", "\ufffd", text or "").encode()


def _scores(scores: Mapping[str, float], labels: dict[str, int]) -> bytes:
    """Scores in thousandths, in the order of `labels`, to which new ones are added."""
    if list(scores) == list(labels):  # as a recogniser gives them, row after row
        values = np.rint(np.array(list(scores.values()), dtype=float) * 1000)
        known = np.where(np.isfinite(values), np.clip(values, 0, _MISSING - 1), _MISSING)
        return known.astype(np.uint16).tobytes()
    out = array("H", [_MISSING]) * len(labels)
    for label, value in scores.items():
        at = labels.setdefault(label, len(labels))
        out.extend([_MISSING] * (at + 1 - len(out)))
        out[at] = _share(value)
    return out.tobytes()


def _pixel(value: float) -> int:
    return min(max(round(value), 0), _MISSING)


def _channel(name: str, said: ChannelRow, labels: dict[str, int]) -> tuple[str, int, int, int]:
    """A channel's name, its share in the reading, its most probable label, and the score of that."""
    if not said.scores:
        return name, _share(said.weight), _MISSING, _MISSING
    top = max(said.scores, key=said.scores.__getitem__)
    return name, _share(said.weight), labels.setdefault(top, len(labels)), _share(said.scores[top])


def pack(row: Row, number: int, labels: dict[str, int], dimensions: Sequence[str] = OWN) -> Packed:
    """Pack a row with the values of these dimensions; labels that are new are added to `labels`."""
    whole = row.text or ""
    text = whole[:MAX_TEXT]
    # Positions are characters; the page counts UTF-16 units, in which those beyond the BMP take two.
    wide = [] if text.isascii() else [i for i, c in enumerate(text) if c > "\uffff"]

    def unit(position: float) -> float:
        return position + bisect_left(wide, position) if wide else position

    numbers: list[int] = []
    for name in dimensions:
        low, high = (row.intervals or {}).get(name, (None, None))
        numbers += [_milli(value_of(row, name)), _milli(low), _milli(high)]
    evidence = []
    for e in row.evidence:
        start, end = (unit(e.start), unit(e.end)) if e.modality == "text" else (e.start, e.end)
        same = e.modality == "text" and text[int(e.start) : int(e.end)] == e.cue
        at = _MISSING if e.label is None else labels.setdefault(e.label, len(labels))
        evidence.append((e.modality, b"" if same else utf8(e.cue), start, end, round(e.weight, 4), at))
    windows = []
    for w in _thinned(row.trajectory or []):
        dims = (_milli(w.valence), _milli(w.arousal), _milli(w.dominance))
        windows.append((int(unit(w.start)), int(unit(w.end)), dims, _scores(w.scores, labels)))
    return Packed(
        number=number,
        id=utf8(row.id),
        text=utf8(text),
        length=len(whole) if len(whole) > MAX_TEXT else 0,
        source=utf8(row.source),
        speaker=row.speaker or "",
        time=utf8(row.time),
        start=finite(row.start),
        end=finite(row.end),
        scores=_scores(row.scores or {}, labels),
        labels=tuple(labels.setdefault(label, len(labels)) for label in row.labels),
        numbers=tuple(numbers),
        confidence=_share(row.confidence),
        abstained="" if row.abstained is None else kind_of(row.abstained) or "unnamed",
        evidence=tuple(evidence),
        windows=tuple(windows),
        language=row.language or "",
        dialogue=row.dialogue or "",
        turn=row.turn or 0,
        causes=tuple((c.turn, c.start, c.end, _share(c.score)) for c in row.causes or ()),
        explanation=utf8("\n".join(" ".join(s.sentence.split()) for s in row.explanation or ())),
        person=row.person or "",
        faces=tuple(
            (round(f.time, 3), _pixel(f.x), _pixel(f.y), _pixel(f.width), _pixel(f.height)) for f in row.faces or ()
        ),
        channels=tuple(_channel(name, said, labels) for name, said in (row.channels or {}).items()),
        conflict=_share(row.conflict.score if row.conflict else None),
        between=" and ".join(row.conflict.between) if row.conflict else "",
    )


def _thinned(windows: Sequence[WindowRow]) -> Sequence[WindowRow]:
    """At most `MAX_WINDOWS` steps: equal runs of neighbours are averaged."""
    if len(windows) <= MAX_WINDOWS:
        return windows

    def mean(values: Iterable[float | None]) -> float | None:
        known = [v for v in values if v is not None]
        return sum(known) / len(known) if known else None

    edges = [round(i * len(windows) / MAX_WINDOWS) for i in range(MAX_WINDOWS + 1)]
    out = []
    for a, b in pairwise(edges):
        run = windows[a:b]
        scores = {label: mean(w.scores.get(label) for w in run) or 0.0 for label in run[0].scores}
        v, ar, d = (mean(getattr(w, name) for w in run) for name in OWN)
        out.append(WindowRow(run[0].start, run[-1].end, scores, v, ar, d))
    return out


# --- Columns ----------------------------------------------------------------------------------------------


class _Strings:
    """Strings one after the other, as they grow."""

    def __init__(self) -> None:
        self.blob = bytearray()
        self.ends = array("I", [0])

    def add(self, value: bytes) -> None:
        self.blob += value
        self.ends.append(len(self.blob))


class _Columns:
    """Typed arrays one after the other, each at a multiple of 8 bytes, named in a header."""

    def __init__(self) -> None:
        self._header: dict[str, tuple[str, int, int]] = {}
        self._parts: list[bytes] = []
        self._at = 0

    def put(self, name: str, kind: str, values: Any) -> None:
        """Add a column of numpy type `kind`: u1, u2, u4, i4, f4 or f8."""
        data = np.asarray(values, dtype="<" + kind)
        raw = data.tobytes()
        self._header[name] = (kind, self._at, data.size)
        pad = -len(raw) % 8
        self._parts += [raw, b"\0" * pad]
        self._at += len(raw) + pad

    def put_strings(self, name: str, values: _Strings) -> None:
        """Add a column of strings: their bytes in one array and the places where they end in another."""
        self.put(name + ".to", "u4", values.ends)
        self.put(name, "u1", np.frombuffer(values.blob, dtype=np.uint8))

    def put_names(self, name: str, values: Sequence[str]) -> list[str]:
        """Add a column of names as numbers into the list that is returned; 0 is none."""
        table = {"": 0} | {v: i for i, (v, _) in enumerate(Counter(v for v in values if v).most_common(), start=1)}
        self.put(name, "u4", [table[v] for v in values])
        return list(table)

    def to_bytes(self, extra: Mapping[str, Any]) -> bytes:
        head = json.dumps({**extra, "columns": self._header}).encode()
        head += b" " * (-(len(head) + 4) % 8)
        return b"".join([len(head).to_bytes(4, "little"), head, *self._parts])


def columns(rows: Iterable[Packed], n_labels: int, dimensions: Sequence[str] = OWN) -> bytes:
    """Lay rows out in columns, in one pass.

    Args:
        rows: Packed rows in the order of the input.
        n_labels: Number of labels; scores have the shape (labels, rows).
        dimensions: The dimensions that the rows were packed with.

    Returns:
        The container that `decode.js` reads, not yet compressed.
    """
    texts = {name: _Strings() for name in ("id", "text", "source", "time", "explanation")}
    plain = {name: array(kind) for name, kind in (("number", "I"), ("length", "I"), ("confidence", "H"))}
    starts, ends = array("d"), array("d")
    scores, numbers = bytearray(), array("i")
    labels, labels_to = array("H"), array("I", [0])
    speakers: list[str] = []
    reasons: list[str] = []
    languages: list[str] = []
    talk, watched = _Talk(dimensions), _Watched()
    evidence, evidence_to = _Evidence(), array("I", [0])
    windows, windows_to = _Windows(), array("I", [0])
    for r in rows:
        for name, strings in texts.items():
            strings.add(getattr(r, name))
        for name, values in plain.items():
            values.append(getattr(r, name))
        starts.append(math.nan if r.start is None else r.start)
        ends.append(math.nan if r.end is None else r.end)
        scores += _padded(r.scores, n_labels)
        numbers.extend(r.numbers)
        labels.extend(r.labels)
        labels_to.append(len(labels))
        speakers.append(r.speaker)
        reasons.append(r.abstained)
        languages.append(r.language)
        talk.add(r)
        watched.add(r)
        for e in r.evidence:
            evidence.add(e)
        evidence_to.append(len(evidence.label))
        for w in r.windows:
            windows.add(w, n_labels)
        windows_to.append(len(windows.start))

    n = len(speakers)
    out = _Columns()
    for name, strings in texts.items():
        out.put_strings(name, strings)
    out.put("index", "u4", plain["number"])
    out.put("length", "u4", plain["length"])
    out.put("start", "f8", starts)
    out.put("end", "f8", ends)
    out.put("scores", "u2", np.frombuffer(scores, dtype=np.uint16).reshape(n, n_labels).T.ravel())
    out.put("labels.to", "u4", labels_to)
    out.put("labels", "u2", labels)
    by_row = np.frombuffer(numbers, dtype=np.intc).reshape(n, 3 * len(dimensions))
    for i, name in enumerate(dimensions):
        for j, part in enumerate(("", ".low", ".high")):
            out.put(name + part, "i4", by_row[:, 3 * i + j])
    out.put("confidence", "u2", plain["confidence"])
    names = {
        "speakers": out.put_names("speaker", speakers),
        "reasons": out.put_names("abstained", reasons),
        "languages": out.put_names("language", languages),
        "dialogues": out.put_names("dialogue", talk.dialogues),
        "modalities": out.put_names("evidence.modality", evidence.modality),
        "people": out.put_names("person", watched.people),
        "channels": out.put_names("channels.name", watched.names),
    }
    watched.put(out)
    talk.put(out)
    out.put("evidence.to", "u4", evidence_to)
    out.put_strings("evidence.cue", evidence.cue)
    out.put("evidence.start", "f4", evidence.start)
    out.put("evidence.end", "f4", evidence.end)
    out.put("evidence.weight", "f4", evidence.weight)
    out.put("evidence.label", "u2", evidence.label)
    out.put("windows.to", "u4", windows_to)
    out.put("windows.start", "u4", windows.start)
    out.put("windows.end", "u4", windows.end)
    by_window = np.frombuffer(windows.dimensions, dtype=np.intc).reshape(len(windows.start), len(OWN))
    for i, name in enumerate(OWN):
        out.put(f"windows.{name}", "i4", by_window[:, i])
    out.put("windows.scores", "u2", np.frombuffer(windows.scores, dtype=np.uint16))
    time = texts["time"]
    times = [time.blob[a:b].decode().strip() for a, b in pairwise(time.ends)]
    axis, positions = _axis(plain["number"], times, starts)
    out.put("axis", "f8", positions)
    return out.to_bytes({"n": n, "axis": axis, "dimensions": list(dimensions), **names})


class _Talk:
    """Columns of turns, as they grow: dialogue, place there, causes; then where the level of valence changes."""

    def __init__(self, dimensions: Sequence[str]) -> None:
        self._at = 3 * list(dimensions).index("valence") if "valence" in dimensions else None
        self.dialogues: list[str] = []
        self._turns = array("I")
        self._valence: dict[str, list[tuple[int, float]]] = {}
        self._to = array("I", [0])
        self._causes: list[tuple[int, int, int, int]] = []

    def add(self, row: Packed) -> None:
        self._turns.append(row.turn)
        self._causes += row.causes
        self._to.append(len(self._causes))
        if row.dialogue and self._at is not None and not row.abstained:
            value = row.numbers[self._at]
            if value != _NO_NUMBER:
                self._valence.setdefault(row.dialogue, []).append((len(self.dialogues), value / 1000))
        self.dialogues.append(row.dialogue)

    def put(self, out: _Columns) -> None:
        turning = np.zeros(len(self.dialogues), np.uint8)
        for course in self._valence.values():
            for k in turning_points([value for _, value in course]):
                turning[course[k][0]] = 1
        out.put("turn", "u4", self._turns)
        out.put("turning", "u1", turning)
        out.put("causes.to", "u4", self._to)
        for k, (name, kind) in enumerate((("turn", "u4"), ("start", "u4"), ("end", "u4"), ("score", "u2"))):
            out.put(f"causes.{name}", kind, [cause[k] for cause in self._causes])


class _Watched:
    """Columns of what is seen, as they grow: people, their faces, what each channel says, and how far these differ."""

    def __init__(self) -> None:
        self.people: list[str] = []
        self.names: list[str] = []
        self._faces: list[tuple[float, int, int, int, int]] = []
        self._faces_to, self._channels_to = array("I", [0]), array("I", [0])
        self._said: list[tuple[int, int, int]] = []
        self._conflict, self._between = array("H"), _Strings()

    def add(self, row: Packed) -> None:
        self.people.append(row.person)
        self._faces += row.faces
        self._faces_to.append(len(self._faces))
        for name, *said in row.channels:
            self.names.append(name)
            self._said.append((said[0], said[1], said[2]))
        self._channels_to.append(len(self.names))
        self._conflict.append(row.conflict)
        self._between.add(row.between.encode())

    def put(self, out: _Columns) -> None:
        out.put("faces.to", "u4", self._faces_to)
        out.put("faces.time", "f4", [face[0] for face in self._faces])
        out.put("faces.box", "u2", [value for face in self._faces for value in face[1:]])
        out.put("channels.to", "u4", self._channels_to)
        out.put("channels.said", "u2", [value for said in self._said for value in said])
        out.put("conflict", "u2", self._conflict)
        out.put_strings("conflict.between", self._between)


class _Evidence:
    """Columns of evidence, as they grow."""

    def __init__(self) -> None:
        self.modality: list[str] = []
        self.cue = _Strings()
        self.start, self.end, self.weight = array("f"), array("f"), array("f")
        self.label = array("H")

    def add(self, evidence: tuple[str, bytes, float, float, float, int]) -> None:
        modality, cue, start, end, weight, label = evidence
        self.modality.append(modality)
        self.cue.add(cue)
        self.start.append(start)
        self.end.append(end)
        self.weight.append(weight)
        self.label.append(label)


class _Windows:
    """Columns of trajectories, as they grow."""

    def __init__(self) -> None:
        self.start, self.end = array("I"), array("I")
        self.dimensions = array("i")
        self.scores = bytearray()

    def add(self, window: tuple[int, int, tuple[int, int, int], bytes], n_labels: int) -> None:
        start, end, dimensions, scores = window
        self.start.append(start)
        self.end.append(end)
        self.dimensions.extend(dimensions)
        self.scores += _padded(scores, n_labels)


def _padded(scores: bytes, n_labels: int) -> bytes:
    """Scores of a row; one that was packed before a label was known lacks its place."""
    return scores + _MISSING.to_bytes(2, "little") * (n_labels - len(scores) // 2)


# --- The time axis --------------------------------------------------------------------------------------

_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ ,T]+(\d{1,2}:\d{2}(?::\d{2})?))?")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)")
_MONTH = re.compile(r"\d{4}-\d{2}")


def _parse_date(value: str) -> float | None:
    """Milliseconds since 1970 of an ISO 8601 date or a dotted day.month.year; a bare one counts as UTC."""
    if match := _DOTTED.fullmatch(value):
        day, month, year, clock = match.groups()
        value = f"{year}-{month:0>2}-{day:0>2}" + (f"T{clock:0>5}" if clock else "")
    elif _MONTH.fullmatch(value):
        value += "-01"
    if not re.match(r"\d{4}-|\d{8}T", value):  # fromisoformat takes a bare 20240131, which may be any number
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000


def _parse_number(value: str) -> float | None:
    """A finite number, or seconds from a clock such as 1:02:03.5."""
    if match := _CLOCK.fullmatch(value):
        hours, minutes, seconds = match.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
    try:
        return finite(float(value))
    except ValueError:
        return None


def _axis(numbers: Sequence[int], times: Sequence[str], starts: Sequence[float]) -> tuple[str, list[float]]:
    """What rows are laid along (`date`, `number`, `seconds` or `order`) and where each stands; NaN: nowhere.

    The table's time column is used where four in five of its values can be read and they differ; next come
    the seconds within a recording; otherwise the order of the rows.
    """
    filled = sum(map(bool, times))
    for kind, parse in (("date", _parse_date), ("number", _parse_number)):
        if filled < 2:
            break
        found = [parse(t) if t else None for t in times]
        known = {f for f in found if f is not None}
        if len(known) > 1 and sum(f is not None for f in found) >= 0.8 * filled:
            return kind, [math.nan if f is None else f for f in found]
    timed = [s for s in starts if not math.isnan(s)]
    if len(set(timed)) > 1 and len(timed) >= 0.8 * len(starts):
        return "seconds", list(starts)
    return "order", [float(n + 1) for n in numbers]
