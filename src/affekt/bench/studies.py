"""Running a study: every variant with every seed, then all against the baseline on the same rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from affekt.bench.compare import Comparison, Contrast, compare
from affekt.bench.runs import RECORD, read_run, run_task
from affekt.bench.tasks import task
from affekt.catalog.recipes import Recipe
from affekt.catalog.studies import Study, Variant
from affekt.core.errors import CatalogError
from affekt.models.text import TextRecogniser

__all__ = ["Outcome", "outcomes", "plain", "recipe_of", "run_study"]

Progress = Callable[[str, str, int, int, float], None]


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


def recipe_of(entry: Study, variant: Variant) -> Recipe:
    """The plain recipe of the study's task with what the study and the variant change in it.

    Raises:
        CatalogError: A field is unknown or of a wrong kind.
    """
    from affekt.train.plain import plain_recipe

    base: dict[str, Any] = msgspec.to_builtins(plain_recipe(entry.task, **entry.stage))
    base.update(variant.recipe)
    base["stages"][0].update(variant.stage)
    base["stages"][0]["parts"][0].update(variant.part)
    try:
        return msgspec.convert(base, Recipe)
    except msgspec.ValidationError as err:
        raise CatalogError(f"The variant {variant.name} does not make a recipe: {err}") from err


def run_study(
    entry: Study,
    out: Path,
    *,
    data: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Train and score what is not there yet, and compare.

    Args:
        entry: The study.
        out: Folder; each variant and seed has a folder of its own below it, `VARIANT/seed-N`. A run that is there
            is not made again. Of a finished one the record stays, and not the weights.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows of each split to train on; for a trial.
        progress: Called with (variant, what is trained, step, steps, loss).

    Raises:
        CatalogError: The study does not fit together.
        DataError: The corpus is missing.
        MissingExtraError: The `train` extra is not installed.
    """
    names = [v.name for v in entry.variants]
    if entry.baseline not in names or len(set(names)) != len(names):
        raise CatalogError(f"Variants need names of their own, and {entry.baseline} must be one of {', '.join(names)}")
    if entry.metric not in task(entry.task).keys:
        raise CatalogError(f"The task {entry.task} has no score {entry.metric}")
    recipes = {v.name: recipe_of(entry, v) for v in entry.variants}
    groups: dict[str, list[Path]] = {name: [] for name in names}
    for seed in entry.seeds:
        for name in names:
            folder = out / name / f"seed-{seed}"
            groups[name].append(folder)
            if not (folder / RECORD).is_file():
                _run_one(entry.task, recipes[name], seed, name, folder, data=data, limit=limit, progress=progress)
    found = compare([], groups=groups, baseline=entry.baseline)
    record = {
        "study": msgspec.to_builtins(entry),
        "rows": found.scores[entry.metric][entry.baseline].n,
        "limit": limit,
        "versions": read_run(groups[entry.baseline][0])[0].versions,
        "outcomes": [plain(o) for o in outcomes(entry, found)],
    }
    (out / "study.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return found


def _run_one(
    name: str,
    recipe: Recipe,
    seed: int,
    variant: str,
    folder: Path,
    *,
    data: Path | None,
    limit: int | None,
    progress: Progress | None,
) -> None:
    from affekt.catalog.recipes import with_seed
    from affekt.train.make import make_model

    seeded = msgspec.structs.replace(with_seed(recipe, seed), version=f"seed{seed}")
    work = folder / "model"
    make_model(
        seeded,
        f"{name.replace(':', '-')}-{variant}",
        work,
        data=data,
        limit=limit,
        floats=False,
        progress=(lambda *at: progress(f"{variant}, seed {seed}", *at)) if progress else None,
    )
    run_task(name, TextRecogniser(work), out=folder, data=data)
    shutil.copy(work / "affekt.json", folder / "model.json")
    shutil.rmtree(work)


def outcomes(entry: Study, found: Comparison) -> list[Outcome]:
    """Each variant's score on the study's metric, and its difference from the baseline."""
    contrasts: Mapping[str, Contrast] = found.contrasts[entry.metric]
    return [Outcome(v.name, found.scores[entry.metric][v.name].value, contrasts.get(v.name)) for v in entry.variants]


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
