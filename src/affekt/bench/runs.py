"""Running a recogniser on a task, and the record that it leaves.

A run is a folder with `run.json` (what was asked, with what, what came out) and `predictions.parquet` (every
answer with its gold). The scores are computed from the stored file, so they can be computed again from it.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from affekt._version import __version__
from affekt.bench.answers import Answers, collect, facts_of, read_answers, write_answers
from affekt.bench.causes import (
    CAUSES,
    CauseAnswers,
    found_by,
    read_cause_answers,
    score_causes,
    write_cause_answers,
)
from affekt.bench.conflict import ConflictAnswers, answered, read_conflicts, score_conflicts, write_conflicts
from affekt.bench.reach import Reach, reach
from affekt.bench.recordings import judge_all, look_at_all, refuse_seen
from affekt.bench.scoring import Scored, score
from affekt.bench.tasks import Task, task
from affekt.bench.timelines import TimelineAnswers, read_timelines, score_timelines, write_timelines
from affekt.bench.words import WordAnswers, read_words, score_words, words_by, write_words
from affekt.core.clip import Clip
from affekt.core.errors import DataError, InputError, ModelError, OutputError
from affekt.core.prediction import Prediction
from affekt.core.protocols import Recogniser
from affekt.core.run import Run, Score
from affekt.corpora.causes import CausedDialogue, Finder
from affekt.corpora.files import checksum
from affekt.corpora.read import Example, checksums, ratings, read
from affekt.models.face import FaceRecogniser
from affekt.models.text import TextRecogniser
from affekt.models.voice import VoiceRecogniser

__all__ = [
    "PREDICTIONS",
    "RECORD",
    "data_checksums",
    "installed",
    "largest_change",
    "make_folder",
    "plain",
    "predict_all",
    "read_record",
    "read_run",
    "rescore",
    "run_causes",
    "run_conflicts",
    "run_task",
    "store",
    "store_whole",
]

RECORD = "run.json"
PREDICTIONS = "predictions.parquet"

# Target -> how answers that are scored whole (a recording, a conversation) are written, read and scored.
_WHOLE: dict[str, tuple[Callable[..., None], Callable[[Path], Any], Callable[..., Scored]]] = {
    "timelines": (write_timelines, read_timelines, score_timelines),
    **dict.fromkeys(CAUSES, (write_cause_answers, read_cause_answers, score_causes)),
    "words": (write_words, read_words, score_words),
    "conflicts": (write_conflicts, read_conflicts, score_conflicts),
}

# Rows handed over at once: enough for a recogniser to sort by length, few enough for a lively progress bar.
_BATCH = 512


def run_task(
    name: str,
    recogniser: Recogniser | VoiceRecogniser | FaceRecogniser,
    *,
    out: str | Path,
    data: str | Path | None = None,
    split: str | None = None,
    samples: int = 1000,
    seed: int = 0,
    train_rows: int | None = None,
    alone: bool = False,
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
        train_rows: Number of rows that the recogniser was trained on, for learning curves.
        alone: Of a model of the voice: whether each recording is read alone, and not beside its speaker's own manner.
        progress: Called with (rows done, rows in all).

    Raises:
        UnknownNameError: There is no such task or split.
        InputError: The model learned from these rows, or they are not what it reads: recordings, pictures, texts.
        DataError: The corpus is missing or does not have its layout.
        ModelError: The recogniser lacks what the task asks for and no map leads there, or it answers other rows
            than it was given.
        OutputError: The record cannot be written.
    """
    chosen = task(name)
    used = chosen.check_split(split)
    if isinstance(recogniser, VoiceRecogniser | FaceRecogniser):
        refuse_seen(chosen, recogniser, used)
    elif isinstance(recogniser, TextRecogniser) and not (columns := chosen.corpus.columns).text and not columns.fields:
        raise InputError(
            f"{chosen.corpus.title} has no text, and {recogniser.spec.name} reads nothing else",
            where=chosen.id,
            hint=f"Give it a model of {'faces' if columns.picture else 'the voice'}: `affekt models list`.",
        )
    free = chosen.entry.target == "words"
    way = None if free else reach(chosen, recogniser)
    examples = list(read(chosen.corpus, split=used, data=data))
    files = data_checksums(chosen, used, data)
    folder = make_folder(Path(out))
    clips = [clip for clip, _ in examples]
    asked = recogniser.spec.space if way is None else way.asked
    started = time.perf_counter()
    if isinstance(recogniser, VoiceRecogniser):
        given = judge_all(chosen, recogniser, clips, asked=asked, alone=alone, data=data, progress=progress)
    elif isinstance(recogniser, FaceRecogniser):
        given = look_at_all(chosen, recogniser, clips, split=used, asked=asked, data=data, progress=progress)
    else:
        given = predict_all(recogniser, clips, asked=asked, progress=progress)
    seconds = time.perf_counter() - started
    spec: dict[str, object] = {"mapped_from": way.mapped_from if way else recogniser.spec.space}
    if way is not None and (cost := way.cost(given)) is not None:
        spec["map"] = cost
    if isinstance(recogniser, VoiceRecogniser):
        spec["manner"] = "alone" if alone else "beside the speaker's own"
    if train_rows is not None:
        spec["train_rows"] = train_rows
    kept: dict[str, Any] = {
        "folder": folder,
        "model": f"{recogniser.spec.name}, alone" if alone else recogniser.spec.name,
        "split": used,
        "spec": spec,
        "versions": {**files, **_weights(recogniser)},
        "samples": samples,
        "seed": seed,
        "timing": _timing(seconds, len(clips)),
    }
    if way is None:
        return store_whole(chosen, words_by(examples, given), **kept)
    return store(chosen, _collect(way, recogniser, examples, way.carry(given), data), **kept)


