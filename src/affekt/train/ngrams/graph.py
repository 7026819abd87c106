"""The ONNX graph of a model that counts n-grams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.train.ngrams.table import MARK_BY, MARKS, MODULUS, SLOT_BY, STEP, Table
from affekt.train.writing import FLOAT, INT64, UINT8, Graph, per_channel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["table_graph"]


def table_graph(
    table: Table, heads: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]], *, bits: int
) -> Any:
    """Build the model as ONNX.

    Args:
        table: Its n-grams.
        heads: Name of the output -> weights (slots, columns) and offset (columns,).
        bits: 8 or 7 for weights in int8 with a scale for each column, 32 for float.

    Returns:
        The model. Inputs: `input_ids` int64 (batch, length); `attention_mask` int64 (batch, length), which is not
        read, since texts of one length go in together. Outputs: for each head (batch, columns), float32.
    """
    g = Graph()
    slots = len(table.marks)
    number = {k: g.constant(k, v, np.int64) for k, v in _NUMBERS.items()}
    number["slots"] = g.constant("slots", slots, np.int64)

    # Every n-gram's number from that of the n-gram one shorter.
    signs = g.add("Gather", [g.constant("alias", table.alias, np.int64), "input_ids"], "signs")
    axis = g.constant("axis1", [1], np.int64)
    grown = [signs]
    for n in range(2, table.longest + 1):
        first, last, end = (g.constant(f"{k}{n}", [v], np.int64) for k, v in (("from", 0), ("to", -1), ("skip", n - 1)))
        head = g.add("Slice", [grown[-1], first, last, axis], f"head{n}")
        tail = g.add("Slice", [signs, end, g.constant(f"end{n}", [2**31], np.int64), axis], f"tail{n}")
        longer = g.add("Add", [g.add("Mul", [head, number["step"]], f"stepped{n}"), tail], f"longer{n}")
        grown.append(g.add("Mod", [longer, number["modulus"]], f"gram{n}"))
    grams = g.add("Concat", grown, "grams", axis=1)

    # Its slot, and whether what stands there is this n-gram.
    def spread(by: str, into: str, output: str) -> str:
        product = g.add("Mod", [g.add("Mul", [grams, number[by]], f"{by}.times"), number["modulus"]], f"{by}.mixed")
        return g.add("Mod", [product, number[into]], output)

    slot = spread("slot_by", "slots", "slot")
    mark = g.add("Add", [spread("mark_by", "marks", "mark.below"), number["one"]], "mark")
    held = g.add("Gather", [g.constant("table.marks", table.marks, np.uint16), slot], "held.short")
    same = g.add("Equal", [g.add("Cast", [held], "held", to=INT64), mark], "same")
    there = g.add("Cast", [same], "there", to=FLOAT)

    # One over the length of all that was found.
    square = g.add("Gather", [g.constant("table.rarity", table.rarity, np.uint8), slot], "square.short")
    square = g.add("Mul", [g.add("Cast", [square], "square.whole", to=FLOAT), there], "square")
    total = g.add("ReduceSum", [square, axis], "total", keepdims=1)
    total = g.add("Mul", [total, g.constant("rarity.step", table.rarity_step)], "total.scaled")
    length = g.add("Sqrt", [g.add("Max", [total, g.constant("least", 1e-12)], "total.least")], "length")

    # Weights of all heads side by side, so that each slot is looked up once.
    rarity = np.sqrt(table.rarity.astype(np.float64) * table.rarity_step)[:, None]
    joined = np.concatenate([weight for weight, _ in heads.values()], 1) * rarity
    row = g.add("Unsqueeze", [there, axis], "there.row")
    scale: NDArray[Any] = np.ones(joined.shape[1])
    if bits == 32:
        found = g.add("Gather", [g.constant("table.weights", joined), slot], "found")
        summed = g.add("MatMul", [row, found], "summed.row")
    else:
        whole, scale = per_channel(joined, bits)
        found = g.add("Gather", [g.constant("table.weights", whole, np.int8), slot], "found")
        # Whole numbers add up to the same in whatever order they come.
        there_whole = g.add("Cast", [row], "there.whole", to=UINT8)
        summed = g.add("Cast", [g.add("MatMulInteger", [there_whole, found], "summed.whole")], "summed.row", to=FLOAT)
    summed = g.add("Squeeze", [summed, axis], "summed")
    summed = g.add("Div", [g.add("Mul", [summed, g.constant("weights.scale", scale)], "summed.scaled"), length], "all")
    outputs, at = [], 0
    for name, (weight, offset) in heads.items():
        columns = weight.shape[1]
        bounds = [g.constant(f"{name}.{k}", [v], np.int64) for k, v in (("from", at), ("to", at + columns))]
        own = g.add("Slice", ["all", *bounds, axis], f"{name}.own")
        g.add("Add", [own, g.constant(f"{name}.offset", offset)], name)
        outputs.append((name, columns))
        at += columns
    return g.model(outputs)


_NUMBERS = {
    "one": 1,
    "step": STEP,
    "modulus": MODULUS,
    "slot_by": SLOT_BY,
    "mark_by": MARK_BY,
    "marks": MARKS,
}
