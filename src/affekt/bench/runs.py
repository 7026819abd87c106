"""Running a recogniser on a task, and the record that it leaves.

A run is a folder with `run.json` (what was asked, with what, what came out) and `predictions.parquet` (every
answer with its gold). The scores are computed from the stored file, so they can be computed again from it.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from affekt._version import __version__
from affekt.bench.answers import Answers, collect, read_answers, write_answers
from affekt.bench.scoring import Scored, score
from affekt.bench.tasks import Task, task
from affekt.catalog.spaces import space
from affekt.core.clip import Clip
from affekt.core.errors import DataError, ModelError, OutputError
from affekt.core.prediction import Prediction
from affekt.core.protocols import Recogniser
from affekt.core.run import Run, Score
from affekt.corpora.files import checksum
from affekt.corpora.read import checksums, ratings, read

__all__ = ["PREDICTIONS", "RECORD", "largest_change", "plain", "read_run", "rescore", "run_task"]

RECORD = "run.json"
PREDICTIONS = "predictions.parquet"

# Rows handed over at once: enough for a recogniser to sort by length, few enough for a lively progress bar.
_BATCH = 512


def run_task(
    name: str,
    recogniser: Recogniser,
    *,
    out: str | Path,
    data: str | Path | None = None,
    split: str | None = None,
    samples: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Run a recogniser on a task and store the record.

    Args:
        name: Id of the task.
        recogniser: What is measured.
        out: Folder for `run.json` and `predictions.parquet`; made if it is not there, its old record replaced.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        split: Split to run on; default the one that the task reports.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.
        progress: Called with (rows done, rows in all).

    Raises:
        UnknownNameError: There is no such task or split, or no map from the recogniser's space to the task's.
        DataError: The corpus is missing or does not have its layout.
        ModelError: The recogniser lacks what the task asks for, or answers other rows than it was given.
        OutputError: The record cannot be written.
    """
    chosen = task(name)
    used = chosen.check_split(split)
    if chosen.entry.target == "dimensions" and (missing := set(chosen.names) - set(recogniser.spec.dimensions)):
        raise ModelError(
            f"{recogniser.spec.name} does not give {', '.join(sorted(missing))}, which {name!r} is about",
            hint="Choose another model: `affekt models list`.",
        )
    examples = list(read(chosen.corpus, split=used, data=data))
    files = {f"sha256 {path}": digits for path, digits in checksums(chosen.corpus, split=used, data=data).items()}
    folder = _folder(Path(out))
    started = time.perf_counter()
    predictions, mapped = _predict(chosen, recogniser, [clip for clip, _ in examples], progress)
    seconds = time.perf_counter() - started
    dimensional = chosen.entry.target == "dimensions"
    answers = collect(
        [target for _, target in examples],
        predictions,
        target=chosen.entry.target,
        label_names=_label_names(chosen, predictions),
        dimension_names=chosen.names if dimensional else recogniser.spec.dimensions,
        ratings=ratings(chosen.corpus, data=data) if dimensional and chosen.corpus.ratings else None,
    )
    facts = {"task": name, "task_version": chosen.entry.version, "split": used, "model": recogniser.spec.name}
    write_answers(answers, folder / PREDICTIONS, facts=facts)
    scored = score(chosen, read_answers(folder / PREDICTIONS), samples=samples, seed=seed)
    run = Run(
        task=name,
        task_version=chosen.entry.version,
        model=recogniser.spec.name,
        spec={
            "split": used,
            "selection": chosen.entry.selection,
            "space": chosen.space.id,
            "mapped_from": mapped,
            "metrics": list(chosen.entry.metrics),
            "bootstrap": samples,
            "interval": 0.95,
            "seed": seed,
            "no_answer": "scored as no label by label metrics; left out by the others",
        },
        versions={**_versions(), **files, **_weights(recogniser)},
        scores=scored.scores,
        abstained=scored.abstained,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        notes={
            **scored.notes,
            "timing": {"seconds": round(seconds, 3), "rows_per_second": round(len(answers) / max(seconds, 1e-9), 1)},
        },
    )
    _write_record(run, folder / RECORD)
    return run


def read_run(folder: str | Path) -> tuple[Run, Answers]:
    """Read a stored run.

    Raises:
        DataError: The folder holds no run, or one of its files is broken.
    """
    file = Path(folder) / RECORD
    if not file.is_file():
        raise DataError("There is no run in this folder", where=str(file), hint="Make one with `affekt bench run`.")
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        run = Run(**{**raw, "scores": {key: _score(s) for key, s in raw["scores"].items()}})
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as err:
        raise DataError("This is not the record of a run", where=str(file), hint="Run it again.") from err
    return run, read_answers(file.with_name(PREDICTIONS))