def run_causes(
    name: str,
    find: Finder,
    *,
    model: str,
    out: str | Path,
    emotions: Recogniser | None = None,
    weights: Sequence[Path] = (),
    data: str | Path | None = None,
    split: str | None = None,
    samples: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Let something find causes on a task about them, and store the record.

    Args:
        name: Id of the task.
        find: From turns and the emotions of some of them to the links of each, such as `CauseRecogniser.links`.
        model: What it is called.
        out: Folder for `run.json` and `predictions.parquet`.
        emotions: What tells the emotion of turns in their context, where the task does not give it.
        weights: Model folders, for their checksums.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        split: Split to run on; default the one that the task reports.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.
        progress: Called with (conversations done, conversations in all).

    Raises:
        UnknownNameError: There is no such task or split.
        InputError: The task is not about causes, or wants emotions that nothing tells.
        ModelError: What tells emotions does not know those of the task.
        DataError: The corpus is missing.
        OutputError: The record cannot be written.
    """
    chosen = task(name)
    used = chosen.check_split(split)
    if chosen.entry.target not in CAUSES:
        raise InputError(f"{name!r} does not ask for causes, and {model} finds nothing else")
    if emotions is not None and chosen.space.id not in emotions.spec.spaces:
        raise ModelError(
            f"{emotions.spec.name} does not know the emotions of {name!r}",
            hint=f"They are those of {chosen.space.id!r}.",
        )

    def told(d: CausedDialogue) -> dict[int, str]:
        assert emotions is not None
        said = [p.labels[:1] for p in predict_all(emotions, d.dialogue.turns, asked=chosen.space.id)]
        return {i: labels[0] for i, labels in enumerate(said) if labels and labels[0] != chosen.space.neutral}

    folder = make_folder(Path(out))
    started = time.perf_counter()
    answers = found_by(
        chosen, find, split=used, data=data, emotions=told if emotions is not None else None, progress=progress
    )
    seconds = time.perf_counter() - started
    return store_whole(
        chosen,
        answers,
        folder=folder,
        model=model,
        split=used,
        spec={"mapped_from": None, **({"emotions": emotions.spec.name} if emotions is not None else {})},
        versions={**data_checksums(chosen, used, data), **{k: v for w in weights for k, v in checksums_of(w).items()}},
        samples=samples,
        seed=seed,
        timing=_timing(seconds, len(answers.ids)),
    )


def run_conflicts(
    name: str,
    reader: TextRecogniser,
    *,
    out: str | Path,
    data: str | Path | None = None,
    split: str | None = None,
    samples: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Plant conflicts between voices and texts, have them read, and store the record; see `affekt.bench.conflict`.

    Args:
        name: Id of the task.
        reader: What reads the texts.
        out: Folder for `run.json` and `predictions.parquet`, and for what was heard.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        split: Split to run on; default the one that the task reports.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.
        progress: Called with (recordings heard, recordings in all).

    Raises:
        UnknownNameError: There is no such task or split.
        InputError: The task is not about conflicts, or another split than its own is asked for.
        DataError: A corpus is missing.
        MissingExtraError: The `train` extra is not installed.
        OutputError: The record cannot be written.
    """
    chosen = task(name)
    used = chosen.check_split(split)
    if chosen.entry.target != "conflicts" or used != chosen.entry.split:
        raise InputError(f"{name!r} does not ask for conflicts in the split {used!r}")
    folder = make_folder(Path(out))
    started = time.perf_counter()
    answers, everything = answered(chosen, reader, folder=folder, data=data, progress=progress)
    seconds = time.perf_counter() - started
    return store_whole(
        chosen,
        answers,
        folder=folder,
        model=f"fusion of {reader.spec.name} and voice by folds",
        split=used,
        spec={
            "mapped_from": None,
            "texts": "GoEmotions test; dev for what weighs the channels",
            "folds": len(answers.plans),
            "fitted_on_all": msgspec.to_builtins(everything),
        },
        versions={**data_checksums(chosen, used, data), **_weights(reader)},
        samples=samples,
        seed=seed,
        timing=_timing(seconds, len(answers.ids)),
    )


def store(
    chosen: Task,
    answers: Answers,
    *,
    folder: Path,
    model: str,
    split: str,
    spec: Mapping[str, object],
    versions: Mapping[str, str],
    samples: int,
    seed: int,
    timing: Mapping[str, float] | None = None,
) -> Run:
    """Write the answers, score what was written, and write the record.

    Args:
        chosen: The task.
        answers: The answers.
        folder: An existing folder.
        model: Name of what was measured.
        split: The split that was answered.
        spec: What is to be said beside split, space, metrics and seeds, such as the map.
        versions: Checksums of data and weights.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.
        timing: How long the answers took.

    Raises:
        OutputError: The record cannot be written.
    """
    write_answers(answers, folder / PREDICTIONS, facts=_facts(chosen, split, model))
    scored = score(chosen, read_answers(folder / PREDICTIONS), samples=samples, seed=seed)
    kept: dict[str, Any] = {"spec": spec, "versions": versions, "samples": samples, "seed": seed, "timing": timing}
    return _record(chosen, scored, folder=folder, model=model, split=split, **kept)


def store_whole(
    chosen: Task,
    answers: TimelineAnswers | CauseAnswers | WordAnswers | ConflictAnswers,
    *,
    folder: Path,
    model: str,
    split: str,
    spec: Mapping[str, object],
    versions: Mapping[str, str],
    samples: int,
    seed: int,
    timing: Mapping[str, float] | None = None,
) -> Run:
    """The same for timelines of recordings, causes in conversations and free words; arguments are those of `store`.

    Raises:
        OutputError: The record cannot be written.
    """
    write, read, score_all = _WHOLE[chosen.entry.target]
    write(answers, folder / PREDICTIONS, facts=_facts(chosen, split, model))
    scored = score_all(chosen, read(folder / PREDICTIONS), samples=samples, seed=seed)
    kept: dict[str, Any] = {"spec": spec, "versions": versions, "samples": samples, "seed": seed, "timing": timing}
    return _record(chosen, scored, folder=folder, model=model, split=split, **kept)


def _timing(seconds: float, rows: int) -> dict[str, float]:
    return {"seconds": round(seconds, 3), "rows_per_second": round(rows / max(seconds, 1e-9), 1)}


def _facts(chosen: Task, split: str, model: str) -> dict[str, str]:
    return {"task": chosen.id, "task_version": chosen.entry.version, "split": split, "model": model}


def _record(
    chosen: Task,
    scored: Scored,
    *,
    folder: Path,
    model: str,
    split: str,
    spec: Mapping[str, object],
    versions: Mapping[str, str],
    samples: int,
    seed: int,
    timing: Mapping[str, float] | None = None,
) -> Run:
    """Write the record of answers that are stored and scored."""
    entry = chosen.entry
    run = Run(
        task=chosen.id,
        task_version=entry.version,
        model=model,
        spec={
            "split": split,
            "selection": entry.selection,
            "space": chosen.space.id,
            "metrics": list(entry.metrics),
            "bootstrap": samples,
            "interval": 0.95,
            "seed": seed,
            "no_answer": "scored as no label by label metrics; left out by the others",
            **spec,
        },
        versions={**installed(), **versions},
        scores=scored.scores,
        abstained=scored.abstained,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        notes={**scored.notes, **({"timing": dict(timing)} if timing is not None else {})},
    )
    _write_record(run, folder / RECORD)
    return run


def data_checksums(chosen: Task, split: str, data: str | Path | None) -> dict[str, str]:
    """SHA-256 of the files that a split of a task is read from."""
    return {f"sha256 {path}": digits for path, digits in checksums(chosen.corpus, split=split, data=data).items()}


def read_run(folder: str | Path) -> tuple[Run, Answers]:
    """Read a stored run.

    Raises:
        DataError: The folder holds no run, one of its files is broken, or its answers are no rows but timelines,
            causes or free words.
    """
    run = read_record(folder)
    if (target := task(run.task).entry.target) in _WHOLE:
        what = "causes" if target in CAUSES else target
        raise DataError(
            f"The answers of this run are {what}", where=str(folder), hint="Score it with `affekt bench score`."
        )
    return run, read_answers(Path(folder) / PREDICTIONS)


def read_record(folder: str | Path) -> Run:
    """Read what a stored run says of itself.

    Raises:
        DataError: The folder holds no run, or its record is broken.
    """
    file = Path(folder) / RECORD
    if not file.is_file():
        raise DataError("There is no run in this folder", where=str(file), hint="Make one with `affekt bench run`.")
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        run = Run(**{**raw, "scores": {key: _score(s) for key, s in raw["scores"].items()}})
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as err:
        raise DataError("This is not the record of a run", where=str(file), hint="Run it again.") from err
    return run


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
    stored = read_record(folder)
    chosen = task(stored.task)
    if chosen.entry.version != stored.task_version:
        raise DataError(
            f"The run is of version {stored.task_version} of {stored.task!r}, the catalogue has {chosen.entry.version}",
            where=str(folder),
            hint="Scores of different versions are not compared; run the task again.",
        )
    drawn = int(str(stored.spec["bootstrap"])) if samples is None else samples
    chance = int(str(stored.spec["seed"])) if seed is None else seed
    now: Scored
    if chosen.entry.target in _WHOLE:
        _, read_whole, score_all = _WHOLE[chosen.entry.target]
        now = score_all(chosen, read_whole(Path(folder) / PREDICTIONS), samples=drawn, seed=chance)
    else:
        now = score(chosen, read_run(folder)[1], samples=drawn, seed=chance)
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


def predict_all(
    recogniser: Recogniser,
    clips: Sequence[Clip],
    *,
    asked: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Prediction]:
    """Answers of the head that is asked, in its own labels.

    Args:
        recogniser: What answers.
        clips: The rows.
        asked: Id of the head's space; default its main one.
        progress: Called with (rows done, rows in all).

    Raises:
        ModelError: It answers other rows than it was given, or in another space.
    """
    spec = recogniser.spec
    out: list[Prediction] = []
    for start in range(0, len(clips), _BATCH):
        batch = clips[start : start + _BATCH]
        answers = recogniser.predict(batch, space=asked)
        if [p.clip_id for p in answers] != [clip.id for clip in batch]:
            raise ModelError(f"{spec.name} gave back other rows than it was asked about, or in another order")
        if asked is not None and any(p.space != asked for p in answers):
            raise ModelError(f"{spec.name} was asked about the space {asked!r} and answered in another")
        out.extend(answers)
        if progress is not None:
            progress(len(out), len(clips))
    return out


def _collect(
    way: Reach,
    recogniser: Recogniser | VoiceRecogniser | FaceRecogniser,
    examples: list[Example],
    predictions: list[Prediction],
    data: str | Path | None,
) -> Answers:
    chosen, target = way.task, way.task.entry.target
    if target == "labels":
        labels, dimensions = chosen.space.labels, recogniser.spec.dimensions
        values = None
        # Where exactly one label applies, the most probable of those that were given is the answer.
        if chosen.space.kind == "single":
            predictions = [replace(p, labels=p.labels[:1]) for p in predictions]
    else:
        labels = next((tuple(p.scores) for p in predictions if p.scores), ())
        dimensions, values = chosen.all_names, way.values(predictions)
        if way.mapped_from is not None:  # intervals are on the origin's scale
            predictions = [replace(p, intervals={}) for p in predictions]
    annotated = target == "dimensions" and bool(chosen.corpus.ratings)
    return collect(
        [gold for _, gold in examples],
        predictions,
        target=target,
        label_names=labels,
        dimension_names=dimensions,
        values=values,
        ratings=ratings(chosen.corpus, data=data) if annotated else None,
        facts=facts_of([clip for clip, _ in examples]),
    )


def installed(*others: str) -> dict[str, str]:
    """Versions of Affekt, Python and what it computes with, and of further packages."""
    packages = {name: metadata.version(name) for name in ("numpy", "onnxruntime", "pyarrow", "tokenizers", *others)}
    return {"affekt": __version__, "python": platform.python_version(), "platform": platform.machine(), **packages}


def _weights(recogniser: Recogniser | VoiceRecogniser | FaceRecogniser) -> dict[str, str]:
    """Checksums of the files of the model folder, where the recogniser has one."""
    folder = getattr(recogniser, "folder", None)
    if not isinstance(folder, Path):
        return {}
    return checksums_of(folder)


def checksums_of(folder: Path) -> dict[str, str]:
    """SHA-256 of the files of a model folder."""
    files = sorted(f for f in folder.iterdir() if f.is_file() and f.suffix in {".onnx", ".gz", ".json", ".safetensors"})
    return {f"sha256 weights/{folder.name}/{f.name}": checksum(f) for f in files}


def make_folder(folder: Path) -> Path:
    """Make a run folder.

    Raises:
        OutputError: It cannot be made.
    """
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
