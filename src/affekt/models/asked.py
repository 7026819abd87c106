"""The recogniser that is asked by name: a question and a text in, one answer out.

It answers in every label space of the catalogue, one's own among them: each label or dimension costs one reading of
the text. Answers in spaces that it was trained on are calibrated. Others come as they are: a label that was never
asked about is given from a probability of one half, and of a dimension whose range it never saw only the order of
texts means something.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from affekt.catalog.spaces import space as catalogue_space
from affekt.catalog.spaces import spaces
from affekt.core.errors import ModelError, UnknownNameError
from affekt.core.protocols import RecogniserSpec
from affekt.models.card import Asks, Dimensions, Head
from affekt.models.questions import ANSWER, Kind, asked, columns_of, question_tokens
from affekt.models.text import Outputs, TextRecogniser

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from affekt.core.space import LabelSpace

__all__ = ["AskedRecogniser"]

# Texts whose questions are held in memory at once.
_TEXTS_AT_ONCE = 512

# Answers about values are in standard units. On a range that was never seen, one unit is taken for so large a share
# of it, about its middle.
_UNIT = 1 / 6


class AskedRecogniser(TextRecogniser):
    """Reads emotion in text by asking for each label or dimension of a space.

    Args:
        folder: Folder of a model whose card has `asks`.
        jobs: Threads; default all cores.

    Raises:
        ModelError: The folder does not hold such a model.
    """

    def __init__(self, folder: Path, *, jobs: int | None = None) -> None:
        super().__init__(folder, jobs=jobs)
        if self._card.asks is None:
            raise ModelError("This model is not one that is asked by name", where=str(folder))
        self._asks: Asks = self._card.asks
        self._questions: dict[tuple[str, Kind], list[NDArray[np.int64]]] = {}

    @cached_property
    def spec(self) -> RecogniserSpec:
        """What it is; its spaces are those that it was trained on and then all others of the catalogue."""
        card = self._card
        known = list(dict.fromkeys((card.main, *self._asks.of)))
        return RecogniserSpec(
            id=card.id,
            version=card.version,
            space=card.main,
            spaces=(*known, *(name for name in spaces() if name not in known)),
            dimensions=(),
            languages=card.languages,
            licence=card.licence,
        )

    def space(self, name: str | None = None) -> LabelSpace:
        """The label space of that name; default the main one."""
        name = name or self._card.main
        if name not in self.spec.spaces:
            raise UnknownNameError("space", name, self.spec.spaces)
        return catalogue_space(name)

    def _kinds(self, found: LabelSpace) -> tuple[Kind, ...]:
        """What is asked about a space: labels or strengths where it has labels, dimensions where it has these."""
        if found.id in self._asks.of:
            return (self._asks.of[found.id],)
        of: Kind = "intensities" if found.kind == "intensity" else "labels"
        return (*((of,) if found.labels else ()), *(("dimensions",) if found.dimensions else ()))

    def _head(self, name: str | None) -> Head | None:
        found = self.space(name)
        of = self._kinds(found)[0]
        if of == "dimensions" or found.id in self._card.heads:
            return self._card.heads.get(found.id)
        n = len(found.labels)
        strengths = [h for h in self._card.heads.values() if h.reading == "strengths"]
        plain = Head(
            space=found.id,
            output=of,
            scale=(1.0,) * n,
            offset=(0.0,) * n,
            thresholds=(0.5,) * n,
            confidence=(1.0, 0.0),
            reading="single" if found.kind == "single" else "multi",
        )
        if of == "labels" or not strengths:
            return plain
        scale, offset = (float(np.mean([getattr(h, k) for h in strengths])) for k in ("scale", "offset"))
        return msgspec.structs.replace(plain, scale=(scale,) * n, offset=(offset,) * n, reading="strengths")

    def _dimensional(self, space: str | None) -> Dimensions | None:
        found = self.space(space)
        if "dimensions" not in self._kinds(found):
            return None
        if found.id in self._asks.dimensions:
            return self._asks.dimensions[found.id]
        return Dimensions(
            space=found.id,
            output="dimensions",
            mean=tuple((d.low + d.high) / 2 for d in found.dimensions),
            sd=tuple((d.high - d.low) * _UNIT for d in found.dimensions),
            width=(),
            level=0.8,
        )

    def _outputs_for(self, rows: Sequence[NDArray[np.int64]], space: str | None) -> Outputs:
        """The answers to all questions about a space, those about one kind of name side by side."""
        found = self.space(space)
        kinds = self._kinds(found)
        questions = {of: self._asked_about(found, of) for of in kinds}
        parts: dict[str, list[NDArray[np.float32]]] = {of: [] for of in kinds}
        for k in range(0, max(len(rows), 1), _TEXTS_AT_ONCE):
            some = rows[k : k + _TEXTS_AT_ONCE]
            for of, each in questions.items():
                said = self._run([asked(q, row) for row in some for q in each]).logits[ANSWER]
                parts[of].append(said.reshape(len(some), len(each)))
        lengths = np.fromiter((len(r) for r in rows), np.int64, len(rows))
        return Outputs({of: np.concatenate(p) for of, p in parts.items()}, lengths)

    def _asked_about(self, found: LabelSpace, of: Kind) -> list[NDArray[np.int64]]:
        key = (found.id, of)
        if key not in self._questions:
            self._questions[key] = [each[0] for each in question_tokens(self._tokenizer, found, of)]
            assert len(self._questions[key]) == len(columns_of(found, of))
        return self._questions[key]
