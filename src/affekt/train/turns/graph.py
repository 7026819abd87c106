"""Nets that read turns as one ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.models.turns import ORDER, OUTPUT, VECTORS
from affekt.train.turns.fit import Standard
from affekt.train.turns.net import TurnReader
from affekt.train.writing import FLOAT, INT64, MICROSOFT, Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

__all__ = ["turn_graph"]


def _array(weight: Tensor) -> NDArray[np.float32]:
    out: NDArray[np.float32] = weight.detach().numpy()
    return out


def _regated(weight: Tensor) -> NDArray[np.float32]:
    """Rows of the gates of a GRU in ONNX' order: update, reset, new. PyTorch has reset, update, new."""
    reset, update, new = np.split(_array(weight), 3)
    return np.concatenate([update, reset, new])


class _Writer(Graph):
    def linear(self, x: str, weight: NDArray[Any], bias: NDArray[Any], output: str) -> str:
        """`x @ weight.T + bias`."""
        product = self.add("MatMul", [x, self.constant(f"{output}.weight", weight.T)], f"{output}.product")
        return self.add("Add", [product, self.constant(f"{output}.bias", bias)], output)

    def gelu(self, x: str, output: str) -> str:
        return self.add("Gelu", [x], output, domain=MICROSOFT)

    def read(self, net: TurnReader, standard: Standard, name: str) -> str:
        """Probabilities of the labels of the last turn, shape (conversations, labels)."""
        context, (middle, spread) = net.context, standard
        into = _array(net.enter.weight) / spread  # vectors come as they are, and the net knows them standardised
        told = self.linear(VECTORS, into, _array(net.enter.bias) - into @ middle, f"{name}.enter")
        turns = self.add("Gather", [self.gelu(told, f"{name}.told"), ORDER], f"{name}.turns", axis=0)
        if context.around == "none":
            first, _, second = context.alone
            inner = self.linear(turns, _array(first.weight), _array(first.bias), f"{name}.alone")
            inner = self.gelu(inner, f"{name}.alone.bent")
            far = self.linear(inner, _array(second.weight), _array(second.bias), f"{name}.far")
        else:
            far = self._before(context.near, context.far, turns, context.neighbours, name)
        both = self.add("Add", [turns, far], f"{name}.both")
        last = self.add("Gather", [both, self.constant(f"{name}.place", -1, np.int64)], f"{name}.last", axis=1)
        gamma = self.constant(f"{name}.even.weight", _array(net.even.weight))
        beta = self.constant(f"{name}.even.bias", _array(net.even.bias))
        even = self.add("LayerNormalization", [last, gamma, beta], f"{name}.even", axis=-1, epsilon=net.even.eps)
        logits = self.linear(even, _array(net.head.weight), _array(net.head.bias), f"{name}.logits")
        return self.add("Softmax", [logits], f"{name}.shares", axis=-1)

    def _before(self, near: nn.Conv1d, far: nn.GRU, turns: str, neighbours: int, name: str) -> str:
        """The convolution and the recurrent layer, which go from the first turn to the last."""
        across = self.add("Transpose", [turns], f"{name}.across", perm=[0, 2, 1])
        kernel = self.constant(f"{name}.near.weight", _array(near.weight))
        bias = self.constant(f"{name}.near.bias", _array(near.bias))
        size = near.kernel_size[0]
        found = self.add("Conv", [across, kernel, bias], f"{name}.near", kernel_shape=[size], pads=[neighbours, 0])
        bent = self.gelu(found, f"{name}.near.bent")
        steps = self.add("Transpose", [bent], f"{name}.steps", perm=[2, 0, 1])
        weights = [
            self.constant(f"{name}.far.{key}", _regated(getattr(far, f"weight_{key}_l0"))[None]) for key in ("ih", "hh")
        ]
        biases = np.concatenate([_regated(far.bias_ih_l0), _regated(far.bias_hh_l0)])[None]
        given = [steps, *weights, self.constant(f"{name}.far.bias", biases)]
        # PyTorch resets what it remembers after it was multiplied, which is not how the operator does it unasked.
        every = self.add("GRU", given, f"{name}.every", hidden_size=far.hidden_size, linear_before_reset=1)
        one_way = self.add("Squeeze", [every, self.constant(f"{name}.ways", [1], np.int64)], f"{name}.one way")
        return self.add("Transpose", [one_way], f"{name}.far", perm=[1, 0, 2])


def turn_graph(nets: Sequence[TurnReader], standard: Standard) -> Any:
    """Inputs `vectors`, float32 (distinct turns, width), and `order`, int64 (conversations, turns); output `turn`.

    What comes out, float32 (conversations, labels), is the log of the mean probability of each label of the last turn.

    Args:
        nets: The trained nets; none is told who speaks, or counts turns after the one that is read.
        standard: Mean and spread that their vectors were carried to 0 and 1 from.
    """
    g = _Writer()
    each = [g.read(net, standard, f"net{k}") for k, net in enumerate(nets)]
    g.add("Log", [g.add("Mean", each, "shares")], OUTPUT)
    width = nets[0].enter.in_features
    inputs: dict[str, tuple[int, list[int | str]]] = {
        VECTORS: (FLOAT, ["distinct", width]),
        ORDER: (INT64, ["conversations", "turns"]),
    }
    return g.wrapped("affekt-turns", inputs, {OUTPUT: ["conversations", nets[0].head.out_features]})
