"""ELAN's annotation format EAF 3.0: aligned annotations on a tier for each speaker and kind."""

from __future__ import annotations

import mimetypes
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from urllib.parse import quote
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from affekt.core.errors import InputError
from affekt.core.timeline import Timeline
from affekt.media.timed.tiers import EMOTION, TEXT, Tier, tier_of_name, tiers_of, timeline_of

__all__ = ["encode", "parse"]

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_VOCABULARY = "emotions"
_DIMENSION = "dimension"
_LANGUAGE = "und"
_TIME = re.compile(r"[0-9]{1,12}")
_ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What ELAN itself calls what it plays; other types are those of the system.
_MIME = {
    ".wav": "audio/x-wav",
    ".mp4": "video/mp4",
    ".m4a": "audio/mp4",
    ".mpg": "video/mpeg",
    ".mov": "video/quicktime",
}
_STEREOTYPES = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps allowed within this "
    "interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering to the same parent are "
    "ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are allowed",
}


def encode(timeline: Timeline, *, created: datetime | None = None) -> str:
    """The tiers of a timeline as an EAF document.

    The labels are a controlled vocabulary, which the tiers of emotion refer to.

    Args:
        timeline: The timeline; its `source` is the medium.
        created: When the document was made; default now.
    """
    tiers = tiers_of(timeline) or [Tier(EMOTION, None, 1, ())]
    values = dict.fromkeys(value for tier in tiers if tier.kind == EMOTION for _, _, value in tier.entries)
    terms = {value: f"cveid_{number}" for number, value in enumerate(dict.fromkeys((*timeline.labels, *values)))}
    times = sorted({t for tier in tiers for start, end, _ in tier.entries for t in (start, end)})
    slots = {t: f"ts{number}" for number, t in enumerate(times, 1)}
    count = sum(len(tier.entries) for tier in tiers)
    when = (created or datetime.now(UTC)).isoformat(timespec="seconds")
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<ANNOTATION_DOCUMENT AUTHOR="" DATE="{when}" FORMAT="3.0" VERSION="3.0" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="{_SCHEMA}">',
        '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">',
        *_medium(timeline.source),
        f'<PROPERTY NAME="lastUsedAnnotationId">{count}</PROPERTY>',
        "</HEADER>",
        "<TIME_ORDER>",
        *(f'<TIME_SLOT TIME_SLOT_ID="{slot}" TIME_VALUE="{t}"/>' for t, slot in slots.items()),
        "</TIME_ORDER>",
    ]
    number = 0
    for tier in tiers:
        kind = tier.kind if tier.kind in (EMOTION, TEXT) else _DIMENSION
        who = f" PARTICIPANT={_attribute(tier.speaker)}" if tier.speaker else ""
        lines.append(f'<TIER LINGUISTIC_TYPE_REF="{kind}"{who} TIER_ID={_attribute(tier.name)}>')
        for start, end, value in tier.entries:
            number += 1
            term = f' CVE_REF="{terms[value]}"' if kind == EMOTION else ""
            lines.append(
                f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}"{term} TIME_SLOT_REF1="{slots[start]}" '
                f'TIME_SLOT_REF2="{slots[end]}"><ANNOTATION_VALUE>{_text(value)}</ANNOTATION_VALUE>'
                "</ALIGNABLE_ANNOTATION></ANNOTATION>"
            )
        lines.append("</TIER>")
    for kind in (EMOTION, TEXT, _DIMENSION):
        vocabulary = f'CONTROLLED_VOCABULARY_REF="{_VOCABULARY}" ' if kind == EMOTION else ""
        lines.append(
            f'<LINGUISTIC_TYPE {vocabulary}GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="{kind}" '
            'TIME_ALIGNABLE="true"/>'
        )
    lines.append(f'<LANGUAGE LANG_ID="{_LANGUAGE}" LANG_LABEL="undetermined"/>')
    lines += [
        f"<CONSTRAINT DESCRIPTION={_attribute(said)} STEREOTYPE={_attribute(name)}/>"
        for name, said in _STEREOTYPES.items()
    ]
    lines += [f'<CONTROLLED_VOCABULARY CV_ID="{_VOCABULARY}">', f'<DESCRIPTION LANG_REF="{_LANGUAGE}"/>']
    lines += [
        f'<CV_ENTRY_ML CVE_ID="{name}"><CVE_VALUE LANG_REF="{_LANGUAGE}">{_text(value)}</CVE_VALUE></CV_ENTRY_ML>'
        for value, name in terms.items()
    ]
    lines += ["</CONTROLLED_VOCABULARY>", "</ANNOTATION_DOCUMENT>"]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    return escape(_ILLEGAL.sub("\ufffd", value))


def _attribute(value: str) -> str:
    return quoteattr(_ILLEGAL.sub("\ufffd", " ".join(value.split())))


def _medium(source: str | None) -> list[str]:
    if source is None:
        return []
    path = PurePath(source)
    kind = _MIME.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "unknown"
    address = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    beside = f"./{quote(path.name)}"
    return [
        f'<MEDIA_DESCRIPTOR MEDIA_URL={_attribute(address)} MIME_TYPE="{kind}" '
        f"RELATIVE_MEDIA_URL={_attribute(beside)}/>"
    ]


