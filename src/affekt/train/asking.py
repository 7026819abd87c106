"""Rows of many kinds as one: a question, a text, and a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.catalog.recipes import HeadPlan, Recipe
from affekt.catalog.spaces import space
from affekt.core.errors import CatalogError
from affekt.models.questions import asked, question_tokens
from affekt.train.targets import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["cast", "check_asks", "every_question"]

_OBJECTIVES = {"labels": ("multi_label", "class_balanced", "focal"), "intensities": ("strengths",)}


def check_asks(recipe: Recipe) -> None:
    """Refuse what a model that is asked by name cannot have.

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
    for part in (p for stage in recipe.stages for p in stage.parts):
        of = recipe.heads[part.head].of
        fit = _OBJECTIVES.get(of, ("squared_error",))
        if part.objective not in fit or part.beside:
            raise CatalogError(
                f"The part {part.corpus} cannot be learned by {part.objective} where each name is asked for alone",
                hint=f"For {of}: {', '.join(fit)}, with nothing beside it.",
            )


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
