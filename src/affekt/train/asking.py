"""Rows of many kinds as one: a question, a text, and a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt.catalog.recipes import HeadPlan, Recipe
from affekt.catalog.spaces import space
from affekt.core.errors import CatalogError
from affekt.models.questions import asked, question_tokens
from affekt.train.targets import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["cast", "every_question", "for_asking"]

_OBJECTIVES = {"labels": ("multi_label", "class_balanced", "focal"), "intensities": ("strengths",)}


def for_asking(recipe: Recipe) -> Recipe:
    """The recipe of a model that is asked by name, with objectives for one name at a time.

    That one label excludes the others cannot be learned so; `one_label` becomes `multi_label`, and the labels of
    such a space are weighed against each other when they are read.

    Raises:
        CatalogError: Says what, and what to do.
    """
    for wrong, what in (
        (recipe.teachers, "teachers"),
        (recipe.context, "turns before a text"),
        (any(h.mix_layers for h in recipe.heads.values()), "lower layers mixed in"),
    ):
        if wrong:
            raise CatalogError(f"A model that is asked by name has no {what}", hint="Leave out one or the other.")
    replace = msgspec.structs.replace
    stages = tuple(
        replace(
            stage,
            parts=tuple(replace(p, objective="multi_label") if p.objective == "one_label" else p for p in stage.parts),
        )
        for stage in recipe.stages
    )
    for part in (p for stage in stages for p in stage.parts):
        of = recipe.heads[part.head].of
        fit = _OBJECTIVES.get(of, ("squared_error",))
        if part.objective not in fit or part.beside:
            raise CatalogError(
                f"The part {part.corpus} cannot be learned by {part.objective} where each name is asked for alone",
                hint=f"For {of}: {', '.join(fit)}, with nothing beside it.",
            )
    return replace(recipe, stages=stages)


def cast(
    rows: Rows,
    tokens: Sequence[NDArray[np.int64]],
    plan: HeadPlan,
    *,
    tokenizer: Any,
    negatives: float,
    seed: int,
    most: int | None = None,
) -> tuple[Rows, list[NDArray[np.int64]]]:
    """Each known value of each row as a row of its own, asked for in one of the wordings.

    Args:
        rows: Rows of a corpus, values of shape (rows, names).
        tokens: Their tokens.
        plan: What is asked.
        tokenizer: A `tokenizers.Tokenizer`.
        negatives: Most labels that do not apply, for each that does; drawn from all of them.
        seed: Seed of the draws, and of the wordings.
        most: Most questions, drawn from all of them; `None` keeps all.

    Returns:
        Rows with values of shape (questions, 1), and the tokens of question and text.
    """
    rng = np.random.default_rng(seed)
    questions = question_tokens(tokenizer, space(plan.space), plan.of)
    known = ~np.isnan(rows.values)
    if plan.of == "labels":
        yes = known & (rows.values > 0)
        no = np.argwhere(known & ~yes)
        keep = rng.permutation(len(no))[: int(np.ceil(negatives * max(1, yes.sum())))]
        at = np.concatenate([np.argwhere(yes), no[np.sort(keep)]])
    else:
        at = np.argwhere(known)
    if most is not None:
        at = rng.permutation(at)[:most]
    at = at[np.lexsort(at.T[::-1])]
    ways = rng.integers(len(questions[0]), size=len(at))
    ids, texts = [rows.ids[i] for i, _ in at], [rows.texts[i] for i, _ in at]
    made = [asked(questions[j][way], tokens[i]) for (i, j), way in zip(at.tolist(), ways.tolist(), strict=True)]
    return Rows(ids, texts, rows.values[at[:, 0], at[:, 1]][:, None]), made


def every_question(tokens: Sequence[NDArray[np.int64]], plan: HeadPlan, *, tokenizer: Any) -> list[NDArray[np.int64]]:
    """Each text with the first wording of each name, in the order of texts and then of names."""
    questions = [each[0] for each in question_tokens(tokenizer, space(plan.space), plan.of)]
    return [asked(q, row) for row in tokens for q in questions]
