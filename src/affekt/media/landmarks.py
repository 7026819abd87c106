"""Landmarks of faces that were found: MediaPipe's face mesh, where that is installed.

The mesh (Kartynnik et al. 2019, arXiv:1907.06724; Apache-2.0, as the package that carries it) has 478 points. It was
fitted to what faces look like, and not to anatomy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.core.errors import MissingExtraError
from affekt.extras import need
from affekt.media.faces import Face, crop_of

__all__ = ["LandmarkFinder"]

_MARGIN = 0.35  # of the width of a face, on each side, that the mesh is fitted in
_INSTALL = "pip install 'affekt[video,landmarks]' && pip install --no-deps mediapipe==0.10.21"
_SIDE = 256  # pixels of the picture that it is fitted in


class LandmarkFinder:
    """Finds the landmarks of faces, one at a time.

    Raises:
        MissingExtraError: MediaPipe is not installed.
    """

    def __init__(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "3")
        self._warm = False
        with _quiet():
            try:
                solutions: Any = need("mediapipe", extra="landmarks").solutions
            except (MissingExtraError, AttributeError) as err:  # later releases carry no models
                raise MissingExtraError(
                    "Landmarks need MediaPipe 0.10.21, which is not installed", hint=f"Install it with: {_INSTALL}"
                ) from err
            self._mesh = solutions.face_mesh.FaceMesh(
                static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.5
            )
            self._mesh.process(np.zeros((_SIDE, _SIDE, 3), np.uint8))  # its threads have begun once this is done

    def find(self, pixels: NDArray[np.uint8], face: Face) -> NDArray[np.float32] | None:
        """Landmarks of a face of a picture.

        Args:
            pixels: The picture, uint8, shape (height, width, 3).
            face: A face of it.

        Returns:
            As of `fit`, set upright as `crop_of` does.
        """
        wide, tall = round(_MARGIN * face.width), round(_MARGIN * face.height)
        around = replace(
            face, x=face.x - wide, y=face.y - tall, width=face.width + 2 * wide, height=face.height + 2 * tall
        )
        return self.fit(crop_of(pixels, around, size=_SIDE))

    def fit(self, picture: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Landmarks of the face of a square picture that holds one.

        Args:
            picture: uint8, shape (side, side, 3).

        Returns:
            Shape (478, 3): x to the right, y down, z away from the camera, in pixels of the picture; `None` where no
            face is seen.
        """
        with nullcontext() if self._warm else _quiet():
            found = self._mesh.process(np.ascontiguousarray(picture)).multi_face_landmarks
        if not found:
            return None
        self._warm = True
        side = np.float32(len(picture))
        return side * np.array([(point.x, point.y, point.z) for point in found[0].landmark], np.float32)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the libraries beneath print to the standard error on their first use, past Python."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