def parse(text: str, *, where: str = "EAF") -> Timeline:
    """Read an EAF document, its own or that of others.

    A tier whose linguistic type is not one of ours is a speaker's, and its annotations are texts. The speaker is its
    participant where no other tier but those that depend on it has the same one, else the name of the tier. An
    annotation without times of its own has those of the annotation that it refers to, several of one tier that refer to
    the same one are one text; time slots without a time lie evenly between those that have one.

    Args:
        text: The content.
        where: The file's name, for messages.

    Raises:
        InputError: It is not an EAF document, or refers to what is not there.
    """
    root = _tree(text, where)
    if root.tag != "ANNOTATION_DOCUMENT":
        raise InputError("The file is not an EAF document", where=where, hint="Save it with ELAN as .eaf.")
    units = root.find("HEADER")
    if units is not None and units.get("TIME_UNITS", "milliseconds") != "milliseconds":
        raise InputError(f"Its times are in {units.get('TIME_UNITS')}, not in milliseconds", where=where)
    slots = _slots(root.iterfind("TIME_ORDER/TIME_SLOT"), where)
    places: dict[str, tuple[int, int]] = {}
    for a in root.iter("ALIGNABLE_ANNOTATION"):
        ends = [slots.get(a.get(f"TIME_SLOT_REF{side}", "")) for side in (1, 2)]
        if ends[0] is None or ends[1] is None or ends[1] < ends[0]:
            raise InputError("An annotation has no time slots, or in the wrong order", where=f"{where}, {_id(a)}")
        places[_id(a)] = (ends[0], ends[1])
    _follow(root, places, where)
    tiers = root.findall("TIER")
    speakers = _speakers(tiers)
    return timeline_of(_tier(t, places, speakers[i], i + 1) for i, t in enumerate(tiers))


def _id(annotation: Element) -> str:
    return annotation.get("ANNOTATION_ID", "")


def _slots(elements: Iterable[Element], where: str) -> dict[str, int]:
    """Slot -> milliseconds."""
    names: list[str] = []
    times: list[int | None] = []
    for slot in elements:
        said = slot.get("TIME_VALUE")
        if said is not None and not _TIME.fullmatch(said):
            raise InputError("A time slot has no whole milliseconds", where=f"{where}, {slot.get('TIME_SLOT_ID')}")
        names.append(slot.get("TIME_SLOT_ID", ""))
        times.append(None if said is None else int(said))
    known = [i for i, t in enumerate(times) if t is not None]
    if len(known) < len(times):
        import numpy as np

        if not known:
            raise InputError("No time slot has a time", where=where, hint="Align the annotations in ELAN.")
        at = np.interp(np.arange(len(times)), known, [float(times[i] or 0) for i in known])
        return {name: round(float(t)) for name, t in zip(names, at, strict=True)}
    return {name: t for name, t in zip(names, times, strict=True) if t is not None}


def _follow(root: Element, places: dict[str, tuple[int, int]], where: str) -> None:
    """Give annotations that refer to others the times of those."""
    parents = {_id(a): a.get("ANNOTATION_REF", "") for a in root.iter("REF_ANNOTATION")}
    for name in parents:
        parent, steps = parents[name], 0
        while parent in parents and steps <= len(parents):
            parent, steps = parents[parent], steps + 1
        if parent not in places:
            raise InputError("An annotation refers to one that is not there", where=f"{where}, {name}")
        places[name] = places[parent]


def _speakers(tiers: Sequence[Element]) -> list[str | None]:
    """Whose each tier of others is; tiers that depend on another one stand for themselves."""
    roots = Counter(t.get("PARTICIPANT") for t in tiers if t.get("PARENT_REF") is None)
    return [
        (t.get("PARTICIPANT") if t.get("PARENT_REF") is None and roots[t.get("PARTICIPANT")] == 1 else None)
        or t.get("TIER_ID")
        or None
        for t in tiers
    ]


def _tier(element: Element, places: Mapping[str, tuple[int, int]], speaker: str | None, number: int) -> Tier:
    entries: dict[tuple[int, int], str] = {}
    for annotation in element.iterfind("ANNOTATION/*"):
        value = " ".join((annotation.findtext("ANNOTATION_VALUE") or "").split())
        if value:
            place = places[_id(annotation)]
            entries[place] = f"{entries[place]} {value}" if place in entries else value
    ordered = tuple((*place, entries[place]) for place in sorted(entries))
    if element.get("LINGUISTIC_TYPE_REF") not in (EMOTION, TEXT, _DIMENSION):
        return Tier(TEXT, speaker, number, ordered)
    named = tier_of_name(element.get("TIER_ID", ""), ordered)
    return Tier(named.kind, element.get("PARTICIPANT") or named.speaker, named.layer, ordered)


def _tree(text: str, where: str) -> Element:
    """The elements of a document, from a parser that neither expands nor fetches entities."""
    builder = TreeBuilder()
    # The text is Unicode already, whatever encoding its declaration names.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def doctype(*_: object) -> None:
        raise InputError("The file has a document type (DOCTYPE), which is not read", where=where)

    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text.removeprefix("\ufeff").encode(), True)
    except expat.ExpatError as err:
        said = expat.errors.messages[err.code]
        raise InputError(f"The file is not well-formed XML: {said}", where=f"{where}:{err.lineno}") from err
    return builder.close()
