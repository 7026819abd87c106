"""The training loop: recipe in, weights out, resumable at every epoch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import Curriculum, HeadPlan, Part, Recipe, Stage, Teachers
from affekt.catalog.spaces import space
from affekt.core.errors import CatalogError, DataError, ModelError
from affekt.extras import need
from affekt.models.questions import ANSWER
from affekt.models.target import CLOSE, OPEN
from affekt.models.text import SEPARATOR
from affekt.train import checkpoint
from affekt.train.asking import cast, for_asking
from affekt.train.curriculum import difficulty, easy_first
from affekt.train.encoder import TextModel
from affekt.train.learner import Learner, pace
from affekt.train.mechanisms import mechanisms_of
from affekt.train.objectives import WITH_SPREAD, Objective, objective
from affekt.train.pretraining import pretrained
from affekt.train.start import Start, start_of
from affekt.train.targets import Rows, rows_as_read, token_rows
from affekt.train.vocabulary import add_emoji, add_markers

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["Progress", "Scale", "Trained", "answers", "optimisers", "scale_of", "train"]

# Questions about the dev split of a corpus that tell how training goes, where a model is asked by name.
_WATCHED = 500

Progress = Callable[[str, int, int, float], None]

Soft = Mapping[str, "NDArray[np.float32]"]
"""Head -> the teachers' answers to the rows of a corpus: probabilities of labels, or means of dimensions."""

Scale = tuple["NDArray[np.float64]", "NDArray[np.float64]"]
"""Mean and standard deviation of each column that a head learns, in whose units its outputs are."""


@dataclass(frozen=True)
class Trained:
    """What a recipe made.

    Attributes:
        weights: State of the module as arrays.
        start: What it started from; its tokenizer among it.
        objectives: Head -> the objective that it was trained with last.
        scales: Head -> mean and standard deviation that carry its outputs to the native range.
        corpora: Head -> the corpus that it was trained on first, where it is calibrated.
        history: One record an epoch: what was trained, and the loss on dev by corpus.
        measured: What the recipe's mechanisms came to (`Mechanisms.measure`), on the first dev split.
    """

    weights: dict[str, NDArray[np.float32]]
    start: Start
    objectives: dict[str, Objective]
    scales: dict[str, Scale]
    corpora: dict[str, str]
    history: list[dict[str, Any]]
    measured: dict[str, Any]

    @property
    def tokenizer(self) -> Path:
        """File of its tokenizer."""
        return self.start.tokenizer

    def answers(self, rows: Sequence[NDArray[np.int64]]) -> dict[str, NDArray[Any]]:
        """Outputs of all heads on token rows, as they were trained: head -> (rows, units)."""
        return answers(self.start.trained(self.weights), rows)


@dataclass
class _Source:
    """A part of a stage with its tokenised rows."""

    part: Part
    output: str
    rows: Rows
    targets: NDArray[np.float64]
    tokens: list[NDArray[np.int64]]
    objective: Objective
    beside: list[tuple[float, Objective]]
    soft: Soft
    dev: tuple[list[NDArray[np.int64]], NDArray[np.float64]] | None


@dataclass
class _School:
    """What every stage of a recipe shares: rows and their tokens by (corpus, head), and the teachers' answers."""

    recipe: Recipe
    rows: dict[tuple[str, str], Rows]
    tokens: dict[tuple[str, str], list[NDArray[np.int64]]]
    dev: dict[tuple[str, str], tuple[Rows, list[NDArray[np.int64]]]]
    scales: dict[str, Scale]
    soft: dict[tuple[str, str], Soft]
    mask: int
    history: list[dict[str, Any]]

    def targets(self, rows: Rows, head: str) -> NDArray[np.float64]:
        """Gold in the units of the head's outputs, and then the variances where they are known."""
        mean, sd = self.scales[head]
        values = (rows.values - mean) / sd
        return values if rows.variances is None else np.concatenate([values, rows.variances / sd**2], 1)

    def sources(self, stage: Stage) -> list[_Source]:
        out = []
        for p in stage.parts:
            key = (p.corpus, p.head)
            targets = self.targets(self.rows[key], p.head)
            dev = self.dev.get(key)
            out.append(
                _Source(
                    part=p,
                    output=ANSWER if self.recipe.asks else p.head,
                    rows=self.rows[key],
                    targets=targets,
                    tokens=self.tokens[key],
                    objective=objective(p.objective, targets, **p.settings),
                    beside=[(t.weight, objective(t.objective, targets, **t.settings)) for t in p.beside],
                    soft=self.soft.get(key, {}),
                    dev=(dev[1], self.targets(dev[0], p.head)) if dev else None,
                )
            )
        return out


