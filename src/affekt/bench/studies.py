"""Running a study: every variant with every seed, then all against the baseline on the same rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt.bench.asides import means, note
from affekt.bench.compare import Comparison, Contrast, compare, contrasts_of, set_apart
from affekt.bench.runs import RECORD, installed, read_run, run_task
from affekt.bench.scoring import statistics
from affekt.bench.tasks import task
from affekt.catalog.recipes import Recipe
from affekt.catalog.studies import Study, Variant
from affekt.catalog.tasks import entry_and_corpus
from affekt.core.clip import Clip
from affekt.core.errors import CatalogError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.metrics.bootstrap import percentiles
from affekt.metrics.significance import Spread, draws_of_systems, summarise
from affekt.metrics.statistic import Array, Statistic
from affekt.models.registry import TextRecogniser, load

if TYPE_CHECKING:
    from affekt.bench.voices import Scores

__all__ = ["Outcome", "Table", "plain", "recipe_of", "run_study"]

Progress = Callable[[str, str, int, int, float], None]

_RESAMPLES = 1000
# A group of fewer rows has no score of its own that is worth a mean.
_LEAST_ROWS = 10


@dataclass(frozen=True)
class Outcome:
    """What a variant brought, against the baseline.

    Attributes:
        name: The variant.
        mean: Mean score over the seeds.
        contrast: Its difference from the baseline, with a paired interval over seeds and rows; `None` for the
            baseline itself.
    """

    name: str
    mean: float
    contrast: Contrast | None

    @property
    def holds(self) -> str:
        """In words: whether the variant is better than the baseline here."""
        if self.contrast is None:
            return "baseline"
        if self.contrast.better is None:
            return "no difference that these rows and seeds could show"
        return "better" if self.contrast.better else "worse"


@dataclass(frozen=True)
class Table:
    """One score of a study.

    Attributes:
        task: The task.
        metric: Report key of the score.
        rows: Number of rows, or of groups where the score was taken within groups.
        within: The fact that makes the groups; empty where the score is over all rows.
        outcomes: One a variant.
    """

    task: str
    metric: str
    rows: int
    within: str
    outcomes: tuple[Outcome, ...]


def recipe_of(entry: Study, variant: Variant, *, name: str = "") -> Recipe:
    """The plain recipe of a task with what the study and the variant change in it.

    Args:
        entry: The study.
        variant: One of its variants.
        name: The task; default the study's own. The tasks that a variant learns together go with that one alone.

    Raises:
        CatalogError: A field is unknown or of a wrong kind.
    """
    from affekt.train.plain import plain_recipe

    name = name or entry.task
    base: dict[str, Any] = msgspec.to_builtins(plain_recipe(name, **entry.stage))
    base.update(entry.recipe | variant.recipe)
    base["stages"][0].update(variant.stage)
    base["stages"][0]["parts"][0].update(entry.part | variant.part)
    base["heads"]["main"].update(variant.head)
    for other, fields in variant.together.items() if name == entry.task else ():
        own: dict[str, Any] = msgspec.to_builtins(plain_recipe(other))
        head = own["heads"]["main"]
        # A model gives each space once, and the dimensions of one space.
        taken = any(
            h["space"] == head["space"] or h["of"] == head["of"] == "dimensions" for h in base["heads"].values()
        )
        base["heads"][other] = head | {"export": other in entry.also and not taken}
        base["stages"][0]["parts"] += ({**own["stages"][0]["parts"][0], "head": other, **entry.part, **fields},)
    try:
        return msgspec.convert(base, Recipe)
    except msgspec.ValidationError as err:
        raise CatalogError(f"The variant {variant.name} does not make a recipe: {err}") from err


def run_study(
    entry: Study,
    out: Path,
    *,
    data: Path | None = None,
    encoder: str = "",
    limit: int | None = None,
    progress: Progress | None = None,
) -> tuple[Table, ...]:
    """Train and score what is not there yet, and compare.

    Args:
        entry: The study.
        out: Folder; each variant and seed has a folder of its own below it, `VARIANT/seed-N`, and for further
            tasks `VARIANT/seed-N/TASK`. A run that is there is not made again. Of a finished one the record stays,
            and not the weights. What came out is written to `study.json`.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        encoder: Starting weights in place of those of the recipes, as a recipe names them.
        limit: Most rows of each split to train on, with the first seed alone; for a trial.
        progress: Called with (variant, what is trained, step, steps, loss).

    Returns:
        The table of the score that decides, and then those of the further ones.

    Raises:
        CatalogError: The study does not fit together.
        DataError: The corpus is missing.
        MissingExtraError: The `train` extra is not installed.
        UnknownNameError: The rows do not have the fact that the study groups them by.
    """
    entry.check()
    if entry.trains in ("voice", "conversation", "fusion"):
        return _run_apart(entry, out, data=data, encoder=encoder, limit=limit, progress=progress)
    also: dict[str, list[str]] = {entry.task: [entry.metric]}
    for name, keys in (*entry.also.items(), *entry.unseen.items()):
        also.setdefault(name, []).extend(keys)
    for name, asked in also.items():
        if missing := [key for key in asked if key not in task(name).keys]:
            raise CatalogError(f"The task {name} has no score {missing[0]}")
    if encoder:
        entry = msgspec.structs.replace(entry, recipe={**entry.recipe, "encoder": encoder})
    models = {v.name: list(_models(entry, v)) for v in entry.ways if not v.control_of}
    seeds = entry.seeds[:1] if limit else entry.seeds
    for seed in seeds:
        for v in entry.ways:
            controls = [c.name for c in entry.ways if c.control_of == v.name]
            for model in models.get(v.name, ()):
                runs = [(w, t, _folder(out, entry, w, seed, t)) for w in (v.name, *controls) for t in model.tasks]
                runs = [run for run in runs if not (run[2] / RECORD).is_file()]
                if runs:
                    _make_and_score(entry, model, seed, v.name, runs, data=data, limit=limit, progress=progress)
    groups = {
        name: {v.name: [_folder(out, entry, v.name, seed, name) for seed in seeds] for v in entry.ways} for name in also
    }
    found = {name: compare([], groups=of_task, baseline=entry.baseline) for name, of_task in groups.items()}
    tables = [_table(entry, found[name], key) for name, keys in also.items() for key in keys]
    if entry.within:
        tables.insert(1, _within(entry, found[entry.task]))
    if entry.mean:
        tables.insert(0, _mean(entry, found))
    versions = read_run(groups[entry.task][entry.baseline][0])[0].versions
    _record(entry, out, tables, limit=limit, versions=versions, measured=means(groups[entry.task]))
    return tuple(tables)


def _run_apart(
    entry: Study,
    out: Path,
    *,
    data: Path | None,
    encoder: str,
    limit: int | None,
    progress: Progress | None,
) -> tuple[Table, ...]:
    """Run a study whose variants are no recipes.

    Where the baseline has no such score, the first variant that has it takes its place.
    """
    measured: dict[str, Any] = {}
    each: Iterable[Scores]
    if entry.trains == "voice":
        from affekt.bench.voices import run_voices

        each = run_voices(entry, data=data, encoder=encoder, limit=limit, progress=progress)
    elif entry.trains == "conversation":
        from affekt.bench.conversations import run_conversations

        each = run_conversations(entry, data=data, limit=limit, progress=progress)
    else:
        from affekt.bench.fusions import run_fusions

        out.mkdir(parents=True, exist_ok=True)
        found = run_fusions(entry, out, data=data, limit=limit, progress=progress)
        each, measured = found.scores.values(), {"parameters": found.parameters}
    tables = []
    for one in each:
        baseline = entry.baseline if entry.baseline in one.of else next(iter(one.of))
        scores, contrasts = set_apart(
            one.of, baseline, higher_is_better=one.higher_is_better, samples=_RESAMPLES, seed=0
        )
        tables.append(Table(entry.task, one.metric, scores[baseline].n, "", _outcomes(entry, scores, contrasts)))
    tables.sort(key=lambda table: table.metric != entry.metric)
    out.mkdir(parents=True, exist_ok=True)
    package = "torch" if entry.trains == "fusion" else "scikit-learn"
    _record(entry, out, tables, limit=limit, versions=installed(package), measured=measured)
    return tuple(tables)


def _record(
    entry: Study,
    out: Path,
    tables: Sequence[Table],
    *,
    limit: int | None,
    versions: Mapping[str, str],
    measured: Mapping[str, Any],
) -> None:
    """Write `study.json`."""
    first = tables[0]
    record = {
        "study": msgspec.to_builtins(entry) | {"variants": msgspec.to_builtins(entry.ways), "subsets": ()},
        "rows": first.rows,
        "limit": limit,
        "versions": versions,
        "outcomes": [plain(o) for o in first.outcomes],
        "further": [
            {
                "task": t.task,
                "metric": t.metric,
                "within": t.within,
                "rows": t.rows,
                "outcomes": [plain(o) for o in t.outcomes],
            }
            for t in tables[1:]
        ],
    }
    if measured:
        record["measured"] = measured
    (out / "study.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _folder(out: Path, entry: Study, variant: str, seed: int, name: str) -> Path:
    folder = out / variant / f"seed-{seed}"
    return folder if name == entry.task else folder / name.replace(":", "-")


@dataclass(frozen=True)
class _Model:
    """A recipe and the tasks that the model which it makes answers."""

    recipe: Recipe
    tasks: tuple[str, ...]


def _models(entry: Study, variant: Variant) -> Iterator[_Model]:
    """The models of a variant: that of the study's task, and one for each further task that it has no head for."""
    main = recipe_of(entry, variant)
    if variant.floor:
        yield _Model(main, (entry.task, *(n for n in entry.also if n != entry.task), *entry.unseen))
        return
    others = [name for name in entry.also if name != entry.task]
    heads = {head.space for head in main.heads.values() if head.export}
    mine = [name for name in others if entry_and_corpus(name)[0].space in heads]
    yield _Model(main, (entry.task, *mine, *entry.unseen))
    for name in others:
        if name not in mine:
            yield _Model(recipe_of(entry, variant, name=name), (name,))


