"""Reading catalogue entries: one TOML file an entry, decoded into its typed schema.

The file name without `.toml` is the entry's id. A field that the schema does not know, a missing one, or a
value of the wrong type is an error that names the file and the field.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TypeVar

import msgspec

from affekt.core.errors import CatalogError, UnknownNameError

__all__ = ["Entry", "entry", "names"]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every catalogue schema. A room holds all entries of one schema."""


E = TypeVar("E", bound=Entry)


@cache
def names(room: str) -> tuple[str, ...]:
    """Ids of all entries in a room (`spaces`, `maps`, `corpora`, `tasks`, `recipes`, `works`), sorted."""
    folder = resources.files("affekt.catalog") / room
    return tuple(sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")))


@cache
def entry(room: str, name: str, schema: type[E]) -> E:
    """Load one entry.

    Args:
        room: Folder of the catalogue.
        name: Id of the entry.
        schema: Its schema.

    Raises:
        UnknownNameError: There is no such entry; the nearest names are given.
        CatalogError: The file does not fit the schema.
    """
    if name not in names(room):
        raise UnknownNameError(room.rstrip("s") if room != "corpora" else "corpus", name, names(room))
    file = resources.files("affekt.catalog") / room / f"{name}.toml"
    try:
        return msgspec.toml.decode(file.read_bytes(), type=schema)
    except (msgspec.DecodeError, ValueError) as err:
        raise CatalogError(f"Catalogue entry is not valid: {err}", where=f"{room}/{name}.toml") from err
