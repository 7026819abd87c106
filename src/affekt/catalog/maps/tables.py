"""The spaces and maps as Markdown tables, for the documentation."""

from __future__ import annotations

from affekt.catalog.load import names
from affekt.catalog.maps import direct
from affekt.catalog.spaces import space, spaces
from affekt.core.space import Source, SpaceMap

__all__ = ["markdown"]


def markdown() -> str:
    """The tables of all spaces, maps and measured bridges, as Markdown."""
    lines = ["## Spaces", "", "| Space | Labels | Kind | Title | Source |", "|---|---:|---|---|---|"]
    for s in map(space, spaces()):
        lines.append(f"| `{s.id}` | {len(s.labels) or len(s.dimensions)} | {s.kind} | {s.title} | {_cite(s.source)} |")
    stated = [
        "## Maps between categories",
        "",
        "The loss is that on the origin's own counts where it has some, and on all labels alike where it has none.",
        "",
        "| From | To | How | Covers | Bits lost | Source |",
        "|---|---|---|---:|---:|---|",
    ]
    measured = [
        "## Categories in dimensions, measured",
        "",
        "| Categories | Dimensions | Labels | Items | Back again | Source |",
        "|---|---|---:|---:|---|---|",
    ]
    for name in names("maps"):
        m = direct(*name.split("_to_"))
        if isinstance(m, SpaceMap):
            r = m.loss()
            counted = "" if m.origin.counts else " (uniform)"
            bits = f"{r.bits_lost:.2f} of {r.bits_before:.2f}{counted}"
            how = "measured" if m.measured else "stated"
            source = _cite(m.source)
            stated.append(f"| `{m.origin.id}` | `{m.target.id}` | {how} | {r.coverage:.1%} | {bits} | {source} |")
        else:
            items = sum(p.n for p in m.points.values())
            back = "yes" if m.reversible else "no, means only"
            size = f"{len(m.points)} of {len(m.origin.labels)}"
            source = _cite(m.source)
            measured.append(f"| `{m.origin.id}` | `{m.target.id}` | {size} | {items or '—'} | {back} | {source} |")
    return "\n".join([*lines, "", *stated, "", *measured]) + "\n"


def _cite(source: Source) -> str:
    who = source.authors.split(",")[0] if source.authors else source.title
    more = " et al." if source.authors.count(",") > 1 and source.year else ""
    text = f"{who}{more} {source.year}" if source.year and source.url else source.title
    return f"[{text}]({source.url})" if source.url else text
