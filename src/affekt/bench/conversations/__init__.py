"""Studies of conversations whose variants are not recipes: every variant with every seed, scored turn by turn.

Rows stand in clusters, which are conversations or people, so that intervals draw these as wholes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from affekt.bench.voices import Scores
from affekt.catalog.studies import Study
from affekt.core.errors import CatalogError, UnknownNameError

__all__ = ["plan_of", "run_conversations"]

Said = Callable[[str, str, int, int, float], None]

# Problem -> module here with a function `scores`.
_PROBLEMS = ("captions", "demonstrations", "felt", "pairs", "partners", "talks", "voiced")


def run_conversations(
    entry: Study,
    *,
    data: str | Path | None = None,
    limit: int | None = None,
    progress: Said | None = None,
) -> list[Scores]:
    """Run a study of conversations.

    Args:
        entry: The study.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows to learn from; for a trial.
        progress: Called with (variant, what is done, step, steps, loss).

    Raises:
        CatalogError: The study does not fit together.
        DataError: A corpus is missing.
    """
    problem = str(entry.conversation.get("problem"))
    if problem not in _PROBLEMS:
        raise UnknownNameError("problem of conversations", problem, _PROBLEMS, where=entry.title)
    found: list[Scores] = import_module(f"{__name__}.{problem}").scores(
        entry, data=data, limit=limit, progress=progress or (lambda *_: None)
    )
    return found


def plan_of(kind: type[Any], entry: Study, own: Mapping[str, Any]) -> Any:
    """What a variant does, of the fields that all share and its own.

    Raises:
        CatalogError: A field is unknown or of a wrong kind.
    """
    fields = {k: v for k, v in (entry.conversation | dict(own)).items() if k != "problem"}
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as err:
        raise CatalogError(f"The plan of the study is not one: {err}") from err
