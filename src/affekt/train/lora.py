"""Low-rank adaptation of a causal language model to prompts about emotions (LoRA, Hu et al. 2021).

The weights stay as they are; beside each of some linear maps two thin ones are learned, whose product is added. Files
are those of the library peft: `adapter_model.safetensors` and `adapter_config.json`. The loss is on the tokens of the
answer alone, and conversations come from easy to hard where a curriculum is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.catalog.recipes import Curriculum
from affekt.core.clip import Clip
from affekt.core.errors import InputError, ModelError, OutputError
from affekt.core.works import implements
from affekt.extras import need
from affekt.models.llm import HuggingFace
from affekt.models.prompting import PromptWriter
from affekt.train.curriculum import difficulty, easy_first

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["LowRank", "Tuned", "low_rank", "tune"]

Labelled = Sequence[tuple[Clip, Sequence[str]]]

_ADAPTED = ("q_proj", "v_proj")


class LowRank(nn.Module):  # type: ignore[misc, unused-ignore]
    """A linear map with a product of two thin ones beside it: `W x + (alpha / r) B A x`.

    Args:
        base: The map; its weights are not learned.
        rank: Width of the thin maps.
        alpha: Their weight is `alpha / rank`.
    """

    def __init__(self, base: nn.Linear, *, rank: int, alpha: float) -> None:
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.a = nn.Parameter(torch.empty(rank, base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))  # at first nothing is added
        nn.init.kaiming_uniform_(self.a, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (..., inputs) -> (..., outputs)."""
        out: Tensor = self.base(x) + self.scale * (x @ self.a.T @ self.b.T)
        return out


def low_rank(model: nn.Module, *, rank: int, alpha: float, names: Sequence[str] = _ADAPTED) -> dict[str, LowRank]:
    """Put low-rank maps beside the linear maps of a model whose names end so, and freeze all else.

    Returns:
        Name of each map -> what stands in its place.

    Raises:
        ModelError: The model has no such map.
    """
    for p in model.parameters():
        p.requires_grad_(False)
    out: dict[str, LowRank] = {}
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] in names:
            parent, _, own = name.rpartition(".")
            out[name] = LowRank(module, rank=rank, alpha=alpha)
            setattr(model.get_submodule(parent), own, out[name])
    if not out:
        raise ModelError(f"The model has no linear map called {' or '.join(names)}", hint="Name others of its own.")
    return out


@dataclass(frozen=True)
class Tuned:
    """What came of it.

    Attributes:
        losses: Mean loss of each epoch, in nats a token of the answers.
        steps: Updates.
        rows: Prompts learned from.
    """

    losses: tuple[float, ...]
    steps: int
    rows: int


