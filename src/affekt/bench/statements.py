"""True and false statements about the emotion of a scene, made from words that people gave it.

As in MVEI (2025), a model that answers in any words is measured by judging statements: whether what is felt is good or
bad (`polarity`), which emotion it is (`interpretation`), and whether people could see two in it (`subjectivity`). A
false emotion is one of the same polarity that nobody gave and that is in no group of one they did, so that polarity
alone does not tell it. The fourth kind of the publication, about what is to be seen, needs descriptions of the scene
and is not made here. Sentences and polarities are data (`catalog/statements.toml`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec
import numpy as np

from affekt.catalog.emotion_words import grouping, wheel_groupings, wheel_words
from affekt.core.works import implements
from affekt.metrics.setwise import groups_of

__all__ = ["KINDS", "Claim", "accuracies", "claims", "told_by", "told_by_polarity"]

KINDS = ("polarity", "interpretation", "subjectivity")


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement to be judged.

    Attributes:
        id: The scene.
        kind: One of `KINDS`.
        sentence: What is said.
        about: What it says it of: `positive` or `negative`, or emotion words.
        true: Whether it is so.
    """

    id: str
    kind: str
    sentence: str
    about: tuple[str, ...]
    true: bool


class _Polarity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    wheel: str
    positive: frozenset[str]
    negative: frozenset[str]


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sentences: dict[str, str]
    polarity: _Polarity


@cache
def _said() -> _Said:
    return msgspec.toml.decode((resources.files("affekt.catalog") / "statements.toml").read_bytes(), type=_Said)


def _polarity(words: Sequence[str]) -> str | None:
    """What most of the words are, where one side has more."""
    table = _said().polarity
    places = grouping(table.wheel, by="level1", edition="mer2026")
    sides = [places[w] for word in words if (w := word.lower().strip()) in places]
    good, bad = (sum(place in side for place in sides) for side in (table.positive, table.negative))
    return None if good == bad else "positive" if good > bad else "negative"


def _groups(words: Sequence[str]) -> set[tuple[int, str]]:
    """Groups of words on the inner rings of all wheels."""
    return {(n, g) for n, table in enumerate(wheel_groupings(1, "mer2026")) for g in groups_of(words, table)}


@implements(works=["mvei"])
def claims(words: Mapping[str, Sequence[str]], *, seed: int = 0) -> list[Claim]:
    """Make as many true as false statements of each kind.

    Args:
        words: Scene -> the words that people gave it.
        seed: Seed of what is drawn.
    """
    rng = np.random.default_rng(seed)
    known = sorted(w for w in wheel_words() if _polarity([w]))
    say = _said().sentences
    out: list[Claim] = []
    for name, given in words.items():
        side, here = _polarity(given), _groups(given)
        # Of mixed feelings those that prevail, so that polarity does not tell what is true here either.
        given_known = [w for w in dict.fromkeys(given) if _polarity([w]) == side]
        if side is None or not given_known:
            continue
        other = "negative" if side == "positive" else "positive"
        true = str(rng.choice(given_known))
        wrong = [w for w in known if _polarity([w]) == side and not _groups([w]) & here]
        told: list[tuple[str, tuple[str, ...], bool]] = [("polarity", (side,), True), ("polarity", (other,), False)]
        if wrong:
            false = str(rng.choice(wrong))
            told += [("interpretation", (true,), True), ("interpretation", (false,), False)]
            second = [w for w in given_known if not _groups([w]) & _groups([true])]
            if second:
                told += [
                    ("subjectivity", (true, str(rng.choice(second))), True),
                    ("subjectivity", (true, false), False),
                ]
        for kind, about, is_true in told:
            fields = {"polarity": about[0], "word": about[0], "other": about[-1]}
            out.append(Claim(name, kind, say[kind].format(**fields), about, is_true))
    return out


def told_by(claim: Claim, words: Sequence[str]) -> bool:
    """What an answer in words says of a statement: whether its words have that polarity, or are of those groups."""
    if claim.kind == "polarity":
        return _polarity(words) == claim.about[0]
    here = _groups(words)
    return all(_groups([w]) & here for w in claim.about)


def told_by_polarity(claim: Claim, words: Sequence[str]) -> bool:
    """What one who sees only whether the answer is good or bad says of a statement: the floor."""
    side = _polarity(words)
    return side is not None and (side == claim.about[0] or all(_polarity([w]) == side for w in claim.about))


def accuracies(made: Sequence[Claim], tell: Callable[[Claim], bool]) -> dict[str, float]:
    """Share of statements of each kind that are told rightly; NaN where there are none.

    Args:
        made: The statements.
        tell: What says whether one is true.
    """
    out = {}
    for kind in KINDS:
        right = [tell(c) == c.true for c in made if c.kind == kind]
        out[kind] = sum(right) / len(right) if right else float("nan")
    return out
