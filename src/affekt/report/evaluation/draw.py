"""Drawings as inline SVG, and numbers as people read them. Colours come from the page's style, by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

__all__ = [
    "Series",
    "chart",
    "growth",
    "interval",
    "number",
    "p_value",
    "reliability",
    "risk",
    "scale_of",
    "share",
    "signed",
    "ticks",
    "tone",
]

_TONES = 7  # --t0 ... --t6 in style.css
# Size of a chart's own coordinates; small, so that its words stay readable on a telephone.
_WIDTH, _HEIGHT = 380.0, 270.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 12.0, 12.0, 40.0

Pair = tuple[float, float]
Point = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """What one system, or one law, has in a chart.

    Attributes:
        name: Its name.
        tone: Its colour.
        points: (x, y, low, high) by rising x; the ends are NaN where there is no interval.
        line: Whether the points are joined, with a band for the intervals; otherwise each has its own whisker.
        dots: Whether the points are marked.
    """

    name: str
    tone: int
    points: Sequence[Point]
    line: bool = True
    dots: bool = True


def _given(value: object) -> float:
    """A number, NaN for what is undefined."""
    return float(value) if isinstance(value, int | float) else math.nan


def number(value: object, digits: int = 3) -> str:
    """A score for people."""
    x = _given(value)
    return "undefined" if math.isnan(x) else f"{x:.{digits}f}".replace("-", "\u2212")


def signed(value: object, digits: int = 3) -> str:
    """A difference for people, with its sign."""
    x = _given(value)
    return "undefined" if math.isnan(x) else f"{x:+.{digits}f}".replace("-", "\u2212")


def share(value: object, digits: int = 1) -> str:
    """A share for people."""
    x = _given(value)
    return "undefined" if math.isnan(x) else f"{x:.{digits}%}".replace("%", " %")


def p_value(value: object) -> str:
    """A p-value for people."""
    x = _given(value)
    return "undefined" if math.isnan(x) else "< .001" if x < 0.001 else f"{x:.3f}".lstrip("0") if x < 1 else "1"


def tone(position: int) -> int:
    """The tone of the system at a position; they begin anew after the last."""
    return position % _TONES


def scale_of(values: Iterable[object], *, around: float | None = None) -> Pair:
    """The ends of an axis that holds all values, rounded outwards.

    Args:
        values: What is to be held; what is undefined is passed over.
        around: A value that is held as well, such as 0 for differences.
    """
    held = [x for x in map(_given, values) if math.isfinite(x)] + ([around] if around is not None else [])
    if not held:
        return 0.0, 1.0
    low, high = min(held), max(held)
    step = _step(max(high - low, 1e-6))
    return math.floor(low / step - 0.1) * step, math.ceil(high / step + 0.1) * step


def _step(width: float) -> float:
    """A round distance of which about four fit into a width."""
    rough = width / 4
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough - 1e-12)


def ticks(scale: Pair) -> list[float]:
    """Round places on an axis."""
    step = _step(scale[1] - scale[0])
    first = math.ceil(scale[0] / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(scale[1] / step + 1e-9) + 1)]


def _percent(value: float, scale: Pair) -> str:
    return f"{100 * (value - scale[0]) / (scale[1] - scale[0]):.2f}%"


def interval(value: object, low: object, high: object, scale: Pair, tone: int = 0, zero: float | None = None) -> Markup:
    """A dot with its interval on a shared axis, as wide as its cell."""
    x, a, b = _given(value), _given(low), _given(high)
    parts = [
        f'<line class="grid" x1="{_percent(t, scale)}" x2="{_percent(t, scale)}" y1="0" y2="22"/>' for t in ticks(scale)
    ]
    if zero is not None:
        parts.append(f'<line class="zero" x1="{_percent(zero, scale)}" x2="{_percent(zero, scale)}" y1="0" y2="22"/>')
    if not math.isnan(a) and not math.isnan(b):
        parts.append(
            f'<line class="band t{tone}" x1="{_percent(a, scale)}" x2="{_percent(b, scale)}" y1="11" y2="11"/>'
        )
    if not math.isnan(x):
        parts.append(f'<circle class="dot t{tone}" cx="{_percent(x, scale)}" cy="11" r="4.5"/>')
    return Markup(f'<svg class="iv" aria-hidden="true" focusable="false">{"".join(parts)}</svg>')  # noqa: S704  (numbers only)


def chart(
    series: Sequence[Series],
    *,
    says: str,
    x_title: str,
    y_title: str,
    x: Pair,
    y: Pair,
    log: bool = False,
    diagonal: bool = False,
    shares: bool = False,
) -> Markup:
    """Lines with bands.

    Args:
        series: The lines.
        says: What the drawing shows, for those who do not see it.
        x_title: What stands on the lower axis.
        y_title: What stands on the left axis.
        x: Ends of the lower axis.
        y: Ends of the left axis.
        log: Whether the lower axis is logarithmic.
        diagonal: Whether to draw the line where both axes have the same value.
        shares: Whether both axes are shares, and written as percentages.
    """

    def across(value: float) -> float:
        low, high, at = (math.log(v) for v in (*x, value)) if log else (*x, value)
        return _LEFT + (at - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def down(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - y[0]) / (y[1] - y[0]) * (_HEIGHT - _TOP - _BOTTOM)

    def told(value: float) -> str:
        return f"{value:.0%}" if shares else f"{value:,.6g}".replace("-", "\u2212")

    floor = _HEIGHT - _BOTTOM
    places = _sizes([p[0] for one in series if one.dots for p in one.points]) if log else ticks(x)
    parts = []
    for at in ticks(y):
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{down(at):.1f}" y2="{down(at):.1f}"/>'
        )
        parts.append(f'<text class="tick end" x="{_LEFT - 6}" y="{down(at) + 4:.1f}">{told(at)}</text>')
    for at in places:
        parts.append(f'<line class="grid" x1="{across(at):.1f}" x2="{across(at):.1f}" y1="{_TOP}" y2="{floor}"/>')
        parts.append(f'<text class="tick mid" x="{across(at):.1f}" y="{floor + 15}">{told(at)}</text>')
    if diagonal:
        low, high = max(x[0], y[0]), min(x[1], y[1])
        ends = (across(low), down(low), across(high), down(high))
        parts.append('<line class="ideal" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>'.format(*ends))
    for one in series:
        shown = [p for p in one.points if not math.isnan(p[1])]
        banded = [p for p in shown if not math.isnan(p[2]) and not math.isnan(p[3])]
        if one.line and len(banded) > 1:
            edge = [f"{across(p[0]):.1f},{down(p[3]):.1f}" for p in banded]
            edge += [f"{across(p[0]):.1f},{down(p[2]):.1f}" for p in reversed(banded)]
            parts.append(f'<polygon class="area t{one.tone}" points="{" ".join(edge)}"/>')
        elif not one.line:
            for p in banded:
                at, first, last = across(p[0]), down(p[2]), down(p[3])
                parts.append(
                    f'<line class="whisker t{one.tone}" x1="{at:.1f}" x2="{at:.1f}" y1="{first:.1f}" y2="{last:.1f}"/>'
                )
        if one.line:
            way = " ".join(f"{across(p[0]):.1f},{down(p[1]):.1f}" for p in shown)
            parts.append(f'<polyline class="line t{one.tone}" points="{way}"/>')
        for p in shown if one.dots else ():
            title = escape(f"{one.name}: {told(p[0])}, {number(p[1])}")
            parts.append(
                f'<circle class="dot t{one.tone}" cx="{across(p[0]):.1f}" cy="{down(p[1]):.1f}" r="3.6">'
                f"<title>{title}</title></circle>"
            )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text class="axis mid" x="{middle}" y="{_HEIGHT - 6}">{escape(x_title)}</text>')
    parts.append(f'<text class="axis" x="{_LEFT}" y="{_TOP - 1}">{escape(y_title)}</text>' if y_title else "")
    return Markup(  # noqa: S704  (numbers, and words that were escaped)
        f'<svg class="chart" viewBox="0 -12 {_WIDTH:g} {_HEIGHT + 12:g}" role="img" aria-label="{escape(says)}">'
        f"{''.join(parts)}</svg>"
    )


def _sizes(values: Sequence[float]) -> list[float]:
    """Up to five of the sizes on a logarithmic axis, the ends among them."""
    different = sorted(set(values))
    if len(different) <= 5:
        return different
    return sorted({different[round(k * (len(different) - 1) / 4)] for k in range(5)})


def _points(rows: Sequence[Mapping[str, Any]], *names: str) -> list[Point]:
    x, y, low, high = names
    return [(_given(r[x]), _given(r[y]), _given(r[low]), _given(r[high])) for r in rows]


def reliability(bins: Sequence[Mapping[str, Any]], name: str, position: int) -> Markup:
    """Reliability diagram of one system."""
    points = _points(bins, "promised", "observed", "observed_low", "observed_high")
    return chart(
        [Series(name, tone(position), points, line=False)],
        says=f"Reliability of {name}: share of decisions where the label is there against the probability given.",
        x_title="probability given",
        y_title="label is there",
        x=(0.0, 1.0),
        y=(0.0, 1.0),
        diagonal=True,
        shares=True,
    )


def risk(systems: Sequence[Mapping[str, Any]]) -> Markup:
    """Risk against coverage of all systems that have it."""
    series = [
        Series(system["name"], tone(k), _points(system["risk"]["points"], "coverage", "risk", "low", "high"))
        for k, system in enumerate(systems)
        if system.get("risk")
    ]
    top = scale_of([v for one in series for p in one.points for v in p[1:]], around=0.0)[1]
    return chart(
        series,
        says="Share of wrong answers against the share of rows answered, most confident first.",
        x_title="rows answered",
        y_title="wrong",
        x=(0.0, 1.0),
        y=(0.0, min(max(top, 0.05), 1.0)),
        shares=True,
    )


def growth(document: Mapping[str, Any]) -> Markup:
    """Scores by number of training rows, with the fitted law."""
    points, line = (_points(document[k], "size", "value", "low", "high") for k in ("points", "line"))
    return chart(
        [Series("fitted", 1, line, dots=False), Series("measured", 0, points, line=False)],
        says="Score against the number of training rows, with the fitted law up to twice the largest.",
        x_title="training rows",
        y_title=str(document["key"]),
        x=(points[0][0], line[-1][0]),
        y=scale_of([v for p in points + line for v in p[1:]]),
        log=True,
    )
