"""Errors that say what happened, where, and what to do. One class for each remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "AffektError",
    "CatalogError",
    "DataError",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "OutputError",
    "UnknownNameError",
    "nearest",
]


def nearest(name: str, known: Iterable[str], *, n: int = 3) -> list[str]:
    """Return up to `n` of the `known` names that are closest to `name`, best first."""
    by_fold: dict[str, str] = {}
    for candidate in known:
        by_fold.setdefault(candidate.casefold(), candidate)
    close = difflib.get_close_matches(name.casefold(), list(by_fold), n=n, cutoff=0.5)
    return [by_fold[key] for key in close]


class AffektError(Exception):
    """Base of every error that Affekt raises on purpose.

    Args:
        what: What happened, in one sentence.
        where: The file, row, column or name that it happened at.
        hint: What the reader can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{self.what}{place}.{hint}" if not self.what.endswith(".") else f"{self.what}{place}{hint}"


class InputError(AffektError):
    """The input cannot be read as asked; mend the input or the way it is named."""

    exit_code = 2


class UnknownNameError(InputError):
    """A name (space, column, model, corpus, task) that is not there; the nearest valid one is named."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str | None = None) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        close = nearest(name, self.known)
        if close:
            hint = f"Did you mean {' or '.join(repr(c) for c in close)}?"
        elif self.known:
            shown = ", ".join(self.known[:12]) + (", ..." if len(self.known) > 12 else "")
            hint = f"Known: {shown}."
        else:
            hint = f"There is no {kind} at all."
        super().__init__(f"Unknown {kind} {name!r}", where=where, hint=hint)


class OutputError(AffektError):
    """The output cannot be written; free space or choose another place, then run again to resume."""

    exit_code = 3


class ModelError(AffektError):
    """A model folder is missing, broken, or does not fit what was asked of it."""

    exit_code = 4


class DataError(AffektError):
    """A corpus is missing, half present, or does not have the layout that its entry describes."""

    exit_code = 5


class CatalogError(AffektError):
    """A catalogue entry is not valid; the file and the field are named."""

    exit_code = 6


class MissingExtraError(AffektError):
    """An optional dependency is not installed; the command that installs it is named."""

    exit_code = 7
