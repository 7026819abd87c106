"""A picture of a face with its features moved by known distances, as rubber would be."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

# Name of the cue -> points of the mesh that are moved, where one eye distance of movement takes them (x away from the
# middle of the face, y up), the width of what moves with them in eye distances, and the sign of what is expected.
WARPS: dict[str, tuple[tuple[int, ...], tuple[float, float], float, int]] = {
    "inner_brows": ((66, 296), (0, 1), 0.2, 1),
    "outer_brows": ((63, 105, 293, 334), (0, 1), 0.16, 1),
    "brows_apart": ((55, 107, 285, 336), (-1, 0), 0.16, -1),
    "eyes": ((159, 386), (0, -1), 0.07, -1),
    "lip_corners": ((61, 291), (0, 1), 0.14, 1),
    "mouth_width": ((61, 291), (1, 0), 0.16, 1),
    "lips_parted": ((14, 17), (0, -1), 0.12, 1),
    "jaw": ((17, 152), (0, -1), 0.3, 1),
}


def astronaut() -> Pixels:
    """Eileen Collins in 1999: a picture by NASA, in the public domain, that scikit-image carries."""
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[20:250, 110:340])


def warp(picture: Pixels, points: NDArray[np.floating], cue: str, distance: float) -> Pixels:
    """The picture with the features of a cue moved.

    Args:
        picture: Shape (height, width, 3).
        points: Its landmarks in pixels, shape (478, 3).
        cue: Name of the cue.
        distance: How far, in distances between the eyes.
    """
    numbers, way, width, _ = WARPS[cue]
    eyes = [points[list(some), :2].mean(0) for some in ((33, 133), (362, 263))]
    apart, middle = float(np.linalg.norm(eyes[1] - eyes[0])), (eyes[0][0] + eyes[1][0]) / 2
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float64)
    pull, most = np.zeros((2, *x.shape)), np.zeros(x.shape)
    for number in numbers:
        px, py = points[number, :2]
        near = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * (width * apart) ** 2))
        side = np.sign(px - middle) or 1.0
        stronger = near > most
        for axis, length in enumerate((side * way[0], -way[1])):
            pull[axis][stronger] = (near * length * distance * apart)[stronger]
        most = np.maximum(most, near)
    shift = [cv2.GaussianBlur(each, (0, 0), 0.02 * apart + 0.5) for each in pull]
    return cv2.remap(
        picture, (x - shift[0]).astype(np.float32), (y - shift[1]).astype(np.float32), cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip


def turned(picture: Pixels, degrees: float, scale: float, shift: Sequence[float] = (0, 0)) -> Pixels:
    """The picture turned counter-clockwise, scaled and shifted."""
    side = np.array(picture.shape[1::-1])
    matrix = cv2.getRotationMatrix2D(tuple(side / 2), degrees, scale)
    matrix[:, 2] += shift
    return cv2.warpAffine(picture, matrix, tuple(int(s) for s in side), borderMode=cv2.BORDER_REPLICATE)