def _make_and_score(
    entry: Study,
    model: _Model,
    seed: int,
    variant: str,
    runs: Sequence[tuple[str, str, Path]],
    *,
    data: Path | None,
    limit: int | None,
    progress: Progress | None,
) -> None:
    """Make a model and score it as (variant, task, folder) say, the last of them being controls."""
    first = model.tasks[0]
    if entry.trains == "hashed-linear":
        from affekt.train.floors import hashed_linear

        floor = hashed_linear(first, data=data, fields=model.recipe.fields)
        for _, name, folder in runs:
            run_task(name, floor, out=folder, data=data)
        return
    if any(v.floor for v in entry.ways if v.name == variant):
        from affekt.train.names import NameLikeness

        for _, name, folder in runs:
            run_task(name, NameLikeness(name, encoder=model.recipe.encoder), out=folder, data=data)
        return
    from affekt.catalog.recipes import with_seed
    from affekt.train.make import make_model

    work = runs[0][2] / "model"
    make_model(
        msgspec.structs.replace(with_seed(model.recipe, seed), version=f"seed{seed}"),
        f"{first.replace(':', '-')}-{variant}",
        work,
        data=data,
        limit=limit,
        floats=False,
        progress=(lambda *at: progress(f"{variant}, seed {seed}", *at)) if progress else None,
    )
    for way, name, folder in runs:
        reader = load(work)
        run_task(name, reader if way == variant else _OthersTurns(reader), out=folder, data=data)
        if way == variant:
            note(name, reader, folder, data=data)
        shutil.copy(work / "affekt.json", folder / "model.json")
    shutil.rmtree(work)


