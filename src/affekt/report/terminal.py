"""Readings on a terminal: one text with its evidence, a long one with its course, many as a table and a summary.

Everything degrades: without colour the evidence is marked in the text, without Unicode the bars are ASCII, and on a
narrow terminal columns give way before words do. What users wrote is shown, never obeyed: control characters, escape
sequences and marks that reorder text are replaced, one character for one.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from math import isfinite, sqrt
from typing import TYPE_CHECKING

from affekt.catalog.spaces import space as load_space
from affekt.core.clip import Clip
from affekt.core.prediction import Evidence, Prediction, Window, kind_of
from affekt.core.row import OWN
from affekt.core.space import Dimension, LabelSpace
from affekt.core.timeline import clock

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["render"]


_INDENT = "  "
# Marks that change the direction of the text around them.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SENTIMENTS = {"positive": "green", "negative": "red", "ambiguous": "yellow"}
_SHOWN_CHARACTERS = 700
_SHOWN_LABELS = 8


def render(
    readings: Iterable[tuple[Clip, Prediction]],
    *,
    console: Console,
    space: LabelSpace,
    dimensions: Sequence[Dimension] | None = None,
    top: int = 3,
    limit: int | None = None,
    wide: bool = False,
    at_once: bool = False,
) -> int:
    """Show readings: a single one in full, several as one line each with a summary below.

    Lines are printed as the readings come, and none is kept.

    Args:
        readings: Clips with their predictions, as `affekt.stream` gives them.
        console: Where to; its width, colours and encoding decide the form.
        space: Label space of the predictions.
        dimensions: Native ranges of the dimensions. Default: those of the space, else those of EmoBank.
        top: How many labels to show of a single reading at least; those that are present are always shown.
        limit: How many readings to show one by one; the others are counted in the summary alone.
        wide: Show whole texts and all labels, however long.
        at_once: Show the first one as one of several, without waiting for a second.

    Returns:
        The number of readings.
    """
    known = {d.name: d for d in load_space("emobank").dimensions}
    known |= {d.name: d for d in (*space.dimensions, *(dimensions or ()))}
    page = _Page(console, space, known, top=top, wide=wide)
    pending = iter(readings)
    first = list(islice(pending, 1 if at_once else 2))
    if not first:
        page.line("Nothing to show.", "dim")
    elif len(first) == 1 and not at_once:
        page.single(*first[0])
    else:
        return page.several(chain(first, pending), limit=limit)
    return len(first)


def _percent(share: float) -> str:
    if 0.0 < share < 0.005:
        return "<1%"
    if 0.995 <= share < 1.0:
        return ">99%"
    return f"{share:.0%}"


def _when(clip: Clip) -> str:
    """When in a recording; empty for what has no time."""
    return "" if clip.start is None or clip.end is None else f"{clock(clip.start)}-{clock(clip.end)}"


@dataclass(slots=True)
class _Tally:
    """What the summary needs, and no more: it stays small however many readings there are."""

    readings: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    # Dimension -> number, mean and sum of squared deviations (Welford's recurrence).
    moments: dict[str, tuple[int, float, float]] = field(default_factory=dict)

    def add(self, prediction: Prediction) -> None:
        self.readings += 1
        if prediction.abstained is not None:
            self.reasons[kind_of(prediction.abstained)] += 1
            return
        self.labels.update(prediction.labels)
        self.unlabelled += not prediction.labels
        for name, value in prediction.dimensions.items():
            if isfinite(value):
                n, centre, squares = self.moments.get(name, (0, 0.0, 0.0))
                step = value - centre
                centre += step / (n + 1)
                self.moments[name] = (n + 1, centre, squares + step * (value - centre))


class _Page:
    """Builds lines that fit one console."""

    def __init__(
        self, console: Console, space: LabelSpace, dimensions: Mapping[str, Dimension], *, top: int, wide: bool
    ) -> None:
        self._console = console
        self._space = space
        self._dimensions = dimensions
        self._top = top
        self._wide = wide
        self._width = max(console.width, 20)
        self._timed = self._named = False
        self._source: str | None = None
        self._colour = console.color_system is not None and not console.no_color
        self._unicode = not (console.options.ascii_only or console.legacy_windows or console.is_dumb_terminal)
        self._styles = {
            label: _SENTIMENTS[group]
            for group, labels in space.groups.get("sentiment", {}).items()
            if group in _SENTIMENTS
            for label in labels
        }

    # Pieces

    def _safe(self, text: str) -> str:
        """The same text, character for character, without what a terminal would obey or cannot show."""
        odd = "\ufffd" if self._unicode else "?"
        shown = "".join(
            c
            if c in "\n\t" or not (unicodedata.category(c) in ("Cc", "Cs") or c in _REORDERING)
            else " "
            if c in "\r\x0b\x0c"
            else odd
            for c in text
        )
        return shown.encode(self._console.encoding, "replace").decode(self._console.encoding)

    def _flat(self, text: str) -> str:
        return " ".join(self._safe(text).split())

    def _text(self, *parts: str | tuple[str, str] | Text) -> Text:
        from rich.text import Text

        return Text.assemble(*parts)

    def line(self, content: str | Text = "", style: str = "", *, whole: bool = False) -> None:
        """Print one line; it is cut where it is too long, unless it is to stay whole."""
        line = self._text((content, style)) if isinstance(content, str) else content
        if not whole:
            line.truncate(self._width, overflow="ellipsis" if self._unicode else "crop")
        line.rstrip()
        self._console.print(line, highlight=False, no_wrap=True, overflow="ignore", crop=False)

    def _cell(self, text: str, width: int) -> str:
        """A text cut and padded to a number of terminal cells."""
        from rich.cells import cell_len, set_cell_size

        if cell_len(text) > width:
            end = "…" if self._unicode else "~"
            text = set_cell_size(text, max(width - 1, 0)).rstrip() + end
        return set_cell_size(text, width)

    def _bar(self, share: float, width: int) -> str:
        halves = round(min(max(share, 0.0), 1.0) * width * 2)
        full, half = ("━", "╸") if self._unicode else ("#", "")
        # A share above nothing leaves a trace.
        drawn = full * (halves // 2) + half * (halves % 2)
        return drawn or (half if share > 0 else "")

    def _scale(self, name: str, value: float, interval: tuple[float, float] | None, width: int) -> Text:
        """A value with its interval on its native range."""
        range_ = self._dimensions.get(name)
        if range_ is None:
            return self._text((f"{value:.2f}", "bold"))
        unit = Dimension(name, 0.0, width - 1.0)

        def at(x: float) -> int:
            return min(max(round(range_.rescale(x, unit)), 0), width - 1)

        rail, inside, dot = ("─", "━", "●") if self._unicode else ("-", "=", "o")
        low, high = (at(value), at(value)) if interval is None else (at(interval[0]), at(interval[1]))
        here = at(value)
        parts: list[tuple[str, str]] = []
        for i in range(width):
            mark = (dot, "bold cyan") if i == here else (inside, "cyan") if low <= i <= high else (rail, "dim")
            parts.append(mark)
        ends = f"{range_.low:g} ", f" {range_.high:g}"
        said = f"  {value:.2f}"
        spread = "" if interval is None else f"  {interval[0]:.1f} to {interval[1]:.1f}"
        return self._text((ends[0], "dim"), *parts, (ends[1], "dim"), (said, "bold"), (spread, "dim"))

    def _sparkline(self, values: Sequence[float | None], low: float, high: float, width: int) -> str:
        """The course of values on a range, in so many characters; a gap is blank."""
        levels = "▁▂▃▄▅▆▇█" if self._unicode else "_.:-=+*#"
        steps = min(len(values), width)
        drawn = []
        for i in range(steps):
            part = values[i * len(values) // steps : (i + 1) * len(values) // steps]
            there = [v for v in part if v is not None]
            share = (sum(there) / len(there) - low) / (high - low) if there else None
            drawn.append(" " if share is None else levels[min(max(int(share * len(levels)), 0), len(levels) - 1)])
        return "".join(drawn)

    def _style(self, label: str) -> str:
        return self._styles.get(label, "cyan")

    # One reading

    def single(self, clip: Clip, prediction: Prediction) -> None:
        """Print one reading in full."""
        if clip.text is not None and clip.text.strip():
            self._words(clip.text, prediction.evidence)
            self.line()
        if when := _when(clip):
            self.line(_INDENT + self._flat(f"{when} {clip.speaker or ''}"), "dim")
            self.line()
        if prediction.abstained is not None:
            self.line(self._text(_INDENT, ("No answer: ", "bold yellow"), self._safe(prediction.abstained)))
            if prediction.scores:
                self.line(_INDENT + "What was seen all the same, not to be relied on:", "dim")
        self._labels(prediction)
        self._values(prediction)
        self._course(clip, prediction)
        self._reasons(prediction.evidence)
        self._explanation(prediction)
        facts = [] if prediction.confidence is None else [f"confidence {_percent(prediction.confidence)}"]
        facts += [self._safe(prediction.model)] if prediction.model else []
        if prediction.language is not None:
            sure = prediction.language_probability
            said = "" if sure is None else f" ({_percent(sure)})"
            facts.append(f"language {self._safe(prediction.language)}{said}")
        if facts:
            self.line()
            self.line(_INDENT + (" · " if self._unicode else ", ").join(facts), "dim")

    def _words(self, text: str, evidence: Sequence[Evidence]) -> None:
        shown = text if self._wide or len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS]
        line = self._text(self._safe(shown))
        marks = sorted(
            (e for e in evidence if e.modality == "text" and 0 <= e.start < e.end <= len(shown) and e.weight),
            key=lambda e: -abs(e.weight),
        )
        taken: list[tuple[int, int, bool]] = []
        for e in marks:
            start, end = int(e.start), int(e.end)
            if all(end <= a or b <= start for a, b, _ in taken):
                taken.append((start, end, e.weight > 0))
                line.stylize("bold underline" if e.weight > 0 else "dim underline", start, end)
        if not self._colour:
            plain, at = [], 0
            for start, end, speaks_for in sorted(taken):
                mark = "*" if speaks_for else "~"
                plain += [line.plain[at:start], mark, line.plain[start:end], mark]
                at = end
            line = self._text("".join((*plain, line.plain[at:])))
        if len(shown) < len(text):
            line.append("…" if self._unicode else "...")
            line.append(f" ({len(text):,} characters)", "dim")
        for part in line.wrap(self._console, self._width - len(_INDENT), overflow="fold"):
            self.line(self._text(_INDENT, part))

    def _labels(self, prediction: Prediction) -> None:
        from rich.cells import cell_len

        ranked = sorted(prediction.scores, key=lambda label: -prediction.scores[label])
        present = set(prediction.labels)
        chosen = [label for i, label in enumerate(ranked) if self._wide or i < self._top or label in present]
        if not chosen:
            return
        names = {label: self._safe(label) for label in chosen}
        width = min(max(cell_len(name) for name in names.values()), self._width // 3)
        bar = min(24, max(self._width - width - 20, 4))
        for label in chosen:
            share = prediction.scores[label]
            style = self._style(label) if label in present else "dim"
            drawn = self._bar(share, bar).ljust(bar)
            name = (self._cell(names[label], width), f"bold {style}" if label in present else style)
            said = (f" {_percent(share):>4}", "bold" if label in present else "dim")
            tail = ("", "") if label in present or prediction.abstained is not None else ("  below threshold", "dim")
            self.line(self._text(_INDENT, name, "  ", (drawn, style), said, tail))

    def _values(self, prediction: Prediction) -> None:
        there = {k: v for k, v in prediction.dimensions.items() if isfinite(v)}
        if not there:
            return
        self.line()
        width = max(len(name) for name in there)
        bar = min(24, max(self._width - width - 30, 7))
        for name, value in there.items():
            scale = self._scale(name, value, prediction.intervals.get(name), bar)
            self.line(self._text(_INDENT, name.ljust(width), "  ", scale))

    def _course(self, clip: Clip, prediction: Prediction) -> None:
        windows = prediction.trajectory
        names = [n for n in OWN if n in self._dimensions and any(n in w.dimensions for w in windows)]
        if len(windows) < 2 or not names:
            return
        self.line()
        room = max(self._width - 16, 8)
        for name in names:
            values = [w.dimensions.get(name) for w in windows]
            drawn = self._sparkline(values, self._dimensions[name].low, self._dimensions[name].high, room)
            self.line(self._text(_INDENT, name.ljust(9), "  ", (drawn, "cyan")))
        self.line(_INDENT + f"{len(windows)} windows from start to end", "dim")
        ranked = sorted((w for w in windows if names[0] in w.dimensions), key=lambda w: w.dimensions[names[0]])
        for word, window in (("lowest", ranked[0]), ("highest", ranked[-1])):
            self._quote(f"{word} {names[0]} {window.dimensions[names[0]]:.2f}", clip, window)

    def _quote(self, what: str, clip: Clip, window: Window) -> None:
        said = self._flat((clip.text or "")[window.start : window.end])
        self.line(self._text(_INDENT, (f"{what:<21}  ", "dim"), self._cell(said, max(self._width - 26, 10))))

    def _reasons(self, evidence: Sequence[Evidence]) -> None:
        from rich.cells import cell_len

        departs = [e for e in evidence if e.z is not None]
        if departs:
            self.line()
        for e in departs:
            when = f" from {e.start:.1f} s" if e.end > e.start else ""
            self.line(self._text(_INDENT, (self._flat(e.cue), "bold"), (when, "dim")))
        ranked = sorted((e for e in evidence if e.z is None), key=lambda e: -abs(e.weight))
        if not self._wide:
            ranked = ranked[:5]
        if not ranked:
            return
        self.line()
        cues = [self._flat(e.cue) for e in ranked]
        width = min(max(map(cell_len, cues)), self._width // 2)
        for e, cue in zip(ranked, cues, strict=True):
            about = "" if e.label is None else f" {self._safe(e.label)}"
            style = "" if e.weight > 0 else "dim"
            said = f"  {'+' if e.weight > 0 else '-'}{abs(e.weight):.2f}{about}"
            self.line(self._text(_INDENT, (self._cell(cue, width), f"bold {style}".strip()), (said, style)))

    def _explanation(self, prediction: Prediction) -> None:
        if prediction.explanation:
            self.line()
        for s in prediction.explanation:
            line = self._text(self._safe(s.sentence))
            for k, part in enumerate(line.wrap(self._console, self._width - 2 * len(_INDENT), overflow="fold")):
                self.line(self._text(_INDENT * (2 if k else 1), part))

    # Several readings

    def several(self, readings: Iterable[tuple[Clip, Prediction]], *, limit: int | None) -> int:
        """Print a line for each reading, and what they have in common."""
        tally = _Tally()
        for clip, prediction in readings:
            if limit is None or tally.readings < limit:
                if tally.readings == 0:
                    self._timed, self._named = clip.start is not None, clip.speaker is not None
                    self._header()
                self._recording(clip)
                self._row(clip, prediction)
            tally.add(prediction)
        if limit is not None and tally.readings > limit:
            self.line(f"and {tally.readings - limit:,} more", "dim")
        self._summary(tally)
        return tally.readings

    @property
    def _columns(self) -> dict[str, int]:
        """Widths: on a narrow terminal the identifier goes first, then arousal and dominance, then the bar.

        Of recordings, the place (on a narrow terminal the start) names a stretch, and the speaker is beside it.
        """
        roomy = self._width >= 90
        if self._timed:
            columns = {"when": 15 if roomy else 7, "who": 8 if roomy and self._named else 0}
        else:
            columns = {"id": 10 if roomy else 0}
        columns["reading"] = 16 if self._timed or not roomy else 24
        columns |= {"bar": 8 if self._width >= 76 else 0, "share": 4}
        for i, name in enumerate(OWN):
            columns[name] = 4 if i == 0 or self._width >= 100 else 0
        gaps = 2 * sum(1 for width in columns.values() if width)
        columns["text"] = max(self._width - sum(columns.values()) - gaps, 8)
        return columns

    def _cells(self, cells: Mapping[str, tuple[str, str]]) -> None:
        parts: list[tuple[str, str]] = []
        for name, width in self._columns.items():
            if width:
                text, style = cells.get(name, ("", ""))
                if parts:
                    parts.append(("  ", ""))
                if name in (*OWN, "share"):
                    text = text.rjust(width)
                elif not (self._wide and name == "text"):
                    text = self._cell(text, width)
                parts.append((text, style))
        self.line(self._text(*parts), whole=self._wide)

    def _header(self) -> None:
        heads = {name: name for name in ("id", "when", "who", "reading", "text")}
        heads |= {"valence": "val", "arousal": "aro", "dominance": "dom"}
        self._cells({name: (said, "dim") for name, said in heads.items()})

    def _recording(self, clip: Clip) -> None:
        """The name of a recording above its first stretch, where there are several and ids begin with it."""
        if self._timed and clip.source != self._source and clip.id.startswith(f"{clip.source}:"):
            self._source = clip.source
            self.line(self._flat(clip.source or ""), "bold")

    def _row(self, clip: Clip, prediction: Prediction) -> None:
        # Far more than a line holds, so that a text of megabytes costs no more than a short one.
        words = self._flat(clip.text or "" if self._wide else (clip.text or "")[:1000])
        who = self._flat(clip.speaker or "")
        if self._timed and who and not self._columns["who"]:
            words = f"{who}  {words}"
        cells = {
            "id": (self._flat(clip.id), "dim"),
            "when": (_when(clip) if self._width >= 90 else clock(clip.start or 0.0), "dim"),
            "who": (who, ""),
            "text": (words, ""),
        }
        if prediction.abstained is not None:
            dash = "—" if self._unicode else "-"
            cells["reading"] = (f"{dash} {self._flat(kind_of(prediction.abstained))}", "yellow")
        elif not prediction.labels:
            others = [f"{name} {value:.1f}" for name, value in prediction.dimensions.items() if name not in OWN]
            cells["reading"] = (self._flat(", ".join(others)), "") if others else ("no label", "dim")
        else:
            first = prediction.labels[0]
            cells["reading"] = (", ".join(self._flat(label) for label in prediction.labels), self._style(first))
            if first in prediction.scores:
                share = prediction.scores[first]
                cells["bar"] = (self._bar(share, 8), self._style(first))
                cells["share"] = (_percent(share), "")
        if prediction.abstained is None:
            cells |= {
                name: (f"{prediction.dimensions[name]:.1f}", "")
                for name in OWN
                if isfinite(prediction.dimensions.get(name, float("nan")))
            }
        self._cells(cells)

    def _summary(self, tally: _Tally) -> None:
        self.line()
        answered = tally.readings - sum(tally.reasons.values())
        self.line(f"{tally.readings:,} readings, {answered:,} with an answer", "bold")
        for reason, count in tally.reasons.most_common():
            self.line(self._text(f"{count:>7,}  ", (f"no answer: {self._flat(reason)}", "yellow")))
        if tally.labels:
            self.line()
        ranked = tally.labels.most_common(None if self._wide else _SHOWN_LABELS)
        width = min(max((len(label) for label, _ in ranked), default=0), self._width // 3)
        bar = min(24, max(self._width - width - 20, 4))
        for label, count in ranked:
            style, share = self._style(label), count / answered
            said = (self._cell(self._flat(label), width), style)
            drawn = (self._bar(share, bar).ljust(bar), style)
            self.line(self._text(_INDENT, said, "  ", drawn, f" {count:>7,}", (f" {_percent(share):>4}", "dim")))
        rest = tally.labels.total() - sum(count for _, count in ranked)
        if rest:
            self.line(_INDENT + f"and {rest:,} of {len(tally.labels) - len(ranked)} other labels", "dim")
        if tally.unlabelled:
            self.line(_INDENT + f"{tally.unlabelled:,} without any label above its threshold", "dim")
        if tally.moments:
            self.line()
        width = max((len(name) for name in tally.moments), default=0)
        for name, (n, centre, squares) in tally.moments.items():
            spread = sqrt(squares / n)
            scale = self._scale(name, centre, None, min(24, max(self._width - width - 30, 7)))
            self.line(self._text(_INDENT, name.ljust(width), "  ", scale, (f"  SD {spread:.2f}", "dim")))
