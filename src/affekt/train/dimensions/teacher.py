"""The teacher: kernel ridge regression on the vectors of every layer of an encoder that is left as it is.

With eight thousand rated texts nothing that was tuned said more than this: every layer's mean vector, standardised and
brought to the same length, in a Gaussian kernel (Saunders, Gammerman & Vovk, "Ridge Regression Learning Algorithm in
Dual Variables", ICML 1998).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.catalog.recipes import Kernel
from affekt.extras import need
from affekt.train.encoder import Encoder

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["Teacher", "layer_means"]

_TOKENS_A_CALL = 1600
_TEXTS_A_CALL = 2000


def layer_means(
    encoder: Encoder, rows: Sequence[NDArray[np.int64]], *, progress: Callable[[int, int], None] | None = None
) -> NDArray[np.float16]:
    """The mean over the tokens of each text of every layer of an encoder, the embeddings first.

    Args:
        encoder: The encoder.
        rows: Tokens of each text.
        progress: Called with (texts done, texts).

    Returns:
        Shape (texts, layers + 1, width).
    """
    heard: list[Tensor] = []

    def hear(_: Any, __: Any, output: Tensor) -> None:
        heard.append(output)

    places = [encoder.ln, *encoder.layers]
    hooks = [place.register_forward_hook(hear) for place in places]
    width = encoder.ln.weight.shape[0]
    out = np.zeros((len(rows), len(places), width), np.float16)
    order = np.argsort([len(row) for row in rows], kind="stable")
    done = 0
    try:
        while done < len(order):
            most = max(1, _TOKENS_A_CALL // len(rows[order[done]]))
            at = order[done : done + most]
            lengths = torch.tensor([len(rows[i]) for i in at])
            heard.clear()
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
                _, owner = encoder(torch.from_numpy(np.concatenate([rows[i] for i in at])), lengths)
                sums = [torch.zeros(len(at), width).index_add(0, owner, x.float()) for x in heard]
            out[at] = (torch.stack(sums, 1) / lengths[:, None, None]).numpy()
            done += len(at)
            if progress:
                progress(done, len(order))
    finally:
        for hook in hooks:
            hook.remove()
    return out


class Teacher:
    """What rated texts say of others.

    Args:
        plan: The kernel.
        means: Vectors of the rated texts, shape (rated, layers, width).
        gold: Their mean ratings, shape (rated, dimensions).
        seed: Seed of the folds.
    """

    def __init__(self, plan: Kernel, means: NDArray[np.float16], gold: NDArray[np.float64], *, seed: int) -> None:
        self._plan = plan
        flat = means.reshape(len(means), -1).astype(np.float32)
        self._middle, self._spread = flat.mean(0), np.maximum(flat.std(0), np.float32(1e-6))
        self._known = self._view(means)
        self._between = self._near(self._known)
        self._gold = torch.from_numpy(gold.astype(np.float32))
        self._fold = np.random.default_rng(seed).permutation(len(gold)) % plan.folds

    def _view(self, means: NDArray[np.float16]) -> Tensor:
        """Every layer standardised and brought to one length; the whole has length 1."""
        each = (means.reshape(len(means), -1) - self._middle) / self._spread
        layers = each.reshape(means.shape).astype(np.float32)
        layers /= np.maximum(np.linalg.norm(layers, axis=2, keepdims=True), 1e-9) * means.shape[1] ** 0.5
        return torch.from_numpy(layers.reshape(len(means), -1))

    def _near(self, view: Tensor) -> Tensor:
        """The kernel between texts and the rated ones, shape (texts, rated)."""
        return torch.exp(-self._plan.breadth * (2 - 2 * (view @ self._known.T)).clamp(min=0))

    def _learned(self, near: Tensor, gold: Tensor) -> tuple[Tensor, Tensor]:
        middle = gold.mean(0)
        return torch.linalg.solve(near + self._plan.ridge * torch.eye(len(near)), gold - middle), middle

    def unseen(self) -> NDArray[np.float64]:
        """What is said of each rated text by those of the other folds, shape (rated, dimensions)."""
        near = self._between
        out = np.zeros(self._gold.shape)
        for fold in range(self._plan.folds):
            others, own = (torch.from_numpy(np.flatnonzero(x)) for x in (self._fold != fold, self._fold == fold))
            shares, middle = self._learned(near[others][:, others], self._gold[others])
            out[own] = (near[own][:, others] @ shares + middle).numpy()
        return out

    def answers(self, means: NDArray[np.float16]) -> NDArray[np.float64]:
        """What is said of other texts, shape (texts, dimensions)."""
        shares, middle = self._learned(self._between, self._gold)
        some = (means[k : k + _TEXTS_A_CALL] for k in range(0, len(means), _TEXTS_A_CALL))
        each = [(self._near(self._view(part)) @ shares + middle).numpy() for part in some]
        return np.concatenate(each).astype(np.float64) if each else np.zeros((0, self._gold.shape[1]))
