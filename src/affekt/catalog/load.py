"""Reading catalogue entries: one TOML file an entry, decoded into its typed schema.

The file name without `.toml` is the entry's id. A field that the schema does not know, a missing one, or a
value of the wrong type is an error that names the file and the field.

The catalogue comes with the package. Where the environment variable `AFFEKT_CATALOG` names a folder with rooms of
the same names (`corpora`, `spaces`, ...), its entries count too; an entry there stands in place of one of the same
id here.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from affekt.core.errors import CatalogError, UnknownNameError

__all__ = ["CATALOG_VARIABLE", "Entry", "document", "entry", "names", "user_folder"]

CATALOG_VARIABLE = "AFFEKT_CATALOG"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every catalogue schema. A room holds all entries of one schema."""


E = TypeVar("E", bound=Entry)


def user_folder() -> Path | None:
    """The folder with the reader's own entries, where `AFFEKT_CATALOG` names one.

    Raises:
        CatalogError: It names something that is no folder.
    """
    given = os.environ.get(CATALOG_VARIABLE)
    if not given:
        return None
    if not Path(given).is_dir():
        raise CatalogError(
            f"The folder that {CATALOG_VARIABLE} names does not exist", where=given, hint="Correct it, or unset it."
        )
    return Path(given).resolve()


def names(room: str) -> tuple[str, ...]:
    """Ids of all entries in a room (`spaces`, `maps`, `corpora`, `tasks`, `recipes`, `works`), sorted."""
    own = user_folder()
    if own is None or not (own / room).is_dir():
        return _packaged(room)
    return tuple(sorted({*_packaged(room), *(p.stem for p in (own / room).glob("*.toml"))}))


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
    found: E = _decoded(_path(room, name), schema)
    return found


def document(room: str, name: str) -> dict[str, Any]:
    """One entry as it is written, before any schema.

    Raises:
        UnknownNameError: There is no such entry; the nearest names are given.
        CatalogError: The file is not TOML.
    """
    found: dict[str, Any] = _decoded(_path(room, name), dict)
    return found


_ONE_OF = {"corpora": "corpus", "studies": "study"}  # what an entry of a room is called, where it is not its stem


@cache
def _packaged(room: str) -> tuple[str, ...]:
    folder = resources.files("affekt.catalog") / room
    return tuple(sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")))


def _path(room: str, name: str) -> str:
    """Where an entry stands: the full path of one's own, `room/name.toml` of one of the package."""
    if name not in names(room):
        raise UnknownNameError(_ONE_OF.get(room, room.removesuffix("s")), name, names(room))
    own = user_folder()
    if own is not None and (own / room / f"{name}.toml").is_file():
        return str(own / room / f"{name}.toml")
    return f"{room}/{name}.toml"


@cache
def _decoded(path: str, schema: Any) -> Any:
    file = Path(path) if Path(path).is_absolute() else resources.files("affekt.catalog") / path
    try:
        return msgspec.toml.decode(file.read_bytes(), type=schema)
    except (msgspec.DecodeError, ValueError) as err:
        raise CatalogError(f"Catalogue entry is not valid: {err}", where=path) from err
