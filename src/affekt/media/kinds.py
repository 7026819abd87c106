"""What a file is, by its extension or by the name of its format."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Literal, cast, get_args

from affekt.core.errors import InputError, UnknownNameError, nearest
from affekt.media.encoding import clean, points_elsewhere

__all__ = ["EXTENSIONS", "RECORDED", "Kind", "Transcript", "cannot_read", "kind_named", "kind_of"]

Transcript = Literal["webvtt", "srt", "textgrid", "eaf"]
Kind = Literal[
    "txt", "csv", "tsv", "jsonl", "parquet", "json", "names", "whatsapp", "webvtt", "srt", "textgrid", "eaf", "sound",
    "video", "image",
]  # fmt: skip

EXTENSIONS: dict[str, Kind] = {
    ".txt": "txt",
    ".text": "txt",
    ".md": "txt",
    ".log": "txt",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    # RTTM has no texts.
    ".vtt": "webvtt",
    ".srt": "srt",
    ".textgrid": "textgrid",
    ".eaf": "eaf",
    # Recordings are opened by `affekt.media.recording`.
    **dict.fromkeys(
        (
            *(".wav", ".wave", ".flac", ".mp3", ".m4a", ".ogg", ".oga", ".opus", ".aac", ".aif", ".aiff", ".wma"),
            ".amr",
        ),
        "sound",
    ),
    # Seen and heard, or heard alone.
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"), "video"),
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp", ".gif"), "image"),
}

RECORDED: tuple[Kind, ...] = ("sound", "video", "image")
"""What is no text."""

_PLAYLISTS = (".m3u", ".m3u8", ".pls", ".xspf", ".asx", ".wpl", ".cue", ".mpd", ".smil", ".ffconcat")


def kind_named(name: str) -> Kind:
    """The input format of that name.

    Raises:
        UnknownNameError: There is none; the nearest is given.
    """
    for kind in get_args(Kind):
        if kind == name:
            return cast("Kind", kind)
    raise UnknownNameError("input format", name, get_args(Kind))


def kind_of(path: Path) -> Kind:
    """What a file is by its extension.

    Raises:
        InputError: The extension says nothing, or there is no such file.
    """
    name = clean(str(path))[0]
    kind = EXTENSIONS.get(path.suffix.lower())
    if kind is None:
        if path.is_dir():
            raise InputError("This is a folder, not a file", where=name, hint="Name the files in it.")
        if not path.exists():
            raise cannot_read(path, name, FileNotFoundError())
        if path.suffix.lower() in _PLAYLISTS:
            raise points_elsewhere(name)
        kinds = ", ".join(get_args(Kind))
        known = ", ".join(EXTENSIONS)
        raise InputError(
            f"Unknown file extension {path.suffix!r}" if path.suffix else "The file has no extension",
            where=name,
            hint=f"Known: {known}. Say what it is with --input-format ({kinds}).",
        )
    return kind


def cannot_read(path: Path | None, name: str, err: OSError) -> InputError:
    """The error for a file that cannot be opened; of one that is not there, with the nearest name."""
    if isinstance(err, FileNotFoundError) and path is not None:
        folder = path.parent
        if not folder.is_dir():
            return InputError("There is no such folder", where=str(folder))
        close = nearest(path.name, (p.name for p in islice(folder.iterdir(), 2000)))
        hint = f"Did you mean {' or '.join(repr(str(folder / c)) for c in close)}?" if close else None
        return InputError("There is no such file", where=name, hint=hint)
    return InputError(f"It cannot be read: {(err.strerror or type(err).__name__).lower()}", where=name)
