"""Recipes of models that read turns in their conversation from vectors of their words."""

from __future__ import annotations

from typing import Literal

import msgspec

from affekt.catalog.load import Entry

__all__ = ["Around", "TurnNet", "TurnPart", "TurnsRecipe"]

Around = Literal["none", "before", "both"]
"""Which turns count beside the one that is read: none, those before it, or those on both sides."""


class TurnNet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A small net on the vectors of turns, and how it is trained; the encoder that makes them is left as it is.

    Attributes:
        encoder: Name or folder of the text model whose encoder makes the vectors.
        layers: Whether a vector is that of the last layer but one, or of every layer, one behind the other.
        around: Turns that count beside the one that is read: `none`, those `before` it, or `both` sides.
        speakers: Whether the net is told if a turn is by the speaker of the turn before, and of the one before that.
        dealt_out: Whether turns are dealt out among the conversations of their split, so that those around one are not
            its own: the control, which knows as many turns and nothing of what was said.
        members: Nets whose probabilities are averaged.
        adjusted: Whether log probabilities are lowered by a share of the log frequency of their label in training
            (Menon et al. 2021); the share is the one that is best on folds of the training dialogues.
        hidden: Numbers that stand for a turn.
        epochs: Passes over the conversations.
        rate: Highest learning rate.
        dropout: Share of numbers set to 0 while training.
        masked: Share of the numbers of the vectors set to 0 while training.
        smooth: Share of the target spread over all labels.
    """

    encoder: str = "text-en"
    layers: Literal["one", "every"] = "every"
    around: Around = "both"
    speakers: bool = False
    dealt_out: bool = False
    members: int = 1
    adjusted: bool = False
    hidden: int = 128
    epochs: int = 10
    rate: float = 1e-3
    dropout: float = 0.5
    masked: float = 0.5
    smooth: float = 0.05


class TurnPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one corpus contributes: its conversations, or texts that nothing was said before.

    Attributes:
        corpus: Id of the corpus, or of a view of it; its train split is used.
        mapped: Whether its labels are carried to the recipe's space by the map between the two. A row whose labels
            lead to more than one is heard and not learned.
        rows: Most rows, of conversations that are drawn whole; `None` for all.
        weight: Factor of its losses.
    """

    corpus: str
    mapped: bool = False
    rows: int | None = None
    weight: float = 1.0


class TurnsRecipe(Entry, frozen=True, kw_only=True):
    """A model of conversations and how it is made: an encoder as it is, and a small net on its vectors.

    Attributes:
        kind: Tells it apart from a recipe of another kind of model.
        title: Name for people.
        version: Version of the weights that it makes.
        licence: SPDX expression of the resulting weights.
        languages: ISO 639-1 codes.
        parts: What is learned from; the model is calibrated on the dev split of the first.
        space: Label space of the answers: one label a turn.
        net: The net. Its turns count none after them, and not who speaks; it reads every layer.
        carries_encoder: Whether the model's folder has a copy of the encoder. One without is read with the bundled
            model that it names, in this very version.
        context: Turns before one that are read with it.
        max_tokens: Longest turn, with those before it, that is read in one piece.
        seed: Seed of weights, order and dropout.
        works: Ids of the works whose data or mechanisms it uses.
        notes: What is to be known of how it was made.
        not_for: What the model must not be used for.
        caveats: What its scores do not show.
    """

    kind: Literal["turns"]
    title: str
    version: str = "1"
    licence: str
    languages: tuple[str, ...]
    parts: tuple[TurnPart, ...]
    space: str
    net: TurnNet
    carries_encoder: bool = True
    context: int = 32
    max_tokens: int = 384
    seed: int = 1
    works: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
