"""Praat's TextGrid, long and short form.

Praat reads a text file as free-standing numbers, texts in double quotes (a quote within is doubled) and flags in angle
brackets; all else is a comment (manual, "TextGrid file formats"). Both forms are the same after that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from affekt.core.errors import InputError
from affekt.media.transcripts.turn import Turn, checked

__all__ = ["textgrid"]

_TOKEN = re.compile(
    r'"((?:[^"]|"")*)"|(?<!\S)([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)|(?<!\S)<(\w+)>(?!\S)|(?<!\S)![^\n]*'
)
# Tiers of what is smaller than a word, as forced aligners write them, are no turns.
_SMALLER = {"phone", "phones", "phoneme", "phonemes", "segment", "segments", "syllable", "syllables", "mau", "sampa"}
# Tiers that are named by what they hold and not by who speaks.
_KINDS = {"word", "words", "text", "transcript", "transcription", "utterance", "utterances", "sentence", "sentences",
          "ort", "orthography", "turn", "turns"}  # fmt: skip


def textgrid(text: str, where: str) -> list[Turn]:
    """Turns of the interval tiers: the tier's name is the speaker, where it names one; empty intervals are none.

    Of a forced alignment (`Anna - words`, `Anna - phones`) the words are read.
    """
    tokens = _tokens(text)

    def take(kind: type[str] | type[float], what: str) -> str | float:
        token = next(tokens, None)
        if not isinstance(token, kind):
            raise InputError(f"This TextGrid is broken: {what} is missing", where=where, hint="Save it again in Praat.")
        return token

    def number(what: str) -> float:
        return float(take(float, what))

    def words(what: str) -> str:
        return str(take(str, what))

    kinds = [token for token in (next(tokens, None), next(tokens, None)) if isinstance(token, str)]
    if kinds[-1:] != ["TextGrid"]:
        raise InputError("This is no TextGrid", where=where, hint="Save it in Praat as a text file or short text file.")
    number("its beginning"), number("its end")
    turns = []
    for _ in range(int(number("the number of tiers"))):
        kind, name = words("the class of a tier"), words("the name of a tier")
        number("the beginning of a tier"), number("the end of a tier")
        place = f"{where}, tier {name!r}"
        who, _, what = name.rpartition(" - ")
        skipped = kind != "IntervalTier" or what.strip().casefold() in _SMALLER
        speaker = who.strip() or None if what.strip().casefold() in _KINDS else name.strip() or None
        for _ in range(int(number("the number of intervals"))):
            start = number("the time of a point or interval")
            end = number("the end of an interval") if kind == "IntervalTier" else start
            said = " ".join(words("the text of an interval").split())
            if said and not skipped:
                turns.append(checked(Turn(start, end, speaker, said), place))
    return turns


def _tokens(text: str) -> Iterator[str | float]:
    """Texts and numbers; the flag <exists> says nothing that the counts do not say."""
    for found in _TOKEN.finditer(text):
        quoted, number, _ = found.groups()
        if quoted is not None:
            yield quoted.replace('""', '"')
        elif number is not None:
            yield float(number)
