"""Labels by their names alone: each text goes to the label whose name lies nearest to it, without training rows."""

from __future__ import annotations

import json
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
    from affekt.train.encoder import TextModel, load_bert
    from affekt.train.loop import start_folder

    folder = start_folder(encoder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = TextModel(
        {},
        vocabulary=config["vocab_size"],
        width=config["hidden_size"],
        layers=config["num_hidden_layers"],
        attention_heads=config["num_attention_heads"],
        inner=config["intermediate_size"],
        positions=config["max_position_embeddings"],
    )
    load_bert(model.enc, folder / "model.safetensors")
    model.eval()
    rows = token_rows(folder / "tokenizer.json", texts, _MOST_TOKENS)
    order = np.argsort([len(row) for row in rows], kind="stable")
    out: NDArray[np.float32] = np.zeros((len(rows), config["hidden_size"]), np.float32)
    with torch.no_grad():
        for start in range(0, len(order), batch):
            at = order[start : start + batch]
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
