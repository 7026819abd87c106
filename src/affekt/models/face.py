"""Which expression a face shows, read from a grey crop of it by a small network.

The crop is a square around the face, upright, as `affekt.media.faces.crop_of` cuts it. An expression is what a face
shows to whoever looks at it; what somebody feels may be something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.catalog.maps import centroids
from affekt.catalog.spaces import space as catalogue_space
from affekt.core.errors import InputError, ModelError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.models.card import Card, Face, read_card, spec_of
from affekt.models.session import open_graph

__all__ = ["FaceRecogniser", "grey_square"]

_EVEN = 2.0  # standard deviation of the grey values, of 255, below which there is nothing to see
_LIGHT = np.array([0.299, 0.587, 0.114], np.float32)  # how bright red, green and blue are (ITU-R BT.601)
_BATCH = 64  # crops that are held in the network at once


class FaceRecogniser:
    """A recogniser of faces in a model folder.

    Args:
        folder: Folder with `affekt.json` and `model.onnx`.
        jobs: Threads; default all cores.

    Raises:
        ModelError: The folder is not a model of faces, or a file of it is missing or damaged.
    """

    def __init__(self, folder: Path, *, jobs: int | None = None) -> None:
        self.folder = folder
        self.card: Card = read_card(folder)
        if self.card.face is None:
            raise ModelError(f"{self.card.id} reads no faces", where=str(folder), hint="See `affekt models list`.")
        self.face: Face = self.card.face
        self._jobs = jobs or 0

    @cached_property
    def spec(self) -> RecogniserSpec:
        """What it is."""
        return spec_of(self.card)

    @cached_property
    def _graph(self) -> Any:
        return open_graph(self.folder / "model.onnx", threads=self._jobs)

    def predict(
        self, faces: Sequence[NDArray[np.uint8]], *, ids: Sequence[str] | None = None, space: str | None = None
    ) -> list[Prediction]:
        """Read faces; what stands beside a face in the list does not change its reading.

        Args:
            faces: Crops, each uint8 of shape (height, width) in grey or (height, width, 3) in red, green and blue;
                what is not square is cut to the square in its middle.
            ids: Ids of the clips that they belong to; default `1`, `2`, and so on.
            space: Label space of the answers; its own or none.

        Returns:
            For each face its scores and label; valence, arousal and dominance as the mean of the places at which people
            rated the words for the labels, weighted by their scores, and in `intervals` how far apart the labels lie
            that the scores leave open. A crop of one even colour gets no answer.

        Raises:
            InputError: A crop has another type or shape.
            UnknownNameError: It has no such space.
            ValueError: There are more or fewer ids than faces.
        """
        wanted = space or self.card.main
        if wanted not in self.card.heads:
            raise UnknownNameError("space", wanted, self.card.heads, where=self.spec.name)
        names = [str(number) for number in range(1, len(faces) + 1)] if ids is None else list(ids)
        if len(names) != len(faces):
            raise ValueError(f"{len(faces)} faces have {len(names)} ids")
        crops = [grey_square(face, self.face.size, where=name) for face, name in zip(faces, names, strict=True)]
        if not crops:
            return []
        table = np.stack(crops)
        scores = self.scores(table, space=wanted)
        sure, head = self.card.heads[wanted].sure(scores), self.card.heads[wanted]
        labels = catalogue_space(wanted).labels
        places = None if self.face.places is None else centroids(wanted, self.face.places)
        found = []
        for name, crop, row, reached, confidence in zip(names, crops, scores, head.reached(scores), sure, strict=True):
            if float(crop.std()) < _EVEN:
                reason = "nothing to see: the crop has one even colour"
                found.append(Prediction(name, wanted, abstained=reason, model=self.spec.name))
                continue
            named = dict(zip(labels, map(float, row), strict=True))
            found.append(
                Prediction(
                    clip_id=name,
                    space=wanted,
                    scores=named,
                    labels=tuple(labels[j] for j in reached),
                    dimensions=places.to_dimensions(named) if places else {},
                    intervals=places.intervals(named) if places else {},
                    confidence=float(confidence),
                    model=self.spec.name,
                )
            )
        return found

    def scores(self, crops: NDArray[np.uint8], *, space: str | None = None) -> NDArray[np.float64]:
        """Calibrated probabilities alone.

        Args:
            crops: From `grey_square`, shape (rows, size, size).
            space: As for `predict`.

        Returns:
            Shape (rows, labels), in the order of the space.
        """
        head = self.card.heads[space or self.card.main]
        logits = [
            self._graph.run([head.output], {"faces": crops[start : start + _BATCH, None]})[0]
            for start in range(0, len(crops), _BATCH)
        ]
        return head.scores(np.concatenate(logits))


def grey_square(face: NDArray[np.uint8], size: int, *, where: str = "") -> NDArray[np.uint8]:
    """A crop as the network reads it: the square in its middle, in grey, scaled with its detail averaged.

    Args:
        face: uint8, shape (height, width) in grey or (height, width, 3) in red, green and blue.
        size: Pixels a side of the result.
        where: What to call it in messages.

    Returns:
        uint8, shape (size, size).

    Raises:
        InputError: It has another type or shape, or no pixels.
    """
    if face.dtype != np.uint8 or face.ndim not in (2, 3) or (face.ndim == 3 and face.shape[2] != 3) or not face.size:
        raise InputError(
            f"A face has to be uint8 of shape (height, width) or (height, width, 3), not {face.dtype} of {face.shape}",
            where=where,
        )
    height, width = face.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = face[top : top + side, left : left + side]
    grey = middle if middle.ndim == 2 else middle @ _LIGHT
    if side != size:
        weights = _weights(side, size)
        grey = weights @ grey.astype(np.float32) @ weights.T
    out: NDArray[np.uint8] = np.rint(grey).astype(np.uint8)
    return out


def _weights(side: int, size: int) -> NDArray[np.float32]:
    """How much each of `side` pixels counts in each of `size`: triangles as wide as a pixel of the coarser of both."""
    scale = side / size
    centres = (np.arange(size) + 0.5) * scale - 0.5
    apart = np.abs(np.arange(side)[None] - centres[:, None]) / max(scale, 1.0)
    weights = np.maximum(1 - apart, 0)
    out: NDArray[np.float32] = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return out
