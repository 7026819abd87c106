"""Which language a text is in, and whether a model covers it. Built to leave short, informal English alone.

Three steps, the cheap ones first: the script of the letters, common words, and only then a statistical detector
(py3langid, 140 languages), which is loaded on its first use.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection
from functools import cache
from typing import NamedTuple, Protocol, cast

from affekt.media.scripts import script_of, scripts_of, sole_language

__all__ = ["REASON", "Identified", "close_to", "has_language", "identify"]

REASON = "language not covered by the model"

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

# Codes of the detector that ISO 639 has a shorter one for.
_CODES = {"gug": "gn", "kik": "ki", "uzs": "uz"}

# What the detector names differently and a reader of the one reads too: written standards and regional forms of
# one language, as ISO 639-3 puts them together (macrolanguages ara, nor, zho; the successors of hbs).
_FORMS: tuple[tuple[str, ...], ...] = (
    ("ar", "arz", "ary", "arq"),
    ("no", "nn"),
    ("zh", "wuu", "yue"),
    ("hr", "bs", "sr"),
)

# Common words of languages that the detector does not know, which those that it takes them for have not. Measured on
# the development splits of SemEval-2025 Task 11; see docs/languages.md.
_TIGRINYA_WORDS = """
    እዩ እያ እዮም ናይ ኣብ ካብ ናብ እቲ ነቲ እታ ከም ምስ ድማ እንታይ ክሳብ ዝነበረ ኢሉ ኢለ ኣሎ ኣይኮነን ኩሉ ሰባት
"""
_SUNDANESE_WORDS = """
    teu teh mah anu nu jeung ieu eta aya keur geus abdi urang naon pisan atuh nya oge ngan kudu hayang euy ti deui
    loba
