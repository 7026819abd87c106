"""The recogniser of turns: an encoder that makes a vector of each turn, and small nets that read these in their order.

An encoder that reads a turn together with those before it reads every turn many times. Here turns that are read
together are each read once; what was said before reaches a turn by a convolution and a recurrent layer over vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affekt.models.session import open_graph
from affekt.models.text import SEPARATOR, Outputs, of_one_length
from affekt.models.vectors import SentenceVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ENCODER", "GRAPH", "ORDER", "OUTPUT", "VECTORS", "TurnRecogniser"]

GRAPH, VECTORS, ORDER, OUTPUT = "turns.onnx", "vectors", "order", "turn"
"""File of the nets; the vectors that they are given, float32 (distinct turns, width), and which of these are the turns
of each conversation, int64 (conversations, turns); and what they say of the last turn of each."""

ENCODER = ("model.onnx", "tokenizer.json")
"""Files of the encoder, where a model has its own copy."""

# Vectors in one call of the nets: few enough for all that is computed from them to stay in a core's cache.
_TURNS_A_CALL = 1024


class TurnRecogniser(SentenceVectors):
    """Reads emotion in the turns of conversations from vectors of their words.

    Valence, arousal and dominance, where the encoder has them, are what it reads in the turn alone.

    Args:
        folder: Folder with the nets' `turns.onnx`, `affekt.json`, and the encoder's `model.onnx` and `tokenizer.json`.
            One without an encoder is read with that of the bundled model that its card names.
        jobs: Threads; default all cores.

    Raises:
        ModelError: The folder does not hold a usable model, or the bundled one is of another version.
    """

    def __init__(self, folder: Path, *, jobs: int | None = None) -> None:
        super().__init__(folder, every_layer=True, jobs=jobs)
        if self._card.dimensions:
            self._outputs = [*self._means, self._card.dimensions.output]
        self._nets = open_graph(folder / GRAPH, threads=1)
        self._separator = self._tokenizer.token_to_id(SEPARATOR)

    def _run(self, rows: Sequence[NDArray[np.int64]]) -> Outputs:
        """What the nets say of the last turn of each row of tokens, and the encoder of its dimensions."""
        tokens = np.fromiter((len(row) for row in rows), np.int64, len(rows))
        found: dict[bytes, int] = {}
        each: list[NDArray[np.int64]] = []
        talks: list[list[int]] = []
        for row in rows:
            talk = []
            for turn in self._turns(row):
                number = found.setdefault(turn.tobytes(), len(found))
                if number == len(each):
                    each.append(turn)
                talk.append(number)
            talks.append(talk)
        heard = super()._run(each)
        vectors = self._joined(heard) if each else np.zeros((0, 0), np.float32)
        out = np.zeros((len(rows), len(self._card.heads[self._card.main].scale)), np.float32)
        lengths = np.array([len(talk) for talk in talks], np.int64)

        def call(at: NDArray[np.int64]) -> NDArray[np.float32]:
            # Turns that several conversations share go through the first layer of the nets once.
            order = np.array([talks[i] for i in at])
            asked, where = np.unique(order, return_inverse=True)
            (answer,) = self._nets.run([OUTPUT], {VECTORS: vectors[asked], ORDER: where.reshape(order.shape)})
            said: NDArray[np.float32] = answer
            return said

        batches = of_one_length(lengths, _TURNS_A_CALL)
        for at, answer in zip(batches, (self._pool.map if self._pool else map)(call, batches), strict=True):
            out[at] = answer
        last = [talk[-1] for talk in talks]
        beside = [name for name in self._outputs if name not in self._means]
        return Outputs({OUTPUT: out, **{name: heard.logits[name][last] for name in beside}}, tokens)

    def _turns(self, row: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """The turns of a row of tokens, oldest first, each with the signs that a text begins and ends with."""
        start = 1
        for end in (*np.flatnonzero(row[:-1] == self._separator).tolist(), len(row) - 1):
            yield np.concatenate([row[:1], row[start:end], row[-1:]])
            start = end + 1
