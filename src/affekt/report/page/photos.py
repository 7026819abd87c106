"""Still pictures in the page: thumbnails that it holds, as many as there is room for."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.extras import need
from affekt.report.page.payload import utf8

if TYPE_CHECKING:
    from affekt.media.video import Frame

__all__ = ["LONGEST", "MAX_PHOTOS", "MAX_PHOTO_BYTES", "Photo", "Photos", "thumbnail"]

LONGEST = 160
"""Most pixels of the longer side of a thumbnail."""
MAX_PHOTOS = 200
"""Most thumbnails in a page."""
MAX_PHOTO_BYTES = 3_000_000
"""Most bytes of all of them; base64 makes 4 MB of these."""

_QUALITY = 80  # of JPEG, 0..100


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A still picture that rows of a report come from.

    Attributes:
        name: How `Row.source` calls it.
        size: Width and height of the picture as its file has it, which the boxes of faces are in.
        jpeg: Its thumbnail.
    """

    name: str
    size: tuple[int, int]
    jpeg: bytes

    def as_json(self) -> dict[str, Any]:
        """What the page is told about it."""
        return {"name": utf8(self.name).decode(), "size": self.size, "jpeg": base64.b64encode(self.jpeg).decode()}


class Photos:
    """Thumbnails of the first pictures that come; of one that finds no room, and of all after it, only the number.

    Attributes:
        shown: Those that the page holds.
        left_out: How many it does not.
    """

    def __init__(self) -> None:
        self.shown: list[Photo] = []
        self.left_out = 0
        self._room = MAX_PHOTO_BYTES

    @property
    def full(self) -> bool:
        """Whether no further picture finds room."""
        return self.left_out > 0 or len(self.shown) >= MAX_PHOTOS

    def take(self, name: str, frame: Frame) -> None:
        """Show a picture, or count it where there is no room.

        Raises:
            MissingExtraError: OpenCV is not installed.
        """
        if not self.full and len(jpeg := thumbnail(frame)) <= self._room:
            self._room -= len(jpeg)
            height, width = frame.pixels.shape[:2]
            size = round(width * frame.scale), round(height * frame.scale)
            self.shown.append(Photo(name=name, size=size, jpeg=jpeg))
        else:
            self.left_out += 1


def thumbnail(frame: Frame) -> bytes:
    """A picture as a JPEG of `LONGEST` pixels on its longer side, or of its own size where that is less.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    cv2: Any = need("cv2", extra="video")
    pixels = np.ascontiguousarray(frame.pixels)
    height, width = pixels.shape[:2]
    share = min(1.0, LONGEST / max(height, width))
    size = max(1, round(width * share)), max(1, round(height * share))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(data)