"""
_UNKNOWN: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "ti": (frozenset({"am"}), frozenset(_TIGRINYA_WORDS.split())),
    "su": (frozenset({"jv", "id", "ms", "ace", "tl"}), frozenset(_SUNDANESE_WORDS.split())),
}
_UNKNOWN_WORDS = re.compile(r"[^\W\d_]+")

# How far the best other language must be ahead of the covered ones; further where there are few letters. Chosen on
# the development part of GoEmotions (at most 0.5 % of English rows refused; tests/test_language.py checks it), as is
# what puts Pidgin so far ahead of English that it is no longer taken for it.
_FEW_LETTERS, _MARGIN_FEW, _MARGIN, _MARGIN_NEIGHBOUR = 15, 0.35, 0.18, 0.6
_TOO_SHORT = 4

_lock = threading.Lock()


class Identified(NamedTuple):
    """What language a text is in.

    Attributes:
        language: ISO 639-1 code, 639-3 for languages that have none; `None` where it cannot be told.
        probability: What the detector gives it; `None` where the script or common words told it.
        read_as: The covered language that it counts as: itself, or another form of it; `None` where it cannot be told,
            or where none is covered.
        reason: Why no covered language fits; `None` where nothing speaks against reading the text.
    """

    language: str | None = None
    probability: float | None = None
    read_as: str | None = None
    reason: str | None = None


_UNDECIDED = Identified()


class _Detector(Protocol):
    def classify(self, instance: str) -> tuple[str, float]: ...
    def rank(self, instance: str) -> list[tuple[str, float]]: ...


@cache
def _detector() -> _Detector:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return cast("_Detector", LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True))


@cache
def _scripts(languages: frozenset[str]) -> frozenset[str]:
    return frozenset(s for language in languages for s in scripts_of(language))


def has_language(text: str) -> bool:
    """Whether there is at least one letter in any script."""
    return any(map(str.isalpha, text))


def close_to(language: str, covered: Collection[str]) -> str | None:
    """The covered language that a language counts as: itself, or another form of it; `None` where there is none."""
    if language in covered:
        return language
    return next((other for forms in _FORMS if language in forms for other in forms if other in covered), None)


def identify(text: str, *, home: Collection[str], covered: Collection[str] = ()) -> Identified:
    """Say what language a text is in.

    Conservative: a text that is too short or mixed counts as being in one of the languages of `home`, unless
    another language is plainly more probable.

    Args:
        text: The text; its first 400 characters are looked at, and for a longer one 400 of its middle.
        home: Languages that a text is in unless something speaks against it, by their ISO 639-1 (or 639-3) codes.
        covered: Further languages that can be read.

    Returns:
        The language. Where it is neither of `home` nor covered, with the reason, such as "language not covered by
        the model: de (p=.98)" or "...: Hangul script". Without language and reason, nothing speaks against home.
    """
    if len(text) > 2 * _SEEN:
        middle = len(text) // 2
        text = f"{text[:_SEEN]} {text[middle : middle + _SEEN]}"
    script = script_of(text)
    if script is None:
        return _UNDECIDED
    at_home = script in _scripts(frozenset(home))
    beyond = frozenset(code for code in covered if code not in home and script in scripts_of(code))
    if not at_home and not beyond:
        more = sum(map(str.isalpha, text)) > 1
        return Identified(reason=f"{REASON}: {script} script") if more else _UNDECIDED
    if "en" in home and script == "Latin" and _reads_english(text):
        return Identified("en", None, "en")
    if sole := sole_language(script, beyond if not at_home else home):
        return Identified(sole, None, sole)
    plain = _DRAWN_OUT.sub(r"\1", _LAUGHTER.sub(" ", _NOISE.sub(" ", text)))
    letters = sum(map(str.isalpha, plain))
    if letters <= _TOO_SHORT and at_home:
        return _UNDECIDED
    with _lock:
        detector = _detector()
    best, p = detector.classify(plain)
    best = _CODES.get(best, best)
    if unknown := _told_by_words(plain, best, {*home, *beyond}):
        return Identified(unknown, None, unknown)
    if best in home:
        return Identified(best, p, best)
    if best in _NEVER and at_home:
        return _UNDECIDED
    if (form := close_to(best, home)) is not None:
        return Identified(best, p, form)
    # The other probabilities cost more to have, and most texts do not need them.
    least = _MARGIN_FEW if letters <= _FEW_LETTERS else _MARGIN
    if any(best in _NEIGHBOURS.get(code, ()) for code in home):
        if best not in beyond:
            return _UNDECIDED
        least = _MARGIN_NEIGHBOUR
    if at_home and p <= least:
        return _UNDECIDED
    shares = dict(detector.rank(plain))
    if at_home and p - max((shares.get(code, 0.0) for code in home), default=0.0) <= least:
        return _UNDECIDED
    if (form := close_to(best, beyond)) is not None:
        return Identified(best, p, form)
    nearest = max(beyond, key=lambda code: (shares.get(code, 0.0), code), default=None)
    if nearest is not None and (best in _NEVER or p - shares.get(nearest, 0.0) <= least):
        return Identified(nearest, shares.get(nearest, 0.0), nearest)
    return Identified(best, p, None, f"{REASON}: {best} (p={_probability(p)})")


def _reads_english(text: str) -> bool:
    words = _WORD.findall(text.lower().replace("’", "'"))
    hits = sum(word in _ENGLISH for word in words)
    return bool(hits) and (4 * hits >= len(words) or (hits >= 2 and 7 * hits >= len(words)))


def _told_by_words(text: str, best: str, covered: Collection[str]) -> str | None:
    """A covered language that the detector does not know and takes for `best`, where its common words stand."""
    for code, (taken_for, common) in _UNKNOWN.items():
        if best in taken_for and code in covered:
            words = _UNKNOWN_WORDS.findall(text.lower())
            hits = sum(word in common for word in words)
            # The letter for a bare a is another one in Tigrinya than in Amharic.
            if code == "ti":
                hits += text.count("ኣ") - text.count("አ")
            if hits >= 1 and 12 * hits >= len(words):
                return code
    return None


def _probability(p: float) -> str:
    return ".99" if p >= 0.995 else f"{p:.2f}".removeprefix("0")
