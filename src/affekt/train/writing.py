"""Writing an ONNX graph node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.extras import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FLOAT", "INT32", "INT64", "MICROSOFT", "UINT8", "Graph", "per_channel"]

MICROSOFT = "com.microsoft"
FLOAT, UINT8, INT32, INT64 = 1, 2, 6, 7  # onnx.TensorProto element types


def per_channel(
    weight: NDArray[Any], bits: int, step: float | None = None
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric int8 for each output channel of a (in, out) matrix, and the scale of each.

    Args:
        weight: The matrix.
        bits: Bits of its range.
        step: Between neighbouring values, in root mean squares of the channel; `None` for as many values as fit in the
            range. Few values compress well: of normally distributed weights, a step of 1/2 leaves three bits each.
    """
    top = 2 ** (bits - 1) - 1
    reach = np.abs(weight).max(0) / top
    scale = np.maximum(reach if step is None else np.maximum(step * np.sqrt(np.square(weight).mean(0)), reach), 1e-8)
    return np.clip(np.rint(weight / scale), -top, top).astype(np.int8), scale.astype(np.float32)


class Graph:
    """Nodes and constants so far; every tensor is named after what it is."""

    def __init__(self) -> None:
        self.helper: Any = need("onnx.helper", extra="train")
        self.numpy_helper: Any = need("onnx.numpy_helper", extra="train")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        """Add a constant; gives its name."""
        self.constants.append(self.numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def add(self, op: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output; gives the output's name."""
        self.nodes.append(self.helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def model(self, outputs: Sequence[tuple[str, int]], of_tokens: Sequence[tuple[str, int]] = ()) -> Any:
        """The whole model: `input_ids` and `attention_mask`, int64 (batch, length), to float32 (batch, units) each.

        Args:
            outputs: Names and units.
            of_tokens: Names and units of outputs of shape (batch, length, units).
        """
        inputs = {name: (INT64, ["batch", "length"]) for name in ("input_ids", "attention_mask")}
        shapes: dict[str, Sequence[int | str]] = {name: ["batch", units] for name, units in outputs}
        shapes |= {name: ["batch", "length", units] for name, units in of_tokens}
        return self.wrapped("affekt-text", inputs, shapes)

    def wrapped(
        self,
        name: str,
        inputs: Mapping[str, tuple[int, Sequence[int | str]]],
        outputs: Mapping[str, Sequence[int | str]],
    ) -> Any:
        """The whole model.

        Args:
            name: Name of the graph.
            inputs: Name -> element type and shape; a name in a shape stands for a length that is not fixed.
            outputs: Name -> shape, in float32.
        """
        h = self.helper
        graph = h.make_graph(
            self.nodes,
            name,
            [h.make_tensor_value_info(n, *of) for n, of in inputs.items()],
            [h.make_tensor_value_info(n, FLOAT, shape) for n, shape in outputs.items()],
            self.constants,
        )
        opsets = [h.make_opsetid("", 17), h.make_opsetid(MICROSOFT, 1)]
        return h.make_model(graph, opset_imports=opsets, ir_version=8)
