"""A transcript by its path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from affekt.core.clip import Clip
from affekt.core.errors import InputError, UnknownNameError
from affekt.media.encoding import clean, encoding_of
from affekt.media.transcripts.turn import Turn

__all__ = ["KINDS", "beside", "read_turns"]

KINDS = {
    ".eaf": "ELAN annotation",
    ".textgrid": "Praat TextGrid",
    ".vtt": "WebVTT",
    ".srt": "SubRip",
    ".json": "JSON of a recogniser",
    ".rttm": "RTTM, speakers without words",
}
"""Extension, in small letters -> what it is; those that know more come first."""

_LARGEST = 64 << 20


def read_turns(path: str | Path, *, recording: str | None = None) -> list[Clip]:
    """The turns of a transcript, by their start.

    Args:
        path: A file of one of `KINDS`; UTF-8 or UTF-16.
        recording: Which recording, where the file (RTTM) is about several.

    Returns:
        Clips with start and end in seconds, speaker and text where the transcript has them; `turn` counts them.

    Raises:
        InputError: It cannot be read, or is not what its extension says.
        UnknownNameError: The extension or the recording is unknown.
    """
    path = Path(path)
    where = clean(str(path))[0]
    if path.suffix.casefold() not in KINDS:
        raise UnknownNameError("kind of transcript", path.suffix, KINDS, where=where)
    turns = sorted(
        _parser(path.suffix.casefold(), recording)(_text(path, where), where), key=lambda t: (t.start, t.end)
    )
    return [
        Clip(
            id=str(number),
            text=turn.text,
            start=turn.start,
            end=turn.end,
            speaker=turn.speaker,
            source=where,
            dialogue=path.stem,
            turn=number - 1,
        )
        for number, turn in enumerate(turns, start=1)
    ]


def beside(recording: str | Path) -> list[Path]:
    """Transcripts that lie beside a recording under its name (`call.wav`: `call.srt`), those that know more first."""
    recording = Path(recording)
    if not recording.parent.is_dir():
        return []
    order = {kind: place for place, kind in enumerate(KINDS)}
    found = [p for p in recording.parent.iterdir() if p.stem == recording.stem and p.suffix.casefold() in order]
    return sorted((p for p in found if p != recording), key=lambda p: (order[p.suffix.casefold()], p.name))


def _text(path: Path, where: str) -> str:
    try:
        if path.is_dir():
            raise InputError("This is a folder, not a file", where=where, hint="Name the transcript in it.")
        if path.stat().st_size > _LARGEST:
            raise InputError(f"A transcript of more than {_LARGEST:,} bytes is not read", where=where)
        raw = path.read_bytes()
    except FileNotFoundError as err:
        raise InputError("There is no such file", where=where, hint="Check the path.") from err
    except (OSError, ValueError) as err:
        raise InputError(f"It cannot be read: {getattr(err, 'strerror', None) or err}", where=where) from err
    if not raw:
        raise InputError("There is nothing in it", where=where)
    try:
        # Praat, and old programs for subtitles, write no UTF-8; its bytes tell themselves apart from Latin-1.
        encoding = encoding_of(raw[: 1 << 16], where)
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _parser(suffix: str, recording: str | None) -> Callable[[str, str], list[Turn]]:
    if suffix == ".rttm":
        from affekt.media.transcripts.rttm import rttm

        return lambda text, where: rttm(text, where, recording=recording)
    if suffix == ".eaf":
        from affekt.media.transcripts.eaf import eaf

        return eaf
    if suffix == ".textgrid":
        from affekt.media.transcripts.textgrid import textgrid

        return textgrid
    if suffix == ".json":
        from affekt.media.transcripts.recognisers import recognised

        return recognised
    from affekt.media.transcripts.subtitles import srt, vtt

    return srt if suffix == ".srt" else vtt
