"""Whether conversations that are made hang together: by filter, by who speaks with whom, by domain, turn by turn.

Coherence is the likeness of a turn to the turn before it, by vectors of sentences (`affekt.models.vectors`), which
the filter does not know. Conversations are what intervals draw.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from affekt.bench.conversations import plan_of
from affekt.bench.voices import Scores
from affekt.catalog.dialogues import domain
from affekt.catalog.studies import Study
from affekt.core.works import implements
from affekt.metrics.statistic import Array, Statistic, divide
from affekt.models.vectors import SentenceVectors
from affekt.train.converse.speakers import Counts, Speaker, Templates
from affekt.train.converse.talks import Talk, kept, talks

__all__ = ["scores"]

_DEPTHS = (2, 4, 6, 8, 10, 12)


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which of the conversations are scored.

    Attributes:
        dialogues: How many are made with each seed, alike of each pair of speakers.
        corpus: Corpus that the machine of counted words learns from.
        chosen: A half at random (`any`), the half that the filter keeps (`kept`) or leaves (`left`); those in which a
            speaker speaks with itself (`self`) or with another (`mixed`), or of one speaker with itself (`steady`,
            `lively`, `counts`); those about things (`concrete`) or ideas (`abstract`).
    """

    dialogues: int = 150
    corpus: str = "meld"
    chosen: Literal["any", "kept", "left", "self", "mixed", "steady", "lively", "counts", "concrete", "abstract"] = (
        "any"
    )


@implements(works=["deepdialogue"])
def scores(entry: Study, *, data: str | Path | None, limit: int | None, progress: Callable[..., None]) -> list[Scores]:
    """Make conversations with each seed, and score each selection of them."""
    plans = {v.name: plan_of(_Plan, entry, v.conversation) for v in entry.ways}
    plan = next(iter(plans.values()))
    speakers: list[Speaker] = [Templates("steady"), Templates("lively"), Counts(plan.corpus, data=data)]
    pairs = [(one, other) for k, one in enumerate(speakers) for other in speakers[k:]]
    encoder = SentenceVectors()
    found: dict[str, dict[str, list[Statistic]]] = {}
    for done, seed in enumerate(entry.seeds[: 1 if limit else None]):
        count = min(plan.dialogues, limit or plan.dialogues)
        made = list(islice(talks(pairs, turns=_DEPTHS[-1], seed=seed), count))
        likeness, chance = _likeness(made, encoder)
        good = kept(made)
        anyhow = np.random.default_rng(seed).permutation(count) < good.sum()
        for name, way in plans.items():
            rows = _rows(way.chosen, made, good, anyhow).astype(np.float64)
            columns = {"coherence": likeness.mean(1), "coherence_by_chance": chance.mean(1)}
            columns |= {f"coherence_at_turn_{depth}": likeness[:, depth - 2] for depth in _DEPTHS}
            for key, values in columns.items():
                found.setdefault(key, {}).setdefault(name, []).append(Statistic(np.stack([rows * values, rows]), _mean))
        progress("all", f"seed {seed}", done + 1, len(entry.seeds), 0.0)
    return [Scores(key, True, of) for key, of in found.items()]


def _mean(sums: Array) -> Array:
    return divide(sums[..., 0], sums[..., 1])


def _rows(chosen: str, made: list[Talk], good: NDArray[np.bool_], anyhow: NDArray[np.bool_]) -> NDArray[np.bool_]:
    by = [{turn.by.partition(":")[0] for turn in one.turns} for one in made]
    if chosen in ("any", "kept", "left"):
        return {"any": anyhow, "kept": good, "left": ~good}[chosen]
    if chosen in ("concrete", "abstract"):
        return np.array([domain(one.domain).concrete == (chosen == "concrete") for one in made])
    if chosen in ("self", "mixed"):
        return np.array([(len(names) == 1) == (chosen == "self") for names in by])
    return np.array([names == {"n-gram" if chosen == "counts" else chosen} for names in by])


def _likeness(made: list[Talk], encoder: SentenceVectors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosine of each turn after the first with the turn before, and with that turn of the next conversation."""
    texts = [turn.text for one in made for turn in one.turns]
    unique = {text: k for k, text in enumerate(dict.fromkeys(texts))}
    known = encoder.vectors(list(unique))
    vectors = known[[unique[text] for text in texts]].reshape(len(made), -1, known.shape[1]).astype(np.float64)
    own = (vectors[:, 1:] * vectors[:, :-1]).sum(-1)
    return own, (vectors[:, 1:] * np.roll(vectors, -1, 0)[:, :-1]).sum(-1)
