"""A BERT encoder that reads a batch without padding, and the heads on top of it.

The texts of a batch are laid end to end; all work that concerns one token at a time (which is nearly all) runs on
that one long row, and only attention is computed on small padded groups of texts of like length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.extras import need
from affekt.train.families import RELATIVE
from affekt.train.relative import BUCKETS, relative_buckets
from affekt.train.together import read_together, turns_of

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn
    from torch.nn import functional
else:
    torch = need("torch", extra="train")
    nn, functional = torch.nn, torch.nn.functional

__all__ = ["Dropout", "Encoder", "TextModel", "bert_names", "load_bert"]

# Texts in one attention group. Batches are sorted by length, so that a group holds little padding.
_GROUP = 32


class Dropout:
    """Dropout from a bank of masks: on a CPU, drawing noise costs more than the layers that it is for.

    Args:
        rate: Share of units set to 0.
        seed: Seed of the bank and of the places at which it is read.
        size: Numbers in the bank.
    """

    def __init__(self, rate: float, *, seed: int, size: int = 1 << 23) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.bank = (torch.rand(size, generator=generator) >= rate).float().div_(1 - rate)
        self.generator = generator

    def __call__(self, x: Tensor) -> Tensor:
        """`x` with dropout."""
        n = x.numel()
        at = int(torch.randint(0, self.bank.numel() - n, (1,), generator=self.generator))
        return x * self.bank[at : at + n].view_as(x)


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int, marks: int, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.ln1 = nn.LayerNorm(width, eps=eps)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.ln2 = nn.LayerNorm(width, eps=eps)
        self.register_parameter("polarity", nn.Parameter(torch.zeros(heads, marks)) if marks else None)

    def forward(
        self, x: Tensor, groups: list[tuple[int, int, Tensor, Tensor, Tensor | None]], dropout: Dropout | None
    ) -> Tensor:
        width = x.shape[1]
        parts = []
        each = zip(groups, self.qkv(x).split([len(g[2]) for g in groups]), strict=True)
        for (n, longest, at, bias, marks), qkv in each:
            full = n * longest == len(at)
            padded = qkv if full else qkv.new_zeros(n * longest, 3 * width).index_copy(0, at, qkv)
            q, k, v = padded.view(n, longest, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
            # Written out, since the fused kernel goes backward slowly on a processor, in bfloat16 above all.
            scores = torch.matmul(q * (width // self.heads) ** -0.5, k.transpose(-1, -2)) + bias.to(q.dtype)
            if marks is not None:
                scores = scores + (marks @ self.polarity.T).transpose(1, 2)[:, :, None]
            a = torch.matmul(torch.softmax(scores.float(), -1).to(q.dtype), v)
            a = a.transpose(1, 2).reshape(n * longest, width)
            parts.append(a if full else a.index_select(0, at))
        a = self.out(torch.cat(parts))
        x = self.ln1(x + (dropout(a) if dropout else a))
        m = self.down(functional.gelu(self.up(x)))
        y: Tensor = self.ln2(x + (dropout(m) if dropout else m))
        return y


class Encoder(nn.Module):
    """BERT (Devlin et al. 2019) over packed texts.

    Args:
        vocabulary: Number of word pieces.
        width: Size of a token's vector.
        layers: Number of layers.
        heads: Attention heads.
        inner: Width of the layer within a layer.
        positions: Most tokens of a text.
        eps: What is added to the variance in layer norm.
        marks: What is known of each word piece beside its vector, in so many numbers; attention is biased by them
            (`affekt.train.polarity`). 0 for none.
        relative: Whether attention also knows how far apart two tokens are (`affekt.train.relative`).
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        width: int = 384,
        layers: int = 6,
        heads: int = 12,
        inner: int = 1536,
        positions: int = 512,
        eps: float = 1e-12,
        marks: int = 0,
        relative: bool = False,
    ) -> None:
        super().__init__()
        self.word = nn.Embedding(vocabulary, width, sparse=True)
        self.pos = nn.Embedding(positions, width)
        self.typ = nn.Parameter(torch.zeros(width))
        self.ln = nn.LayerNorm(width, eps=eps)
        self.layers = nn.ModuleList(_Layer(width, heads, inner, marks, eps) for _ in range(layers))
        self.register_buffer("polarity", torch.zeros(vocabulary, marks) if marks else None)
        self.register_parameter("relative", nn.Parameter(torch.zeros(BUCKETS, heads)) if relative else None)

    def forward(
        self, ids: Tensor, lengths: Tensor, dropout: Dropout | None = None, turns: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Encode packed texts.

        Args:
            ids: Tokens of all texts end to end, shape (tokens,).
            lengths: Tokens of each text, shape (texts,); best in ascending order.
            dropout: `None` outside training.
            turns: The turn of its text that each token is of, shape (tokens,); no token then sees a later turn than
                its own. `None` where every token sees all of its text.

        Returns:
            Token vectors, shape (tokens, width), and the text that each belongs to, shape (tokens,).
        """
        owner = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        position = torch.arange(len(ids)) - torch.repeat_interleave(lengths.cumsum(0) - lengths, lengths)
        chunks = lengths.split(_GROUP)
        sizes = [int(c.sum()) for c in chunks]
        groups = []
        of = [None] * len(sizes) if turns is None else turns.split(sizes)
        for some, places, pieces, turn in zip(chunks, position.split(sizes), ids.split(sizes), of, strict=True):
            n, longest = len(some), int(some.max())
            at = torch.repeat_interleave(torch.arange(n), some) * longest + places
            missing = (torch.arange(longest)[None] >= some[:, None])[:, None]
            if turn is not None:
                each = turn.new_zeros(n * longest).index_copy(0, at, turn).view(n, longest)
                missing = missing | (each[:, None] > each[:, :, None])
            bias = torch.zeros(n, 1, missing.shape[1], longest).masked_fill(missing[:, None], -1e9)
            if self.relative is not None:
                buckets = torch.from_numpy(relative_buckets(longest))
                # A product with which bucket it is, since the gradient of a look-up adds up in any order.
                apart = functional.one_hot(buckets, BUCKETS).float() @ self.relative
                bias = bias + apart.permute(2, 0, 1)[None]
            marks = None
            if self.polarity is not None:
                marks = bias.new_zeros(n * longest, self.polarity.shape[1])
                marks = marks.index_copy(0, at, self.polarity[pieces]).view(n, longest, -1)
            groups.append((n, longest, at, bias, marks))
        # Not `self.pos.weight[position]`, whose gradient adds up in whatever order the threads come.
        x = self.ln(self.word(ids) + self.pos(position) + self.typ)
        if dropout:
            x = dropout(x)
        for layer in self.layers:
            x = layer(x, groups, dropout)
        return x, owner


class TextModel(nn.Module):
    """The encoder, with a second net beside it where one is asked for, and one linear head for each task.

    Args:
        heads: Name -> number of outputs.
        vocabulary: Number of word pieces.
        width: Size of a token's vector.
        layers: Number of layers.
        attention_heads: Attention heads.
        inner: Width of the layer within a layer; default four times `width`.
        positions: Most tokens of a text.
        eps: What is added to the variance in layer norm.
        marks: As for `Encoder`.
        relative: As for `Encoder`.
        tandem: Size of a word's vector and units in each direction of the net beside the encoder; `None` for none.
        separator: Token after each turn of a text that is read with turns before it. The heads then read the mean over
            the last turn alone, which attention has shown what came before. `None` for the mean over all.
        onwards: Whether no turn sees a later one. What is said of a turn is then the same whether those after it are
            there or not, so that all turns of a conversation are learned from one reading of it.
        whole: Whether the turns of a conversation that are read together see one another, later ones too.
    """

    def __init__(
        self,
        heads: Mapping[str, int],
        *,
        vocabulary: int,
        width: int = 384,
        layers: int = 6,
        attention_heads: int = 12,
        inner: int | None = None,
        positions: int = 512,
        eps: float = 1e-12,
        marks: int = 0,
        relative: bool = False,
        tandem: tuple[int, int] | None = None,
        separator: int | None = None,
        onwards: bool = False,
        whole: bool = False,
    ) -> None:
        super().__init__()
        self.separator, self.onwards = separator, onwards
        self.together = separator is not None and (onwards or whole)
        self.enc = Encoder(
            vocabulary=vocabulary,
            width=width,
            layers=layers,
            heads=attention_heads,
            inner=inner or 4 * width,
            positions=positions,
            eps=eps,
            marks=marks,
            relative=relative,
        )
        self.tandem = None
        if tandem:
            from affekt.train.tandem import TandemNet

            self.tandem = TandemNet(vocabulary=vocabulary, width=tandem[0], hidden=tandem[1])
            width += 2 * tandem[1]
        self.head_names = tuple(heads)
        for name, units in heads.items():
            self.add_module(name, nn.Linear(width, units))

    def read(
        self,
        rows: Sequence[NDArray[np.int64]],
        dropout: Dropout | None = None,
        hide: Callable[[NDArray[np.int64]], NDArray[np.int64]] | None = None,
    ) -> dict[str, Tensor]:
        """Outputs on token rows, in their order.

        Where turns of a conversation are read together, a row that begins another is read with that one.

        Args:
            rows: Arrays of shape (tokens,); best in ascending order of their lengths.
            dropout: `None` outside training.
            hide: What is done to each text that is read, such as hiding words.
        """
        asked = answers = None
        if self.together and self.separator is not None:
            rows, asked, answers = read_together(rows, self.separator)
        if hide:
            rows = [hide(row) for row in rows]
        lengths = torch.tensor([len(row) for row in rows])
        found = self(torch.from_numpy(np.concatenate(rows)), lengths, dropout, asked)
        return found if answers is None else {name: value[answers] for name, value in found.items()}

    def batches(self, rows: Sequence[NDArray[np.int64]], size: int) -> list[NDArray[np.int64]]:
        """Places of rows that are best read together, about so many each: of like length, conversations undivided."""
        lengths = [len(row) for row in rows]
        if not self.together or self.separator is None:
            order = np.argsort(lengths, kind="stable")
            return [order[k : k + size] for k in range(0, len(order), size)]
        _, asked, answers = read_together(rows, self.separator)
        order = np.argsort(asked[answers, 0], kind="stable")
        starts = np.flatnonzero(np.diff(asked[answers, 0][order], prepend=-1))
        cuts = [0]
        for start in starts[1:]:
            if start - cuts[-1] >= size:
                cuts.append(int(start))
        return np.split(order, cuts[1:])

    def forward(
        self,
        ids: Tensor,
        lengths: Tensor,
        dropout: Dropout | None = None,
        asked: NDArray[np.int64] | None = None,
    ) -> dict[str, Tensor]:
        """Outputs of all heads on the mean vector of each text, or of its last turn, and that mean as `embedding`.

        With a net beside the encoder, what it says of the text stands after that mean. Each of shape (texts, units).

        Args:
            ids: As for `Encoder`.
            lengths: As for `Encoder`.
            dropout: As for `Encoder`.
            asked: Text and turn of each answer, shape (answers, 2); default the last turn of each text.
        """
        turns = None if self.separator is None else turns_of(ids, lengths, self.separator)
        x, owner = self.enc(ids, lengths, dropout, turns if self.onwards else None)
        answers, count = len(lengths), lengths
        if turns is not None:
            of, turn = asked.T if asked is not None else (torch.arange(answers), turns[lengths.cumsum(0) - 1])
            answers = len(of)
            # Which answer a token counts for; -1 for none.
            places = torch.full((len(lengths), int(turns.max()) + 1), -1)
            places[of, turn] = torch.arange(answers)
            owner = places[owner, turns]
            own = owner >= 0
            x, owner, count = x[own], owner[own], torch.bincount(owner[own], minlength=answers)
        pooled = x.new_zeros(answers, x.shape[1]).index_add(0, owner, x) / count[:, None]
        if self.tandem is not None:
            pooled = torch.cat([pooled, self.tandem(ids, lengths)[0]], 1)
        if dropout:
            pooled = dropout(pooled)
        return {"embedding": pooled, **{name: self.get_submodule(name)(pooled) for name in self.head_names}}


_LAYER_PARTS: tuple[tuple[str, str], ...] = (
    ("out", "attention.output.dense"),
    ("ln1", "attention.output.LayerNorm"),
    ("up", "intermediate.dense"),
    ("down", "output.dense"),
    ("ln2", "output.LayerNorm"),
)
_QKV = ("query", "key", "value")


def load_bert(encoder: Encoder, file: Path) -> None:
    """Fill the encoder from the `model.safetensors` of a BERT in Hugging Face's naming."""
    state: dict[str, Any] = need("safetensors.torch", extra="train").load_file(file)
    state = {k.removeprefix("bert."): v for k, v in state.items()}
    # What the file does not know of stays as it is.
    own: dict[str, Tensor] = {k: v for k, v in encoder.state_dict().items() if "polarity" in k} | {
        "word.weight": state["embeddings.word_embeddings.weight"],
        "pos.weight": state["embeddings.position_embeddings.weight"],
        "typ": state["embeddings.token_type_embeddings.weight"][0],
    }
    for kind in ("weight", "bias"):
        own[f"ln.{kind}"] = state[f"embeddings.LayerNorm.{kind}"]
        for i in range(len(encoder.layers)):
            theirs, ours = f"encoder.layer.{i}.", f"layers.{i}."
            own[f"{ours}qkv.{kind}"] = torch.cat([state[f"{theirs}attention.self.{part}.{kind}"] for part in _QKV])
            for a, b in _LAYER_PARTS:
                own[f"{ours}{a}.{kind}"] = state[f"{theirs}{b}.{kind}"]
    if encoder.relative is not None:
        own["relative"] = state[RELATIVE]
    encoder.load_state_dict(own)


def bert_names(weights: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """The state of a `TextModel`, as arrays, in Hugging Face's naming: what `load_bert` reads, and `heads.NAME.*`.

    What BERT does not have stands beside it: `polarity.*` and `tandem.*`.
    """
    out: dict[str, NDArray[np.float32]] = {
        "embeddings.word_embeddings.weight": weights["enc.word.weight"],
        "embeddings.position_embeddings.weight": weights["enc.pos.weight"],
        # The second type is for the second of a pair of texts, which is never read here.
        "embeddings.token_type_embeddings.weight": np.stack([weights["enc.typ"]] * 2),
    }
    for name, value in weights.items():
        body, _, kind = name.rpartition(".")
        if name == "enc.relative":
            out[RELATIVE] = value
        elif kind == "polarity":
            out[f"polarity.{body.removeprefix('enc.').removeprefix('enc') or 'pieces'}"] = value
        elif name.startswith("tandem."):
            out[name] = value
        elif body == "enc.ln":
            out[f"embeddings.LayerNorm.{kind}"] = value
        elif not name.startswith("enc."):
            out[f"heads.{name}"] = value
        elif name.startswith("enc.layers."):
            _, _, i, part = body.split(".")
            theirs = f"encoder.layer.{i}."
            if part == "qkv":
                for some, where in zip(np.split(value, 3), _QKV, strict=True):
                    out[f"{theirs}attention.self.{where}.{kind}"] = some
            else:
                out[f"{theirs}{dict(_LAYER_PARTS)[part]}.{kind}"] = value
    return {k: np.ascontiguousarray(v) for k, v in out.items()}
