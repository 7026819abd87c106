"""The floor of a model that is asked by name: likeness of a text to the names of what is asked, nothing learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.spaces import space as catalogue_space
from affekt.catalog.tasks import entry_and_corpus
from affekt.core.clip import Clip
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.extras import need
from affekt.models.questions import columns_of, plain_name
from affekt.train.start import Start, start_folder
from affekt.train.targets import token_rows

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
else:
    torch = need("torch", extra="train")

__all__ = ["NameLikeness"]

_TOGETHER = 64


class NameLikeness:
    """Cosines between the mean token vectors of a text and of a name, by starting weights as they are.

    Of labels the likest is given. The strength of a label is its cosine, nothing below 0. A dimension is the
    likeness to what its high end means less that to its low end, or to its name where the ends have no meaning; only
    the order of texts means something.

    Args:
        task: What is asked.
        encoder: Starting weights, as in a recipe.
        most: Texts are cut here, in tokens.
    """

    def __init__(self, task: str, *, encoder: str, most: int = 128) -> None:
        entry, source = entry_and_corpus(task)
        folder = start_folder(encoder)
        self._model = Start(folder, folder / "tokenizer.json", {}).model({}, seed=0).eval()
        self._tokenizer, self._most = folder / "tokenizer.json", most
        self._space, self._of = catalogue_space(entry.space), entry.of_rows
        self._columns = columns_of(self._space, self._of)
        self.spec = RecogniserSpec(
            id="name-likeness",
            version="1",
            space=entry.space,
            spaces=(entry.space,),
            dimensions=self._columns if self._of == "dimensions" else (),
            languages=corpus(source).languages,
            licence="Apache-2.0",
        )

    def predict(self, clips: Sequence[Clip], *, space: str | None = None) -> list[Prediction]:
        """Read each clip; see `Recogniser.predict`."""
        likeness = self._vectors([clip.text or "" for clip in clips]) @ self._directions().T
        out = []
        for clip, row in zip(clips, likeness.astype(float), strict=True):
            named = dict(zip(self._columns, row.tolist(), strict=True))
            if self._of == "dimensions":
                ranges = {d.name: d for d in self._space.dimensions}
                values = {
                    name: float(
                        np.clip((ranges[name].low + ranges[name].high) / 2 + v, ranges[name].low, ranges[name].high)
                    )
                    for name, v in named.items()
                }
                out.append(Prediction(clip.id, self._space.id, dimensions=values, model=self.spec.name))
                continue
            scores = {name: min(1.0, max(0.0, v)) for name, v in named.items()}
            best = max(named, key=named.__getitem__)
            out.append(Prediction(clip.id, self._space.id, scores=scores, labels=(best,), model=self.spec.name))
        return out

    def _directions(self) -> NDArray[np.float32]:
        """A vector for each name."""
        if self._of != "dimensions":
            return self._vectors([plain_name(self._space, name) for name in self._columns])
        ends = [(d.high_means, d.low_means) for d in self._space.dimensions]
        names = self._vectors([plain_name(self._space, name) for name in self._columns])
        high, low = (self._vectors([pair[k] or "." for pair in ends]) for k in (0, 1))
        told = np.array([bool(a and b) for a, b in ends])[:, None]
        return np.where(told, (high - low) / 2, names)

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Mean token vectors of length 1, shape (texts, width)."""
        rows = token_rows(self._tokenizer, texts, self._most)
        order = np.argsort([len(r) for r in rows], kind="stable")
        out: NDArray[np.float32] | None = None
        with torch.no_grad():
            for k in range(0, len(rows), _TOGETHER):
                at = order[k : k + _TOGETHER]
                some = [rows[i] for i in at]
                found = self._model(torch.from_numpy(np.concatenate(some)), torch.tensor([len(r) for r in some]))
                said = found["embedding"].numpy()
                if out is None:
                    out = np.zeros((len(rows), said.shape[1]), np.float32)
                out[at] = said / np.linalg.norm(said, axis=1, keepdims=True)
        assert out is not None
        return out
