"""Labels by their names alone: each text goes to the label whose name lies nearest to it, without training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.catalog.recipes import HeadPlan
from affekt.catalog.spaces import space
from affekt.core.errors import InputError
from affekt.extras import need
from affekt.train.floors import Answer, Floor
from affekt.train.plain import ENCODER
from affekt.train.targets import token_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SENTENCE", "embed", "prototypes"]

SENTENCE = "A text that shows {}."

# Cosines of sentence vectors lie close together; so many times apart they make a distribution.
_SHARPNESS = 20.0
_MOST_TOKENS = 128


def embed(texts: Sequence[str], *, encoder: str = ENCODER, batch: int = 64) -> NDArray[np.float32]:
    """Sentence vectors: the mean of the token vectors, of length 1. Needs the `train` extra.

    Args:
        texts: The texts.
        encoder: Weights, as in a recipe.
        batch: Texts at once.

    Returns:
        Shape (texts, width).
    """
    torch = need("torch", extra="train")
    from affekt.train.start import Start, start_folder

    folder = start_folder(encoder)
    start = Start(folder, folder / "tokenizer.json", {})
    model = start.model({}, seed=0)
    model.eval()
    rows = token_rows(start.tokenizer, texts, _MOST_TOKENS)
    order = np.argsort([len(row) for row in rows], kind="stable")
    out: NDArray[np.float32] = np.zeros((len(rows), start.config["hidden_size"]), np.float32)
    with torch.no_grad():
        for first in range(0, len(order), batch):
            at = order[first : first + batch]
            ids = torch.from_numpy(np.concatenate([rows[i] for i in at]))
            out[at] = model(ids, torch.tensor([len(rows[i]) for i in at]))["embedding"].numpy()
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    return out


def prototypes(into: str, *, encoder: str = ENCODER, sentence: str = SENTENCE) -> Floor:
    """Nearest label by sentence vectors: no rows are trained on, and no threshold is chosen.

    Args:
        into: Id of a label space, of which exactly one label applies to a text.
        encoder: Weights, as in a recipe; the bundled ones are English.
        sentence: What is embedded for a label; `{}` stands for its name, or its English gloss where it has one.

    Raises:
        InputError: The space is of another kind.
    """
    found = space(into)
    if found.kind != "single":
        raise InputError(
            f"The space {into} does not ask for exactly one label",
            hint="Nearness says which label, not how many apply.",
        )
    places = embed([sentence.format(found.glosses.get(name, name).lower()) for name in found.labels], encoder=encoder)

    def answer(texts: Sequence[str]) -> Any:
        near = _SHARPNESS * (embed(texts, encoder=encoder) @ places.T).astype(np.float64)
        scores = np.exp(near - near.max(1, keepdims=True))
        scores /= scores.sum(1, keepdims=True)
        return Answer(scores, scores == scores.max(1, keepdims=True))

    return Floor("prototypes", HeadPlan(space=into, of="labels"), ("en",), answer)
