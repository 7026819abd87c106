"""Every model on every task, with what is lost on the way from the model's labels to the task's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.bench.reach import reach
from affekt.bench.runs import RECORD, read_run, run_task
from affekt.bench.tasks import Task, task
from affekt.core.errors import DataError, InputError, ModelError
from affekt.core.protocols import Recogniser
from affekt.core.run import Run

__all__ = ["Cell", "Matrix", "document", "matrix"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One model on one task.

    Attributes:
        model: Name of the model.
        task: Id of the task.
        folder: Folder of the run; empty where there is none.
        run: Its record; `None` where there is none.
        why_not: Why there is no run; empty where there is one.
    """

    model: str
    task: str
    folder: str
    run: Run | None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Models against tasks.

    Attributes:
        models: Names of the models.
        tasks: The tasks.
        cells: (model, task) -> cell.
    """

    models: tuple[str, ...]
    tasks: tuple[Task, ...]
    cells: dict[tuple[str, str], Cell]


def matrix(
    models: Mapping[str, Callable[[], Recogniser]],
    names: Sequence[str],
    *,
    out: str | Path,
    data: str | Path | None = None,
    samples: int = 1000,
    seed: int = 0,
    progress: Callable[[str, str, int, int], None] | None = None,
) -> Matrix:
    """Run every model on every task.

    A run that is there already, of the same model, task version and seeds, is read and not made again, so a
    broken-off matrix goes on where it stopped.

    Args:
        models: Name -> what loads the model; it is loaded only when there is something to run.
        names: Ids of the tasks.
        out: Folder; each run goes to `MODEL/TASK` in it.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        samples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.
        progress: Called with model, task, rows done, rows in all.

    Raises:
        InputError: No model or no task is named.
        UnknownNameError: There is no such task.
        DataError: A corpus is missing or does not have its layout.
        OutputError: A record cannot be written.
    """
    if not models or not names:
        raise InputError("A matrix needs at least one model and one task")
    chosen = tuple(task(name) for name in dict.fromkeys(names))
    cells: dict[tuple[str, str], Cell] = {}
    for name, load in models.items():
        loaded: Recogniser | None = None
        for t in chosen:
            folder = Path(out) / _safe(name) / _safe(t.id)
            loaded = loaded or load()
            found = _kept(folder, loaded.spec.name, t, samples, seed)
            if found is None:
                try:
                    reach(t, loaded)
                except ModelError as err:
                    cells[name, t.id] = Cell(name, t.id, "", None, err.what)
                    continue
                found = run_task(
                    t.id,
                    loaded,
                    out=folder,
                    data=data,
                    samples=samples,
                    seed=seed,
                    progress=None if progress is None else _told(progress, name, t.id),
                )
            cells[name, t.id] = Cell(name, t.id, str(folder), found)
    return Matrix(tuple(models), chosen, cells)


def _told(progress: Callable[[str, str, int, int], None], model: str, name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(model, name, done, total)


def _safe(name: str) -> str:
    return re.sub(r"[^\w.@-]+", "_", name)


def _kept(folder: Path, model: str, chosen: Task, samples: int, seed: int) -> Run | None:
    """A run that was stored before and answers the same question; `None` where there is none."""
    if not (folder / RECORD).is_file():
        return None
    try:
        run, _ = read_run(folder)
    except DataError:
        return None  # broken off while it was written
    same = (run.task, run.task_version, run.model, run.spec.get("split")) == (
        chosen.id,
        chosen.entry.version,
        model,
        chosen.entry.split,
    )
    return run if same and (run.spec.get("bootstrap"), run.spec.get("seed")) == (samples, seed) else None


def document(found: Matrix) -> dict[str, Any]:
    """A matrix as plain data: what `--json` prints and the page shows."""
    cells = []
    for cell in found.cells.values():
        shown: dict[str, Any] = {"model": cell.model, "task": cell.task, "folder": cell.folder, "why_not": cell.why_not}
        if cell.run is not None:
            key = next(t for t in found.tasks if t.id == cell.task).entry.headline
            if (s := cell.run.scores.get(key)) is not None:
                shown |= {"key": key, "value": s.value, "low": s.low, "high": s.high, "n": s.n}
            shown |= {
                "version": cell.run.model,
                "mapped_from": cell.run.spec.get("mapped_from"),
                "map": cell.run.spec.get("map"),
                "abstained": dict(cell.run.abstained),
                "rows": cell.run.notes.get("rows"),
            }
        cells.append(shown)
    return {
        "models": list(found.models),
        "tasks": [
            {
                "id": t.id,
                "title": t.title,
                "target": t.entry.target,
                "space": t.space.id,
                "labels": len(t.names),
                "headline": t.entry.headline,
                "what": t.keys[t.entry.headline].title,
                "higher_is_better": t.keys[t.entry.headline].higher_is_better,
            }
            for t in found.tasks
        ],
        "cells": cells,
    }
