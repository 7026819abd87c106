"""What the package holds under a work's id, and the status that follows from it.

Four places register a work:

- catalogue entries of the rooms spaces, wheels, maps, corpora, tasks, recipes and studies, by a list `works`;
- bundled models, by the list `works` of their `affekt.json`;
- Python functions and classes, by `source="work-id"` (or `works=[...]`) in their registering decorator or call;
- recorded runs, `catalog/records/*.json`, by their list `works`; set against the `[[claims]]` of a task or recipe.

Only files are read, nothing is imported, so that listing all works stays quick.
"""

from __future__ import annotations

import ast
import enum
import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from affekt.core.errors import CatalogError

__all__ = ["Claim", "Level", "Reference", "Registrations", "Status"]

_ROOMS = ("spaces", "wheels", "maps", "corpora", "tasks", "recipes", "studies", "prompts")
_KINDS = {
    "spaces": "space",
    "wheels": "wheel",
    "maps": "map",
    "corpora": "corpus",
    "tasks": "task",
    "recipes": "recipe",
    "studies": "study",
    "prompts": "prompt",
}
_CODE = ("bench", "core", "corpora", "explain", "features", "metrics", "models", "probe", "synth", "talk", "train")
_MENTION = re.compile(r"\b(?:source|works)\s*=\s*[\[(\"']")
_ERRORS = frozenset({"brier", "cross", "ece", "eder", "jsd", "mae", "rmse"})


class Level(enum.IntEnum):
    """How far a work has come: nothing yet, a fact in the catalogue, something that runs, a claim met."""

    PLANNED = 0
    DESCRIBED = 1
    RUNS = 2
    REPRODUCED = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Claim:
    """A published figure, and the best of our recorded runs beside it.

    Attributes:
        work: Id of the work that published the figure.
        task: Task that it is measured on.
        metric: Short fixed key of the metric, e.g. `macro_f1`.
        value: The published figure.
        tolerance: How far below it (above it, for an error) a run may stay and still meet it.
        note: What the figure belongs to, and where it was read.
        file: Catalogue file that states it.
        ours: Best recorded value, or None where no run is recorded.
        low: Lower end of the interval of `ours`.
        high: Upper end of the interval of `ours`.
        model: Model of that run.
        record: File of that run.
    """

    work: str
    task: str
    metric: str
    value: float
    tolerance: float
    note: str
    file: str
    ours: float | None = None
    low: float | None = None
    high: float | None = None
    model: str | None = None
    record: str | None = None

    @property
    def lower_is_better(self) -> bool:
        """Whether the metric is an error, so that less is better; it goes by the first word (`ece_label`)."""
        return re.split(r"[^a-z]", self.metric, maxsplit=1)[0] in _ERRORS

    @property
    def met(self) -> bool:
        """Whether a recorded run comes up to the published figure, within the tolerance."""
        if self.ours is None:
            return False
        gap = self.ours - self.value if self.lower_is_better else self.value - self.ours
        return gap <= self.tolerance + 1e-12  # .46 - .44 is a hair above .02 in binary


@dataclass(frozen=True, slots=True)
class Reference:
    """One thing in the package that names a work.

    Attributes:
        kind: `space`, `map`, `corpus`, `task`, `recipe`, `study`, `prompt`, `model`, `code` or `record`.
        name: Its name: id of an entry, name of a model, name of a function.
        file: Where it is, relative to `src/affekt`.
        level: The status that it alone gives the work.
        run: Command that runs or shows it, or an empty string.
        note: Why it counts for no more than it does, or an empty string.
    """

    kind: str
    name: str
    file: str
    level: Level
    run: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """How far a work has come, and the reasons.

    Attributes:
        work: Id of the work.
        level: The highest level that a reference or a met claim gives.
        references: All that names the work, the furthest first.
        claims: Published figures of the work that the catalogue states, with our best run beside each.
    """

    work: str
    level: Level
    references: tuple[Reference, ...] = ()
    claims: tuple[Claim, ...] = ()


def _package() -> Path:
    return Path(__file__).resolve().parents[2]


