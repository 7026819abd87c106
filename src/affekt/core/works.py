"""Which published work a function implements.

The catalogue of works reads the marks from the source text; here they only stay with the function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

__all__ = ["implements"]

F = TypeVar("F", bound=Callable[..., Any])


def implements(*, works: Sequence[str]) -> Callable[[F], F]:
    """Say that a function or class does what published works describe.

    Args:
        works: Their ids in `affekt.catalog.works`, written out as strings.
    """

    def mark(function: F) -> F:
        function.works = tuple(works)  # type: ignore[attr-defined]
        return function

    return mark
