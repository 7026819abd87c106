"""The report: one HTML file that holds the rows, the page that shows them, and the facts about the model.

The page needs nothing but a browser: no network, and no second file but the recording that it plays, where it does not
hold that too. Its content security policy names the hashes of its own script and style, so nothing that stands in the
data can run.

Rows travel in columns: a JSON header that names typed arrays, then the arrays, compressed and written as
base64. Scores are whole thousandths. Beyond `MAX_ROWS` rows (or `MAX_BYTES` of packed rows) the page holds a
uniform sample; the counts it shows are still taken over all rows.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

from affekt.core.errors import InputError, OutputError
from affekt.core.prediction import kind_of
from affekt.core.row import OWN, Row, value_of
from affekt.report.page.payload import (
    MAX_BYTES,
    MAX_ROWS,
    MAX_TEXT,
    MAX_WINDOWS,
    Sample,
    columns,
    finite,
    pack,
    utf8,
)
from affekt.report.page.photos import Photo
from affekt.report.page.sound import Recording, as_json, held

__all__ = [
    "MAX_BYTES",
    "MAX_ROWS",
    "MAX_TEXT",
    "MAX_WINDOWS",
    "ModelFacts",
    "Photo",
    "Recording",
    "ReportFacts",
    "write_report",
]

_BINS = 20  # of the confidence histogram
_MAX_REASONS = 40
_SCRIPTS = ("decode.js", "dom.js", "store.js", "text.js", "plots.js", "table.js", "panel.js")
# For rows that have a place in a recording; `app.js` starts everything and comes last.
_TIMED_SCRIPTS = ("tracks.js", "stage.js")
_TALK_SCRIPTS = ("talk.js",)
_PHOTO_SCRIPTS = ("photos.js",)
_COLOURS = 8  # --g0 ... --g7 in style.css; 7 is the neutral grey
# Groups with a customary colour. Others take what is left, in their order.
_CUSTOMARY = {
    "joy": 0, "happiness": 0, "happy": 0, "positive": 0, "anger": 1, "angry": 1, "negative": 1, "disgust": 2,
    "fear": 3, "fearful": 3, "anxiety": 3, "sadness": 4, "sad": 4, "surprise": 5, "surprised": 5,
    "ambiguous": 5, "anticipation": 5, "love": 6, "trust": 6, "calm": 6, "neutral": 7, "none": 7, "no emotion": 7,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What the page says about one model.

    Attributes:
        name: Id of the model.
        version: Version of its weights.
        licence: SPDX expression of its weights.
        licence_note: What restricts their use beyond that.
        languages: Codes of the languages that it was measured on.
        size: Size of its files in bytes.
        space: Id of the label space of its readings.
        space_title: Its name for people.
        thresholds: Label -> probability from which it is given.
        risk_note: The rule for abstaining and what it trades, in a sentence.
    """

    name: str
    version: str = ""
    licence: str = ""
    licence_note: str = ""
    languages: Sequence[str] = ()
    size: int | None = None
    space: str = ""
    space_title: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    risk_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFacts:
    """What the page says about the data and the models. What is not known is left empty and not shown.

    Attributes:
        title: Title of the page.
        input_name: What was read, as in `reviews.csv`.
        created: When, in ISO 8601.
        models: The models that read the rows, the one that is at home first.
        labels: Labels of their spaces in their fixed order; without it, the order in which the rows bring them.
        neutral: The label that stands for "no emotion".
        groups: Group -> labels: the coarser reading that gives bars and points their colours.
        colours: Group -> `#rrggbb`, used on light and dark ground alike; without it, the page's own
            colours, which hold their contrast on both and differ for colour-blind readers.
        dimensions: What the models give beside labels and beside valence, arousal and dominance.
        ranges: Dimension -> (lowest, highest) of its native scale.
        not_for: What the models must not be used for, a sentence each.
        affekt_version: Version that wrote the report.
        command: Command line that made it.
        heard: Whether the rows are stretches of recordings that were heard, and not texts.
        seen: Whether these were looked at too, so that rows are segments of them, or faces in pictures.
        still: Whether all that was looked at are still pictures.
        recordings: What the rows come from, where that can be shown and listened to.
        photos: Still pictures that rows come from, small.
        photos_left_out: How many more there are.

    Raises:
        ValueError: A colour is not of the form `#rrggbb`, or a range is empty.
    """

    title: str = "What the texts feel like"
    input_name: str = ""
    created: str = ""
    models: Sequence[ModelFacts] = ()
    labels: Sequence[str] = ()
    neutral: str | None = None
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)
    dimensions: Sequence[str] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    not_for: Sequence[str] = ()
    affekt_version: str = ""
    command: str = ""
    heard: bool = False
    seen: bool = False
    still: bool = False
    recordings: Sequence[Recording] = ()
    photos: Sequence[Photo] = ()
    photos_left_out: int = 0

    @property
    def all_dimensions(self) -> tuple[str, ...]:
        """The dimensions that a row may have, valence, arousal and dominance first."""
        return (*OWN, *self.dimensions)

    def __post_init__(self) -> None:
        for group, colour in self.colours.items():
            if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
                raise ValueError(f"colour of group {group!r} is {colour!r}, not of the form '#rrggbb'")
        for name, (low, high) in self.ranges.items():
            if not low < high:
                raise ValueError(f"range of {name!r}: low {low} is not below high {high}")


