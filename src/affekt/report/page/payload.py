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
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from affekt.core.row import Row, WindowRow

__all__ = [
    "DIMENSIONS",
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
DIMENSIONS = ("valence", "arousal", "dominance")


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

    @property
    def size(self) -> int:
        """Bytes in the page before compression, near enough."""
        cues = sum(len(e[1]) for e in self.evidence)
        windows = sum(28 + len(w[3]) for w in self.windows)
        return 96 + len(self.text) + len(self.source) + len(self.id) + len(self.scores) + cues + windows


class Sample:
    """A uniform sample without replacement under a cap on rows and on bytes.

    Every row draws a key; the rows with the smallest keys are held. Which ones that are depends on the
    number of the row alone, so the same input gives the same page.
    """

    def __init__(self) -> None:
        self._rng = np.random.default_rng(_SEED)
        self._keys: list[float] = []
        self._heap: list[tuple[float, Packed]] = []  # largest key first (negated)
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
        heapq.heappush(self._heap, (-key, row))
        self._bytes += row.size
        while len(self._heap) > MAX_ROWS or (self._bytes > MAX_BYTES and len(self._heap) > 1):
            dropped, row = heapq.heappop(self._heap)
            self._bar = -dropped
            self._bytes -= row.size

    def rows(self) -> list[Packed]:
        """The rows that are held, in the order of the input."""
        return sorted(row for _, row in self._heap)


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
    out = array("H", [_MISSING]) * len(labels)
    for label, value in scores.items():
        at = labels.setdefault(label, len(labels))
        out.extend([_MISSING] * (at + 1 - len(out)))
        out[at] = _share(value)
    return out.tobytes()


def pack(row: Row, number: int, labels: dict[str, int]) -> Packed:
    """Pack a row; labels that are new are added to `labels`."""
    whole = row.text or ""
    text = whole[:MAX_TEXT]
    # Positions are characters; the page counts UTF-16 units, in which those beyond the BMP take two.
    wide = [] if text.isascii() else [i for i, c in enumerate(text) if c > "\uffff"]

    def unit(position: float) -> float:
        return position + bisect_left(wide, position) if wide else position

    numbers: list[int] = []
    for name, value in zip(DIMENSIONS, (row.valence, row.arousal, row.dominance), strict=True):
        low, high = (row.intervals or {}).get(name, (None, None))
        numbers += [_milli(value), _milli(low), _milli(high)]
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
        abstained=row.abstained or ("unnamed" if row.abstained is not None else ""),
        evidence=tuple(evidence),
        windows=tuple(windows),
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
        v, ar, d = (mean(getattr(w, name) for w in run) for name in DIMENSIONS)
        out.append(WindowRow(run[0].start, run[-1].end, scores, v, ar, d))
    return out


# --- Columns ----------------------------------------------------------------------------------------------


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

    def put_bytes(self, name: str, values: Sequence[bytes]) -> None:
        """Add a column of strings: their bytes in one array and the places where they end in another."""
        self.put(name + ".to", "u4", np.cumsum([0, *map(len, values)]))
        self.put(name, "u1", np.frombuffer(b"".join(values), dtype=np.uint8))

    def put_names(self, name: str, values: Sequence[str]) -> list[str]:
        """Add a column of names as numbers into the list that is returned; 0 is none."""
        table = {"": 0} | {v: i for i, (v, _) in enumerate(Counter(v for v in values if v).most_common(), start=1)}
        self.put(name, "u4", [table[v] for v in values])
        return list(table)

    def to_bytes(self, extra: Mapping[str, Any]) -> bytes:
        head = json.dumps({**extra, "columns": self._header}).encode()
        head += b" " * (-(len(head) + 4) % 8)
        return b"".join([len(head).to_bytes(4, "little"), head, *self._parts])


def columns(rows: Sequence[Packed], n_labels: int) -> bytes:
    """Lay rows out in columns.

    Args:
        rows: Packed rows in the order of the input.
        n_labels: Number of labels; scores have the shape (labels, rows).

    Returns:
        The container that `decode.js` reads, not yet compressed.
    """
    out = _Columns()
    for name in ("id", "text", "source", "time"):
        out.put_bytes(name, [getattr(r, name) for r in rows])
    out.put("index", "u4", [r.number for r in rows])
    out.put("length", "u4", [r.length for r in rows])
    out.put("start", "f8", [math.nan if r.start is None else r.start for r in rows])
    out.put("end", "f8", [math.nan if r.end is None else r.end for r in rows])
    out.put("scores", "u2", _score_table([r.scores for r in rows], n_labels).T.ravel())
    out.put("labels.to", "u4", np.cumsum([0, *(len(r.labels) for r in rows)]))
    out.put("labels", "u2", [label for r in rows for label in r.labels])
    numbers = np.array([r.numbers for r in rows], dtype=np.int32).reshape(len(rows), 3 * len(DIMENSIONS))
    for i, name in enumerate(DIMENSIONS):
        for j, part in enumerate(("", ".low", ".high")):
            out.put(name + part, "i4", numbers[:, 3 * i + j])
    out.put("confidence", "u2", [r.confidence for r in rows])
    speakers = out.put_names("speaker", [r.speaker for r in rows])
    reasons = out.put_names("abstained", [r.abstained for r in rows])
    evidence = [e for r in rows for e in r.evidence]
    out.put("evidence.to", "u4", np.cumsum([0, *(len(r.evidence) for r in rows)]))
    modalities = out.put_names("evidence.modality", [e[0] for e in evidence])
    out.put_bytes("evidence.cue", [e[1] for e in evidence])
    for j, name in enumerate(("start", "end", "weight"), start=2):
        out.put(f"evidence.{name}", "f4", [e[j] for e in evidence])
    out.put("evidence.label", "u2", [e[5] for e in evidence])
    windows = [w for r in rows for w in r.windows]
    out.put("windows.to", "u4", np.cumsum([0, *(len(r.windows) for r in rows)]))
    out.put("windows.start", "u4", [w[0] for w in windows])
    out.put("windows.end", "u4", [w[1] for w in windows])
    for j, name in enumerate(DIMENSIONS):
        out.put(f"windows.{name}", "i4", [w[2][j] for w in windows])
    out.put("windows.scores", "u2", _score_table([w[3] for w in windows], n_labels).ravel())
    axis, positions = _axis(rows)
    out.put("axis", "f8", positions)
    return out.to_bytes(
        {"n": len(rows), "axis": axis, "speakers": speakers, "reasons": reasons, "modalities": modalities}
    )


def _score_table(rows: Sequence[bytes], n_labels: int) -> np.ndarray:
    """Scores in thousandths, shape (rows, labels); rows packed before a label was known lack its place."""
    table = np.full((len(rows), n_labels), _MISSING, dtype=np.uint16)
    for i, raw in enumerate(rows):
        table[i, : len(raw) // 2] = np.frombuffer(raw, dtype=np.uint16)
    return table


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


def _axis(rows: Sequence[Packed]) -> tuple[str, list[float]]:
    """What rows are laid along (`date`, `number`, `seconds` or `order`) and where each stands; NaN: nowhere.

    The table's time column is used where four in five of its values can be read and they differ; next come
    the seconds within a recording; otherwise the order of the rows.
    """
    order = [float(r.number + 1) for r in rows]
    times = [r.time.decode().strip() for r in rows]
    filled = sum(map(bool, times))
    for kind, parse in (("date", _parse_date), ("number", _parse_number)):
        if filled < 2:
            break
        found = [parse(t) if t else None for t in times]
        known = {f for f in found if f is not None}
        if len(known) > 1 and sum(f is not None for f in found) >= 0.8 * filled:
            return kind, [math.nan if f is None else f for f in found]
    starts = [r.start for r in rows]
    if len({s for s in starts if s is not None}) > 1 and sum(s is not None for s in starts) >= 0.8 * len(rows):
        return "seconds", [math.nan if s is None else s for s in starts]
    return "order", order
