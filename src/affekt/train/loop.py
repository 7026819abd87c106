"""The training loop: recipe in, weights out, resumable at every epoch."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

__all__ = ["Progress", "train"]

Progress = Callable[[int, int, float], None]


@dataclass
class _Source:
    """A part of a stage with its tokenised rows."""

    part: Part
    rows: Rows
    tokens: list[NDArray[np.int64]]


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
        out: Folder for checkpoints; a run that was broken off goes on after its last whole epoch.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows taken of each corpus; for a trial run.
        progress: Called with (step, steps, loss) of the stage.

    Returns:
        The weights as arrays, and the file of their tokenizer.

    Raises:
        DataError: A corpus is missing.
        MissingExtraError: The `train` extra is not installed.
    """
    out.mkdir(parents=True, exist_ok=True)
    start = Path(str(resources.files(recipe.encoder))) / "model"
    texts = {c: rows_of(c, data=data, limit=limit) for stage in recipe.stages for c in {p.corpus for p in stage.parts}}
    vocabulary = json.loads((start / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    model = TextModel(recipe.heads, vocabulary=len(vocabulary))
    load_bert(model.enc, start / "model.safetensors")
    tokenizer_file = start / "tokenizer.json"
    done = _resume(out, model)
    for number, stage in enumerate(recipe.stages):
        torch.manual_seed(stage.seed)
        if stage.emoji and tokenizer_file.parent == start:
            tokenizer_file = out / "tokenizer.json"
            given = add_emoji(start / "tokenizer.json", (t for r in texts.values() for t in r.texts), tokenizer_file)
            if done < (number, 0):
                _start_emoji(model, given, start / "tokenizer.json")
        sources = [
            _Source(p, texts[p.corpus], token_rows(tokenizer_file, texts[p.corpus].texts, recipe.max_tokens))
            for p in stage.parts
        ]
        if stage.share < 1.0 and done < (number, 0):
            _keep(out, model, number)
        if done < (number, stage.epochs):
            _run_stage(model, stage, sources, out, number, done, progress)
            if stage.share < 1.0:
                _average(out, model, number, stage.share)
                _save(out, model, number, stage.epochs)
    return {k: v.detach().numpy() for k, v in model.state_dict().items()}, tokenizer_file


def _start_emoji(model: TextModel, given: dict[str, int], tokenizer_file: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    table = model.enc.word.weight
    with torch.no_grad():
        for character, i in given.items():
            pieces = tokenizer.encode(unicodedata.name(character).lower(), add_special_tokens=False).ids
            table[i] = table[pieces].mean(0)


def _resume(out: Path, model: TextModel) -> tuple[int, int]:
    """Load the last checkpoint; returns (stage, epochs done in it)."""
    state, mark = out / "last.safetensors", out / "last.json"
    if not (state.exists() and mark.exists()):
        return (-1, 0)
    model.load_state_dict(need("safetensors.torch", extra="train").load_file(state))
    at = json.loads(mark.read_text(encoding="utf-8"))
    return (int(at["stage"]), int(at["epochs"]))


def _save(out: Path, model: TextModel, stage: int, epochs: int) -> None:
    temporary = out / "last.safetensors.new"
    need("safetensors.torch", extra="train").save_file(dict(model.state_dict()), temporary)
    temporary.replace(out / "last.safetensors")
    (out / "last.json").write_text(json.dumps({"stage": stage, "epochs": epochs}), encoding="utf-8")


def _keep(out: Path, model: TextModel, stage: int) -> None:
    need("safetensors.torch", extra="train").save_file(dict(model.state_dict()), out / f"start-{stage}.safetensors")


def _average(out: Path, model: TextModel, stage: int, share: float) -> None:
    start = need("safetensors.torch", extra="train").load_file(out / f"start-{stage}.safetensors")
    model.load_state_dict({k: (1 - share) * start[k] + share * v for k, v in model.state_dict().items()})


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


def _run_stage(
    model: TextModel,
    stage: Stage,
    sources: Sequence[_Source],
    out: Path,
    number: int,
    done: tuple[int, int],
    progress: Progress | None,
) -> None:
    """Train one stage; epochs that an earlier run finished are passed over with their random numbers drawn."""
    rng = np.random.default_rng(stage.seed)
    dropout = Dropout(stage.dropout, seed=stage.seed)
    optimiser = torch.optim.AdamW(_groups(model, stage), fused=True)
    # Only the words that occur in a batch move: a dense update of the table would cost more than the forward pass.
    base = stage.rate * stage.rate_decay ** len(model.enc.layers)
    words = torch.optim.SparseAdam([model.enc.word.weight], lr=base)
    dense = [p for name, p in model.named_parameters() if name != "enc.word.weight"]
    losses = [objective(s.part.objective) for s in sources]
    targets = [torch.from_numpy(s.rows.targets.astype(np.float32)) for s in sources]
    model.train()
    step, steps = 0, 0
    for epoch in range(stage.epochs):
        order = _epoch(sources, rng)
        per_epoch = len(order) // stage.batch
        steps = steps or per_epoch * stage.epochs
        if done >= (number, epoch + 1):
            step += per_epoch
            continue
        warm = max(1, int(stage.warm_up * steps))
        for k in range(per_epoch):
            pairs = order[k * stage.batch : (k + 1) * stage.batch]
            pairs = pairs[np.argsort([len(sources[s].tokens[i]) for s, i in pairs], kind="stable")]
            rows = [sources[s].tokens[i] for s, i in pairs]
            pace = step / warm if step < warm else max(0.0, (steps - step) / max(1, steps - warm))
            for group in optimiser.param_groups:
                group["lr"] = group["base"] * pace
            words.param_groups[0]["lr"] = base * pace + 1e-12
            outputs = model(torch.from_numpy(np.concatenate(rows)), torch.tensor([len(r) for r in rows]), dropout)
            loss: Tensor = torch.zeros(())
            for s, source in enumerate(sources):
                at = np.flatnonzero(pairs[:, 0] == s)
                if len(at):
                    each = losses[s](outputs[source.part.head][at], targets[s][pairs[at, 1]])
                    loss = loss + source.part.weight * each.sum() / stage.batch
            loss.backward()
            torch.nn.utils.clip_grad_norm_(dense, stage.clip)
            optimiser.step()
            words.step()
            optimiser.zero_grad()
            words.zero_grad()
            step += 1
            if progress:
                progress(step, steps, float(loss.detach()))
        # The last checkpoint of a stage is written once its weights are final.
        if epoch + 1 < stage.epochs or stage.share == 1.0:
            _save(out, model, number, epoch + 1)
