"""The heads of a voice model as one ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affekt.train.voice.fit import Fitted
from affekt.train.writing import FLOAT, Graph

__all__ = ["heads_graph"]


def heads_graph(heads: Mapping[str, Fitted]) -> Any:
    """Input `vector` float32 (rows, width); an output of logits (rows, labels) for each head, by its name."""
    g = Graph()
    for name, head in heads.items():
        weight = head.weight / head.sd[:, None]
        w = g.constant(f"{name}.weight", weight)
        b = g.constant(f"{name}.bias", head.bias - head.mean @ weight)
        g.add("Add", [g.add("MatMul", ["vector", w], f"{name}.product"), b], name)
    first = next(iter(heads.values()))
    shape: tuple[int | str, ...] = ("rows", len(first.mean))
    return g.wrapped(
        "affekt-voice-heads", {"vector": (FLOAT, shape)}, {name: ["rows", len(first.bias)] for name in heads}
    )
