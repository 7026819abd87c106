"""Reading EmotionML, its own and that of others."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from affekt.core.errors import InputError, UnknownNameError
from affekt.core.row import EvidenceRow, Row, WindowRow
from affekt.core.space import Dimension
from affekt.report.exports.emotionml.names import (
    AFFEKT,
    CATEGORIES,
    DIMENSIONS,
    NAMESPACE,
    NO_ANSWER,
    PAD,
    W3C,
    items_of,
)

__all__ = ["read"]

_OURS = {"pleasure": "valence", "valence": "valence", "arousal": "arousal", "dominance": "dominance"}
_FRAGMENT = re.compile(r"#t=(?:npt:)?(\d+(?:\.\d+)?)?(?:,(\d+(?:\.\d+)?))?$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK = 1 << 16
_DEEPEST = 64


@dataclass(slots=True)
class _Context:
    """What holds for a whole document: where it is, what it defines, what its root declares; the emotion before."""

    path: Path
    sets: dict[str, str] = field(default_factory=dict)
    # Address -> (type, item -> label).
    vocabularies: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    spaces: dict[str, str] = field(default_factory=dict)
    ranges: dict[str, Dimension] = field(default_factory=dict)
    last: str | None = None

    def refuse(self, what: str, line: int, hint: str | None = None) -> InputError:
        return InputError(what, where=f"{self.path}:{line}", hint=hint)


def read(path: Path, *, dimensions: Sequence[Dimension] | None = None, max_bytes: int = 64 * 1024 * 1024) -> list[Row]:
    """Read an EmotionML 1.0 document.

    Documents that `write` made give the rows that went in. Of other documents: the categories are the labels, in
    their order, and their confidences the scores; intensities (`value` of a category), traces, appraisals and
    action tendencies have no place in a row and are left out. Without a space of ours, `space` is the name of the
    vocabulary.

    Args:
        path: The file.
        dimensions: Ranges that valence, arousal and dominance are carried to. Default: those that the document
            states, else 0..1 as EmotionML has them.
        max_bytes: Larger files are refused.

    Raises:
        InputError: The file is not EmotionML 1.0, is too large, or has a document type: entities are neither
            expanded nor fetched. The line is named.
        UnknownNameError: A vocabulary is neither in the document nor one of the W3C's.
        OSError: The file cannot be read.
    """
    context = _Context(path)
    kinds = {name: "category" for name in CATEGORIES} | dict.fromkeys(DIMENSIONS, "dimension")
    for name, kind in kinds.items():
        context.vocabularies[W3C + name] = (kind, {item: item for item in items_of(name)})
        context.spaces[W3C + name] = name
    # A vocabulary may stand behind the emotions that use it, hence two passes.
    for element, line in _elements(context, max_bytes):
        if element.tag == _emo("vocabulary"):
            _read_vocabulary(context, element, line)
        elif element.tag == _emo("info"):
            for said in element.iter(_own("range")):
                low, high = _number(context, said, "low", line), _number(context, said, "high", line)
                if low >= high:
                    raise context.refuse("A range has no low below its high", line)
                context.ranges[said.get("dimension", "")] = Dimension(said.get("dimension", ""), low, high)
    context.ranges |= {d.name: d for d in dimensions or ()}
    rows: list[Row] = []
    for element, line in _elements(context, max_bytes):
        if element.tag == _emo("emotion"):
            _read_emotion(context, element, line, rows)
    return rows


def _emo(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _own(name: str) -> str:
    return f"{{{AFFEKT}}}{name}"


def _elements(context: _Context, max_bytes: int) -> Iterator[tuple[Element, int]]:
    """The children of the root, each with its line, from a parser that refuses what could harm."""
    done: list[tuple[Element, int]] = []
    builder: TreeBuilder | None = None
    depth = line = 0
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True

    def name(raw: str) -> str:
        return "{" + raw if "}" in raw else raw

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal builder, depth, line
        depth += 1
        if depth == 1:
            _check_root(context, name(tag), attributes, parser.CurrentLineNumber)
            return
        if depth > _DEEPEST:
            raise context.refuse(f"Elements are nested more than {_DEEPEST} deep", parser.CurrentLineNumber)
        if depth == 2:
            builder, line = TreeBuilder(), parser.CurrentLineNumber
        if builder is not None:
            builder.start(name(tag), {name(key): value for key, value in attributes.items()})

    def end(tag: str) -> None:
        nonlocal builder, depth
        depth -= 1
        if builder is not None:
            builder.end(name(tag))
            if depth == 1:
                done.append((builder.close(), line))
                builder = None

    def data(text: str) -> None:
        if builder is not None:
            builder.data(text)

    def doctype(*_: Any) -> None:
        raise context.refuse("The file has a document type (DOCTYPE), which is not read", parser.CurrentLineNumber)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, data
    parser.StartDoctypeDeclHandler = doctype
    left = max_bytes
    with context.path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            left -= len(chunk)
            if left < 0:
                raise InputError(
                    f"The file is larger than {max_bytes:,} bytes", where=str(context.path), hint="Raise max_bytes."
                )
            try:
                parser.Parse(chunk, not chunk)
            except expat.ExpatError as err:
                said = expat.errors.messages[err.code]
                raise context.refuse(f"The file is not well-formed XML: {said}", err.lineno) from err
            except (LookupError, ValueError) as err:
                raise context.refuse("The file's encoding is not known", 1) from err
            yield from done
            done.clear()
            if not chunk:
                return


def _check_root(context: _Context, tag: str, attributes: Mapping[str, str], line: int) -> None:
    if tag != _emo("emotionml"):
        raise context.refuse(f"The root element is not <emotionml> of {NAMESPACE}", line)
    if attributes.get("version") != "1.0":
        raise context.refuse("The document does not say version 1.0", line)
    context.sets = {key: value for key, value in attributes.items() if key.endswith("-set")}


def _float(context: _Context, element: Element, name: str, line: int, *, scale: bool = False) -> float | None:
    """A number from an attribute; on EmotionML's scale it lies in 0..1."""
    said = element.get(name)
    if said is None:
        return None
    try:
        value = float(said)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (scale and not 0.0 <= value <= 1.0):
        kind = "a number in 0..1" if scale else "a number"
        raise context.refuse(f"Attribute {name!r} of <{element.tag.rpartition('}')[2]}> is not {kind}", line)
    return value


