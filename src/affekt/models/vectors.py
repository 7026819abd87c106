"""Vectors of texts, from the encoder of a bundled model: near to one another where the texts feel alike.

A bundled graph gives answers and no vectors, though it computes the mean over its tokens on the way. That is made an
output here, without a second copy of the weights on disk: messages of protocol buffers merge when they are written one
after another, so that a few bytes behind the graph name one output more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt.core.errors import ModelError
from affekt.models.registry import encoder_folder, model_folder
from affekt.models.session import read_graph
from affekt.models.text import Outputs, TextRecogniser

__all__ = ["SentenceVectors"]

# Places in the format of ONNX: the graph of a model, an output of a graph, and the name of that.
_GRAPH, _OUTPUT, _NAME = 7, 12, 1
_MEAN = re.compile(rb"x(\d{1,2})\.mean")


def _message(place: int, content: bytes) -> bytes:
    """A field of a message: its place, its length, and its content of fewer than 128 bytes."""
    return bytes([place << 3 | 2, len(content)]) + content


class SentenceVectors(TextRecogniser):
    """Turns texts into vectors with the encoder of a text model.

    Args:
        model: Name of a bundled model, or a folder; default `text-en`.
        every_layer: Whether a vector is that of every layer, one behind the other, and not of the last but one alone.
        jobs: Threads; default all cores.

    Raises:
        ModelError: The model has no encoder that gives vectors.
    """

    def __init__(self, model: str | Path | None = None, *, every_layer: bool = False, jobs: int | None = None) -> None:
        self._every = every_layer
        super().__init__(model_folder(model), jobs=jobs)
        self._outputs = self._means

    def _encoder(self) -> Path:
        return encoder_folder(self.folder)

    def _graph(self, file: Path) -> str | bytes:
        raw = read_graph(file)
        layers = sorted({int(number) for number in _MEAN.findall(raw)})
        if not layers:
            raise ModelError(
                f"{self._card.id} counts words or voices, and has no vectors of texts",
                where=str(file.parent),
                hint="Take text-en, or a model that `affekt train` made of an encoder.",
            )
        if self._every and layers != list(range(len(layers))):
            raise ModelError(
                f"{self._card.id} gives the vectors of some layers alone",
                where=str(file.parent),
                hint="It was made before every layer had them: make it anew with `affekt train`.",
            )
        # The layer below the last one, where the graph has its mean: the last is shaped by the heads' own labels.
        self._means = [f"x{layer}.mean" for layer in (layers if self._every else layers[-2:][:1])]
        outputs = (_message(_OUTPUT, _message(_NAME, mean.encode())) for mean in self._means)
        return raw + b"".join(_message(_GRAPH, output) for output in outputs)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The mean of the last layer but one over the tokens of each text, of length 1; of every layer where asked.

        A text is cut at the model's `max_tokens`; one without words has a vector too, of its two signs.

        Args:
            texts: The texts.

        Returns:
            Shape (texts, width), or (texts, layers * width).
        """
        most = self._card.max_tokens
        rows = [row if len(row) <= most else np.concatenate([row[: most - 1], row[-1:]]) for row in self._tokens(texts)]
        return self.of_tokens(rows)

    def of_tokens(self, rows: Sequence[NDArray[np.int64]]) -> NDArray[np.float32]:
        """The same of texts that are tokens already, none of them longer than the encoder reads."""
        return self._joined(super()._run(rows))

    def _joined(self, said: Outputs) -> NDArray[np.float32]:
        """The means that the graph gave, each of length 1, side by side."""
        found = np.stack([said.logits[mean] for mean in self._means], 1)
        found = found / np.maximum(np.linalg.norm(found, axis=2, keepdims=True), 1e-9)
        out: NDArray[np.float32] = found.reshape(len(found), -1)
        return out
