"""What is known of a studied model beside its score: its reliance on names, and what its mechanisms came to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

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
    if found:
        plain = {k: None if np.isnan(v) else round(v, 6) for k, v in found.items()}
        (folder / ASIDES).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


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
