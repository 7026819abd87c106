"""The training loop: recipe in, weights out, resumable at every epoch."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt.catalog.recipes import Part, Recipe, Stage
from affekt.extras import need
from affekt.train.encoder import Dropout, TextModel, load_bert
from affekt.train.objectives import objective
from affekt.train.targets import Rows, rows_of, token_rows
from affekt.train.vocabulary import add_emoji

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["Progress", "answers", "train"]

Progress = Callable[[str, int, int, float], None]

Soft = Mapping[str, "NDArray[np.float32]"]
"""Head -> the teachers' answers to the rows of a corpus: probabilities of labels, or means of dimensions."""


@dataclass
class _Source:
    """A part of a stage with its tokenised rows."""

    part: Part
    rows: Rows
    tokens: list[NDArray[np.int64]]
    soft: Soft


@dataclass
class _Corpora:
    """What every stage of a recipe reads."""

    rows: dict[str, Rows]
    tokens: dict[str, list[NDArray[np.int64]]]
    soft: dict[str, Soft]
    mask: int

    def sources(self, stage: Stage) -> list[_Source]:
        return [
            _Source(p, self.rows[p.corpus], self.tokens[p.corpus], self.soft.get(p.corpus, {})) for p in stage.parts
        ]


class _Learner:
    """A model in training: all that a stopped run needs to go on as if it had not been stopped."""

    def __init__(self, model: TextModel, stage: Stage) -> None:
        self.model = model
        self.rng = np.random.default_rng(stage.seed)
        self.dropout = Dropout(stage.dropout, seed=stage.seed)
        self.optimiser = torch.optim.AdamW(_groups(model, stage), fused=True)
        # Only the words that occur in a batch move: a dense update of the table would cost more than the forward pass.
        self.base = stage.rate * stage.rate_decay ** len(model.enc.layers)
        self.words = torch.optim.SparseAdam([model.enc.word.weight], lr=self.base)
        self.epochs = 0
        self.step = 0

    def pace(self, factor: float) -> None:
        """Set every learning rate to its own base times a factor."""
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * factor
        self.words.param_groups[0]["lr"] = self.base * factor + 1e-12

    def save(self, folder: Path, mark: Mapping[str, Any]) -> None:
        """Write a checkpoint; it is there whole or not at all."""
        state = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        for name, optimiser in (("adamw", self.optimiser), ("words", self.words)):
            for i, held in optimiser.state_dict()["state"].items():
                for key, value in held.items():
                    state[f"{name}.{i}.{key}"] = torch.as_tensor(value)
        state["dropout"] = self.dropout.generator.get_state()
        _write(
            folder, state, {**mark, "epochs": self.epochs, "step": self.step, "rng": self.rng.bit_generator.state}
        )

    def load(self, folder: Path) -> None:
        """Go on from a checkpoint of the same stage."""
        state, mark = _read(folder)
        self.model.load_state_dict({k[6:]: v for k, v in state.items() if k.startswith("model.")})
        for name, optimiser in (("adamw", self.optimiser), ("words", self.words)):
            held: dict[int, dict[str, Any]] = {}
            for key, value in state.items():
                if key.startswith(name + "."):
                    _, i, field = key.split(".", 2)
                    held.setdefault(int(i), {})[field] = int(value) if (name, field) == ("words", "step") else value
            optimiser.load_state_dict({"state": held, "param_groups": optimiser.state_dict()["param_groups"]})
        self.dropout.generator.set_state(state["dropout"])
        self.rng.bit_generator.state = mark["rng"]
        self.epochs, self.step = mark["epochs"], mark["step"]


