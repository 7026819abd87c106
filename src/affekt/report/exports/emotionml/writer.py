"""Writing rows as EmotionML."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from affekt.core.row import Row, WindowRow
from affekt.core.space import Dimension
from affekt.report.exports.emotionml.names import AFFEKT, CATEGORIES, NAMESPACE, NATIVE, NO_ANSWER, PAD, W3C, items_of

__all__ = ["write"]

_ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What may not stand in an XML name token (NameChar of XML 1.0), nor, unlike there, a colon.
_NOT_TOKEN = re.compile(
    "[^-.0-9A-Z_a-z\u00b7\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u037d\u037f-\u1fff\u200c\u200d\u203f\u2040\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff]+"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write(rows: Iterable[Row], path: Path, *, dimensions: Sequence[Dimension] = NATIVE) -> None:
    """Write rows as one EmotionML document, one after the other as they come.

    Args:
        rows: The rows.
        path: The file; it is overwritten.
        dimensions: Native ranges of valence, arousal and dominance. A value outside its range is written as the
            nearest end, with the value itself in `<info>`.

    Raises:
        OSError: The file cannot be written.
        ValueError: A score is not a probability.
    """
    with path.open("w", encoding="utf-8", newline="\n") as out:
        writer = _Writer(out, {d.name: d for d in (*NATIVE, *dimensions)})
        writer.head()
        for row in rows:
            writer.row(row)
        out.write("</emotionml>\n")


def _text(value: str) -> str:
    return escape(_ILLEGAL.sub("\ufffd", value), {"\r": "&#13;"})


def _tag(name: str, attributes: Mapping[str, str | float | None], content: str | None = None) -> str:
    """An element; attributes that are `None` are left out, and without content it is empty."""
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None:
            continue
        if isinstance(value, str):
            said = quoteattr(_ILLEGAL.sub("\ufffd", value))
        else:
            said = f'"{value if isinstance(value, int) else float(value)!r}"'
        parts.append(f" {key}={said}")
    parts.append("/>" if content is None else f">{content}</{name}>")
    return "".join(parts)


def _share(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"a score is {value}, not a probability")
    return float(value)


def _unique(name: str, taken: Iterable[str]) -> str:
    number, candidate, known = 1, name, set(taken)
    while candidate in known:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def _w3c_names(labels: Sequence[str]) -> tuple[str, dict[str, str]] | None:
    """The W3C category vocabulary that has exactly these labels, and what it calls them."""
    for names in ({x: x for x in labels}, {x: "happiness" if x == "joy" else x for x in labels}):
        for vocabulary in CATEGORIES:
            if len(set(names.values())) == len(labels) and set(names.values()) == set(items_of(vocabulary)):
                return W3C + vocabulary, names
    return None


def _others(dimensions: Mapping[str, float] | None) -> list[str]:
    """Dimensions that no vocabulary of the W3C has, as parts of `<info>`."""
    return [_tag("affekt:dimension", {"name": name, "value": v}) for name, v in (dimensions or {}).items()]


class _Writer:
    """Writes elements; a vocabulary is defined before the first emotion that needs it."""

    def __init__(self, out: TextIO, ranges: Mapping[str, Dimension]) -> None:
        self._out = out
        self._ranges = ranges
        self._sets: dict[tuple[str, tuple[str, ...]], tuple[str, dict[str, str]]] = {}
        self._ids: set[str] = {NO_ANSWER}
        self._told_no_answer = False
        self._count = 0

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")

    def head(self) -> None:
        ranges = "".join(
            _tag("affekt:range", {"dimension": name, "low": d.low, "high": d.high})
            for name, d in self._ranges.items()
            if name in PAD
        )
        self._line('<?xml version="1.0" encoding="UTF-8"?>')
        self._line(f'<emotionml xmlns="{NAMESPACE}" xmlns:affekt="{AFFEKT}" version="1.0">')
        self._line(_tag("info", {}, ranges))

    def row(self, row: Row) -> None:
        self._count += 1
        name = f"e{self._count}"
        withheld = row.abstained is not None
        values = {"valence": row.valence, "arousal": row.arousal, "dominance": row.dominance}
        attributes, about, described = self._describe(row.space, row.scores, row.labels, values, withheld=withheld)
        facts: dict[str, str | float | None] = {
            "id": row.id,
            "space": row.space,
            "model": row.model,
            "text": "none" if row.text is None else None,
            "start": row.start,
            "end": row.end,
            "speaker": row.speaker,
            "time": row.time,
            "confidence": row.confidence,
            "abstained": row.abstained,
        }
        info = [_tag("affekt:row", facts), *(_tag("affekt:label", {"name": label}) for label in row.labels), *about]
        for dimension, (low, high) in (row.intervals or {}).items():
            info.append(_tag("affekt:interval", {"dimension": dimension, "low": low, "high": high}))
        info += _others(row.dimensions)
        for e in row.evidence:
            place = {"start": e.start, "end": e.end, "weight": e.weight}
            departs = {"property": e.name, "direction": e.direction, "z": e.z}
            info.append(
                _tag("affekt:evidence", {"modality": e.modality, "cue": e.cue, **place, "label": e.label, **departs})
            )
        reference = "" if row.source is None else _tag("reference", {"uri": _uri(row)})
        content = _tag("info", {}, "".join(info)) + described + reference + _text(row.text or "")
        expressed = None if row.text is None else "text"
        self._line(_tag("emotion", {"id": name, **attributes, **_times(row), "expressed-through": expressed}, content))
        for number, window in enumerate(row.trajectory or (), 1):
            self._window(row, name, number, window, withheld=withheld)

    def _window(self, row: Row, of: str, number: int, window: WindowRow, *, withheld: bool) -> None:
        values = {"valence": window.valence, "arousal": window.arousal, "dominance": window.dominance}
        attributes, about, described = self._describe(row.space, window.scores, (), values, withheld=withheld)
        place = _tag("affekt:window", {"of": of, "start": window.start, "end": window.end})
        content = _tag("info", {}, "".join((place, *about, *_others(window.dimensions)))) + described
        self._line(_tag("emotion", {"id": f"{of}-w{number}", **attributes}, content))

    def _describe(
        self,
        space: str,
        scores: Mapping[str, float] | None,
        labels: Sequence[str],
        values: Mapping[str, float | None],
        *,
        withheld: bool,
    ) -> tuple[dict[str, str | None], list[str], str]:
        """Attributes, parts of `<info>`, and descriptions of an emotion."""
        shares: dict[str, float | None] = {label: _share(p) for label, p in (scores or {}).items()}
        there = {name: v for name, v in values.items() if v is not None and math.isfinite(v)}
        if withheld or not (shares or labels or there):
            if not self._told_no_answer:
                self._told_no_answer = True
                said = _tag(
                    "info",
                    {},
                    "Nothing of this kind is given; the emotion's info says why, or what is given.",
                )
                only = _tag("item", {"name": "no-answer"})
                self._line(_tag("vocabulary", {"type": "category", "id": NO_ANSWER}, said + only))
            about = [_tag("affekt:score", {"label": label, "value": p}) for label, p in shares.items()]
            about += [_tag("affekt:value", {"dimension": name, "value": v}) for name, v in there.items()]
            return {"category-set": f"#{NO_ANSWER}"}, about, _tag("category", {"name": "no-answer"})
        shares |= dict.fromkeys((label for label in labels if label not in shares), None)
        attributes: dict[str, str | None] = {}
        about, described = [], []
        if shares:
            address, names = self._vocabulary(space, tuple(shares))
            attributes["category-set"] = address
            for label, p in shares.items():
                described.append(_tag("category", {"name": names[label], "confidence": p}))
                # Names of an embedded vocabulary are explained in it; those of the W3C are not ours to explain.
                if names[label] != label and not address.startswith("#"):
                    about.append(_tag("affekt:renamed", {"name": names[label], "label": label}))
        if there:
            attributes["dimension-set"] = W3C + "pad-dimensions"
            for name, v in there.items():
                own = self._ranges[name]
                scaled = own.rescale(v, Dimension(name, 0.0, 1.0))
                described.append(_tag("dimension", {"name": PAD[name], "value": min(max(scaled, 0.0), 1.0)}))
                if not own.low <= v <= own.high:
                    about.append(_tag("affekt:value", {"dimension": name, "value": v}))
        return attributes, about, "".join(described)

    def _vocabulary(self, space: str, labels: tuple[str, ...]) -> tuple[str, dict[str, str]]:
        """Address of the vocabulary of these labels, and what it calls them; it is defined if need be."""
        if (space, labels) not in self._sets:
            self._sets[space, labels] = _w3c_names(labels) or self._define(space, labels)
        return self._sets[space, labels]

    def _define(self, space: str, labels: tuple[str, ...]) -> tuple[str, dict[str, str]]:
        names: dict[str, str] = {}
        items = []
        for label in labels:
            names[label] = _unique(_NOT_TOKEN.sub("-", label).strip("-") or "label", names.values())
            info = None
            if names[label] != label:
                info = _tag("info", {}, _tag("affekt:label", {"name": label}))
            items.append(_tag("item", {"name": names[label]}, info))
        name = _unique("labels-" + _NOT_TOKEN.sub("-", space), self._ids)
        self._ids.add(name)
        said = _tag("info", {}, _tag("affekt:space", {"id": space}))
        self._line(_tag("vocabulary", {"type": "category", "id": name}, said + "".join(items)))
        return f"#{name}", names


def _uri(row: Row) -> str:
    """The source as an address, with the place in it as a media fragment."""
    place = "" if row.start is None else f"{row.start:.3f}"
    place += "" if row.end is None else f",{row.end:.3f}"
    address = quote(_ILLEGAL.sub("\ufffd", row.source or ""), safe="/:")
    return address + (f"#t={place}" if place else "")


def _times(row: Row) -> dict[str, str | float | None]:
    instant = _instant(row.time)
    start = None if row.start is None else round(row.start * 1000)
    end = None if row.end is None else round(row.end * 1000)
    known = start is not None and row.source is not None
    return {
        "start": instant,
        "time-ref-uri": quote(_ILLEGAL.sub("\ufffd", row.source or ""), safe="/:") if known else None,
        "offset-to-start": start,
        "duration": None if start is None or end is None else max(end - start, 0),
    }


def _instant(time: str | None) -> int | None:
    """Milliseconds since 1970 of an ISO 8601 time that says its offset from UTC."""
    try:
        when = datetime.fromisoformat(time or "")
    except ValueError:
        return None
    if when.tzinfo is None or when < _EPOCH:
        return None
    return (when - _EPOCH) // timedelta(milliseconds=1)