def write_report(rows: Iterable[Row | Mapping[str, Any]], path: Path, *, facts: ReportFacts) -> None:
    """Write the report on `rows` to `path`.

    The rows are read once and not kept beyond the caps above, so memory does not grow with their number.
    The file appears whole or not at all.

    Args:
        rows: Published rows, or mappings with their fields; fields that a mapping lacks count as null.
        path: The HTML file; replaced where it exists.
        facts: What the page says about the data and the model.

    Raises:
        InputError: A mapping is not a published row.
        OutputError: The file cannot be written.
    """
    dimensions = facts.all_dimensions
    tally = _Tally(dimensions)
    sample = Sample()
    labels = {label: i for i, label in enumerate(facts.labels)}
    for number, row in enumerate(_as_rows(rows)):
        tally.add(row)
        key = sample.key()
        if sample.wants(key):
            sample.add(key, pack(row, number, labels, dimensions))
    page = _render(sample, tally, facts, tuple(labels), Path(path).parent)
    write_whole(Path(path), page)


def _as_rows(rows: Iterable[Row | Mapping[str, Any]]) -> Iterator[Row]:
    import msgspec

    blank: dict[str, Any] = {f.name: None for f in fields(Row)} | {
        "id": "", "space": "", "labels": [], "evidence": [], "model": "",
    }  # fmt: skip
    for number, row in enumerate(rows, start=1):
        if isinstance(row, Row):
            yield row
            continue
        try:
            yield msgspec.convert(blank | {k: v for k, v in row.items() if v is not None}, Row)
        except msgspec.ValidationError as err:
            # The message of msgspec names types and the field, never a value.
            raise InputError(f"Not a published row: {err}", where=f"row {number}") from err


# --- Counts over all rows -------------------------------------------------------------------------------


class _Tally:
    """Exact counts and moments over every row, however many the page holds."""

    def __init__(self, dimensions: Sequence[str]) -> None:
        self.n = 0
        self.timed = False
        self.talked = False
        self.abstained: Counter[str] = Counter()
        self.labels: Counter[str] = Counter()
        self.first: Counter[str] = Counter()
        self.unlabelled = 0
        self.models: Counter[str] = Counter()
        self.confidence = [[0] * _BINS, [0] * _BINS]
        self.confidence_sum = [0.0, 0]
        self.moments = {d: [0, 0.0, 0.0] for d in dimensions}
        self.widths = {d: [0, 0.0] for d in dimensions}

    def add(self, row: Row) -> None:
        self.n += 1
        self.timed = self.timed or (row.start is not None and row.end is not None)
        self.talked = self.talked or row.dialogue is not None
        self.models[row.model] += 1
        if row.abstained is not None:
            reason = kind_of(row.abstained)
            if reason not in self.abstained and len(self.abstained) >= _MAX_REASONS:
                reason = "other"
            self.abstained[reason] += 1
        elif row.labels:
            self.labels.update(row.labels)
            self.first[row.labels[0]] += 1
        else:
            self.unlabelled += 1
        if (confidence := finite(row.confidence)) is not None:
            step = min(max(int(confidence * _BINS), 0), _BINS - 1)
            self.confidence[row.abstained is not None][step] += 1
            if row.abstained is None:
                self.confidence_sum[0] += confidence
                self.confidence_sum[1] += 1
        for name, moment in self.moments.items():
            if row.abstained is not None or (value := finite(value_of(row, name))) is None:
                continue
            moment[0] += 1
            moment[1] += value
            moment[2] += value * value
            if row.intervals and (pair := row.intervals.get(name)):
                self.widths[name][0] += 1
                self.widths[name][1] += pair[1] - pair[0]

    def as_json(self) -> dict[str, Any]:
        """The counts as they go into the page."""
        dims = {}
        for name, (n, total, squares) in self.moments.items():
            if n:
                mean = total / n
                spread = math.sqrt(max(squares / n - mean * mean, 0.0))
                seen, width = self.widths[name]
                dims[name] = {
                    "n": int(n),
                    "mean": round(mean, 4),
                    "sd": round(spread, 4),
                    "width": round(width / seen, 4) if seen else None,
                }
        total, n = self.confidence_sum
        return {
            "n": self.n,
            "answered": self.n - self.abstained.total(),
            "abstained": dict(self.abstained.most_common()),
            "labels": dict(self.labels),
            "first": dict(self.first),
            "unlabelled": self.unlabelled,
            "confidence": self.confidence,
            "confidenceMean": round(total / n, 4) if n else None,
            "dims": dims,
            "models": [m for m, _ in self.models.most_common(8) if m],
        }


# --- The page -------------------------------------------------------------------------------------------