def _write(folder: Path, state: Mapping[str, Tensor], mark: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "last.safetensors.new"
    # The mark travels inside the file, so that the two cannot be of different moments.
    metadata = {"mark": json.dumps(mark)}
    need("safetensors.torch", extra="train").save_file(
        {k: v.contiguous() for k, v in state.items()}, temporary, metadata=metadata
    )
    temporary.replace(folder / "last.safetensors")


def _read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with need("safetensors", extra="train").safe_open(folder / "last.safetensors", framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, json.loads(file.metadata()["mark"])  # noqa: SIM118


def train(
    recipe: Recipe,
    out: Path,
    *,
    data: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, NDArray[np.float32]], Path]:
    """Run a recipe.

    Args:
        recipe: What to do.
        out: Folder for checkpoints; a run that was broken off goes on after its last whole epoch, and ends in the
            same weights as one that was not.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows taken of each corpus; for a trial run.
        progress: Called with (what is trained, step, steps, loss) after each step.

    Returns:
        The weights as arrays, and the file of their tokenizer.

    Raises:
        DataError: A corpus is missing.
        MissingExtraError: The `train` extra is not installed.
    """
    out.mkdir(parents=True, exist_ok=True)
    start = Path(str(resources.files(recipe.encoder))) / "model"
    every = [*recipe.stages, *([recipe.teachers.stage] if recipe.teachers else [])]
    rows = {c: rows_of(c, data=data, limit=limit) for c in dict.fromkeys(p.corpus for s in every for p in s.parts)}
    tokenizer_file, given = start / "tokenizer.json", {}
    if recipe.emoji:
        tokenizer_file = out / "tokenizer.json"
        given = add_emoji(start / "tokenizer.json", (t for r in rows.values() for t in r.texts), tokenizer_file)
    from tokenizers import Tokenizer

    corpora = _Corpora(
        rows=rows,
        tokens={c: token_rows(tokenizer_file, r.texts, recipe.max_tokens) for c, r in rows.items()},
        soft={},
        mask=Tokenizer.from_file(str(tokenizer_file)).token_to_id("[MASK]"),
    )

    def fresh(seed: int) -> TextModel:
        torch.manual_seed(seed)
        vocabulary = json.loads((start / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        model = TextModel(recipe.heads, vocabulary=len(vocabulary))
        load_bert(model.enc, start / "model.safetensors")
        _start_emoji(model, given, start / "tokenizer.json")
        return model

    if recipe.teachers:
        corpora.soft = _lessons(recipe, corpora, out, fresh, progress)
    model = fresh(recipe.stages[0].seed)
    done = -1
    if (out / "last.safetensors").exists():
        done = int(_read(out)[1]["stage"])
    for number, stage in enumerate(recipe.stages):
        if number < done:
            continue
        begin = {k: v.clone() for k, v in model.state_dict().items()} if stage.share < 1.0 else {}
        if number == done and begin:
            begin = need("safetensors.torch", extra="train").load_file(out / f"start-{number}.safetensors")
        elif begin:
            need("safetensors.torch", extra="train").save_file(begin, out / f"start-{number}.safetensors")
        _run_stage(model, stage, corpora, out, f"stage {number + 1}", {"stage": number}, progress)
        if begin:
            model.load_state_dict(
                {k: (1 - stage.share) * begin[k] + stage.share * v for k, v in model.state_dict().items()}
            )
    return {k: v.detach().numpy() for k, v in model.state_dict().items()}, tokenizer_file


def _start_emoji(model: TextModel, given: dict[str, int], tokenizer_file: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    table = model.enc.word.weight
    with torch.no_grad():
        for character, i in given.items():
            pieces = tokenizer.encode(unicodedata.name(character).lower(), add_special_tokens=False).ids
            table[i] = table[pieces].mean(0)


def answers(model: TextModel, tokens: Sequence[NDArray[np.int64]], *, batch: int = 128) -> dict[str, NDArray[Any]]:
    """Outputs of all heads on token rows, in float32 and without dropout: head -> (rows, units)."""
    order = np.argsort([len(t) for t in tokens], kind="stable")
    out: dict[str, NDArray[Any]] = {}
    model.eval()
    with torch.no_grad():
        for k in range(0, len(order), batch):
            at = order[k : k + batch]
            some = [tokens[i] for i in at]
            outputs = model(torch.from_numpy(np.concatenate(some)), torch.tensor([len(t) for t in some]))
            for name, value in outputs.items():
                out.setdefault(name, np.zeros((len(tokens), value.shape[1]), np.float32))[at] = value.float().numpy()
    model.train()
    return out


def _lessons(
    recipe: Recipe,
    corpora: _Corpora,
    out: Path,
    fresh: Callable[[int], TextModel],
    progress: Progress | None,
) -> dict[str, Soft]:
    """The mean answers of the teachers to every text: corpus -> head -> (rows, answers)."""
    teachers = recipe.teachers
    assert teachers is not None
    of_head = {p.head: objective(p.objective).answer for p in teachers.stage.parts}
    save, load = (getattr(need("safetensors.numpy", extra="train"), f) for f in ("save_file", "load_file"))
    for seed in teachers.seeds:
        folder = out / f"teacher-{seed}"
        if (folder / "answers.safetensors").exists():
            continue
        model = fresh(seed)
        _run_stage(model, msgspec.structs.replace(teachers.stage, seed=seed), corpora, folder, f"teacher {seed}", {}, progress)
        said = {}
        for name, tokens in corpora.tokens.items():
            outputs = answers(model, tokens)
            for head in teachers.heads:
                said[f"{name} {head}"] = of_head[head](outputs[head])
        save(said, folder / "answers.safetensors.new")
        (folder / "answers.safetensors.new").replace(folder / "answers.safetensors")
        (folder / "last.safetensors").unlink()
    each = [load(out / f"teacher-{seed}" / "answers.safetensors") for seed in teachers.seeds]
    return {
        name: {
            head: np.mean([said[f"{name} {head}"] for said in each], axis=0, dtype=np.float32)
            for head in teachers.heads
        }
        for name in corpora.tokens
    }


def _groups(model: TextModel, stage: Stage) -> list[dict[str, Any]]:
    """One group a parameter: lower layers learn more slowly, vectors are not decayed."""
    groups = []
    top = len(model.enc.layers) - 1
    for name, parameter in model.named_parameters():
        if name == "enc.word.weight":
            continue
        if name.startswith("enc.layers."):
            rate = stage.rate * stage.rate_decay ** (top - int(name.split(".")[2]))
        elif name.startswith("enc."):
            rate = stage.rate * stage.rate_decay ** (top + 1)
        else:
            rate = stage.head_rate
        decay = stage.weight_decay if parameter.ndim > 1 else 0.0
        groups.append({"params": [parameter], "lr": rate, "weight_decay": decay, "base": rate})
    return groups


def _epoch(sources: Sequence[_Source], rng: np.random.Generator) -> NDArray[np.int64]:
    """The (source, row) pairs of one epoch in random order, shape (n, 2)."""
    parts = []
    for s, source in enumerate(sources):
        part, every = source.part, np.arange(len(source.tokens))
        if part.rows is not None and part.rows < len(every):
            every = rng.choice(every, part.rows, replace=False)
        chosen = [every] * part.repeats
        if part.rare_repeats:
            labels = source.rows.targets
            rare = np.flatnonzero((labels[:, labels.sum(0) < part.rare_below] > 0).any(1))
            chosen += [rare] * part.rare_repeats
        at = np.concatenate(chosen)
        parts.append(np.stack([np.full(len(at), s), at], 1))
    out: NDArray[np.int64] = np.concatenate(parts)
    rng.shuffle(out)
    return out


def _hidden(row: NDArray[np.int64], share: float, mask: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A copy with some inner tokens masked."""
    hide = rng.random(len(row)) < share
    hide[[0, -1]] = False
    return np.where(hide, mask, row)


def _run_stage(
    model: TextModel,
    stage: Stage,
    corpora: _Corpora,
    out: Path,
    what: str,
    mark: Mapping[str, Any],
    progress: Progress | None,
) -> None:
    """Train one stage, from its last checkpoint where there is one."""
    learner = _Learner(model, stage)
    if (out / "last.safetensors").exists() and all(_read(out)[1].get(k) == v for k, v in mark.items()):
        learner.load(out)
    sources = corpora.sources(stage)
    of_head = {p.head: objective(p.objective) for p in stage.parts}
    targets = [
        torch.from_numpy(
            of_head[s.part.head]
            .mix(s.rows.targets, s.soft.get(s.part.head), stage.taught)
            .astype(np.float32)
        )
        for s in sources
    ]
    lessons = [
        {h: torch.from_numpy(v) for h, v in s.soft.items() if h != s.part.head and h in of_head}
        if stage.taught_weight
        else {}
        for s in sources
    ]
    dense = [p for name, p in model.named_parameters() if name != "enc.word.weight"]
    per_epoch = len(_epoch(sources, np.random.default_rng(0))) // stage.batch
    steps = per_epoch * stage.epochs
    warm = max(1, int(stage.warm_up * steps))
    model.train()
    while learner.epochs < stage.epochs:
        order = _epoch(sources, learner.rng)
        for k in range(per_epoch):
            pairs = order[k * stage.batch : (k + 1) * stage.batch]
            pairs = pairs[np.argsort([len(sources[s].tokens[i]) for s, i in pairs], kind="stable")]
            rows = [sources[s].tokens[i] for s, i in pairs]
            if stage.masked:
                rows = [_hidden(row, stage.masked, corpora.mask, learner.rng) for row in rows]
            step = learner.step
            learner.pace(step / warm if step < warm else max(0.0, (steps - step) / max(1, steps - warm)))
            with torch.autocast("cpu", torch.bfloat16, enabled=stage.precision == "bfloat16"):
                outputs = model(
                    torch.from_numpy(np.concatenate(rows)), torch.tensor([len(r) for r in rows]), learner.dropout
                )
            loss: Tensor = torch.zeros(())
            for s, source in enumerate(sources):
                at = np.flatnonzero(pairs[:, 0] == s)
                if not len(at):
                    continue
                which = pairs[at, 1]
                each = of_head[source.part.head].loss(outputs[source.part.head][at].float(), targets[s][which])
                loss = loss + source.part.weight * each.sum() / stage.batch
                for head, soft in lessons[s].items():
                    each = of_head[head].taught(outputs[head][at].float(), soft[which])
                    loss = loss + stage.taught_weight * each.sum() / stage.batch
            loss.backward()
            torch.nn.utils.clip_grad_norm_(dense, stage.clip)
            learner.optimiser.step()
            learner.words.step()
            learner.optimiser.zero_grad()
            learner.words.zero_grad()
            learner.step += 1
            if progress:
                progress(what, learner.step, steps, float(loss.detach()))
        learner.epochs += 1
        learner.save(out, mark)
