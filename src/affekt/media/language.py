"""Whether a text is in a language that a model covers. Built to leave short, informal English alone.

Three steps, the cheap ones first: the script of the letters, common English words, and only then a
statistical detector (py3langid, 140 languages), which is loaded on its first use.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection
from functools import cache
from typing import Protocol, cast

__all__ = ["REASON", "foreign", "has_language", "script_of"]

REASON = "language not covered by the model"

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
    **dict.fromkeys(("ru", "uk", "bg", "mk", "be", "kk", "ky", "tg", "mn", "tt"), ("Cyrillic",)),
    **dict.fromkeys(("ar", "fa", "ur", "ps", "sd", "ug", "ckb"), ("Arabic",)),
    **dict.fromkeys(("hi", "mr", "ne", "sa"), ("Devanagari",)),
    **dict.fromkeys(("am", "ti"), ("Ethiopic",)),
    "sr": ("Cyrillic", "Latin"),
    "el": ("Greek",),
    "he": ("Hebrew",),
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
    "bo": ("Tibetan",),
    "ko": ("Hangul", "Han"),
    "zh": ("Han", "Bopomofo"),
    "ja": ("Han", "Kana"),
}

# Common English words that are rare in the other languages written in Latin letters. Words such as "to", "do",
# "on", "is", "was" or "so" are left out, since other languages have them too.
_ENGLISH_WORDS = """
    the and you that this with are have but what your it's don't they if about from can how would him when his
    there that's you're now good think here well love who right she people been some were did time them too
    really want because why going said could then only their our can't didn't thanks much very never where than
    he's other say any still does i'm i've i'll isn't not just know these those which should doesn't won't
    wasn't he'd they're we're what's let's something nothing anything everything someone always thank actually
    maybe please sorry into before after being having every through again while it'll wouldn't couldn't
    yeah gonna gotta wanna damn dude guys tbh idk lmao
"""
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_NOISE = re.compile(r"https?://\S+|www\.\S+|[@#]\w+|\[[A-Z]+\]|<[^<>\s]+>")

_LAUGHTER = re.compile(r"\b[a-z]*(?:ha|ah|he|hi){3,}h?\b", re.IGNORECASE)
_DRAWN_OUT = re.compile(r"(.)\1{2,}")  # "soooo"

# A detector that sees this much does not gain by seeing more.
_SEEN = 400

# Nigerian Pidgin is not told from informal English reliably; `zxx` is "no linguistic content".
_NEIGHBOURS = {"en": frozenset({"pcm"})}
_NEVER = frozenset({"zxx", "und"})

# How far the best other language must be ahead of the covered ones; further where there are few letters. Chosen on
# the development part of GoEmotions (at most 0.5 % of English rows refused; tests/test_language.py checks it).
_FEW_LETTERS, _MARGIN_FEW, _MARGIN = 15, 0.35, 0.18
_TOO_SHORT = 4

_lock = threading.Lock()


class _Detector(Protocol):
    def classify(self, instance: str) -> tuple[str, float]: ...
    def rank(self, instance: str) -> list[tuple[str, float]]: ...


@cache
def _detector() -> _Detector:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return cast("_Detector", LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True))


def script_of(text: str) -> str | None:
    """The script that most letters of a text are in, such as `Latin` or `Hangul`; `None` without letters."""
    if text.isascii():
        return "Latin" if any(map(str.isalpha, text)) else None
    counts = Counter(_RUNS[bisect_right(_STARTS, ord(c)) - 1][1] for c in text if c.isalpha())
    return counts.most_common(1)[0][0] if counts else None


def has_language(text: str) -> bool:
    """Whether there is at least one letter in any script."""
    return any(map(str.isalpha, text))


def foreign(text: str, covered: Collection[str]) -> str | None:
    """Say why a text is not in a covered language.

    Conservative: `None` where the text is too short, mixed, or may well be covered.

    Args:
        text: The text; its first 400 characters are looked at, and for a longer one 400 of its middle.
        covered: ISO 639-1 codes.

    Returns:
        The reason, such as "language not covered by the model: de (p=.98)" or "...: Hangul script"; `None`
        where nothing speaks against reading the text.
    """
    if len(text) > 2 * _SEEN:
        middle = len(text) // 2
        text = f"{text[:_SEEN]} {text[middle : middle + _SEEN]}"
    script = script_of(text)
    if script is None:
        return None
    scripts = {s for language in covered for s in _SCRIPTS.get(language, ("Latin",))}
    if script not in scripts:
        return f"{REASON}: {script} script" if sum(map(str.isalpha, text)) > 1 else None
    if "en" in covered and script == "Latin":
        words = _WORD.findall(text.lower().replace("’", "'"))
        hits = sum(word in _ENGLISH for word in words)
        if hits and (4 * hits >= len(words) or (hits >= 2 and 7 * hits >= len(words))):
            return None
    plain = _DRAWN_OUT.sub(r"\1", _LAUGHTER.sub(" ", _NOISE.sub(" ", text)))
    letters = sum(map(str.isalpha, plain))
    if letters <= _TOO_SHORT:
        return None
    with _lock:
        detector = _detector()
    best, p = detector.classify(plain)
    if best in covered or best in _NEVER or any(best in _NEIGHBOURS.get(code, ()) for code in covered):
        return None
    least = _MARGIN_FEW if letters <= _FEW_LETTERS else _MARGIN
    # The other probabilities cost more to have, and most texts do not need them.
    if p <= least or p - max((q for code, q in detector.rank(plain) if code in covered), default=0.0) <= least:
        return None
    return f"{REASON}: {best} (p={_probability(p)})"


def _probability(p: float) -> str:
    return ".99" if p >= 0.995 else f"{p:.2f}".removeprefix("0")
