"""Files that say what happens when: one module a format, with its writer and its reader side by side."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, get_args

from affekt.core.errors import InputError
from affekt.core.timeline import Timeline
from affekt.media.encoding import encoding_of

__all__ = ["EXTENSIONS", "TimedFormat", "encode", "read"]

TimedFormat = Literal["webvtt", "srt", "textgrid", "eaf", "rttm"]

EXTENSIONS: dict[str, TimedFormat] = {
    ".vtt": "webvtt",
    ".srt": "srt",
    ".textgrid": "textgrid",
    ".eaf": "eaf",
    ".rttm": "rttm",
}

_HEAD = 4096


def encode(timelines: Sequence[Timeline], *, format: TimedFormat) -> str:
    """Recordings as the content of a file.

    Args:
        timelines: The recordings; formats other than `rttm` hold one.
        format: `webvtt`, `srt`, `textgrid`, `eaf` or `rttm`.

    Raises:
        InputError: The format cannot hold several recordings, or RTTM would call two by one name.
    """
    from affekt.media.timed import eaf, rttm, srt, textgrid, webvtt

    if format == "rttm":
        return rttm.encode(timelines)
    if len(timelines) > 1:
        named = ", ".join(str(t.source) for t in timelines[:3])
        raise InputError(
            f"{format} holds one recording, and there are {len(timelines)} ({named}{', ...' * (len(timelines) > 3)})",
            hint="Write each to a file of its own, or take rttm, jsonl, csv or parquet.",
        )
    only = timelines[0] if timelines else Timeline()
    writers = {"webvtt": webvtt.encode, "srt": srt.encode, "textgrid": textgrid.encode, "eaf": eaf.encode}
    return writers[format](only)


def read(
    path: Path,
    *,
    format: TimedFormat | None = None,
    labels: Collection[str] | None = None,
    max_bytes: int = 64 * 1024 * 1024,
) -> list[Timeline]:
    """Read a file of any of the formats: transcripts with speakers and times, and what `encode` made.

    Args:
        path: The file, in UTF-8, or UTF-16 where its first bytes say so.
        format: Its format; default by its extension.
        labels: Names that are labels. SRT and RTTM have no sign of their own for labels: without the names, what
            stands in brackets is text, and who is named is a speaker.
        max_bytes: Larger files are refused.

    Returns:
        One timeline, or of RTTM one for each recording, with the recording's name as `source`; of other formats the
        source is `None`.

    Raises:
        InputError: The extension says no format, or the file is too large or not of its format; says where.
        OSError: The file cannot be read.
    """
    from affekt.media.timed import eaf, rttm, srt, textgrid, webvtt

    chosen = format or EXTENSIONS.get(path.suffix.lower())
    if chosen is None:
        known = ", ".join((*EXTENSIONS, *get_args(TimedFormat)))
        raise InputError(f"No format of times has the ending {path.suffix!r}", where=str(path), hint=f"Known: {known}.")
    text, where = _text(path, max_bytes), str(path)
    if chosen == "rttm":
        return rttm.parse(text, labels=labels, where=where)
    if chosen == "srt":
        return [srt.parse(text, labels=labels, where=where)]
    readers = {"webvtt": webvtt.parse, "textgrid": textgrid.parse, "eaf": eaf.parse}
    return [readers[chosen](text, where=where)]


def _text(path: Path, max_bytes: int) -> str:
    with path.open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise InputError(f"The file is larger than {max_bytes:,} bytes", where=str(path), hint="Raise max_bytes.")
    encoding = encoding_of(data[:_HEAD], str(path))
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as err:
        raise InputError(
            f"The file is not {encoding} from byte {err.start} on", where=str(path), hint="Save it as UTF-8."
        ) from err
