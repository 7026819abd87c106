"""Runs of one task side by side: scores, differences that are paired by row, and whether these are chance.

A system is one run, or several that differ in their seed alone. Every resample draws the same rows for all
systems; a system of several seeds has its seeds drawn as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.bench.answers import Answers
from affekt.bench.runs import read_run
from affekt.bench.scoring import COVERAGES, confident_answers, rated, statistics
from affekt.bench.tasks import Task, task
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.run import Run
from affekt.metrics.bootstrap import Difference
from affekt.metrics.curves import Bin, Selective, reliability, selective_risk
from affekt.metrics.significance import Spread, difference, draws_of_systems, holm, summarise
from affekt.metrics.statistic import Array, Statistic

__all__ = ["Comparison", "Contrast", "System", "calibration", "compare", "contrasts_of", "set_apart", "systems_of"]


@dataclass(frozen=True, slots=True)
class System:
    """What is compared.

    Attributes:
        name: Its name in the comparison.
        folders: Folders of its runs; several where they differ in the seed alone.
        runs: Their records.
        answers: Their answers.
    """

    name: str
    folders: tuple[str, ...]
    runs: tuple[Run, ...]
    answers: tuple[Answers, ...]


@dataclass(frozen=True, slots=True)
class Contrast:
    """How far a system is from the baseline in one score.

    Attributes:
        difference: System minus baseline, with its paired interval and plain p-value.
        p_holm: P-value corrected for the number of systems set against the baseline in this score.
        better: Whether the interval lies wholly on the better side of 0 (`True`), on the worse (`False`), or holds
            0 (`None`).
    """

    difference: Difference
    p_holm: float
    better: bool | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Systems side by side.

    Attributes:
        task: The task.
        split: The split that was answered.
        systems: The systems, in the order given.
        baseline: Name of the one that the others are set against.
        scores: Report key -> system -> score.
        contrasts: Report key -> system -> contrast with the baseline; the baseline itself is not there.
        samples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.
    """

    task: Task
    split: str
    systems: tuple[System, ...]
    baseline: str
    scores: dict[str, dict[str, Spread]]
    contrasts: dict[str, dict[str, Contrast]]
    samples: int
    seed: int


def systems_of(runs: Sequence[str | Path], groups: Mapping[str, Sequence[str | Path]]) -> tuple[System, ...]:
    """Read runs, check that they answer the same question on the same rows, and name them.

    Args:
        runs: Folders of runs that stand for themselves. A run is named by its model; where that is not unique, by
            its folder.
        groups: Name of a system -> folders of its runs, one for each seed.

    Raises:
        DataError: A folder holds no run.
        InputError: The runs are of different tasks, versions, splits or rows, a name is used twice, or there is
            nothing to read.
    """
    folders: list[tuple[str | None, tuple[str, ...]]] = [(None, (str(run),)) for run in runs]
    folders += [(name, tuple(str(run) for run in members)) for name, members in groups.items()]
    if not folders:
        raise InputError("There is no run to read", hint="Name the folders of runs.")
    read = [(name, paths, tuple(read_run(path) for path in paths)) for name, paths in folders]
    (first_run, first), first_path = read[0][2][0], read[0][1][0]
    for _, paths, found in read:
        for path, (run, answers) in zip(paths, found, strict=True):
            _refuse_other(first_run, first, first_path, run, answers, path)
    models = [found[0][0].model for name, _, found in read if name is None]
    out = []
    for name, paths, found in read:
        model = found[0][0].model
        called = name or (model if models.count(model) == 1 else paths[0])
        out.append(System(called, paths, tuple(run for run, _ in found), tuple(a for _, a in found)))
    names = [system.name for system in out]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"Two systems are called {', '.join(sorted(twice))}", hint="Name a run or group only once.")
    return tuple(out)


