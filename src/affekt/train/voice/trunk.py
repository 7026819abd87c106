"""The lower layers of a speech encoder as an ONNX graph: from a log-mel spectrogram to one vector.

The vector is the mean and the standard deviation of a layer over time. Whisper's graph is written node by node, in
int8; those of the other families are traced (`affekt.train.voice.encoder`) and stay in float.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.core.errors import CatalogError
from affekt.extras import need
from affekt.features.logmel import BANDS
from affekt.train.voice.encoder import exported, family_of
from affekt.train.writing import FLOAT, MICROSOFT, Graph, per_channel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["trunk"]


class _Trunk(Graph):
    def __init__(self, state: dict[str, NDArray[Any]], bits: int, heads: int) -> None:
        super().__init__()
        self.state = state
        self.bits = bits
        self.heads = heads

    def convolved(self, x: str, name: str, stride: int) -> str:
        w = self.constant(f"{name}.weight", self.state[f"{name}.weight"])
        b = self.constant(f"{name}.bias", self.state[f"{name}.bias"])
        x = self.add("Conv", [x, w, b], name, kernel_shape=[3], pads=[1, 1], strides=[stride])
        return self.add("Gelu", [x], f"{name}.gelu", domain=MICROSOFT)

    def normalised(self, x: str, name: str) -> str:
        gamma, beta = (self.constant(f"{name}.{k}", self.state[f"{name}.{k}"]) for k in ("weight", "bias"))
        return self.add("LayerNormalization", [x, gamma, beta], name, axis=-1, epsilon=1e-5)

    def quantised(self, x: str) -> tuple[str, str, str]:
        """A tensor in uint8 with the range that it has: one sound is read at a time, so nothing beside it counts."""
        names = [f"{x}.q", f"{x}.scale", f"{x}.zero"]
        self.nodes.append(self.helper.make_node("DynamicQuantizeLinear", [x], names, name=f"{x}.quantised"))
        return names[0], names[1], names[2]

    def linear(self, x: str, name: str, quantised: tuple[str, str, str] | None = None) -> str:
        weight = self.state[f"{name}.weight"].T
        # The keys of attention have no bias.
        b = self.constant(f"{name}.bias", self.state.get(f"{name}.bias", np.zeros(weight.shape[1])))
        if self.bits == 32:
            w = self.constant(f"{name}.weight", weight)
            return self.add("Add", [self.add("MatMul", [x, w], f"{name}.product"), b], name)
        q, s, z = quantised or self.quantised(x)
        ints, scale = per_channel(weight, self.bits)
        w = self.constant(f"{name}.weight", ints, np.int8)
        ws = self.constant(f"{name}.weight.scale", scale)
        wz = self.constant(f"{name}.weight.zero", np.zeros(len(scale), np.int8), np.int8)
        return self.add("MatMulIntegerToFloat", [q, w, s, ws, z, wz, b], name, domain=MICROSOFT)

    def layer(self, x: str, i: int) -> str:
        p = f"layers.{i}."
        h = self.normalised(x, f"{p}self_attn_layer_norm")
        q = self.quantised(h) if self.bits < 32 else None
        parts = [self.linear(h, f"{p}self_attn.{k}_proj", q) for k in ("q", "k", "v")]
        a = self.add("MultiHeadAttention", parts, f"{p}context", domain=MICROSOFT, num_heads=self.heads)
        x = self.add("Add", [x, self.linear(a, f"{p}self_attn.out_proj")], f"{p}attended")
        h = self.linear(self.normalised(x, f"{p}final_layer_norm"), f"{p}fc1")
        h = self.linear(self.add("Gelu", [h], f"{p}gelu", domain=MICROSOFT), f"{p}fc2")
        return self.add("Add", [x, h], f"{p}out")


def trunk(folder: Path, *, layers: int, longest: float = 15.0, bits: int = 8) -> Any:
    """The graph of an encoder's first layers.

    Args:
        folder: A speech encoder in the layout of Hugging Face (`config.json`, `model.safetensors`).
        layers: How many of its layers.
        longest: Seconds of the longest sound; places beyond are left out of the file.
        bits: 8, or 32 for float; counts for Whisper.

    Returns:
        The model: input `mel` float32 (1, 80, frames), an even number of frames, of Whisper, or `samples` float32
        (1, length) at 16 kHz of the others; outputs `vector` float32 (2 * width,) and what it is taken from, `frames`
        float32 (frames, width), one every 20 ms.

    Raises:
        CatalogError: It is of none of the families that can be read, has fewer layers, or other bands than ours.
    """
    if family_of(folder) != "whisper":
        return exported(folder, layers=layers)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config["num_mel_bins"] != BANDS:
        raise CatalogError(
            f"It hears {config['num_mel_bins']} bands, and {BANDS} are computed here",
            where=str(folder),
            hint="The large Whisper of version 3 is such a one; take version 2.",
        )
    if not 1 <= layers <= config["encoder_layers"]:
        raise CatalogError(f"It has {config['encoder_layers']} layers, not {layers}", where=str(folder))
    held = need("safetensors.numpy", extra="train").load_file(folder / "model.safetensors")
    state = {k.removeprefix("model.").removeprefix("encoder."): v for k, v in held.items() if "decoder." not in k}
    g = _Trunk(state, bits, config["encoder_attention_heads"])
    x = g.convolved(g.convolved("mel", "conv1", 1), "conv2", 2)
    x = g.add("Transpose", [x], "convolved", perm=[0, 2, 1])
    shape = g.add("Shape", [x], "shape")
    one, two = g.constant("one", [1], np.int64), g.constant("two", [2], np.int64)
    length, zero = g.add("Slice", [shape, one, two], "length"), g.constant("zero", [0], np.int64)
    places = g.constant("embed_positions", state["embed_positions.weight"][: int(longest * 50)])
    x = g.add("Add", [x, g.add("Slice", [places, zero, length, zero], "places")], "placed")
    for i in range(layers):
        x = g.layer(x, i)
    frames = g.add("Squeeze", [x, zero], "frames")
    mean = g.add("ReduceMean", [frames], "mean", axes=[0], keepdims=0)
    apart = g.add("Sub", [x, mean], "apart")
    square = g.add("Mul", [apart, apart], "apart.square")
    spread = g.add("Sqrt", [g.add("ReduceMean", [square], "variance", axes=[0, 1], keepdims=0)], "spread")
    g.add("Concat", [mean, spread], "vector", axis=0)
    inputs = {"mel": (FLOAT, [1, config["num_mel_bins"], "frames"])}
    outputs = {"vector": [2 * config["d_model"]], "frames": ["time", config["d_model"]]}
    return g.wrapped("affekt-voice", inputs, outputs)