def scale_of(head: HeadPlan, reading: str, rows: Sequence[Rows], *, standard: bool) -> Scale:
    """Mean and standard deviation in whose units a head learns the values of these rows.

    Args:
        head: Space and kind of its gold.
        reading: How it is read, by its objective.
        rows: Its training rows.
        standard: Whether strengths too are carried to mean 0 and standard deviation 1, and not to at most 1.
    """
    values = np.concatenate([r.values for r in rows])
    if head.of == "dimensions" or (standard and head.of == "intensities"):
        return np.nanmean(values, 0), np.maximum(np.nanstd(values, 0), 1e-6)
    columns = values.shape[1]
    top = (space(head.space).intensity or 1.0) if reading == "strengths" else 1.0
    return np.zeros(columns), np.full(columns, top)


def _read_all(
    recipe: Recipe, folder: Path, *, data: Path | None, limit: int | None, out: Path
) -> tuple[_School, Start]:
    """Every row that the recipe trains on or is watched on, tokenised."""
    from tokenizers import Tokenizer

    every = [*recipe.stages, *([recipe.teachers.stage] if recipe.teachers else [])]
    parts = {(p.corpus, p.head): p for stage in every for p in stage.parts}
    for p in parts.values():
        if p.head not in recipe.heads:
            raise CatalogError(f"The recipe has no head {p.head}", hint=f"It has: {', '.join(recipe.heads)}.")

    def rows_in(split: str) -> dict[tuple[str, str], Rows]:
        return {
            (name, head): rows_as_read(
                recipe,
                name,
                recipe.heads[head],
                split=split,
                data=data,
                limit=limit,
                spread=p.objective in WITH_SPREAD,
                mapped=p.mapped,
            )
            for (name, head), p in parts.items()
            if split in corpus(name).splits
        }

    rows, dev = rows_in("train"), rows_in("dev")
    if empty := [name for name, head in parts if not (rows.get((name, head)) and rows[name, head].ids)]:
        raise DataError(f"The corpus {empty[0]} has no train split with text in it")
    tokenizer_file, given = folder / "tokenizer.json", {}
    if recipe.emoji:
        tokenizer_file = out / "tokenizer.json"
        given = add_emoji(folder / "tokenizer.json", (t for r in rows.values() for t in r.texts), tokenizer_file)
    if recipe.target == "marked":
        add_markers(tokenizer_file, (OPEN, CLOSE), out / "tokenizer.json")
        tokenizer_file = out / "tokenizer.json"

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokens = {key: token_rows(tokenizer_file, r.texts, recipe.max_tokens) for key, r in rows.items()}
    dev_tokens = {key: token_rows(tokenizer_file, r.texts, recipe.max_tokens) for key, r in dev.items()}
    if recipe.asks:
        for read, of_read, most in ((rows, tokens, None), (dev, dev_tokens, _WATCHED)):
            for key, r in read.items():
                read[key], of_read[key] = cast(
                    r,
                    of_read[key],
                    recipe.heads[key[1]],
                    tokenizer=tokenizer,
                    negatives=recipe.asks.negatives,
                    seed=recipe.stages[0].seed,
                    most=most,
                )
    scales = {}
    for head, plan in recipe.heads.items():
        keys = [key for key in parts if key[1] == head]
        if not keys:
            raise CatalogError(f"No part of the recipe trains the head {head}")
        first = parts[keys[0]]
        reading = objective(first.objective, rows[keys[0]].values, **first.settings).reading
        scales[head] = scale_of(plan, reading, [rows[key] for key in keys], standard=bool(recipe.asks))
    school = _School(
        recipe=recipe,
        rows=rows,
        tokens=tokens,
        dev={key: (r, dev_tokens[key]) for key, r in dev.items() if r.ids},
        scales=scales,
        soft={},
        mask=tokenizer.token_to_id("[MASK]") or 0,
        history=[],
    )
    if recipe.teachers and recipe.teachers.whole and not recipe.onwards:
        raise CatalogError(
            "Teachers see conversations whole where turns of these are read together", hint="Set `onwards`."
        )
    if any(stage.curriculum for stage in every) and not recipe.onwards:
        raise CatalogError("A curriculum orders conversations, which are read together", hint="Set `onwards`.")
    if recipe.onwards and (not recipe.context or recipe.fields or recipe.asks):
        raise CatalogError(
            "`onwards` is about turns that are read with those before them",
            hint="Set `context`, and leave out `fields` and `asks`.",
        )
    turns = tokenizer.token_to_id(SEPARATOR) if recipe.context and not recipe.asks else None
    return school, Start(folder, tokenizer_file, given, turns, onwards=recipe.onwards)