def rescore(folder: str | Path, *, samples: int | None = None, seed: int | None = None) -> tuple[Run, Run]:
    """Compute the scores of a stored run again, from its predictions, without a model or the corpus.

    Args:
        folder: Folder of the run.
        samples: Number of bootstrap resamples; default that of the run.
        seed: Seed of the bootstrap; default that of the run.

    Returns:
        The run as stored, and the run with scores, abstentions and notes computed now.

    Raises:
        DataError: The folder holds no run, or the task has another version now.
    """
    stored, answers = read_run(folder)
    chosen = task(stored.task)
    if chosen.entry.version != stored.task_version:
        raise DataError(
            f"The run is of version {stored.task_version} of {stored.task!r}, the catalogue has {chosen.entry.version}",
            where=str(folder),
            hint="Scores of different versions are not compared; run the task again.",
        )
    now: Scored = score(
        chosen,
        answers,
        samples=int(str(stored.spec["bootstrap"])) if samples is None else samples,
        seed=int(str(stored.spec["seed"])) if seed is None else seed,
    )
    return stored, replace(stored, scores=now.scores, abstained=now.abstained, notes={**stored.notes, **now.notes})


def largest_change(before: Run, after: Run) -> float:
    """Largest absolute difference between the score values of two readings of one run; infinite if keys differ."""
    if before.scores.keys() != after.scores.keys():
        return math.inf
    changes = [0.0]
    for key, old in before.scores.items():
        new = after.scores[key]
        if math.isnan(old.value) != math.isnan(new.value) or old.n != new.n:
            return math.inf
        if not math.isnan(old.value):
            changes.append(abs(old.value - new.value))
    return max(changes)


def _predict(
    chosen: Task, recogniser: Recogniser, clips: list[Clip], progress: Callable[[int, int], None] | None
) -> tuple[list[Prediction], str | None]:
    """Answers in the task's space, and the space that they were mapped from."""
    spec = recogniser.spec
    wanted = set(chosen.space.labels)
    # A space with the very same labels in another order needs no map: scores go by label.
    asked = next(
        (s for s in (chosen.space.id, *spec.spaces) if wanted and s in spec.spaces and set(space(s).labels) == wanted),
        None,
    )
    native = chosen.entry.target == "dimensions" or asked is not None
    out: list[Prediction] = []
    for start in range(0, len(clips), _BATCH):
        batch = clips[start : start + _BATCH]
        answers = recogniser.predict(batch, space=asked)
        if [p.clip_id for p in answers] != [clip.id for clip in batch]:
            raise ModelError(f"{spec.name} gave back other rows than it was asked about, or in another order")
        if asked is not None and any(p.space != asked for p in answers):
            raise ModelError(f"{spec.name} was asked about the space {asked!r} and answered in another")
        out.extend(answers if native else [p.to(chosen.space.id) for p in answers])
        if progress is not None:
            progress(len(out), len(clips))
    return out, None if native else spec.space


def _label_names(chosen: Task, predictions: list[Prediction]) -> tuple[str, ...]:
    if chosen.entry.target == "labels":
        return chosen.space.labels
    return next((tuple(p.scores) for p in predictions if p.scores), ())


def _versions() -> dict[str, str]:
    packages = {name: metadata.version(name) for name in ("numpy", "onnxruntime", "pyarrow", "tokenizers")}
    return {"affekt": __version__, "python": platform.python_version(), "platform": platform.machine(), **packages}


def _weights(recogniser: Recogniser) -> dict[str, str]:
    """Checksums of the files of the model folder, where the recogniser has one."""
    folder = getattr(recogniser, "folder", None)
    if not isinstance(folder, Path):
        return {}
    files = sorted(f for f in folder.iterdir() if f.is_file() and f.suffix in {".onnx", ".json", ".safetensors"})
    return {f"sha256 weights/{folder.name}/{f.name}": checksum(f) for f in files}


def _folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise OutputError(
            f"The run folder cannot be made: {err.strerror}", where=str(folder), hint="Choose another with --out."
        ) from err
    return folder


def plain(value: object) -> object:
    """JSON has no NaN: what is undefined is written as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


def _score(raw: Mapping[str, Any]) -> Score:
    value, low, high = (math.nan if raw[k] is None else float(raw[k]) for k in ("value", "low", "high"))
    return Score(value, low, high, int(raw["n"]))


def _write_record(run: Run, file: Path) -> None:
    part = file.with_name(file.name + ".part")
    try:
        part.write_text(json.dumps(plain(asdict(run)), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(file)
    except OSError as err:
        raise OutputError(
            f"The record cannot be written: {err.strerror}",
            where=str(file),
            hint="Free space or choose another folder.",
        ) from err
