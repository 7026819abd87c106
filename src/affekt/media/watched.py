"""What is seen: videos, with their sound and transcript, and still pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.media.kinds import Kind
from affekt.media.recording import RecordingSource, Stretch
from affekt.media.speech import SpeechOptions
from affekt.media.text import ReadOptions
from affekt.media.video import LONGEST, Frame, Video

__all__ = ["ImageSource", "VideoSource"]

# Of the work that a video makes, the part that is hearing it.
_HEARING = 0.2
# Pixels of the longer side of a still picture, in which small faces are looked for too.
_STILL = 1280


class VideoSource(RecordingSource):
    """A video: a recording whose pictures are looked at too, after its sound.

    Attributes:
        seen: Seconds of its pictures that have been decoded so far.
        video: Its pictures.
        unseen: Why its pictures are not looked at; `None` where they are.
    """

    kind: Kind = "video"

    def __init__(self, path: Path, options: ReadOptions | None = None) -> None:
        super().__init__(path, options)
        self.seen = 0.0
        self.video = Video(path)
        self.unseen: str | None = None

    def stretches(self, *, longest: float, cut: SpeechOptions | None = None) -> Iterator[Stretch]:
        """As for a recording; where its pictures are not read, its notes say so."""
        yield from super().stretches(longest=longest, cut=cut)
        if self.unseen is not None:
            self.notes = (*self.notes, self.unseen)

    @property
    def fraction(self) -> float | None:
        """Share of the work that is done, 0..1; `None` where its header does not say how long it is."""
        header = self.video.header
        if not self.seen or header is None:
            heard = super().fraction
            share = 1.0 if self.unseen is not None else _HEARING
            return None if heard is None else share * heard
        return _HEARING + (1 - _HEARING) * min(self.seen / header.declared, 1.0) if header.declared else None

    def frames(self, rate: float) -> Iterator[Frame]:
        """So many frames a second; see `Video.frames`, which raises the same errors."""
        self.seen = 0.0
        for frame in self.video.frames(rate=rate, longest=LONGEST):
            self.seen = frame.time
            yield frame
        if self.video.footer is not None:
            self.seen = self.video.footer.end
        self.notes += self.video.notes


class ImageSource(RecordingSource):
    """A still picture; of an animated one, the first.

    Attributes:
        show: Called with the picture when it has been decoded, where set.

    Raises:
        InputError: As for a recording, or options of recordings are given.
    """

    kind: Kind = "image"

    def __init__(self, path: Path, options: ReadOptions | None = None) -> None:
        super().__init__(path, options)
        if self.options.measures or self.options.changes or self.options.speakers is not None:
            raise InputError(
                "A still picture has no voice", where=self.name, hint="Leave out --measure, --changes and --speakers."
            )
        self.video = Video(path)
        self.show: Callable[[Frame], None] | None = None

    def _transcript(self) -> tuple[Path | None, list[Clip]]:
        if isinstance(self.options.transcript, Path):
            raise InputError("A still picture has no transcript", where=self.name, hint="Leave --transcript out.")
        return None, []

    @property
    def fraction(self) -> float | None:
        """0 until it has been decoded, then 1."""
        return 0.0 if self.video.footer is None else 1.0

    def frame(self) -> Frame:
        """The picture.

        Raises:
            InputError: It cannot be read.
            MissingExtraError: PyAV is not installed.
        """
        frame, *_ = self.video.frames(longest=_STILL)
        self.notes = self.video.notes
        if self.show is not None:
            self.show(frame)
        return frame
