"""Masked-word pre-training: the encoder learns to guess hidden words, those of emotion more often than others.

Masked language modelling is Devlin et al. 2019; hiding words of emotion with a higher probability is LEIA (Aroyehun
et al. 2023). Which words are of emotion is measured from labelled rows, so that no lexicon is needed and any language
will do: a token is one that stands clearly more often in texts with some label than in those without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import HeadPlan, Pretraining
from affekt.catalog.spaces import space
from affekt.core.errors import DataError, InputError
from affekt.extras import need
from affekt.train.learner import Learner, pace
from affekt.train.lexicon import speaking
from affekt.train.start import Start, texts_of
from affekt.train.targets import rows_of, token_rows

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn
    from torch.nn import functional

    from affekt.train.encoder import Dropout, TextModel
else:
    torch = need("torch", extra="train")
    nn, functional = torch.nn, torch.nn.functional

__all__ = ["Guesser", "pretrained"]

Progress = Callable[[str, int, int, float], None]


class Guesser(nn.Module):
    """An encoder that guesses words: a layer on the token vectors, and the word table as the output.

    Args:
        model: Holds the encoder.
    """

    def __init__(self, model: TextModel) -> None:
        super().__init__()
        self.enc = model.enc
        vocabulary, width = self.enc.word.weight.shape
        # The table gets gradients for every word here, since every word is a possible guess.
        self.enc.word.sparse = False
        self.dense = nn.Linear(width, width)
        self.ln = nn.LayerNorm(width, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, ids: Tensor, lengths: Tensor, at: Tensor, dropout: Dropout | None = None) -> Tensor:
        """Logits of every word at some places of packed texts, shape (places, words)."""
        x, _ = self.enc(ids, lengths, dropout)
        guess = self.ln(functional.gelu(self.dense(x[at])))
        return functional.linear(guess, self.enc.word.weight, self.bias)


def _labelled(
    plan: Pretraining, start: Start, most: int, *, data: Path | None, limit: int | None, size: int
) -> NDArray[np.bool_]:
    """The words of emotion, and never a part of the frame such as the opening token."""
    out = np.zeros(size, bool)
    for name in plan.emotion_from:
        own = corpus(name).space
        if not space(own).labels:
            raise InputError(f"The corpus {name} has no labels that could tell words of emotion")
        rows = rows_of(name, HeadPlan(space=own), data=data, limit=limit)
        tokens = token_rows(start.tokenizer, rows.texts, most)
        out |= speaking(tokens, rows.values, vocabulary=size)[0].any(0)
    return out


def _hide(
    row: NDArray[np.int64], share: NDArray[np.float64], mask: int, size: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """A row with some words hidden, and which: of those, 8 in 10 are masked and 1 in 10 is another word."""
    hidden = rng.random(len(row)) < share[row]
    hidden[[0, -1]] = False
    how = rng.random(len(row))
    out = np.where(hidden & (how < 0.8), mask, row)
    return np.where(hidden & (how >= 0.9), rng.integers(0, size, len(row)), out), hidden


def pretrained(
    plan: Pretraining,
    start: Start,
    out: Path,
    *,
    most: int,
    data: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Mapping[str, Any]:
    """Pre-train the encoder that a recipe starts from.

    Args:
        plan: On which texts, and how.
        start: What it starts from.
        out: Folder; a run that was broken off goes on after its last whole epoch, and a finished one is not repeated.
        most: Tokens at which texts are cut.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most texts of each corpus; for a trial.
        progress: Called with (what, step, steps, loss) after each step.

    Returns:
        State of the encoder.

    Raises:
        DataError: There are too few texts for one step.
        InputError: Words of emotion are asked for, and nothing tells them.
    """
    from tokenizers import Tokenizer

    done = out / "encoder.safetensors"
    files = need("safetensors.torch", extra="train")
    if done.is_file():
        found: Mapping[str, Any] = files.load_file(done)
        return found
    if (plan.emotion_hidden is None) == bool(plan.emotion_from):
        raise InputError("`emotion_hidden` and `emotion_from` of [pretraining] belong together")
    few = min(n for n in (plan.rows, limit, 10**9) if n is not None)
    rows = token_rows(start.tokenizer, [t for _, t in texts_of(plan.corpora, data=data, limit=few)], most)
    rows = [r for r in rows if len(r) > 3]
    if len(rows) < plan.batch:
        raise DataError(f"There are {len(rows)} texts for pre-training, and a batch is {plan.batch}")
    tokenizer = Tokenizer.from_file(str(start.tokenizer))
    size = tokenizer.get_vocab_size()
    share = np.full(size, plan.hidden)
    if plan.emotion_hidden is not None:
        share[_labelled(plan, start, most, data=data, limit=limit, size=size)] = plan.emotion_hidden
    mask = tokenizer.token_to_id("[MASK]") or 0

    model = Guesser(start.model({}, seed=plan.seed))
    groups = [
        {"params": [p], "lr": plan.rate, "base": plan.rate, "weight_decay": plan.weight_decay if p.ndim > 1 else 0.0}
        for p in model.parameters()
    ]
    learner = Learner(model, {"adamw": torch.optim.AdamW(groups, fused=True)}, dropout=plan.dropout, seed=plan.seed)
    if (out / "last.safetensors").is_file():
        learner.load(out)
    per_epoch = len(rows) // plan.batch
    steps = per_epoch * plan.epochs
    model.train()
    while learner.epochs < plan.epochs:
        order = learner.rng.permutation(len(rows))
        for k in range(per_epoch):
            some = sorted((rows[i] for i in order[k * plan.batch : (k + 1) * plan.batch]), key=len)
            seen, hidden = zip(*(_hide(r, share, mask, size, learner.rng) for r in some), strict=True)
            at = torch.from_numpy(np.flatnonzero(np.concatenate(hidden)))
            words = torch.from_numpy(np.concatenate(some))[at]
            with torch.autocast("cpu", torch.bfloat16, enabled=plan.precision == "bfloat16"):
                ids, lengths = torch.from_numpy(np.concatenate(seen)), torch.tensor([len(r) for r in some])
                logits = model(ids, lengths, at, learner.dropout)
            # An empty mean would be NaN, and stay so.
            loss = functional.cross_entropy(logits.float(), words) if len(at) else logits.float().sum()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
            learner.update(pace(learner.step, steps, plan.warm_up))
            if progress:
                progress("pre-training", learner.step, steps, float(loss.detach()))
        learner.epochs += 1
        learner.save(out, {})
    state = {k: v.detach().contiguous() for k, v in model.enc.state_dict().items()}
    files.save_file(state, out / "encoder.safetensors.new")
    (out / "encoder.safetensors.new").replace(done)
    (out / "last.safetensors").unlink()
    return state