def train(
    recipe: Recipe,
    out: Path,
    *,
    data: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Run a recipe.

    Args:
        recipe: What to do.
        out: Folder for checkpoints; a run that was broken off goes on after its last whole epoch, and ends in the
            same weights as one that was not.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows taken of each split of each corpus; for a trial run.
        progress: Called with (what is trained, step, steps, loss) after each step.

    Raises:
        CatalogError: The recipe does not hold together, or its encoder cannot be used.
        DataError: A corpus is missing.
        MissingExtraError: The `train` extra is not installed.
    """
    if recipe.asks:
        recipe = for_asking(recipe)
    out.mkdir(parents=True, exist_ok=True)
    folder = start_of(recipe, out, data=data, limit=limit)
    school, start = _read_all(recipe, folder, data=data, limit=limit, out=out)
    every = [*([recipe.teachers.stage] if recipe.teachers else []), *recipe.stages]
    by_head: dict[str, _Source] = {}
    corpus_of: dict[str, str] = {}
    for stage in every:
        for source in school.sources(stage):
            by_head[source.part.head] = source
            corpus_of.setdefault(source.part.head, source.part.corpus)
    units = {s.output: s.targets.shape[1] * s.objective.units for s in by_head.values()}

    mechanisms = mechanisms_of(recipe, start.tokenizer, vocabulary=start.vocabulary, data=data)
    encoder = None
    if recipe.pretraining:
        where, most = out / "pretraining", recipe.max_tokens
        encoder = pretrained(recipe.pretraining, start, where, most=most, data=data, limit=limit, progress=progress)

    def fresh(seed: int, start: Start = start) -> TextModel:
        return start.model(units, seed=seed, encoder=encoder, mechanisms=mechanisms)

    if recipe.teachers:
        as_taught = _seeing(start, recipe.teachers)
        theirs: tuple[_School, Callable[[int], TextModel]] = school, lambda seed: fresh(seed, as_taught)
        if recipe.teachers.encoder:
            theirs = _teachers_own(recipe, recipe.teachers, units, out, data=data, limit=limit)
        school.soft, school.history = _lessons(*theirs, out, progress)
    model = fresh(recipe.stages[0].seed)
    done = checkpoint.mark_of(out).get("stage", -1)
    for number, stage in enumerate(recipe.stages):
        if number < done:
            continue
        begin = {k: v.clone() for k, v in model.state_dict().items()} if stage.share < 1.0 else {}
        if number == done and begin:
            begin = need("safetensors.torch", extra="train").load_file(out / f"start-{number}.safetensors")
        elif begin:
            need("safetensors.torch", extra="train").save_file(begin, out / f"start-{number}.safetensors")
        _run_stage(model, stage, school, out, f"stage {number + 1}", {"stage": number}, progress)
        if begin:
            model.load_state_dict(
                {k: (1 - stage.share) * begin[k] + stage.share * v for k, v in model.state_dict().items()}
            )
    return Trained(
        weights={k: v.detach().numpy() for k, v in model.state_dict().items()},
        start=start,
        objectives={head: s.objective for head, s in by_head.items()},
        scales=school.scales,
        corpora=corpus_of,
        history=school.history,
        measured=mechanisms.measure(model, next(iter(school.dev.values()), (None, []))[1]),
    )


def _seeing(start: Start, teachers: Teachers) -> Start:
    """The same start for models that see of a conversation what the teachers do."""
    return replace(start, onwards=False, whole=True) if teachers.whole else start


def _teachers_own(
    recipe: Recipe, teachers: Teachers, units: Mapping[str, int], out: Path, *, data: Path | None, limit: int | None
) -> tuple[_School, Callable[[int], TextModel]]:
    """The same rows in the tokens of the teachers' encoder, and how one that has learned nothing yet is made."""
    own = msgspec.structs.replace(recipe, encoder=teachers.encoder, fresh=None)
    where = out / "teachers"
    where.mkdir(exist_ok=True)
    school, start = _read_all(own, start_of(own, where, data=data, limit=limit), data=data, limit=limit, out=where)
    mechanisms = mechanisms_of(own, start.tokenizer, vocabulary=start.vocabulary, data=data)
    as_taught = _seeing(start, teachers)
    return school, lambda seed: as_taught.model(units, seed=seed, mechanisms=mechanisms)


def answers(
    model: TextModel, tokens: Sequence[NDArray[np.int64]], *, precision: str = "float32", batch: int = 128
) -> dict[str, NDArray[Any]]:
    """Outputs of all heads on token rows, without dropout: head -> (rows, units)."""
    out: dict[str, NDArray[Any]] = {}
    model.eval()
    with torch.no_grad():
        for at in model.batches(tokens, batch):
            some = [tokens[i] for i in at]
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                outputs = model.read(some)
            for name in model.head_names:
                value = outputs[name]
                out.setdefault(name, np.zeros((len(tokens), value.shape[1]), np.float32))[at] = value.float().numpy()
    model.train()
    return out


def _lessons(
    school: _School, fresh: Callable[[int], TextModel], out: Path, progress: Progress | None
) -> tuple[dict[tuple[str, str], Soft], list[dict[str, Any]]]:
    """The mean answers of the teachers to every text, (corpus, head) -> head -> (rows, answers), and their course."""
    teachers = school.recipe.teachers
    assert teachers is not None
    sources = {s.part.head: s for s in school.sources(teachers.stage)}
    save, load = (getattr(need("safetensors.numpy", extra="train"), f) for f in ("save_file", "load_file"))
    for seed in teachers.seeds:
        folder = out / f"teacher-{seed}"
        if (folder / "answers.safetensors").exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        model, school.history = fresh(seed), []
        stage = msgspec.structs.replace(teachers.stage, seed=seed)
        _run_stage(model, stage, school, folder, f"teacher {seed}", {}, progress)
        said = {}
        for (name, own), tokens in school.tokens.items():
            outputs = answers(model, tokens, precision=stage.precision)
            for head in teachers.heads:
                # A slice is not stored as it looks: safetensors writes the memory behind an array, strides or not.
                given = np.ascontiguousarray(sources[head].objective.answer(outputs[head]))
                if not np.isfinite(given).all():
                    raise ModelError(f"Teacher {seed} has answers to {name} that are no numbers", where=str(folder))
                said[f"{name} {own} {head}"] = given
        save(said, folder / "answers.safetensors.new")
        (folder / "history.json").write_text(json.dumps(school.history), encoding="utf-8")
        (folder / "answers.safetensors.new").replace(folder / "answers.safetensors")
        (folder / "last.safetensors").unlink()
    folders = [out / f"teacher-{seed}" for seed in teachers.seeds]
    history = [row for f in folders for row in json.loads((f / "history.json").read_text(encoding="utf-8"))]
    each = [load(f / "answers.safetensors") for f in folders]
    soft: dict[tuple[str, str], Soft] = {
        (name, own): {
            head: np.mean([said[f"{name} {own} {head}"] for said in each], axis=0, dtype=np.float32)
            for head in teachers.heads
        }
        for name, own in school.tokens
    }
    return soft, history


def optimisers(model: TextModel, stage: Stage) -> dict[str, torch.optim.Optimizer]:
    """One group a parameter: lower layers learn more slowly, vectors are not decayed."""
    groups = []
    top = len(model.enc.layers) - 1
    for name, parameter in model.named_parameters():
        if name == "enc.word.weight":
            continue
        if name.endswith(".polarity"):
            rate = stage.head_rate  # as new as a head
        elif name.startswith("enc.layers."):
            rate = stage.rate * stage.rate_decay ** (top - int(name.split(".")[2]))
        elif name.startswith("enc."):
            rate = stage.rate * stage.rate_decay ** (top + 1)
        else:
            rate = stage.head_rate
        decay = stage.weight_decay if parameter.ndim > 1 else 0.0
        groups.append({"params": [parameter], "lr": rate, "weight_decay": decay, "base": rate})
    # Only the words that occur in a batch move: a dense update of the table would cost more than the forward pass.
    lowest = stage.rate * stage.rate_decay ** (top + 1)
    words = {"params": [model.enc.word.weight], "base": lowest}
    return {
        "adamw": torch.optim.AdamW(groups, fused=True),
        "words": torch.optim.SparseAdam([words], lr=lowest),
    }


def _epoch(
    sources: Sequence[_Source],
    rng: np.random.Generator,
    *,
    onwards: bool = False,
    curriculum: Curriculum | None = None,
) -> NDArray[np.int64]:
    """The (source, row) pairs of one epoch, shape (n, 2): in random order, or in that of a curriculum."""
    parts = []
    for s, source in enumerate(sources):
        part, every = source.part, np.arange(len(source.tokens))
        if part.rows is not None and part.rows < len(every):
            every = _some(source.rows, part.rows, rng) if onwards else rng.choice(every, part.rows, replace=False)
        chosen = [every] * part.repeats
        if part.rare_repeats:
            given = np.nan_to_num(source.rows.values) > 0
            rare = np.flatnonzero(given[:, given.sum(0) < part.rare_below].any(1))
            chosen += [rare] * part.rare_repeats
        at = np.concatenate(chosen)
        parts.append(np.stack([np.full(len(at), s), at], 1))
    out: NDArray[np.int64] = np.concatenate(parts)
    if not onwards:
        rng.shuffle(out)
        return out
    # Turns of one conversation stay together, so that they are read together.
    blocks: dict[tuple[int, object], list[int]] = {}
    for place, (s, i) in enumerate(out.tolist()):
        dialogues = sources[s].rows.dialogues
        blocks.setdefault((s, (dialogues[i] if dialogues else None) or i), []).append(place)
    places = list(blocks.values())
    order = rng.permutation(len(places))
    if curriculum is not None:
        each = [_difficulty(sources[s].rows, out[at, 1], curriculum) for (s, _), at in blocks.items()]
        order = easy_first(each, curriculum.buckets, rng)
    ordered: NDArray[np.int64] = out[np.concatenate([places[k] for k in order])]
    return ordered


def _some(rows: Rows, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """So many rows, of conversations that are drawn whole."""
    _, of = np.unique([d or f"\0{i}" for i, d in enumerate(rows.dialogues)], return_inverse=True)
    place = rng.permutation(of.max() + 1)[of]
    out: NDArray[np.int64] = np.argsort(place, kind="stable")[:most]
    return out


def _difficulty(rows: Rows, at: NDArray[np.int64], curriculum: Curriculum) -> float:
    """How hard a conversation is, of which these rows stand together."""
    labels = np.nan_to_num(rows.values[at]).argmax(1).tolist()
    speakers = [rows.speakers[i] for i in at]
    return difficulty(labels, speakers, same=curriculum.same, other=curriculum.other)


def _hidden(
    row: NDArray[np.int64], share: float, mask: int, rng: np.random.Generator, *, kept: int | None
) -> NDArray[np.int64]:
    """A copy with some inner tokens masked, but none that ends a turn."""
    hide = rng.random(len(row)) < share
    hide[[0, -1]] = False
    if kept is not None:
        hide &= row != kept
    return np.where(hide, mask, row)


def _dev_losses(model: TextModel, sources: Sequence[_Source], precision: str) -> dict[str, float]:
    """Mean loss of each part on the dev split of its corpus, where it has one."""
    out = {}
    for source in sources:
        if source.dev is None:
            continue
        tokens, targets = source.dev
        outputs = torch.from_numpy(answers(model, tokens, precision=precision)[source.output])
        each = source.objective.loss(outputs, torch.from_numpy(targets.astype(np.float32)))
        out[f"{source.part.corpus}:{source.part.head}"] = float(each.mean())
    return out


def _run_stage(
    model: TextModel,
    stage: Stage,
    school: _School,
    out: Path,
    what: str,
    mark: Mapping[str, Any],
    progress: Progress | None,
) -> None:
    """Train one stage, from its last checkpoint where there is one."""
    learner = Learner(model, optimisers(model, stage), dropout=stage.dropout, seed=stage.seed)
    learner.history = list(school.history)  # a checkpoint tells the whole course up to it
    there = checkpoint.mark_of(out)
    if there and mark.items() <= there.items():
        learner.load(out)
    sources = school.sources(stage)
    teachers = school.recipe.teachers
    # Teachers may teach a head that has no gold in this stage.
    taught_there = school.sources(teachers.stage) if teachers else []
    of_head = {s.part.head: s.objective for s in (*taught_there, *sources)}
    targets = [
        torch.from_numpy(s.objective.mix(s.targets, s.soft.get(s.part.head), stage.taught).astype(np.float32))
        for s in sources
    ]
    lessons = [
        {h: torch.from_numpy(v) for h, v in s.soft.items() if h != s.part.head and h in of_head}
        if stage.taught_weight
        else {}
        for s in sources
    ]
    dense = [p for name, p in model.named_parameters() if name != "enc.word.weight"]
    # A last, smaller batch is left out, unless there is no other.
    per_epoch = max(1, len(_epoch(sources, np.random.default_rng(0))) // stage.batch)
    onwards = school.recipe.onwards
    steps = per_epoch * stage.epochs

    def hide(row: NDArray[np.int64]) -> NDArray[np.int64]:
        return _hidden(row, stage.masked, school.mask, learner.rng, kept=model.separator)

    model.train()
    while learner.epochs < stage.epochs and not learner.worn(stage.patience):
        order = _epoch(sources, learner.rng, onwards=onwards, curriculum=stage.curriculum)
        for k in range(per_epoch):
            pairs = order[k * stage.batch : (k + 1) * stage.batch]
            pairs = pairs[np.argsort([len(sources[s].tokens[i]) for s, i in pairs], kind="stable")]
            rows = [sources[s].tokens[i] for s, i in pairs]
            with torch.autocast("cpu", torch.bfloat16, enabled=stage.precision == "bfloat16"):
                outputs = model.read(rows, learner.dropout, hide if stage.masked else None)
            loss: Tensor = torch.zeros(())
            for s, source in enumerate(sources):
                at = np.flatnonzero(pairs[:, 0] == s)
                if not len(at):
                    continue
                which = pairs[at, 1]
                head, wanted = source.output, targets[s][which]
                each = source.objective.loss(outputs[head][at].float(), wanted)
                for weight, term in source.beside:
                    seen = outputs["embedding" if term.on == "embedding" else head]
                    each = each + weight * term.loss(seen[at].float(), wanted)
                loss = loss + source.part.weight * each.sum() / stage.batch
                for other, soft in lessons[s].items():
                    if (taught := of_head[other].taught) is not None:
                        each = taught(outputs[other][at].float(), soft[which])
                        loss = loss + stage.taught_weight * each.sum() / stage.batch
            loss.backward()
            torch.nn.utils.clip_grad_norm_(dense, stage.clip)
            learner.update(pace(learner.step, steps, stage.warm_up))
            if progress:
                progress(what, learner.step, steps, float(loss.detach()))
        learner.epochs += 1
        # Without patience nothing hangs on dev, so that it is read once.
        due = stage.patience or learner.epochs == stage.epochs
        losses = _dev_losses(model, sources, stage.precision) if due else {}
        # A card is JSON, which has no word for what is no number.
        told = {name: loss if np.isfinite(loss) else None for name, loss in losses.items()}
        learner.history.append({"trained": what, "epoch": learner.epochs, "dev_loss": told})
        first = f"{stage.parts[0].corpus}:{stage.parts[0].head}"
        if stage.patience and losses.get(first, -np.inf) < learner.best:
            learner.best, learner.best_epoch = losses[first], learner.epochs
            need("safetensors.torch", extra="train").save_file(dict(model.state_dict()), out / "best.safetensors")
        learner.save(out, mark)
    if stage.patience and learner.best_epoch:
        model.load_state_dict(need("safetensors.torch", extra="train").load_file(out / "best.safetensors"))
    school.history = learner.history
