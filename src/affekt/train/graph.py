"""The ONNX graph of the text model, written node by node.

Writing the graph by hand, rather than tracing it, keeps three things in our grasp: position-wise work is int8 with
scales that are fixed beforehand (a text's answer must not depend on the texts beside it, which scales taken from
the batch would break), attention and GELU use ONNX Runtime's fused kernels, and word embeddings are stored in int8
with a scale for each word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.train.relative import relative_buckets
from affekt.train.writing import FLOAT, INT32, INT64, MICROSOFT, Graph, per_channel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LAYER_MEANS", "Ranges", "build_graph"]

LAYER_MEANS = "layer_means"


@dataclass
class Ranges:
    """Lowest and highest value seen at each quantised place of the graph, by the name of its input tensor."""

    low: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)


class _Network(Graph):
    def __init__(self, ranges: Ranges | None, bits: int, eps: float, step: float | None) -> None:
        super().__init__()
        self.places: list[str] = []
        self.ranges = ranges
        self.bits = bits
        self.eps = eps
        self.step = step

    def quantised(self, x: str) -> tuple[str, str, str]:
        """Quantise a tensor with its fixed range to uint8: (tensor, scale, zero point)."""
        assert self.ranges is not None
        low, high = min(self.ranges.low[x], 0.0), max(self.ranges.high[x], 0.0)
        scale = max((high - low) / 255.0, 1e-8)
        s = self.constant(x + ".scale", scale)
        z = self.constant(x + ".zero", round(-low / scale), np.uint8)
        return self.add("QuantizeLinear", [x, s, z], x + ".q"), s, z

    def linear(self, x: str, quantised: tuple[str, str, str] | None, weight: Any, bias: Any, output: str) -> str:
        """`x @ weight + bias`, in int8 where a quantised input is given."""
        b = self.constant(output + ".bias", bias)
        if quantised is None:
            w = self.constant(output + ".weight", weight)
            return self.add("Add", [self.add("MatMul", [x, w], output + ".mm"), b], output)
        q, s, z = quantised
        ints, scale = per_channel(np.asarray(weight), self.bits, self.step)
        w = self.constant(output + ".weight", ints, np.int8)
        ws = self.constant(output + ".weight.scale", scale)
        wz = self.constant(output + ".weight.zero", np.zeros(len(scale), np.int8), np.int8)
        return self.add("MatMulIntegerToFloat", [q, w, s, ws, z, wz, b], output, domain=MICROSOFT)

    def normalised(self, x: str, other: str, gamma: str, beta: str, output: str) -> str:
        """Layer norm of a sum. The fused kernel for both (SkipLayerNormalization) is far slower on processors."""
        total = self.add("Add", [x, other], output + ".in")
        return self.add("LayerNormalization", [total, gamma, beta], output, axis=-1, epsilon=self.eps)

    def place(self, x: str) -> tuple[str, str, str] | None:
        """Mark `x` as a place to quantise; quantise it where ranges are known."""
        self.places.append(x)
        return self.quantised(x) if self.ranges is not None else None


def build_graph(
    weights: Mapping[str, NDArray[np.float32]],
    *,
    heads: Mapping[str, str],
    each: Mapping[str, str] | None = None,
    ranges: Ranges | None = None,
    layer_means: bool = False,
    n_heads: int = 12,
    bits: int = 8,
    step: float | None = None,
    word_step: float | None = None,
    eps: float = 1e-12,
    separator: int | None = None,
    onwards: bool = False,
) -> tuple[Any, list[str]]:
    """Build the model as ONNX.

    Args:
        weights: State of the trained module (`Encoder` below `enc.`, linear heads beside it), as arrays. Polarity
            (`enc.polarity`) and a net beside the encoder (`tandem.*`) are built where there are weights for them, and
            so is a net in front of a head (`HEAD.enter.*`, see `affekt.train.dimensions.net`).
        heads: Name of the head in `weights` -> name of the graph's output.
        each: The same for heads that read every token.
        ranges: Activation ranges for int8. `None` builds the float32 graph that they are measured on.
        layer_means: Whether to give the mean of every layer as the output `layer_means` too.
        n_heads: Attention heads.
        bits: Bits of the int8 weights; 7 avoids saturation on processors without VNNI.
        step: As for `per_channel`, for the layers of the encoder.
        word_step: The same for word embeddings.
        eps: What is added to the variance in layer norm.
        separator: As for `TextModel`.
        onwards: As for `TextModel`.

    Returns:
        The model, and the names of the tensors at which ranges are needed. Inputs: `input_ids` int64
        (batch, length), `attention_mask` int64 (batch, length). Outputs: for each head (batch, units), float32, or
        (batch, length, units) where it reads every token.
    """
    g = _Network(ranges, bits, eps, step)
    width = weights["enc.ln.weight"].shape[0]
    n_layers = 1 + max(int(k.split(".")[2]) for k in weights if k.startswith("enc.layers."))

    # Embeddings: word + position + type, then layer norm. Position and type are folded into one small table.
    word = weights["enc.word.weight"]
    if ranges is None:
        x = g.add("Gather", [g.constant("word", word), "input_ids"], "word.rows")
    else:
        ints, scale = per_channel(word.T, 8, word_step)
        table = g.constant("word", ints.T, np.int8)
        rows = g.add("Cast", [g.add("Gather", [table, "input_ids"], "word.rows.q")], "word.rows.f", to=FLOAT)
        by = g.add("Gather", [g.constant("word.scale", scale[:, None]), "input_ids"], "word.rows.scale")
        x = g.add("Mul", [rows, by], "word.rows")
    shape = g.add("Shape", ["input_ids"], "shape")
    length = g.add("Slice", [shape, g.constant("one", [1], np.int64), g.constant("two", [2], np.int64)], "length")
    positions = weights["enc.pos.weight"] + weights["enc.typ"]
    zero = g.constant("zero", [0], np.int64)
    place = g.add("Slice", [g.constant("positions", positions), zero, length, zero], "position.rows")
    gamma, beta = g.constant("e.gamma", weights["enc.ln.weight"]), g.constant("e.beta", weights["enc.ln.bias"])
    g.normalised(x, place, gamma, beta, "x0")
    x = "x0"
    layers = [x]
    mask = g.add("Cast", ["attention_mask"], "mask.int", to=INT32)
    marks = ""
    if "enc.polarity" in weights:
        marks = g.add("Gather", [g.constant("polarity", weights["enc.polarity"]), "input_ids"], "polarity.rows")
    added = [_by_distance(g, weights["enc.relative"], len(positions))] if "enc.relative" in weights else []
    if separator is not None:
        ends = g.add("Equal", ["input_ids", g.constant("separator", separator, np.int64)], "ends")
        g.add("Cast", [ends], "ends.whole", to=INT64)
        if onwards:
            added.append(_later(g, "ends.whole"))
    for i in range(n_layers):
        p = f"enc.layers.{i}."
        q = g.place(x)
        w, b = weights[p + "qkv.weight"].T, weights[p + "qkv.bias"]
        parts = [
            g.linear(x, q, w[:, k * width : (k + 1) * width], b[k * width : (k + 1) * width], f"l{i}.{name}")
            for k, name in enumerate(("query", "key", "value"))
        ]
        given = [*parts, "", mask]
        biases = [*added, *([_attention_bias(g, marks, weights[p + "polarity"], i)] if marks else [])]
        if biases:
            given.append(biases[0] if len(biases) == 1 else g.add("Sum", biases, f"l{i}.added"))
        a = g.add("MultiHeadAttention", given, f"l{i}.context", domain=MICROSOFT, num_heads=n_heads)
        a = g.linear(a, g.place(a), weights[p + "out.weight"].T, weights[p + "out.bias"], f"l{i}.attended")
        gamma, beta = (g.constant(f"l{i}.n1.{k}", weights[p + f"ln1.{k}"]) for k in ("weight", "bias"))
        x = g.normalised(a, x, gamma, beta, f"l{i}.x1")
        m = g.linear(x, g.place(x), weights[p + "up.weight"].T, weights[p + "up.bias"], f"l{i}.up")
        m = g.add("Gelu", [m], f"l{i}.gelu", domain=MICROSOFT)
        m = g.linear(m, g.place(m), weights[p + "down.weight"].T, weights[p + "down.bias"], f"l{i}.down")
        gamma, beta = (g.constant(f"l{i}.n2.{k}", weights[p + f"ln2.{k}"]) for k in ("weight", "bias"))
        x = g.normalised(m, x, gamma, beta, f"x{i + 1}")
        layers.append(x)

    # Pooling over the tokens that are there, or those of the last turn.
    keep = g.add("Cast", ["attention_mask"], "mask.float", to=FLOAT)
    keep = g.add("Unsqueeze", [keep, g.constant("last", [-1], np.int64)], "mask.column")
    axis = g.constant("axis1", [1], np.int64)
    if separator is not None:
        left = g.add("CumSum", ["ends.whole", g.constant("along", 1, np.int64)], "ends.left", reverse=1)
        own = g.add("LessOrEqual", [left, g.constant("only", 1, np.int64)], "own")
        own = g.add("Cast", [own], "own.float", to=FLOAT)
        own = g.add("Unsqueeze", [own, g.constant("own.last", [-1], np.int64)], "own.column")
        keep = g.add("Mul", [keep, own], "own.kept")
    count = g.add("ReduceSum", [keep, axis], "count", keepdims=0)

    def mean(tensor: str) -> str:
        total = g.add("ReduceSum", [g.add("Mul", [tensor, keep], tensor + ".kept"), axis], tensor + ".sum", keepdims=0)
        return g.add("Div", [total, count], tensor + ".mean")

    # Vectors of texts (`affekt.models.vectors`) are these means; where none is asked for, ONNX Runtime leaves them out.
    means = [mean(layer) for layer in layers]
    top = pooled = means[-1]
    # A head as wide as all layers together reads the mean of every layer, the embeddings first.
    wide = {head for head in heads if weights[head + ".weight"].shape[1] == width * len(layers)}
    nets = {head for head in heads if f"{head}.enter.weight" in weights}
    every = g.add("Concat", means, LAYER_MEANS, axis=1) if wide or nets or layer_means else ""
    if "tandem.vectors" in weights:
        beside = _tandem(g, weights, mask)
        top = g.add("Concat", [pooled, beside], "both", axis=1)
    outputs: list[tuple[str, int]] = []
    if layer_means:
        outputs.append((every, width * len(layers)))
    for head, name in heads.items():
        source = _entered(g, weights, head, every) if head in nets else every if head in wide else top
        g.linear(source, None, weights[head + ".weight"].T, weights[head + ".bias"], name)
        outputs.append((name, weights[head + ".weight"].shape[0]))
    for head, name in (each or {}).items():
        g.linear(x, None, weights[head + ".weight"].T, weights[head + ".bias"], name)
    of_tokens = [(name, weights[head + ".weight"].shape[0]) for head, name in (each or {}).items()]
    return g.model(outputs, of_tokens), g.places


def _entered(g: _Network, weights: Mapping[str, NDArray[np.float32]], head: str, every: str) -> str:
    """What the net in front of a head makes of the means of all layers (`affekt.train.dimensions.net`), in float."""

    def own(name: str, turned: bool = False) -> str:
        value = weights[f"{head}.{name}"]
        return g.constant(f"{head}.{name}", value.T if turned else value)

    def gelu(x: str) -> str:
        return g.add("Gelu", [x], f"{x}.gelu", domain=MICROSOFT)

    x = g.add("Sub", [every, own("middle")], f"{head}.centred")
    x = g.add("Div", [x, own("spread")], f"{head}.standard")
    # The one large matrix of the net is stored in int8 and multiplied in float: its input has the range of no layer.
    ints, scale = per_channel(weights[f"{head}.enter.weight"].T, 8)
    kept = g.constant(f"{head}.enter.weight", ints, np.int8)
    full = g.add("DequantizeLinear", [kept, g.constant(f"{head}.enter.scale", scale)], f"{head}.enter.full", axis=1)
    entered = g.add("Add", [g.add("MatMul", [x, full], f"{head}.enter.mm"), own("enter.bias")], f"{head}.enter")
    x = gelu(entered)
    inner = g.add("MatMul", [x, own("inner.weight", turned=True)], f"{head}.inner.mm")
    inner = gelu(g.add("Add", [inner, own("inner.bias")], f"{head}.inner"))
    total = g.add("Add", [x, inner], f"{head}.both")
    even = [total, own("even.weight"), own("even.bias")]
    return g.add("LayerNormalization", even, f"{head}.even", axis=-1, epsilon=1e-5)


def _later(g: _Network, ends: str) -> str:
    """What keeps each token from seeing later turns than its own: (batch, 1, length, length)."""
    turn = g.add("CumSum", [ends, g.constant("turn.along", 1, np.int64)], "turn", exclusive=1)
    row = g.add("Unsqueeze", [turn, g.constant("turn.rows", [1, 2], np.int64)], "turn.row")
    column = g.add("Unsqueeze", [turn, g.constant("turn.columns", [1, 3], np.int64)], "turn.column")
    later = g.add("Greater", [row, column], "turn.later")
    return g.add("Where", [later, g.constant("turn.never", -1e9), g.constant("turn.always", 0.0)], "turn.seen")


def _by_distance(g: _Network, weight: NDArray[np.float32], most: int) -> str:
    """What each head adds to its scores by how far apart two tokens are: (1, heads, length, length)."""
    buckets = g.constant("apart.buckets", relative_buckets(most), np.int64)
    zeros, axes = g.constant("apart.zeros", [0, 0], np.int64), g.constant("apart.axes", [0, 1], np.int64)
    ends = g.add("Concat", ["length", "length"], "apart.ends", axis=0)
    here = g.add("Slice", [buckets, zeros, ends, axes], "apart.here")
    each = g.add("Gather", [g.constant("apart.weight", weight), here], "apart.each")
    by_head = g.add("Transpose", [each], "apart.heads", perm=[2, 0, 1])
    return g.add("Unsqueeze", [by_head, g.constant("apart.first", [0], np.int64)], "apart")


def _attention_bias(g: _Network, marks: str, weight: NDArray[np.float32], layer: int) -> str:
    """What each head adds to its scores of each token by what is known of it: (batch, heads, length, length)."""
    name = f"l{layer}.polarity"
    each = g.add("MatMul", [marks, g.constant(name + ".weight", weight.T)], name + ".each")
    by_head = g.add("Transpose", [each], name + ".heads", perm=[0, 2, 1])
    row = g.add("Unsqueeze", [by_head, g.constant(name + ".axis", [2], np.int64)], name + ".row")
    ones = g.constant(name + ".ones", [1, 1], np.int64)
    last = g.constant(name + ".one", [1], np.int64)
    shape = g.add("Concat", [ones, "length", last], name + ".shape", axis=0)
    return g.add("Expand", [row, shape], name)


def _tandem(g: _Network, weights: Mapping[str, NDArray[np.float32]], mask: str) -> str:
    """The net beside the encoder (`affekt.train.tandem`), in float: (batch, 2 * hidden)."""
    own = {k.removeprefix("tandem."): v for k, v in weights.items() if k.startswith("tandem.")}
    hidden = own["lstm.weight_hh_l0"].shape[1]
    order = np.concatenate([np.arange(k * hidden, (k + 1) * hidden) for k in (0, 3, 1, 2)])  # torch has i f g o

    def both(name: str) -> NDArray[np.float32]:
        return np.stack([own[f"lstm.{name}_l0{way}"][order] for way in ("", "_reverse")])

    texts = g.add("Gather", [g.constant("tandem.vectors", own["vectors"]), "input_ids"], "tandem.rows")
    texts = g.add("Transpose", [texts], "tandem.texts", perm=[1, 0, 2])
    axis = g.constant("tandem.axis", [1], np.int64)
    lengths = g.add("ReduceSum", [mask, axis], "tandem.lengths", keepdims=0)
    biases = np.concatenate([both("bias_ih"), both("bias_hh")], 1)
    given = [
        texts,
        g.constant("tandem.lstm.w", both("weight_ih")),
        g.constant("tandem.lstm.r", both("weight_hh")),
        g.constant("tandem.lstm.b", biases),
        lengths,
    ]
    states = g.add("LSTM", given, "tandem.lstm", hidden_size=hidden, direction="bidirectional")
    states = g.add("Transpose", [states], "tandem.turned", perm=[2, 0, 1, 3])  # (batch, length, 2, hidden)
    states = g.add("Reshape", [states, g.constant("tandem.shape", [0, 0, 2 * hidden], np.int64)], "tandem.states")
    look = g.linear(states, None, own["look.weight"].T, own["look.bias"], "tandem.look")
    seen = g.add("Tanh", [look], "tandem.seen")
    logits = g.add("MatMul", [seen, g.constant("tandem.weigh", own["weigh.weight"].T)], "tandem.logits")
    low = g.constant("tandem.low", 1e9)
    keep = g.add("Sub", ["mask.column", g.constant("tandem.here", 1.0)], "tandem.ended")
    logits = g.add("Add", [logits, g.add("Mul", [keep, low], "tandem.mask")], "tandem.masked")
    attention = g.add("Softmax", [logits], "tandem.attention", axis=1)
    product = g.add("Mul", [states, attention], "tandem.product")
    return g.add("ReduceSum", [product, axis], "tandem.pooled", keepdims=0)
