"""Videos and still pictures as frames: decoded one after the other, scaled where they are decoded, none kept.

Files are decoded by `affekt.media.guard`. Frames are as they are to be shown: turned as the file says, their pixels
square. Memory does not grow with the length of a video, nor with its size beyond a few of its frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt.core.timeline import clock
from affekt.media.encoding import clean
from affekt.media.guard import Limits, Picture, PictureFooter, PictureHeader, decode_pictures

__all__ = ["LIMITS", "LONGEST", "Frame", "Video"]

LONGEST = 640
"""Pixels of the longer side of the frames that are looked at, unless it is said otherwise."""

LIMITS = Limits(wall=4 * 3600.0, cpu=4 * 3600)
"""What a video may cost: pictures take many times as long to decode as sound."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        time: Seconds from the beginning of the recording; 0 for a still picture.
        pixels: uint8, shape (height, width, 3) in red, green, blue, or (height, width) in grey.
        scale: Pixels of the picture as the file has it for one of these.
    """

    time: float
    pixels: NDArray[np.uint8]
    scale: float = 1.0


class Video:
    """The pictures of a file.

    Args:
        path: A video, or a still picture; of an animated one, the first.
        limits: What the file may cost; default `LIMITS`.

    Attributes:
        name: How messages call it.
        header: What the file says of itself; known from its first frame on.
        footer: What was found; known at the end.
    """

    def __init__(self, path: str | Path, *, limits: Limits | None = None) -> None:
        self.path = Path(path)
        self.name = clean(str(path))[0]
        self.header: PictureHeader | None = None
        self.footer: PictureFooter | None = None
        self._limits = limits or LIMITS
        self._through = True

    def frames(
        self,
        *,
        rate: float | None = None,
        times: Sequence[float] | None = None,
        longest: int = LONGEST,
        grey: bool = False,
    ) -> Iterator[Frame]:
        """Decode frames in the order of their times.

        Args:
            rate: So many a second, at most; default all. Where it is a quarter of the file's own or less, frames that
                no other is built on are passed over, so that times may be off by some frames.
            times: Seconds, counted as in `Frame.time`; the first frame at or after each is given instead.
            longest: Pixels of the longer side; larger frames are scaled down.
            grey: Whether to give brightness alone.

        Raises:
            InputError: There is no such file, it holds no picture that can be read, or a limit is passed; frames may
                have been given before that.
            MissingExtraError: PyAV is not installed.
            ValueError: Both `rate` and `times` are given, or one of them is not possible.
        """
        if rate is not None and times is not None:
            raise ValueError("frames are chosen by their rate or by times, not by both")
        if (rate is not None and not rate > 0) or longest < 1:
            raise ValueError(f"there are no {rate} frames a second of {longest} pixels")
        self.header = self.footer = None
        self._through = times is None
        decoding = decode_pictures(self.path, rate=rate, times=times, longest=longest, grey=grey, limits=self._limits)
        with closing(decoding):
            for item in decoding:
                if isinstance(item, Picture):
                    assert self.header is not None
                    yield Frame(item.time, item.pixels, max(self.header.width / item.pixels.shape[1], 1e-9))
                elif isinstance(item, PictureHeader):
                    self.header = item
                else:
                    self.footer = item

    @property
    def notes(self) -> tuple[str, ...]:
        """What was wrong with the pictures although they could be read, as sentences; known at the end."""
        header, footer = self.header, self.footer
        if header is None or footer is None:
            return ()
        notes = []
        if header.tracks > 1:
            notes.append(f"It has {header.tracks} tracks of pictures; the first was read.")
        if footer.broken:
            notes.append(f"{footer.broken} of {footer.packets} packets of pictures could not be decoded.")
        if footer.ended_early:
            notes.append(f"The pictures stop at damage after {clock(footer.end)}.")
        elif self._through and header.declared is not None and footer.end < 0.98 * header.declared - 0.5:
            notes.append(f"The header announces {header.declared:.2f} s; the pictures end at {footer.end:.2f} s.")
        if footer.jumps:
            notes.append(f"{footer.jumps} frames have time stamps that were not believed.")
        return tuple(notes)