class _OthersTurns:
    """A model that is given the turns before some other row, half of what it is asked about further on."""

    def __init__(self, reader: TextRecogniser) -> None:
        self._reader, self.folder = reader, reader.folder

    @property
    def spec(self) -> RecogniserSpec:
        return self._reader.spec

    def predict(self, clips: Sequence[Clip], *, space: str | None = None) -> list[Prediction]:
        others = [clips[(i + len(clips) // 2) % len(clips)] for i in range(len(clips))]
        swapped = [
            replace(clip, context=other.context, context_speakers=other.context_speakers)
            for clip, other in zip(clips, others, strict=True)
        ]
        return self._reader.predict(swapped, space=space)


def _outcomes(entry: Study, scores: Mapping[str, Spread], contrasts: Mapping[str, Contrast]) -> tuple[Outcome, ...]:
    ways = [v.name for v in entry.ways if v.name in scores]
    return tuple(Outcome(name, scores[name].value, contrasts.get(name)) for name in ways)


def _table(entry: Study, found: Comparison, key: str) -> Table:
    """Each variant's score, and its difference from the baseline."""
    scores = found.scores[key]
    outcomes = _outcomes(entry, scores, found.contrasts[key])
    return Table(found.task.id, key, scores[entry.baseline].n, "", outcomes)


def _within(entry: Study, found: Comparison) -> Table:
    """The score that decides within each group of rows; its mean over groups, which are what is resampled."""
    answers = found.systems[0].answers[0]
    if entry.within not in answers.facts:
        raise UnknownNameError("fact", entry.within, answers.facts, where=entry.task)
    named = np.array([value or "" for value in answers.facts[entry.within]])
    members = [np.flatnonzero(named == name) for name in dict.fromkeys(named.tolist())]
    members = [rows for rows in members if len(rows) >= _LEAST_ROWS]
    key = entry.metric
    values = {
        s.name: np.array(
            [[statistics(found.task, a.take(rows))[key].value for rows in members] for a in s.answers], np.float64
        )
        for s in found.systems
    }
    defined = ~np.isnan(np.concatenate(list(values.values()))).any(0)
    groups = int(defined.sum())
    of_system = {
        name: [Statistic(each[None, defined], lambda sums: sums[..., 0] / groups) for each in table]
        for name, table in values.items()
    }
    scores, contrasts = set_apart(
        of_system,
        entry.baseline,
        higher_is_better=found.task.keys[key].higher_is_better,
        samples=found.samples,
        seed=found.seed,
    )
    return Table(entry.task, key, groups, entry.within, _outcomes(entry, scores, contrasts))


def _mean(entry: Study, found: Mapping[str, Comparison]) -> Table:
    """The mean over tasks of the scores that decide; every resample draws the rows of each and the seeds of all."""
    scored = [(name, key) for name, keys in (entry.unseen or entry.also).items() for key in keys]
    if not entry.unseen:
        scored = list(dict.fromkeys(((entry.task, entry.metric), *scored)))
    if lower := [key for name, key in scored if not found[name].task.keys[key].higher_is_better]:
        raise CatalogError(f"A mean over tasks cannot be taken with {lower[0]}, of which less is better")
    spreads: dict[str, list[Spread]] = {v.name: [] for v in entry.ways}
    drawn: dict[str, list[Array]] = {v.name: [] for v in entry.ways}
    for name, key in scored:
        of_task = found[name]
        every = [a for s in of_task.systems for a in s.answers]
        each = {s.name: [statistics(of_task.task, a, beside=every)[key] for a in s.answers] for s in of_task.systems}
        # The same seed for all tasks draws the same seeds of a system in all of them.
        for system, draws in draws_of_systems(each, samples=of_task.samples, seed=of_task.seed).items():
            drawn[system].append(draws)
            spreads[system].append(summarise(each[system], draws))
    rows = sum(s.n for s in spreads[entry.baseline])
    means = {system: np.mean(d, 0) for system, d in drawn.items()}
    scores = {}
    for system, each_task in spreads.items():
        low, high = percentiles(means[system], 0.95)
        value = float(np.mean([s.value for s in each_task]))
        scores[system] = Spread(value, float(low), float(high), np.nan, each_task[0].seeds, rows)
    contrasts = contrasts_of(scores, means, entry.baseline, higher_is_better=True)
    return Table(
        "mean over " + ", ".join(dict.fromkeys(name for name, _ in scored)),
        "mean",
        rows,
        "",
        _outcomes(entry, scores, contrasts),
    )


def plain(outcome: Outcome) -> dict[str, Any]:
    """An outcome as it stands in `study.json`."""
    c = outcome.contrast
    return {
        "variant": outcome.name,
        "mean": outcome.mean,
        "difference": None if c is None else [c.difference.value, c.difference.low, c.difference.high],
        "p_holm": None if c is None else c.p_holm,
        "holds": outcome.holds,
    }
