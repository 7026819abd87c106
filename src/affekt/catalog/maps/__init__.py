"""Maps between label spaces: one TOML file each, `ORIGIN_to_TARGET.toml`, with its source.

A file holds either `weights` (category to category, hard where somebody stated it, soft where it was measured)
or `centroids` (where each category lies in a dimensional space; always measured).

Example:
    >>> from affekt.catalog.maps import space_map
    >>> space_map("goemotions", "ekman").weights["annoyance"]
    {'anger': 1.0}
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import msgspec

from affekt.catalog.load import Entry, entry, names
from affekt.catalog.spaces import SourceEntry, space
from affekt.core.errors import CatalogError, InputError
from affekt.core.space import Centroid, Centroids, LabelSpace, Source, SpaceMap, compose

__all__ = ["CentroidEntry", "MapEntry", "centroids", "centroids_from", "direct", "maps_from", "space_map"]

_JOIN = "_to_"


class CentroidEntry(Entry, frozen=True):
    """Where one label lies; see `affekt.core.space.Centroid`."""

    mean: dict[str, float]
    sd: dict[str, float] = msgspec.field(default_factory=dict)
    n: int = 0


class MapEntry(Entry, frozen=True):
    """Schema of `catalog/maps/*.toml`.

    Attributes:
        source: Who states the map, or what it was measured on.
        measured: Whether the shares were estimated from data.
        weights: Origin label -> target label, or target label -> share.
        reasons: Origin label -> why, where the map is our own reading.
        centroids: Origin label -> where it lies, for a dimensional target.
    """

    source: SourceEntry
    measured: bool = False
    weights: dict[str, str | dict[str, float]] = msgspec.field(default_factory=dict)
    reasons: dict[str, str] = msgspec.field(default_factory=dict)
    centroids: dict[str, CentroidEntry] = msgspec.field(default_factory=dict)


@cache
def _pairs() -> tuple[tuple[str, str], ...]:
    out = []
    for name in names("maps"):
        origin, join, target = name.partition(_JOIN)
        if not join:
            raise CatalogError("The name of a map is ORIGIN_to_TARGET", where=f"maps/{name}.toml")
        out.append((origin, target))
    return tuple(out)


def _load(origin: str, target: str) -> tuple[MapEntry, LabelSpace, LabelSpace]:
    return entry("maps", f"{origin}{_JOIN}{target}", MapEntry), space(origin), space(target)


@cache
def direct(origin: str, target: str) -> SpaceMap | Centroids:
    """The map that the file `ORIGIN_to_TARGET.toml` holds.

    Raises:
        UnknownNameError: There is no such file.
        CatalogError: The file does not fit the schema or the two spaces.
    """
    e, a, b = _load(origin, target)
    where = f"maps/{origin}{_JOIN}{target}.toml"
    if bool(e.weights) == bool(e.centroids):
        raise CatalogError("A map gives either weights or centroids", where=where)
    if unknown := set(e.reasons) - set(a.labels):
        raise CatalogError(f"Reasons are given for unknown labels {sorted(unknown)}", where=where)
    try:
        if e.centroids:
            points = {k: Centroid(mean=c.mean, sd=c.sd, n=c.n) for k, c in e.centroids.items()}
            return Centroids(id=f"{origin}>{target}", origin=a, target=b, points=points, source=e.source.build())
        return SpaceMap(
            id=f"{origin}>{target}",
            origin=a,
            target=b,
            weights={k: {v: 1.0} if isinstance(v, str) else v for k, v in e.weights.items()},
            source=e.source.build(),
            measured=e.measured,
            reasons=e.reasons,
        )
    except ValueError as err:
        raise CatalogError(str(err), where=where) from err


@cache
def _legs(origin: str) -> tuple[str, ...]:
    """Targets that `origin` reaches directly, category to category."""
    return tuple(b for a, b in _pairs() if a == origin and space(b).labels)


@cache
def maps_from(origin: str) -> tuple[str, ...]:
    """Ids of the categorical spaces that `space_map` reaches from `origin`, directly or over one space, sorted.

    Raises:
        UnknownNameError: There is no such space.
    """
    space(origin)
    near = set(_legs(origin))
    far = {b for middle in near for b in _legs(middle) if b not in near and b != origin and _composed(origin, b)}
    return tuple(sorted(near | far))


@cache
def _composed(origin: str, target: str) -> SpaceMap | None:
    """The best map over one space in between: the most covered, then the least lost; `None` where there is none."""
    best: tuple[tuple[float, float, str], SpaceMap] | None = None
    for middle in _legs(origin):
        if target not in _legs(middle):
            continue
        first, second = direct(origin, middle), direct(middle, target)
        assert isinstance(first, SpaceMap) and isinstance(second, SpaceMap)
        joined = compose(first, second)
        if not joined.weights:
            continue
        report = joined.loss()
        rank = (-round(report.coverage, 9), round(report.bits_lost, 9), middle)
        if best is None or rank < best[0]:
            best = (rank, joined)
    return best[1] if best else None


@cache
def space_map(origin: str, target: str) -> SpaceMap:
    """The map from one categorical space to another.

    A stated or measured map is taken as it is. Where there is none, one is composed over a single space in
    between; of several such ways the one that covers most is taken, then the one that loses least, and the
    way is said in `route` and in `source.note`. A space maps to itself unchanged.

    Raises:
        UnknownNameError: There is no such space.
        InputError: There is no map; the spaces that can be reached are listed.
    """
    a, b = space(origin), space(target)
    if origin == target and a.labels:
        same = {label: {label: 1.0} for label in a.labels}
        return SpaceMap(f"{origin}>{target}", a, b, same, source=Source(title="Identity", note="A space to itself."))
    if target in _legs(origin):
        found = direct(origin, target)
        assert isinstance(found, SpaceMap)
        return found
    if (joined := _composed(origin, target)) is not None:
        return joined
    if bool(a.labels) != bool(b.labels) and _measured(*((origin, target) if a.labels else (target, origin))):
        raise InputError(
            f"Between {origin!r} and {target!r} there is no map of labels to labels",
            hint="One of them is dimensional; affekt.catalog.maps.centroids holds what was measured.",
        )
    reached = maps_from(origin)
    hint = f"From {origin!r} you can reach: {', '.join(reached)}." if reached else f"No map starts at {origin!r}."
    raise InputError(f"There is no map from {origin!r} to {target!r}", hint=hint)


@cache
def centroids_from(origin: str) -> tuple[str, ...]:
    """Ids of the dimensional spaces that `centroids` knows the labels of `origin` in, sorted.

    Raises:
        UnknownNameError: There is no such space.
    """
    space(origin)
    dimensional = {b for _, b in _pairs() if not space(b).labels}
    return tuple(sorted(b for b in dimensional if _measured(origin, b) is not None))


@cache
def _measured(origin: str, target: str) -> Centroids | None:
    if (origin, target) in _pairs():
        found = direct(origin, target)
        assert isinstance(found, Centroids)
        return found
    for middle in _legs(origin):
        if (middle, target) not in _pairs():
            continue
        names, found = direct(origin, middle), direct(middle, target)
        assert isinstance(names, SpaceMap) and isinstance(found, Centroids)
        goes = {label: next(iter(row)) for label, row in names.weights.items() if list(row.values()) == [1.0]}
        if len(goes) < len(names.weights) or len(set(goes.values())) < len(goes):
            continue  # where labels merge or split, the measured points are not those of the origin's labels
        note = f"Measured on the labels of {middle}, to which those of {origin} answer one to one. {found.source.note}"
        return Centroids(
            id=f"{origin}>{target}",
            origin=space(origin),
            target=space(target),
            points={label: found.points[to] for label, to in goes.items() if to in found.points},
            source=replace(found.source, note=note),
            route=middle,
        )
    return None


def centroids(origin: str, target: str) -> Centroids:
    """Where the labels of `origin` lie in the dimensional space `target`, as measured.

    Points that were measured on a space which only names the same labels otherwise are taken over, and the
    space is said in `route`.

    Raises:
        UnknownNameError: There is no such space.
        InputError: Nothing was measured between the two; what was is listed.
    """
    space(origin), space(target)
    if (found := _measured(origin, target)) is None:
        measured = ", ".join(f"{a} in {b}" for a, b in _pairs() if not space(b).labels)
        raise InputError(f"The labels of {origin!r} were not measured in {target!r}", hint=f"Measured: {measured}.")
    return found
