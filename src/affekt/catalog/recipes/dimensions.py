"""Recipes of models that give dimensions of texts from the lower layers of a large encoder."""

from __future__ import annotations

from typing import Literal

import msgspec

from affekt.catalog.load import Entry

__all__ = ["DimensionNet", "DimensionsRecipe", "Kernel", "Texts"]


class Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Texts of a corpus that the teacher answers; their own labels are not looked at.

    Attributes:
        corpus: Id of the corpus, or of a view of it; its train split is used, each text once.
        rows: Most texts, drawn by chance; `None` for all.
    """

    corpus: str
    rows: int | None = None


class Kernel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The teacher: kernel ridge regression on the vectors of every layer of the whole encoder.

    Attributes:
        breadth: Factor of the squared distance in the kernel, exp(-breadth * distance²).
        ridge: What is added to the diagonal of the kernel matrix.
        folds: Parts of the training rows, each of which is answered by a teacher that learned from the others.
    """

    breadth: float = 1.0
    ridge: float = 1.0
    folds: int = 8


class DimensionNet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The net that is shipped, and how it is trained.

    Attributes:
        hidden: Width of its layers.
        epochs: Passes over the texts.
        rate: Highest learning rate.
        batch: Texts a step.
        decay: Weight decay.
        dropout: Share of numbers set to 0 while training, in its layers and in the vectors that it is given.
        gold: Share of the gold in what is learned of a rated text; the rest is the teacher's answer.
        repeats: How often a rated text counts.
    """

    hidden: int = 256
    epochs: int = 3
    rate: float = 1e-3
    batch: int = 256
    decay: float = 0.05
    dropout: float = 0.1
    gold: float = 0.3
    repeats: int = 2


class DimensionsRecipe(Entry, frozen=True, kw_only=True):
    """A model of dimensions: the lower layers of an encoder as they are, coarsely rounded, and a small net on them.

    Attributes:
        kind: Tells it apart from a recipe of another kind of model.
        title: Name for people.
        version: Version of the weights that it makes.
        licence: SPDX expression of the resulting weights.
        languages: ISO 639-1 codes.
        encoder: Package or folder of the encoder, in the layout of Hugging Face.
        layers: How many of its layers are kept.
        step: Between neighbouring values of the weights of these layers, in root mean squares of their channel. Half
            of one takes about three bits a weight, once the file is compressed.
        word_step: The same for word embeddings, in root mean squares of each.
        corpus: What is learned from; the model is calibrated on its dev split.
        texts: What else the teacher answers.
        teacher: The teacher.
        net: The net.
        max_tokens: Longest text that is read in one piece.
        seed: Seed of weights, order, folds and dropout.
        works: Ids of the works whose data or mechanisms it uses.
        notes: What is to be known of how it was made.
        not_for: What the model must not be used for.
        caveats: What its scores do not show.
    """

    kind: Literal["dimensions"]
    title: str
    version: str = "1"
    licence: str
    languages: tuple[str, ...]
    encoder: str
    layers: int
    step: float = 0.5
    word_step: float = 0.8
    corpus: str
    texts: tuple[Texts, ...] = ()
    teacher: Kernel = Kernel()
    net: DimensionNet = DimensionNet()
    max_tokens: int = 64
    seed: int = 1
    works: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
