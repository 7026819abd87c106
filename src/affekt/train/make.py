"""From a recipe to a model folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from affekt.catalog.recipes import Recipe
from affekt.train.card import identity_of, write_card
from affekt.train.loop import Progress, train
from affekt.train.ngrams import count
from affekt.train.package import package

__all__ = ["make_model"]


def make_model(
    recipe: Recipe,
    name: str,
    out: Path,
    *,
    data: Path | None = None,
    limit: int | None = None,
    floats: bool = True,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train, calibrate, and write the model with its card.

    Args:
        recipe: What to do.
        name: Id of the model.
        out: Folder of the model. Checkpoints are in `training` below it until the model is whole, so that a run
            that was broken off goes on.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows of each split; for a trial run.
        floats: As for `package`.
        progress: As for `train`.

    Returns:
        Figures on dev by space.
    """
    if recipe.causes and recipe.causes.words:
        from affekt.train.cause_words import make_cause_words

        return make_cause_words(recipe, name, out, data=data, limit=limit)
    if recipe.causes:
        from affekt.train.causes import make_causes

        figures = make_causes(recipe, name, out, data=data, limit=limit, progress=progress)
        shutil.rmtree(out / "training")
        return figures
    made = count if recipe.ngrams else train
    trained = made(recipe, out / "training", data=data, limit=limit, progress=progress)
    identity = identity_of(name, recipe, history=trained.history, measured=trained.measured)
    figures = package(trained, recipe, out, identity=identity, data=data, limit=limit, floats=floats)
    (out / "README.md").write_text(write_card(identity, figures), encoding="utf-8")
    shutil.rmtree(out / "training")
    return figures
