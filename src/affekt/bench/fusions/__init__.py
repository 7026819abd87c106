"""Studies of how channels are put together: small nets of `affekt.train.fusion`, one for each variant and seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from affekt.bench.fusions import clips, conversations, events, isolated, names, pictures, reasons, scenes, turns
from affekt.bench.fusions.base import Found, Ground
from affekt.catalog.studies import Study
from affekt.core.errors import UnknownNameError

__all__ = ["PLANS", "Found", "Ground", "run_fusions"]

# Problem -> what a variant can set in it, and what tries the variants.
_PROBLEMS: dict[str, tuple[type[Any], Callable[[Ground], Found]]] = {
    "conversations": (conversations.Plan, conversations.made_conversations),
    "turns": (turns.TurnNet, turns.turns_read),
    "lines": (conversations.Plan, conversations.voted_lines),
    "missing": (conversations.Plan, conversations.channels_gone),
    "planted": (conversations.Plan, conversations.planted_pairs),
    "moments": (clips.Plan, clips.clips_of_moments),
    "small-movements": (clips.Plan, clips.clips_of_small_movements),
    "conflicts": (clips.Plan, clips.clips_in_conflict),
    "scenes": (scenes.Plan, scenes.made_scenes),
    "rated": (isolated.Plan, isolated.rated_apart),
    "explained": (pictures.Plan, pictures.explained_pictures),
    "names": (names.Plan, names.features_to_names),
    "events": (events.Plan, events.clips_with_an_event),
    "face-units": (reasons.UnitsPlan, reasons.faces_to_units),
    "face-trees": (reasons.ClipsPlan, reasons.clips_to_trees),
    "meld-scenes": (scenes.Plan, scenes.dialogues_as_scenes),
}

PLANS = {name: plan for name, (plan, _) in _PROBLEMS.items()}
"""Problem -> what a variant can set in it."""


def run_fusions(
    entry: Study,
    out: Path,
    *,
    data: str | Path | None = None,
    limit: int | None = None,
    progress: Callable[[str, str, int, int, float], None] | None = None,
) -> Found:
    """Run a study of fusion.

    Args:
        entry: The study.
        out: Its folder; what takes long to compute from a corpus is kept there.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows to train on, with the first seed alone; for a trial.
        progress: Called with (variant, what is done, step, steps, loss).

    Raises:
        CatalogError: The study does not fit together.
        DataError: A corpus is missing.
    """
    problem = str(entry.fusion.get("problem"))
    if problem not in _PROBLEMS:
        raise UnknownNameError("problem of fusion", problem, _PROBLEMS, where=entry.title)
    return _PROBLEMS[problem][1](Ground(entry, out, data, limit, progress or (lambda *_: None)))
