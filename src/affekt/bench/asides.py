"""What is known of a studied model beside its score: its reliance on names, and what its mechanisms came to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.bench.reliance import reliance
from affekt.bench.tasks import task
from affekt.models.text import TextRecogniser

__all__ = ["ASIDES", "means", "note"]

ASIDES = "measured.json"


def note(name: str, reader: TextRecogniser, folder: Path, *, data: Path | None = None) -> None:
    """Write what there is to be known of a model beside its run, where there is something.

    Args:
        name: The task that it was run on.
        reader: The model.
        folder: The run's folder.
        data: Folder of the corpora; default `AFFEKT_DATA`.
    """
    chosen = task(name)
    found: dict[str, Any] = {}
    tandem = reader.card["facts"].get("measured", {}).get("tandem", {})
    found.update({k: v for k, v in tandem.items() if isinstance(v, float)})
    if chosen.entry.target == "labels" and chosen.corpus.columns.target:
        told = reliance(name, reader, data=data, samples=100)
        found |= {
            "name_only": float(told.name_only.value),
            "name_only_answered": told.name_only_answered,
            "chance": told.chance,
            "flipped": float(told.flipped.value),
        }
    if chosen.entry.clusters == "dialogue" and chosen.space.kind == "single" and chosen.entry.target == "labels":
        found["difficulty_and_error"] = _harder(name, folder, data)
    if found:
        plain = {k: None if np.isnan(v) else round(v, 6) for k, v in found.items()}
        (folder / ASIDES).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def _harder(name: str, folder: Path, data: Path | None) -> float:
    """Rank correlation over conversations of how often the emotion shifts and how often the answer is wrong."""
    from affekt.bench.runs import read_run
    from affekt.corpora.read import read
    from affekt.metrics.regression import pearson_cc
    from affekt.train.curriculum import difficulty

    run, answers = read_run(folder)
    speakers = {clip.id: clip.speaker for clip, _ in read(task(name).corpus, split=str(run.spec["split"]), data=data)}
    members: dict[str, list[int]] = {}
    for row, dialogue in enumerate(answers.facts["dialogue"]):
        members.setdefault(dialogue or answers.ids[row], []).append(row)
    wrong = (answers.truth != answers.labels).any(1)
    told = answers.truth.argmax(1).tolist()
    each = np.array(
        [
            (difficulty([told[i] for i in rows], [speakers[answers.ids[i]] for i in rows]), float(wrong[rows].mean()))
            for rows in members.values()
            if len(rows) > 1
        ]
    )
    ranks = np.stack([_ranks(column) for column in each.T])
    return float(pearson_cc(truth=ranks[0], prediction=ranks[1]))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    out: NDArray[np.float64] = (np.cumsum(count) - (count + 1) / 2)[place]
    return out


def means(groups: Mapping[str, Sequence[Path]]) -> dict[str, dict[str, float | None]]:
    """Variant -> the mean of each figure over the folders of its runs; `null` where it is undefined in one."""
    out: dict[str, dict[str, float | None]] = {}
    for variant, folders in groups.items():
        each = [json.loads((f / ASIDES).read_text(encoding="utf-8")) for f in folders if (f / ASIDES).is_file()]
        if each:
            out[variant] = {
                key: None if any(e[key] is None for e in each) else round(float(np.mean([e[key] for e in each])), 6)
                for key in each[0]
            }
    return out