def _number(context: _Context, element: Element, name: str, line: int) -> float:
    value = _float(context, element, name, line)
    if value is None:
        raise context.refuse(f"<{element.tag.rpartition('}')[2]}> has no {name!r}", line)
    return value


def _read_vocabulary(context: _Context, element: Element, line: int) -> None:
    name, kind = element.get("id"), element.get("type")
    items: dict[str, str] = {}
    for item in element.iter(_emo("item")):
        own = item.find(f"{_emo('info')}/{_own('label')}")
        said = item.get("name")
        if said is None or said in items:
            raise context.refuse("An item of a vocabulary has no name, or that of another", line)
        items[said] = said if own is None else own.get("name", said)
    if name is None or kind not in ("category", "dimension", "appraisal", "action-tendency") or not items:
        raise context.refuse("A <vocabulary> lacks its id, its type or its items", line)
    space = element.find(f"{_emo('info')}/{_own('space')}")
    context.vocabularies[f"#{name}"] = (kind, items)
    context.spaces[f"#{name}"] = name if space is None else space.get("id", name)


def _items(context: _Context, element: Element, kind: str, line: int) -> tuple[str, dict[str, str]]:
    """Address and items of the vocabulary that holds for one kind of description in an emotion."""
    address = element.get(f"{kind}-set") or context.sets.get(f"{kind}-set")
    if address is None:
        raise context.refuse(f"A <{kind}> stands where no {kind}-set is declared", line)
    known = [uri for uri, (type_, _) in context.vocabularies.items() if type_ == kind]
    if address not in known:
        raise UnknownNameError(f"EmotionML {kind} vocabulary", address, known, where=f"{context.path}:{line}")
    return address, context.vocabularies[address][1]


def _read_emotion(context: _Context, element: Element, line: int, rows: list[Row]) -> None:
    info = element.find(_emo("info"))
    if info is None:
        info = Element("info")
    space, listed, scores = _read_categories(context, element, info, line)
    values = _read_values(context, element, info, line)
    window = info.find(_own("window"))
    if window is not None:
        if not rows or window.get("of") != context.last:
            raise context.refuse("A window does not follow the emotion that it belongs to", line)
        first, last = (int(_number(context, window, key, line)) for key in ("start", "end"))
        step = WindowRow(
            first,
            last,
            scores,
            values.get("valence"),
            values.get("arousal"),
            values.get("dominance"),
            _others(values),
        )
        rows[-1] = replace(rows[-1], trajectory=[*(rows[-1].trajectory or ()), step])
        return
    context.last = element.get("id")
    words: str | None = "".join((element.text or "", *(child.tail or "" for child in element)))
    source, start, end, instant = _read_place(context, element, line)
    facts = info.find(_own("row"))
    if facts is None:
        words = (words or "").strip() or None
        facts = Element("row", {"id": element.get("id") or str(len(rows) + 1), "space": space})
        if instant is not None:
            facts.set("time", instant)
        labels = listed
    else:
        words = None if facts.get("text") == "none" else words
        start, end = _float(context, facts, "start", line), _float(context, facts, "end", line)
        labels = [x.get("name", "") for x in info.iterfind(_own("label"))]
    intervals = {
        x.get("dimension", ""): (_number(context, x, "low", line), _number(context, x, "high", line))
        for x in info.iterfind(_own("interval"))
    }
    evidence = [
        EvidenceRow(
            modality=x.get("modality", ""),
            cue=x.get("cue", ""),
            start=_number(context, x, "start", line),
            end=_number(context, x, "end", line),
            weight=_number(context, x, "weight", line),
            label=x.get("label"),
            name=x.get("property"),
            direction=x.get("direction"),
            z=None if x.get("z") is None else _number(context, x, "z", line),
        )
        for x in info.iterfind(_own("evidence"))
    ]
    rows.append(
        Row(
            id=facts.get("id", ""),
            text=words,
            source=source,
            start=start,
            end=end,
            speaker=facts.get("speaker"),
            time=facts.get("time"),
            space=facts.get("space", space),
            scores=scores or None,
            labels=labels,
            valence=values.get("valence"),
            arousal=values.get("arousal"),
            dominance=values.get("dominance"),
            intervals=intervals or None,
            confidence=_float(context, facts, "confidence", line, scale=True),
            abstained=facts.get("abstained"),
            evidence=evidence,
            trajectory=None,
            model=facts.get("model", ""),
            dimensions=_others(values),
        )
    )


