"""Recipes of models that read faces."""

from __future__ import annotations

from typing import Literal

import msgspec

from affekt.catalog.load import Entry

__all__ = ["Disturbance", "FaceRecipe", "View"]


class Disturbance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is done to the pictures that are learned from, anew each time they are seen.

    Attributes:
        turn: Degrees that they are turned by at most, either way.
        scale: Share that they grow or shrink by at most.
        shift: Share of a side that they are moved by at most, across and down.
        mirror: Share that is mirrored.
        cover: Share of which a rectangle is covered (random erasing, Zhong et al. 2020).
    """

    turn: float = 12.0
    scale: float = 0.12
    shift: float = 0.08
    mirror: float = 0.5
    cover: float = 0.5


class View(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A way to see a crop again.

    Attributes:
        scale: What it is enlarged by.
        across: Share of a side that it is moved by to the right, and
        down: downwards.
        mirrored: Whether it is mirrored.
    """

    scale: float = 1.0
    across: float = 0.0
    down: float = 0.0
    mirrored: bool = False


class FaceRecipe(Entry, frozen=True, kw_only=True):
    """A model of faces and how it is made: a small residual network on grey crops.

    Attributes:
        kind: Tells it apart from a recipe of another kind of model.
        title: Name for people.
        version: Version of the weights that it makes.
        licence: SPDX expression of the resulting weights.
        terms: What their LICENSE file says before it names the sources.
        space: Label space of the answers.
        places: Dimensional space in which the labels were rated, where valence, arousal and dominance are read off;
            empty for none.
        corpus: What is learned from.
        alike: Correlation of pixels from which two pictures are of one photograph. Of each only one is learned from,
            none that has two labels, and none that is in the dev or the test split.
        size: Pixels a side of a crop.
        stem: Channels of the first convolution.
        widths: Channels of each stage, each of half the size of the one before.
        blocks: Residual blocks of each stage.
        dropout: Share of the features that is set to 0 in training.
        disturbance: What is done to the pictures.
        sizes: Pixels a side at which the pictures are read, for equal shares of the epochs: smaller first is faster.
        epochs: Passes over the data.
        batch: Pictures a step.
        rate: Highest learning rate; it rises in
        warm_up: this share of the steps and falls along a cosine to 0.
        weight_decay: Of matrices.
        smoothing: Share of a target that is spread over all labels.
        mix: Parameter of the beta distribution from which comes how much of another picture is mixed in; 0 for none.
        average: Share that the running mean of the weights keeps at each step.
        watch: Every so many epochs the dev split is answered, for the record.
        precision: Of the products of matrices; `bfloat16` is faster on processors that have it.
        views: How the model sees a face when it answers: the answer is the mean over all, each for the work of one.
        seed: Seed of weights, order, disturbance and dropout.
        works: Ids of the works whose data or mechanisms it uses.
        not_for: What the model must not be used for.
        caveats: What its scores do not show.
    """

    kind: Literal["face"]
    title: str
    version: str = "1"
    licence: str
    terms: str
    space: str
    places: str = ""
    corpus: str
    alike: float = 0.9
    size: int = 48
    stem: int = 24
    widths: tuple[int, ...] = (64, 128, 256)
    blocks: tuple[int, ...] = (1, 2, 2)
    dropout: float = 0.2
    disturbance: Disturbance = Disturbance()
    sizes: tuple[int, ...] = (48,)
    epochs: int
    batch: int = 128
    rate: float = 0.002
    warm_up: float = 0.05
    weight_decay: float = 0.05
    smoothing: float = 0.1
    mix: float = 0.0
    average: float = 0.998
    watch: int = 3
    precision: Literal["float32", "bfloat16"] = "float32"
    views: tuple[View, ...] = (View(),)
    seed: int = 1
    works: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