def _grouping(labels: Sequence[str], facts: ReportFacts) -> tuple[list[str], list[int], list[int | str]]:
    """Groups, the group of each label, and the colour of each group: its number in the style, or a hex code."""
    groups = {g: set(members) for g, members in facts.groups.items()}
    if not groups and len(labels) <= _COLOURS:
        groups = {label: {label} for label in labels}
    of: list[str] = []
    for label in labels:
        home = next((g for g, members in groups.items() if label in members), None)
        of.append(home or ("neutral" if label == facts.neutral else "other" if groups else "all labels"))
    names = [g for g in dict.fromkeys([*groups, *of]) if g in of]
    colours: list[int | str] = []
    taken = {_CUSTOMARY[g.casefold()] for g in names if g.casefold() in _CUSTOMARY}
    left = iter([4, 0, 5, 6, 1, 2, 3] * len(names))
    for name in names:
        if name in facts.colours:
            colours.append(facts.colours[name])
        elif name.casefold() in _CUSTOMARY:
            colours.append(_CUSTOMARY[name.casefold()])
        elif name == facts.neutral or name == "other":
            colours.append(7)
        else:
            colour = next(left)
            if len(taken) < _COLOURS - 1:
                while colour in taken:
                    colour = next(left)
            taken.add(colour)
            colours.append(colour)
    return names, [names.index(g) for g in of], colours


def _safe_json(value: object) -> str:
    """JSON that stays within its script element, whatever it holds. All but ASCII is escaped as well."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def content_hash(text: str) -> str:
    """The source expression that a content security policy names a script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _render(rows: Sample, tally: _Tally, facts: ReportFacts, labels: tuple[str, ...], folder: Path) -> Iterator[str]:
    """The page, part by part: a recording that it holds is never in memory whole."""
    import jinja2
    from markupsafe import Markup

    parts = resources.files("affekt.report") / "page"

    def read(name: str) -> str:
        return (parts / name).read_text(encoding="utf-8")

    scripts = (
        *_SCRIPTS,
        *(_TIMED_SCRIPTS if tally.timed else ()),
        *(_TALK_SCRIPTS if tally.talked else ()),
        *(_PHOTO_SCRIPTS if facts.photos else ()),
        "app.js",
    )
    script = "(() => {\n'use strict';\n" + "\n".join(map(read, scripts)) + "\n})();"
    wanted = {"stage.css": tally.timed, "talk.css": tally.talked, "photos.css": bool(facts.photos)}
    style = "".join(map(read, ("style.css", *(name for name, is_ in wanted.items() if is_))))
    groups, group_of, colours = _grouping(labels, facts)
    counts = tally.as_json()
    packed = gzip.compress(columns(rows, len(labels), facts.all_dimensions), compresslevel=6, mtime=0)
    payload: dict[str, Any] = {
        "stats": counts,
        "labels": labels,
        "groups": groups,
        "groupOf": group_of,
        "colours": colours,
        "neutral": facts.neutral,
        "ranges": {d: facts.ranges[d] for d in facts.all_dimensions if d in facts.ranges},
        # Of several models, a label has several.
        "thresholds": dict(facts.models[0].thresholds) if len(facts.models) == 1 else {},
        "input": utf8(facts.input_name).decode(),
        "held": len(rows),
        "heard": facts.heard,
        "maxText": MAX_TEXT,
    }
    if tally.timed:
        payload["recordings"] = [as_json(recording, folder) for recording in facts.recordings]
    if facts.photos:
        payload["photos"] = [photo.as_json() for photo in facts.photos]
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["size"] = _size
    return environment.from_string(read("template.html")).generate(
        facts=facts,
        stats=counts,
        held=len(rows),
        labels=labels,
        timed=tally.timed,
        talked=tally.talked,
        sounds=((k, map(Markup, held(r))) for k, r in enumerate(facts.recordings) if r.in_page and tally.timed),
        moment=_moment(facts.created),
        script=Markup(script),  # noqa: S704  (our own files; the policy holds their hashes)
        style=Markup(style),  # noqa: S704
        script_hash=content_hash(script),
        style_hash=content_hash(style),
        payload=Markup(_safe_json(payload)),  # noqa: S704  (escaped just above)
        data=Markup(base64.b64encode(packed).decode()),  # noqa: S704
    )


def _size(n: int) -> str:
    return f"{n / 1e6:.1f} MB" if n >= 1e6 else f"{n / 1e3:.0f} kB"


def _moment(created: str) -> str:
    """A date for people; what is not ISO 8601 stands as it is."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    zone = " UTC" if moment.tzinfo is not None and not moment.utcoffset() else ""
    clock = f", {moment:%H:%M}{zone}" if len(created) > 10 else ""
    return f"{moment.day} {moment:%B %Y}{clock}"


def write_whole(path: Path, text: str | Iterable[str]) -> None:
    """Write beside the target, then replace it, so that a reader never meets half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with temporary.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
                file.writelines([text] if isinstance(text, str) else text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    except OSError as err:
        raise OutputError(
            f"The report cannot be written: {err.strerror or err}",
            where=str(path),
            hint="Free space or name another place with --out.",
        ) from err
