"""Small JPEG pictures of a corpus, decoded where they are used.

A corpus has tens of thousands of pictures of a few kilobytes, too many for a process each, in which
`affekt.media.video` decodes a picture that nobody vouches for. FFmpeg's JPEG decoder alone is opened, on bytes in
memory, after the size that the file states was looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.core.errors import InputError
from affekt.extras import need

__all__ = ["LARGEST", "read_grey"]

LARGEST = 1024
"""Pixels of the longest side that is decoded."""

_HEADS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # segments that state the size
_BARE = {0x01, *range(0xD0, 0xD8)}  # segments without a length


def read_grey(jpeg: bytes, *, where: str = "") -> NDArray[np.uint8]:
    """Decode a JPEG picture to its brightness.

    Args:
        jpeg: The file.
        where: What to call it in messages.

    Returns:
        Grey values, shape (height, width).

    Raises:
        InputError: It is no JPEG, larger than `LARGEST` pixels a side, or broken.
        MissingExtraError: PyAV is not installed.
    """
    height, width = _size(jpeg, where)
    if not (0 < height <= LARGEST and 0 < width <= LARGEST):
        raise InputError(f"The picture is {width} by {height} pixels; {LARGEST} a side is the most", where=where)
    av: Any = need("av", extra="video")
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.thread_count = 1
    try:
        frames = decoder.decode(av.Packet(jpeg))
    except av.FFmpegError as err:
        raise InputError("The picture is broken", where=where, hint="Get the file again.") from err
    if len(frames) != 1 or (frames[0].height, frames[0].width) != (height, width):
        raise InputError("The picture is broken", where=where, hint="Get the file again.")
    grey: NDArray[np.uint8] = frames[0].to_ndarray(format="gray")
    return grey


def _size(jpeg: bytes, where: str) -> tuple[int, int]:
    """Height and width, as stated by the first segment of the file that states them."""
    at = 2
    while jpeg[:2] == b"\xff\xd8" and at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        kind = jpeg[at + 1]
        if kind in _HEADS:
            return int.from_bytes(jpeg[at + 5 : at + 7]), int.from_bytes(jpeg[at + 7 : at + 9])
        at += 1 if kind == 0xFF else 2 if kind in _BARE else 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    raise InputError("This is not a JPEG picture", where=where)
