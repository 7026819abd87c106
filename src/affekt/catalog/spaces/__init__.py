"""Label spaces: one TOML file each, with its source.

Example:
    >>> from affekt.catalog.spaces import space
    >>> space("ekman").labels
    ('anger', 'disgust', 'fear', 'joy', 'sadness', 'surprise')
"""

from __future__ import annotations

from functools import cache

import msgspec

from affekt.catalog.load import Entry, entry, names
from affekt.core.errors import CatalogError
from affekt.core.space import Blend, Dimension, Kind, LabelSpace, Source, SpaceMap, set_map_finder

__all__ = ["BlendEntry", "DimensionEntry", "SourceEntry", "SpaceEntry", "space", "spaces"]


def _find_map(origin: str, target: str) -> SpaceMap:
    # Here and not above: the maps are built from the spaces.
    from affekt.catalog.maps import space_map

    return space_map(origin, target)


# The core knows no catalogue. A reading exists only where a recogniser has taken its space from here.
set_map_finder(_find_map)


class SourceEntry(Entry, frozen=True):
    """Where a list or a map comes from; see `affekt.core.space.Source`."""

    title: str
    authors: str = ""
    year: int | None = None
    url: str = ""
    note: str = ""

    def build(self) -> Source:
        """The source as the core type."""
        return Source(title=self.title, authors=self.authors, year=self.year, url=self.url, note=self.note)


class DimensionEntry(Entry, frozen=True):
    """One dimension; see `affekt.core.space.Dimension`."""

    name: str
    low: float
    high: float
    low_means: str = ""
    high_means: str = ""


class BlendEntry(Entry, frozen=True):
    """A named mixture of labels; see `affekt.core.space.Blend`."""

    name: str
    parts: tuple[str, ...]
    order: str = ""
    also: tuple[str, ...] = ()


class SpaceEntry(Entry, frozen=True):
    """Schema of `catalog/spaces/*.toml`; the fields are those of `affekt.core.space.LabelSpace`.

    `works` holds the ids of the works in the catalogue whose label space it is.
    """

    title: str
    kind: Kind
    source: SourceEntry
    description: str
    labels: tuple[str, ...] = ()
    dimensions: tuple[DimensionEntry, ...] = ()
    groups: dict[str, dict[str, tuple[str, ...]]] = msgspec.field(default_factory=dict)
    parents: dict[str, str] = msgspec.field(default_factory=dict)
    neutral: str | None = None
    intensity: float | None = None
    glosses: dict[str, str] = msgspec.field(default_factory=dict)
    grades: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    blends: tuple[BlendEntry, ...] = ()
    emotionml: str = ""
    counts_from: str = ""
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    works: tuple[str, ...] = ()


def spaces() -> tuple[str, ...]:
    """Ids of all label spaces, sorted."""
    return names("spaces")


@cache
def space(id: str) -> LabelSpace:
    """The label space called `id`.

    Raises:
        UnknownNameError: There is no such space; the nearest ids are given.
        CatalogError: The file does not fit the schema, or contradicts itself.
    """
    e = entry("spaces", id, SpaceEntry)
    try:
        return LabelSpace(
            id=id,
            title=e.title,
            kind=e.kind,
            labels=e.labels,
            dimensions=tuple(Dimension(d.name, d.low, d.high, d.low_means, d.high_means) for d in e.dimensions),
            groups=e.groups,
            parents=e.parents,
            neutral=e.neutral,
            intensity=e.intensity,
            counts={label: e.counts[label] for label in e.labels if label in e.counts} | e.counts,
            counts_from=e.counts_from,
            description=e.description,
            glosses=e.glosses,
            grades=e.grades,
            blends=tuple(Blend(b.name, b.parts, b.order, b.also) for b in e.blends),
            emotionml=e.emotionml,
            source=e.source.build(),
        )
    except ValueError as err:
        raise CatalogError(str(err), where=f"spaces/{id}.toml") from err
