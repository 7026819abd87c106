"""The network as an ONNX graph, and its int8 form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.catalog.recipes import View
from affekt.extras import need
from affekt.train.face.net import Net
from affekt.train.writing import UINT8, Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["OUTPUT", "face_graph", "in_int8"]

OUTPUT = "logits"


class _Writer(Graph):
    def convolution(self, x: str, part: Any, output: str, *, rectified: bool) -> str:
        """A convolution with its batch normalisation folded into it."""
        kernel, norm = part
        gain = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
        weight = self.constant(f"{output}.weight", (kernel.weight * gain[:, None, None, None]).detach().numpy())
        bias = self.constant(f"{output}.bias", (norm.bias - norm.running_mean * gain).detach().numpy())
        (size, _), (stride, _) = kernel.kernel_size, kernel.stride
        shape: dict[str, Any] = {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": [size // 2] * 4}
        made = self.add("Conv", [x, weight, bias], f"{output}.sum" if rectified else output, **shape)
        return self.add("Relu", [made], output) if rectified else made


def face_graph(net: Net, *, size: int, views: Sequence[View]) -> Any:
    """Input `faces`, uint8 (rows, 1, size, size); output `logits`, float32 (rows, labels).

    Args:
        net: The trained network.
        size: Pixels a side.
        views: How a face is seen; the answer is the mean over all views, each for the work of one.
    """
    g = _Writer()
    whole: dict[str, Any] = {"axes": [1, 2, 3], "keepdims": 1}
    grey = g.add("Cast", ["faces"], "grey", to=1)
    apart = g.add("Sub", [grey, g.add("ReduceMean", [grey], "mean", **whole)], "apart")
    variance = g.add("ReduceMean", [g.add("Mul", [apart, apart], "squares")], "variance", **whole)
    spread = g.add("Max", [g.add("Sqrt", [variance], "root"), g.constant("least", 1.0)], "spread")
    x = g.add("Div", [apart, spread], "standard")
    # Scaling, moving and mirroring are a matrix for the rows of a picture and one for its columns.
    down = np.stack([_samples(size, view.scale, view.down) for view in views])
    across = [_samples(size, view.scale, view.across)[:: -1 if view.mirrored else 1].T for view in views]
    x = g.add("MatMul", [g.constant("rows to read", down), x], "moved down")
    x = g.add("MatMul", [x, g.constant("columns to read", np.stack(across))], "moved")
    x = g.add("Reshape", [x, g.constant("one by one", [-1, 1, size, size], np.int64)], "seen")
    x = g.convolution(x, net.stem, "stem", rectified=True)
    for number, block in enumerate(net.stages):
        name = f"block{number}"
        inner = g.convolution(x, block.first, f"{name}.first", rectified=True)
        inner = g.convolution(inner, block.second, f"{name}.second", rectified=False)
        same = not len(list(block.aside.children()))
        aside = x if same else g.convolution(x, block.aside, f"{name}.aside", rectified=False)
        x = g.add("Relu", [g.add("Add", [inner, aside], f"{name}.both")], name)
    means = g.add("ReduceMean", [x], "means", axes=[2, 3], keepdims=0)
    weight = g.constant("head.weight", net.head.weight.detach().numpy().T)
    product = g.add("MatMul", [means, weight], "product")
    bias = g.constant("head.bias", net.head.bias.detach().numpy())
    labels = net.head.out_features
    each = g.add("Add", [product, bias], "each")
    each = g.add("Reshape", [each, g.constant("by view", [-1, len(views), labels], np.int64)], "each view")
    g.add("ReduceMean", [each], OUTPUT, axes=[1], keepdims=0)
    return g.wrapped("affekt-face", {"faces": (UINT8, ("rows", 1, size, size))}, {OUTPUT: ["rows", labels]})


def _samples(size: int, scale: float, shift: float) -> NDArray[np.float32]:
    """How much each pixel of a line counts in each of a line that is scaled and moved; beyond its ends they repeat."""
    places = np.clip(((np.arange(size) + 0.5) / size - 0.5) * size / scale + (0.5 - shift) * size - 0.5, 0, size - 1)
    apart = np.abs(np.arange(size)[None] - places[:, None])
    out: NDArray[np.float32] = np.maximum(1 - apart, 0).astype(np.float32)
    return out


class _Rows:
    """Faces from which the ranges of int8 are taken, as ONNX Runtime asks for them."""

    def __init__(self, faces: NDArray[np.uint8], batch: int = 64) -> None:
        self._batches = iter([faces[start : start + batch, None] for start in range(0, len(faces), batch)])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        found = next(self._batches, None)
        return None if found is None else {"faces": found}


def in_int8(model: Any, faces: NDArray[np.uint8], out: Path) -> None:
    """Write a graph with its convolutions in int8, with ranges that are fixed beforehand.

    Weights have a scale for each channel; a face's answer does not depend on the faces beside it.

    Args:
        model: From `face_graph`.
        faces: Faces from which the ranges are taken, shape (rows, size, size).
        out: The file.
    """
    quantization: Any = need("onnxruntime.quantization", extra="train")
    onnx: Any = need("onnx", extra="train")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        onnx.save(model, str(file))
        quantization.quantize_static(
            str(file),
            str(out),
            _Rows(faces),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Add"],
            nodes_to_exclude=["each"],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
