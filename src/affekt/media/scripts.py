"""Scripts: which one a text is written in, and which one a language is written in."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

__all__ = ["script_of", "scripts_of", "sole_language"]

# First code point of a run of letters, and its script. Marks and digits in between do not matter: only
# letters are looked up. Source: the blocks of the Unicode Character Database, https://www.unicode.org/ucd/.
_RUNS: tuple[tuple[int, str], ...] = (
    (0x0000, "Latin"),
    (0x0370, "Greek"),
    (0x0400, "Cyrillic"),
    (0x0530, "Armenian"),
    (0x0590, "Hebrew"),
    (0x0600, "Arabic"),
    (0x0700, "Syriac"),
    (0x0750, "Arabic"),
    (0x0780, "Thaana"),
    (0x07C0, "N'Ko"),
    (0x0800, "Samaritan"),
    (0x0860, "Arabic"),
    (0x0900, "Devanagari"),
    (0x0980, "Bengali"),
    (0x0A00, "Gurmukhi"),
    (0x0A80, "Gujarati"),
    (0x0B00, "Odia"),
    (0x0B80, "Tamil"),
    (0x0C00, "Telugu"),
    (0x0C80, "Kannada"),
    (0x0D00, "Malayalam"),
    (0x0D80, "Sinhala"),
    (0x0E00, "Thai"),
    (0x0E80, "Lao"),
    (0x0F00, "Tibetan"),
    (0x1000, "Myanmar"),
    (0x10A0, "Georgian"),
    (0x1100, "Hangul"),
    (0x1200, "Ethiopic"),
    (0x13A0, "Cherokee"),
    (0x1400, "Canadian Aboriginal"),
    (0x1680, "Ogham"),
    (0x16A0, "Runic"),
    (0x1700, "Philippine"),
    (0x1780, "Khmer"),
    (0x1800, "Mongolian"),
    (0x18B0, "Canadian Aboriginal"),
    (0x1900, "South-East Asian"),
    (0x1C80, "Cyrillic"),
    (0x1C90, "Georgian"),
    (0x1CC0, "other"),
    (0x1D00, "Latin"),
    (0x1F00, "Greek"),
    (0x2000, "Latin"),  # letter-like symbols
    (0x2C00, "Glagolitic"),
    (0x2C60, "Latin"),
    (0x2C80, "Coptic"),
    (0x2D00, "Georgian"),
    (0x2D30, "Tifinagh"),
    (0x2D80, "Ethiopic"),
    (0x2DE0, "Cyrillic"),
    (0x2E00, "Han"),
    (0x3040, "Kana"),
    (0x3100, "Bopomofo"),
    (0x3130, "Hangul"),
    (0x3190, "Han"),
    (0x31F0, "Kana"),
    (0x3200, "Han"),
    (0xA000, "Yi"),
    (0xA4D0, "other"),
    (0xA640, "Cyrillic"),
    (0xA6A0, "other"),
    (0xA720, "Latin"),
    (0xA800, "other"),
    (0xA960, "Hangul"),
    (0xA980, "other"),
    (0xAB00, "Ethiopic"),
    (0xAB30, "Latin"),
    (0xAB70, "Cherokee"),
    (0xABC0, "other"),
    (0xAC00, "Hangul"),
    (0xD800, "other"),
    (0xF900, "Han"),
    (0xFB00, "Latin"),
    (0xFB07, "Armenian"),
    (0xFB1D, "Hebrew"),
    (0xFB50, "Arabic"),
    (0xFF00, "Latin"),  # full width
    (0xFF66, "Kana"),
    (0xFFA0, "Hangul"),
    (0x10000, "other"),
    (0x1D400, "Latin"),  # mathematical letters, which people write names and jokes in
    (0x1D800, "other"),
    (0x1F100, "Latin"),  # squared letters
    (0x1F300, "other"),
    (0x20000, "Han"),
)
_STARTS = [start for start, _ in _RUNS]

# Script of a language that is not written in Latin letters. Source: the likely scripts of Unicode CLDR,
# https://cldr.unicode.org/index/cldr-spec/likely-subtags.
_SCRIPTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("ru", "uk", "bg", "mk", "be", "kk", "ky", "tg", "mn", "tt", "ba"), ("Cyrillic",)),
    **dict.fromkeys(("ar", "arq", "ary", "arz", "fa", "ur", "ps", "sd", "sdh", "ug", "ckb"), ("Arabic",)),
    **dict.fromkeys(("hi", "mr", "ne", "sa", "gom"), ("Devanagari",)),
    **dict.fromkeys(("am", "ti"), ("Ethiopic",)),
    "sr": ("Cyrillic", "Latin"),
    "el": ("Greek",),
    "grc": ("Greek",),
    "he": ("Hebrew",),
    "hbo": ("Hebrew",),
    "yi": ("Hebrew",),
    "hy": ("Armenian",),
    "ka": ("Georgian",),
    "bn": ("Bengali",),
    "as": ("Bengali",),
    "pa": ("Gurmukhi",),
    "gu": ("Gujarati",),
    "or": ("Odia",),
    "ta": ("Tamil",),
    "te": ("Telugu",),
    "kn": ("Kannada",),
    "ml": ("Malayalam",),
    "si": ("Sinhala",),
    "th": ("Thai",),
    "lo": ("Lao",),
    "my": ("Myanmar",),
    "km": ("Khmer",),
    **dict.fromkeys(("bo", "dz"), ("Tibetan",)),
    "ko": ("Hangul", "Han"),
    "zh": ("Han", "Bopomofo"),
    **dict.fromkeys(("wuu", "yue"), ("Han",)),
    "ja": ("Han", "Kana"),
}

# Nobody writes to friends in these.
_ANCIENT = frozenset({"grc", "hbo", "sa"})


def scripts_of(language: str) -> tuple[str, ...]:
    """The scripts that a language is written in; Latin where nothing else is known."""
    return _SCRIPTS.get(language, ("Latin",))


def sole_language(script: str, among: Iterable[str]) -> str | None:
    """The language of a script that one language alone is written in today, such as Hangul, if it is among some."""
    users = [code for code, scripts in _SCRIPTS.items() if script in scripts and code not in _ANCIENT]
    return users[0] if len(users) == 1 and users[0] in among else None


def script_of(text: str) -> str | None:
    """The script that most letters of a text are in, such as `Latin` or `Hangul`; `None` without letters."""
    if text.isascii():
        return "Latin" if any(map(str.isalpha, text)) else None
    counts = Counter(_RUNS[bisect_right(_STARTS, ord(c)) - 1][1] for c in text if c.isalpha())
    return counts.most_common(1)[0][0] if counts else None
