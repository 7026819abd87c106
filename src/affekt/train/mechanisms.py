"""What a recipe adds to the encoder beside its weights: lexicons read once, put into every model that starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.catalog.recipes import Recipe
from affekt.core.errors import CatalogError
from affekt.extras import need
from affekt.train.encoder import TextModel
from affekt.train.polarity import MARKS, polarity_table
from affekt.train.tandem import EmotionWords, attention_mass, emotion_words, word_vectors

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
else:
    torch = need("torch", extra="train")

__all__ = ["Mechanisms", "mechanisms_of"]


@dataclass(frozen=True)
class Mechanisms:
    """The lexicons of a recipe.

    Attributes:
        recipe: The recipe.
        polarity: Polarity and its strength of each word piece; `None` where it is not asked for.
        lexicon: The emotion lexicon; `None` likewise.
    """

    recipe: Recipe
    polarity: NDArray[np.float32] | None = None
    lexicon: EmotionWords | None = None

    @property
    def shape(self) -> dict[str, Any]:
        """Arguments of `TextModel`."""
        tandem = self.recipe.tandem
        return {
            "marks": 0 if self.polarity is None else MARKS,
            "tandem": (tandem.width, tandem.hidden) if tandem else None,
        }

    def fill(self, model: TextModel) -> None:
        """Put the lexicons into a model whose encoder has its starting weights."""
        tandem, beside = self.recipe.tandem, model.tandem
        with torch.no_grad():
            if self.polarity is not None:
                model.enc.polarity.copy_(torch.from_numpy(self.polarity))
            if tandem and beside is not None:
                table = model.enc.word.weight.numpy()
                bent = self.lexicon if tandem.enriched else None
                beside.vectors.copy_(torch.from_numpy(word_vectors(table, width=tandem.width, lexicon=bent)))

    def measure(self, model: TextModel, rows: Sequence[NDArray[np.int64]]) -> dict[str, Any]:
        """What the mechanisms came to, for the record.

        Args:
            model: The trained model.
            rows: Token ids of texts that attention is measured on.

        Returns:
            `polarity`: words in the lexicon, and the weights of each layer and head; `tandem`: words in the lexicon
            by emotion, and the attention on them (`attention_mass`).
        """
        out: dict[str, Any] = {}
        if self.polarity is not None:
            weights = [layer.polarity.detach().double().numpy().round(4).tolist() for layer in model.enc.layers]
            out["polarity"] = {"words": int((self.polarity[:, 1] > 0).sum()), "weights": weights}
        if self.lexicon is not None and model.tandem is not None:
            out["tandem"] = {
                "words": {name: len(ids) for name, ids in self.lexicon.words.items()},
                **{k: round(v, 4) for k, v in attention_mass(model.tandem, rows, self.lexicon.every).items()},
            }
        return out


def mechanisms_of(recipe: Recipe, tokenizer_file: Path, *, vocabulary: int, data: Path | None = None) -> Mechanisms:
    """Read what a recipe asks for.

    Raises:
        CatalogError: A corpus cannot be a lexicon, or a head cannot be combined with what is asked for.
        DataError: A corpus is missing.
    """
    if recipe.tandem and any(head.mix_layers for head in recipe.heads.values()):
        raise CatalogError("A head with mix_layers reads the encoder alone, and cannot go with tandem")
    polarity = lexicon = None
    if recipe.polarity:
        polarity = polarity_table(recipe.polarity, tokenizer_file, vocabulary=vocabulary, data=data)
    if recipe.tandem:
        lexicon = emotion_words(recipe.tandem, tokenizer_file, vocabulary=vocabulary, data=data)
    return Mechanisms(recipe, polarity, lexicon)