def _named(document: dict[str, Any], where: str) -> list[str]:
    value = document.get("works", [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise CatalogError("`works` is not a list of work ids", where=where)
    return value


def _toml(path: Path, where: str) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        # A space or map can be long, and most name no work; decoding all of them would dominate a listing.
        return tomllib.loads(text) if "works" in text or "claims" in text else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise CatalogError(f"Catalogue entry is not valid: {err}", where=where) from err


def _json(path: Path, where: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as err:
        raise CatalogError(f"Not valid JSON: {err}", where=where) from err
    if not isinstance(document, dict):
        raise CatalogError("Not a JSON object", where=where)
    return document


def _strings(node: ast.expr) -> list[str]:
    values = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
    return [v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)]


def _code_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (work id, name of the function or class) of each registration in a module."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            calls, name = [d for d in node.decorator_list if isinstance(d, ast.Call)], node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr) and node.value is not None:
            calls, name = [n for n in ast.walk(node.value) if isinstance(n, ast.Call)], ""
        else:
            continue
        for call in calls:
            label = name or next((s for argument in call.args[:1] for s in _strings(argument)), ast.unparse(call.func))
            for keyword in call.keywords:
                if keyword.arg in ("source", "works"):
                    for work in _strings(keyword.value):
                        yield work, label


@dataclass(slots=True)
class Registrations:
    """Everything in a package folder that names works; built by `read`."""

    references: dict[str, list[Reference]] = field(default_factory=lambda: defaultdict(list))
    claims: dict[str, list[Claim]] = field(default_factory=lambda: defaultdict(list))
    verbs: frozenset[str] = frozenset()

    @classmethod
    def read(cls, package: Path | None = None) -> Registrations:
        """Scan a package folder.

        Args:
            package: Folder laid out as `src/affekt`; the installed package itself by default.

        Raises:
            CatalogError: A file cannot be decoded, or its `works` is not a list of ids.
        """
        root = package or _package()
        found = cls(verbs=frozenset(path.stem for path in (root / "cli").glob("*.py")))
        documents = {
            room: {
                path.stem: _toml(path, f"{room}/{path.name}")
                for path in sorted((root / "catalog" / room).glob("*.toml"))
            }
            for room in _ROOMS
        }
        records = {
            f"catalog/records/{path.name}": _json(path, f"records/{path.name}")
            for path in sorted((root / "catalog" / "records").glob("*.json"))
        }
        for room, entries in documents.items():
            for name, document in entries.items():
                found._add_entry(room, name, document, corpora=set(documents["corpora"]))
        found._add_models(root)
        found._add_code(root)
        found._add_records(records)
        found._add_claims(documents, records)
        return found

    def status(self, work_id: str) -> Status:
        """Compute the status of one work."""
        claims = tuple(self.claims.get(work_id, ()))
        references = tuple(sorted(self.references.get(work_id, ()), key=lambda r: (-r.level, r.kind, r.name)))
        level = max((r.level for r in references), default=Level.PLANNED)
        if any(claim.met for claim in claims):
            level = Level.REPRODUCED
        return Status(work_id, level, references, claims)

    def _add_entry(self, room: str, name: str, document: dict[str, Any], *, corpora: set[str]) -> None:
        file = f"catalog/{room}/{name}.toml"
        level, run, note = Level.DESCRIBED, "", ""
        if room == "tasks":
            corpus = str(document.get("corpus"))
            if corpus.partition(":")[0] in corpora:  # of a view or a part, the corpus
                level, run = Level.RUNS, f"affekt bench run {name}"
            else:
                note = f"its corpus {corpus!r} is not in the catalogue"
        elif room == "recipes":
            level, run = Level.RUNS, f"affekt train {name} --out DIR"
        elif room == "studies":
            level, run = Level.RUNS, f"affekt study run {name} --out DIR"
        elif room == "spaces":
            run = f"affekt spaces show {name}"
        elif room == "maps":
            run = f"affekt spaces map {name.replace('_to_', ' ', 1)}"
        for work in _named(document, file):
            self.references[work].append(Reference(_KINDS[room], name, file, level, self._command(run), note))

    def _command(self, line: str) -> str:
        """The command, or nothing where the command line has no such verb."""
        return line if line and line.split()[1] in self.verbs else ""

    def _add_models(self, root: Path) -> None:
        for path in sorted((root / "weights").glob("*/affekt.json")):
            file = f"weights/{path.parent.name}/{path.name}"
            for work in _named(_json(path, file), file):
                run = f"affekt analyze TEXT --model {path.parent.name}"
                self.references[work].append(Reference("model", path.parent.name, file, Level.RUNS, self._command(run)))

    def _add_code(self, root: Path) -> None:
        for room in _CODE:
            for path in sorted((root / room).rglob("*.py")):
                text = path.read_text(encoding="utf-8")
                if not _MENTION.search(text):  # parsing every module would take longer than all the rest
                    continue
                file = path.relative_to(root).as_posix()
                for work, name in _code_names(ast.parse(text)):
                    self.references[work].append(Reference("code", name, file, Level.RUNS))

    def _add_records(self, records: dict[str, dict[str, Any]]) -> None:
        for file, record in records.items():
            for work in _named(record, file):
                name = f"{record.get('task')} / {record.get('model')}"
                self.references[work].append(Reference("record", name, file, Level.RUNS, record.get("command", "")))

    def _add_claims(self, documents: dict[str, dict[str, dict[str, Any]]], records: dict[str, dict[str, Any]]) -> None:
        for room in ("tasks", "recipes"):
            for name, document in documents[room].items():
                task = name if room == "tasks" else str(document.get("task", name))
                for raw in document.get("claims", ()):
                    claim = _claim(raw, task=task, file=f"catalog/{room}/{name}.toml")
                    self.claims[claim.work].append(_best(claim, records))


def _claim(raw: dict[str, Any], *, task: str, file: str) -> Claim:
    try:
        return Claim(
            work=str(raw["work"]),
            task=task,
            metric=str(raw["metric"]),
            value=float(raw["value"]),
            tolerance=float(raw.get("tolerance", 0.0)),
            note=str(raw.get("note", "")),
            file=file,
        )
    except (KeyError, TypeError, ValueError) as err:
        raise CatalogError(f"A claim lacks a field or holds a wrong value: {err}", where=file) from err


def _best(claim: Claim, records: dict[str, dict[str, Any]]) -> Claim:
    """Set the best recorded run of the claim's task and work beside it."""
    sign = -1.0 if claim.lower_is_better else 1.0
    best = claim
    for file, record in records.items():
        score = record.get("scores", {}).get(claim.metric)
        # A run of another method on the same task says nothing about this work.
        if record.get("task") != claim.task or claim.work not in _named(record, file) or not score:
            continue
        value = score.get("value")
        if value is None or value != value:
            continue
        if best.ours is None or sign * value > sign * best.ours:
            best = Claim(
                work=claim.work,
                task=claim.task,
                metric=claim.metric,
                value=claim.value,
                tolerance=claim.tolerance,
                note=claim.note,
                file=claim.file,
                ours=float(value),
                low=score.get("low"),
                high=score.get("high"),
                model=str(record.get("model")),
                record=file,
            )
    return best
