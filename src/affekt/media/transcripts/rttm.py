"""Rich Transcription Time Marked (NIST, RT-09 evaluation plan, appendix A): who speaks when, without words."""

from __future__ import annotations

from affekt.core.errors import InputError, UnknownNameError
from affekt.media.transcripts.turn import Turn, checked

__all__ = ["rttm"]


def rttm(text: str, where: str, *, recording: str | None = None) -> list[Turn]:
    """Turns of the SPEAKER lines of one recording; lines of other types and comments (`;;`) are left out.

    Args:
        text: The file.
        where: Its name, for messages.
        recording: The recording to take, where the file is about several.

    Raises:
        InputError: A SPEAKER line is broken, or the file is about several recordings and none was named.
        UnknownNameError: There is no such recording.
    """
    turns: dict[str, list[Turn]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        place = f"{where}:{number}"
        if len(fields) < 8:
            raise InputError(f"A SPEAKER line has 10 fields, this one {len(fields)}", where=place)
        try:
            start, length = float(fields[3]), float(fields[4])
        except ValueError as err:
            raise InputError("Start and length of a SPEAKER line are numbers", where=place) from err
        if length < 0:
            raise InputError(f"A turn cannot be {length:g} s long", where=place)
        speaker = None if fields[7] == "<NA>" else fields[7]
        # 3.1 + 0.2 is not 3.3 to a computer; the file itself has milliseconds, seldom more.
        turns.setdefault(fields[1], []).append(checked(Turn(start, round(start + length, 6), speaker), place))
    if recording is None and len(turns) > 1:
        raise InputError(
            f"It is about {len(turns)} recordings ({', '.join(list(turns)[:5])})", where=where, hint="Name one."
        )
    if recording is not None and len(turns) > 1 and recording not in turns:
        raise UnknownNameError("recording", recording, turns, where=where)
    return turns.get(recording or "", next(iter(turns.values()), []))
