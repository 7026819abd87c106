"""What the studies of fusion have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from affekt.bench.voices import Scores
from affekt.catalog.studies import Study
from affekt.core.errors import CatalogError
from affekt.metrics.statistic import Statistic

__all__ = ["Found", "Ground"]

Plan = TypeVar("Plan")


@dataclass(frozen=True)
class Ground:
    """What a problem is given: the arguments of `run_fusions`."""

    entry: Study
    out: Path
    data: str | Path | None
    limit: int | None
    progress: Callable[[str, str, int, int, float], None]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that are run."""
        return self.entry.seeds[: 1 if self.limit else None]

    def plans(self, kind: type[Plan]) -> dict[str, Plan]:
        """Variant -> what it does.

        Raises:
            CatalogError: A variant is none.
        """
        out = {}
        for variant in self.entry.ways:
            fields: dict[str, Any] = {**self.entry.fusion, **variant.fusion}
            fields.pop("problem", None)
            try:
                out[variant.name] = msgspec.convert(fields, kind)
            except msgspec.ValidationError as err:
                raise CatalogError(f"The plan of {variant.name} is not one: {err}") from err
        return out

    def runs(self, plans: dict[str, Plan]) -> Iterator[tuple[str, Plan, int]]:
        """Each variant with each seed."""
        done, total = 0, len(plans) * len(self.seeds)
        for name, plan in plans.items():
            for seed in self.seeds:
                self.progress(name, f"seed {seed}", done, total, 0.0)
                yield name, plan, seed
                done += 1


@dataclass
class Found:
    """What came out.

    Attributes:
        scores: Report key -> the score of each variant that has it, with each seed.
        parameters: Variant -> how many numbers its net has.
    """

    scores: dict[str, Scores] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)

    def add(self, metric: str, variant: str, statistic: Statistic, *, higher_is_better: bool = True) -> None:
        """Keep a score of a variant with one more seed."""
        of = self.scores.setdefault(metric, Scores(metric, higher_is_better, {}))
        of.of.setdefault(variant, []).append(statistic)
