"""What a recogniser offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from affekt.core.clip import Clip
from affekt.core.prediction import Prediction

__all__ = ["Recogniser", "RecogniserSpec"]


@dataclass(frozen=True, slots=True)
class RecogniserSpec:
    """What can be known of a recogniser without running it.

    Attributes:
        id: Name in `affekt models list`.
        version: Version of the weights.
        space: Id of its main label space.
        spaces: All label spaces that it has a head for, the main one first.
        dimensions: Names of the dimensions that it gives.
        languages: ISO 639-1 codes that it was measured on, 639-3 for languages that have none.
        licence: SPDX expression of the weights.
        licence_note: What restricts their use beyond that; empty where nothing does.
    """

    id: str
    version: str
    space: str
    spaces: tuple[str, ...]
    dimensions: tuple[str, ...]
    languages: tuple[str, ...]
    licence: str
    licence_note: str = ""

    @property
    def name(self) -> str:
        """Id and version in one string, as written into every row."""
        return f"{self.id}@{self.version}"


@runtime_checkable
class Recogniser(Protocol):
    """Anything that reads clips. The answer to a clip must not depend on the clips beside it."""

    @property
    def spec(self) -> RecogniserSpec:
        """What it is."""
        ...

    def predict(self, clips: Sequence[Clip], *, space: str | None = None) -> list[Prediction]:
        """Read each clip; the result has the same order and length.

        Args:
            clips: What to read.
            space: One of `spec.spaces`; default the main one.
        """
        ...