def _others(values: Mapping[str, float]) -> dict[str, float] | None:
    return {name: value for name, value in values.items() if name not in PAD} or None


def _read_categories(
    context: _Context, element: Element, info: Element, line: int
) -> tuple[str, list[str], dict[str, float]]:
    """Space, labels and scores of an emotion; the scores of an abstention are in its info."""
    renamed = {x.get("name"): x.get("label", "") for x in info.iterfind(_own("renamed"))}
    scores = {x.get("label", ""): _number(context, x, "value", line) for x in info.iterfind(_own("score"))}
    listed: list[str] = []
    categories = element.findall(_emo("category"))
    if not categories:
        return "", listed, scores
    address, items = _items(context, element, "category", line)
    for category in categories:
        name = category.get("name", "")
        if name not in items:
            raise context.refuse(f"Category {name!r} is not in the vocabulary {address}", line)
        _float(context, category, "value", line, scale=True)
        confidence = _float(context, category, "confidence", line, scale=True)
        if address == f"#{NO_ANSWER}":
            continue
        label = renamed.get(name, items[name])
        if label in listed:
            raise context.refuse(f"Category {name!r} stands twice in one <emotion>", line)
        listed.append(label)
        if confidence is not None:
            scores[label] = confidence
    return context.spaces[address], listed, scores


def _read_values(context: _Context, element: Element, info: Element, line: int) -> dict[str, float]:
    """Dimension -> value of an emotion, on the ranges that are known; pleasure is called valence."""
    values: dict[str, float] = {}
    if dimensions := element.findall(_emo("dimension")):
        address, items = _items(context, element, "dimension", line)
        for dimension in dimensions:
            name = dimension.get("name", "")
            if name not in items:
                raise context.refuse(f"Dimension {name!r} is not in the vocabulary {address}", line)
            value = _float(context, dimension, "value", line, scale=True)
            own = _OURS.get(items[name], items[name])
            if value is None:
                continue
            if own in values:
                raise context.refuse(f"Dimension {name!r} stands twice in one <emotion>", line)
            scale = Dimension(own, 0.0, 1.0)
            # Rows have six decimals; carrying a value there and back costs far less than the last of them.
            values[own] = round(scale.rescale(value, context.ranges.get(own, scale)), 9)
    for said in info.iterfind(_own("value")):
        values[said.get("dimension", "")] = _number(context, said, "value", line)
    for said in info.iterfind(_own("dimension")):
        values[said.get("name", "")] = _number(context, said, "value", line)
    return values


def _read_place(
    context: _Context, element: Element, line: int
) -> tuple[str | None, float | None, float | None, str | None]:
    """Source, start and end in seconds, and instant, as far as an emotion says them."""
    source = start = end = instant = None
    for reference in element.iterfind(_emo("reference")):
        if reference.get("role", "expressedBy") == "expressedBy":
            uri = reference.get("uri", "")
            if place := _FRAGMENT.search(uri):
                start, end = (None if said is None else float(said) for said in place.groups())
                uri = uri[: place.start()]
            source = unquote(uri)
            break
    if source is None and "time-ref-uri" in element.keys():  # noqa: SIM118 - elements are no mappings
        source = unquote(element.get("time-ref-uri", ""))
    if element.get("time-ref-anchor-point", "start") == "start":
        offset, length = (_float(context, element, name, line) for name in ("offset-to-start", "duration"))
        if offset is not None:
            start = offset / 1000
            end = None if length is None else (offset + length) / 1000
    absolute = _float(context, element, "start", line)
    if absolute is not None:
        try:
            instant = (_EPOCH + timedelta(milliseconds=absolute)).isoformat()
        except OverflowError as err:
            raise context.refuse("Attribute 'start' of <emotion> lies beyond the calendar", line) from err
    return source, start, end, instant