@implements(works=["prc-emo"])
def tune(
    folder: str | Path,
    rows: Labelled,
    writer: PromptWriter,
    out: Path,
    *,
    rank: int = 8,
    alpha: float = 16.0,
    names: Sequence[str] = _ADAPTED,
    epochs: int = 2,
    rate: float = 1e-3,
    batch: int = 8,
    curriculum: Curriculum | None = None,
    seed: int = 1,
    progress: Callable[[str, int, int, float], None] | None = None,
) -> Tuned:
    """Learn an adapter on prompts about labelled turns, and write it.

    Args:
        folder: Folder of a causal language model, as transformers saves it.
        rows: Turns with their labels; those of one conversation stand together.
        writer: What is asked about them. Examples never come from the conversation that is asked about.
        out: Folder for the adapter.
        rank: Width of the thin maps.
        alpha: Their weight is `alpha / rank`.
        names: Last part of the names of the linear maps that are adapted.
        epochs: Passes over the rows.
        rate: Learning rate of AdamW; it falls to 0 along a straight line.
        batch: Prompts of one update.
        curriculum: How conversations are put from easy to hard in each epoch; `None` for a random order of them.
        seed: Seed of the maps and of all order.
        progress: Called with (what is trained, step, steps, loss).

    Raises:
        InputError: No row has words and a label.
        ModelError: The folder holds no such model, or it has no such maps.
        OutputError: The adapter cannot be written.
    """
    backend = HuggingFace(folder)
    told = [(clip, given[0]) for clip, given in rows if given and (clip.text or "").strip()]
    if not told:
        raise InputError("No row has both words and a label")
    torch.manual_seed(seed)
    maps = low_rank(backend.model, rank=rank, alpha=alpha, names=names)
    learned = [p for each in maps.values() for p in (each.a, each.b)]
    asked = writer.write([clip for clip, _ in told])
    ends = [backend.tokenizer.eos_token_id] if backend.tokenizer.eos_token_id is not None else []
    pairs = []
    for messages, (_, label) in zip(asked, told, strict=True):
        answer = backend.tokenizer(f" {label}", add_special_tokens=False)["input_ids"] + ends
        pairs.append((backend.tokens(messages)[-backend.window :], answer))
    blocks: dict[str, list[int]] = {}
    for i, (clip, _) in enumerate(told):
        blocks.setdefault(clip.dialogue or clip.id, []).append(i)
    places = list(blocks.values())
    degrees = None
    if curriculum is not None:
        how = {"same": curriculum.same, "other": curriculum.other}
        degrees = [difficulty([told[i][1] for i in at], [told[i][0].speaker for i in at], **how) for at in places]
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(learned, lr=rate, weight_decay=0.0)
    steps, step = epochs * -(-len(pairs) // batch), 0
    losses = []
    backend.model.train()
    for _ in range(epochs):
        order = rng.permutation(len(places))
        if degrees is not None and curriculum is not None:
            order = easy_first(degrees, curriculum.buckets, rng)
        at = [i for k in order for i in places[k]]
        total = count = 0.0
        for first in range(0, len(at), batch):
            loss, n = _loss(backend.model, [pairs[i] for i in at[first : first + batch]])
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            for group in optimiser.param_groups:
                group["lr"] = rate * (1 - step / steps)
            optimiser.step()
            step += 1
            total, count = total + float(loss.detach()) * n, count + n
            if progress:
                progress("adapter", step, steps, float(loss.detach()))
        losses.append(total / count)
    _write(maps, out, folder=Path(folder), rank=rank, alpha=alpha, names=names)
    return Tuned(tuple(losses), steps, len(pairs))


def _loss(model: Any, pairs: Sequence[tuple[list[int], list[int]]]) -> tuple[Tensor, int]:
    """Mean loss over the tokens of the answers of a batch, and their number."""
    longest = max(len(asked) + len(answer) for asked, answer in pairs)
    ids = torch.zeros(len(pairs), longest, dtype=torch.long)
    mask, wanted = torch.zeros_like(ids), torch.full_like(ids, -100)
    for row, (asked, answer) in enumerate(pairs):
        n = len(asked) + len(answer)
        ids[row, :n] = torch.tensor(asked + answer)
        mask[row, :n] = 1
        wanted[row, len(asked) : n] = torch.tensor(answer)
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
    loss: Tensor = nn.functional.cross_entropy(logits.flatten(0, 1), wanted[:, 1:].flatten(), ignore_index=-100)
    return loss, int((wanted != -100).sum())


def _write(maps: dict[str, LowRank], out: Path, *, folder: Path, rank: int, alpha: float, names: Sequence[str]) -> None:
    save_file = need("safetensors.torch", extra="train").save_file
    tensors = {}
    for name, each in maps.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = each.a.detach().contiguous()
        tensors[f"base_model.model.{name}.lora_B.weight"] = each.b.detach().contiguous()
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": folder.resolve().name,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "target_modules": list(names),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        save_file(tensors, out / "adapter_model.safetensors")
        (out / "adapter_config.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    except OSError as err:
        raise OutputError(f"The adapter cannot be written: {err.strerror or err}", where=str(out)) from err