def _refuse_other(run_a: Run, a: Answers, path_a: str, run_b: Run, b: Answers, path_b: str) -> None:
    def refuse(why: str) -> None:
        raise InputError(f"The runs cannot be compared: {why}", where=f"{path_a} and {path_b}")

    if (run_a.task, run_a.task_version) != (run_b.task, run_b.task_version):
        refuse(f"{run_a.task} version {run_a.task_version} against {run_b.task} version {run_b.task_version}")
    if run_a.spec["split"] != run_b.spec["split"]:
        refuse(f"split {run_a.spec['split']} against split {run_b.spec['split']}")
    now = task(run_a.task).entry.version
    if now != run_a.task_version:
        refuse(f"they are of version {run_a.task_version}, the catalogue has {now}")
    if a.ids != b.ids or not np.array_equal(a.truth, b.truth, equal_nan=True):
        refuse("their rows or their gold differ")


def compare(
    runs: Sequence[str | Path],
    *,
    groups: Mapping[str, Sequence[str | Path]] | None = None,
    baseline: str | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Set systems against a baseline on the same rows.

    Rows that any run leaves without probabilities or values are left out of all in the scores that need these, so
    a score here may stand on fewer rows than in the run's own record.

    Args:
        runs: Folders of runs that stand for themselves.
        groups: Name of a system -> folders of its runs, one for each seed.
        baseline: Name of the system, or folder of the run, to set the others against; default the first.
        samples: Number of bootstrap resamples, the same for all systems.
        seed: Seed of the bootstrap.

    Raises:
        DataError: A folder holds no run.
        InputError: There are fewer than two systems, or a difference between them would mean nothing.
        UnknownNameError: The baseline is none of the systems.
    """
    systems = systems_of(runs, groups or {})
    if len(systems) < 2:
        raise InputError("A comparison needs two systems", hint="Name two runs, or groups of runs, of one task.")
    chosen = task(systems[0].runs[0].task)
    base = _baseline(systems, baseline)
    every = [answers for system in systems for answers in system.answers]
    parts = {s.name: [statistics(chosen, answers, beside=every) for answers in s.answers] for s in systems}
    scores: dict[str, dict[str, Spread]] = {}
    contrasts: dict[str, dict[str, Contrast]] = {}
    for key in parts[base][0]:
        of_key = {name: [found[key] for found in seeds] for name, seeds in parts.items()}
        up = chosen.keys[key].higher_is_better
        scores[key], contrasts[key] = set_apart(of_key, base, higher_is_better=up, samples=samples, seed=seed)
    split = str(systems[0].runs[0].spec["split"])
    return Comparison(chosen, split, systems, base, scores, contrasts, samples, seed)


def set_apart(
    statistics: Mapping[str, Sequence[Statistic]], baseline: str, *, higher_is_better: bool, samples: int, seed: int
) -> tuple[dict[str, Spread], dict[str, Contrast]]:
    """One score of several systems, and how far each is from the baseline.

    Args:
        statistics: System -> the score of each of its seeds, all on the same rows.
        baseline: The system that the others are set against.
        higher_is_better: Direction of the score.
        samples: Number of bootstrap resamples, the same for all systems.
        seed: Seed of the bootstrap.

    Returns:
        System -> score, and system -> contrast with the baseline, which itself is not there.
    """
    drawn = draws_of_systems(statistics, samples=samples, seed=seed)
    scores = {name: summarise(seeds, drawn[name]) for name, seeds in statistics.items()}
    return scores, contrasts_of(scores, drawn, baseline, higher_is_better=higher_is_better)


def contrasts_of(
    scores: Mapping[str, Spread], drawn: Mapping[str, Array], baseline: str, *, higher_is_better: bool
) -> dict[str, Contrast]:
    """How far each system is from the baseline, from its score and its resamples of shape (samples,)."""
    others = [name for name in scores if name != baseline]
    apart = {n: difference(scores[n], scores[baseline], drawn[n] - drawn[baseline]) for n in others}
    corrected = holm([apart[name].p for name in others])
    return {
        name: Contrast(apart[name], float(p), _better(apart[name], higher_is_better))
        for name, p in zip(others, corrected, strict=True)
    }


def _better(d: Difference, higher_is_better: bool) -> bool | None:
    if not (d.low > 0 or d.high < 0):
        return None
    return (d.value > 0) == higher_is_better


def _baseline(systems: Sequence[System], asked: str | None) -> str:
    if asked is None:
        return systems[0].name
    for system in systems:
        if asked == system.name or asked in system.folders:
            return system.name
    raise UnknownNameError("system", asked, [s.name for s in systems])


def calibration(
    chosen: Task, answers: Answers, *, samples: int = 1000, seed: int = 0
) -> tuple[tuple[Bin, ...], Selective] | None:
    """Reliability table and risk against coverage of a run, with intervals.

    Args:
        chosen: The task.
        answers: The answers of the run.
        samples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.

    Returns:
        `None` where the task is not about labels, or no row has probabilities.
    """
    if chosen.entry.target != "labels":
        return None
    columns = [answers.label_names.index(name) for name in rated(chosen, answers)]
    scores, truth = answers.scores[:, columns], answers.truth[:, columns]
    used = ~np.isnan(scores).any(1) & ~np.isnan(truth).any(1)
    if not used.any():
        return None
    table = reliability(truth=truth[used], probability=scores[used], samples=samples, seed=seed)
    right, sure = confident_answers(chosen, answers)
    risk = selective_risk(correct=right, confidence=sure, coverages=COVERAGES, samples=samples, seed=seed)
    return table, risk


def document(found: Comparison, *, calibrated: bool = True) -> dict[str, Any]:
    """A comparison as plain data: what `--json` prints and the page shows.

    Args:
        found: The comparison.
        calibrated: Whether to add reliability and risk against coverage of each system's first run.
    """
    entry = found.task.entry
    systems = []
    for system in found.systems:
        run = system.runs[0]
        shown: dict[str, Any] = {
            "name": system.name,
            "folders": list(system.folders),
            "model": run.model,
            "created": run.created,
            "mapped_from": run.spec.get("mapped_from"),
            "map": run.spec.get("map"),
            "abstained": dict(run.abstained),
            "rows": len(system.answers[0]),
            "answered": int(system.answers[0].answered.sum()),
        }
        curves = calibration(found.task, system.answers[0], samples=found.samples, seed=found.seed)
        if calibrated and curves is not None:
            table, risk = curves
            shown["reliability"] = [{k: getattr(b, k) for k in Bin.__slots__} for b in table if b.decisions]
            shown["risk"] = {
                "rows": risk.rows,
                "aurc": risk.aurc,
                "aurc_low": risk.aurc_low,
                "aurc_high": risk.aurc_high,
                "points": [{"coverage": p.coverage, "risk": p.risk, "low": p.low, "high": p.high} for p in risk.points],
            }
        systems.append(shown)
    scores: list[dict[str, Any]] = []
    for key, by_system in found.scores.items():
        m = found.task.keys[key]
        rows = []
        for name, s in by_system.items():
            row: dict[str, Any] = {
                "system": name,
                "value": s.value,
                "low": s.low,
                "high": s.high,
                "sd": s.sd,
                "seeds": s.seeds,
                "n": s.n,
            }
            if (c := found.contrasts[key].get(name)) is not None:
                d = c.difference
                row |= {"difference": d.value, "difference_low": d.low, "difference_high": d.high, "p": d.p}
                row |= {"p_holm": c.p_holm, "better": c.better}
            rows.append(row)
        scores.append({"key": key, "title": m.title, "higher_is_better": m.higher_is_better, "systems": rows})
    return {
        "task": found.task.id,
        "title": found.task.title,
        "description": entry.description,
        "version": entry.version,
        "split": found.split,
        "headline": entry.headline,
        "baseline": found.baseline,
        "bootstrap": found.samples,
        "seed": found.seed,
        "systems": systems,
        "scores": scores,
        "published": [{"by": p.by, "metric": p.metric, "value": p.value, "note": p.note} for p in found.task.published],
    }
