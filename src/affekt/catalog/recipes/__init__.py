"""Recipes: how a bundled model was made, as data. `affekt train NAME` runs one."""

from __future__ import annotations

from typing import Literal

import msgspec

from affekt.catalog.load import Entry, entry, names

__all__ = ["Part", "Recipe", "Stage", "Teachers", "recipe", "recipes"]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one corpus contributes to a stage.

    Attributes:
        corpus: Id of the corpus; its train split is used.
        head: Name of the head that it trains.
        objective: Function in `affekt.train.objectives`.
        weight: Factor of its loss.
        repeats: How often each of its rows is seen in an epoch.
        rows: Rows drawn for an epoch, without putting back; `None` takes all.
        rare_below: Labels with fewer rows than this are rare, and
        rare_repeats: rows with a rare label are seen so many times more in an epoch.
    """

    corpus: str
    head: str
    objective: str
    weight: float = 1.0
    repeats: int = 1
    rows: int | None = None
    rare_below: int = 0
    rare_repeats: int = 0


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A stretch of training with its own schedule; it starts from the weights of the stage before it.

    Attributes:
        epochs: Passes over the parts.
        rate: Learning rate of the topmost layer.
        rate_decay: Factor of the rate from each layer to the one below it.
        head_rate: Learning rate of the heads.
        warm_up: Share of the steps in which the rate rises from 0; it then falls to 0 in a straight line.
        batch: Texts a step.
        dropout: Share of units set to 0.
        weight_decay: Of matrices.
        clip: Greatest norm of the gradient.
        seed: Seed of order, sampling and dropout.
        masked: Share of the words that are hidden behind the mask token, drawn anew each time.
        precision: Of the products of matrices; `bfloat16` is two to four times faster on processors that have it.
        taught: Share of the teachers' answer in the target of a row, where the recipe has teachers; and
        taught_weight: the weight of their answer on rows that have no gold for a head.
        share: Share of this stage's weights in the result; the rest is what the stage began with. Averaging the
            two ends of a stage (Wortsman et al. 2022, robust fine-tuning) keeps what it would have unlearned.
        parts: What is trained on.
    """

    epochs: int
    rate: float
    rate_decay: float
    head_rate: float
    warm_up: float
    batch: int
    dropout: float
    weight_decay: float
    clip: float
    seed: int
    masked: float = 0.0
    precision: Literal["float32", "bfloat16"] = "float32"
    taught: float = 0.0
    taught_weight: float = 0.0
    share: float = 1.0
    parts: tuple[Part, ...]


class Teachers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Models that are trained first, each from the same start, and whose mean answer the model then learns from.

    Knowledge distillation (Hinton et al. 2015) from an ensemble: the answers cover the texts of every corpus, so
    that each head also learns from the texts of the others.

    Attributes:
        seeds: One teacher for each.
        stage: How each is trained; its own seed is not used.
        heads: Heads whose answers are learned.
    """

    seeds: tuple[int, ...]
    stage: Stage
    heads: tuple[str, ...]


class Recipe(Entry, frozen=True, kw_only=True):
    """A model and how it is made.

    Attributes:
        title: Name for people.
        version: Version of the weights that it makes.
        encoder: Python package that carries the starting weights in its `model` folder.
        licence: SPDX expression of the resulting weights.
        languages: ISO 639-1 codes.
        max_tokens: Training texts are cut here.
        heads: Head -> number of outputs.
        emoji: Whether emoji get places in the vocabulary.
        teachers: An ensemble to learn from; `None` for none.
        stages: The stages, in order.
        works: Ids of the works whose data or mechanisms it uses.
        notes: What is to be known of how it was made.
        not_for: What the model must not be used for.
        caveats: What its scores do not show.
    """

    title: str
    version: str
    encoder: str
    licence: str
    languages: tuple[str, ...]
    max_tokens: int
    heads: dict[str, int]
    emoji: bool = False
    teachers: Teachers | None = None
    stages: tuple[Stage, ...]
    works: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    kind: Literal["text"] = "text"


def recipes() -> tuple[str, ...]:
    """Ids of all recipes, sorted."""
    return names("recipes")


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UnknownNameError: There is no such recipe; the nearest names are given.
    """
    found: Recipe = entry("recipes", name, Recipe)
    return found
