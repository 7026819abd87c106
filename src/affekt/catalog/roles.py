"""How words of emotion take the one who feels and what it is about: words and patterns of each language, as data."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec

from affekt.core.errors import CatalogError, UnknownNameError

__all__ = ["Grammar", "grammar", "grammars"]

Forms = dict[str, tuple[str, ...]]
"""Emotion -> patterns of its words."""


class Grammar(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Words of one language; each is a pattern that stands for whole words.

    Attributes:
        states: What one is or feels: adjectives (afraid).
        nouns: What one has (my fear).
        feels: Verbs whose subject feels (she fears the winter).
        moves: Verbs whose object feels (the noise annoys me).
        subordinate: What opens a clause that says why, behind the emotion.
        leading: What opens it before the emotion.
        target: What opens the words at whom or at what.
        chain: Verbs between the one who feels and the state.
        light: What may stand between them and says neither.
        negators: What denies the emotion.
        perfect: Verbs that make a participle something done, and no state.
        clitics: Objects that stand before their verb.
        reflexives: Objects that are the subject again.
        possessives: Whose emotion a noun is.
        determiners: What opens a noun phrase.
        persons: Pronouns and the like that are objects by themselves.
        finite: What ends a noun phrase that is a subject.
        trailing: What may stand behind an object and is no part of it.
        conjunctions: What sets clauses beside one another.
        to_experiencer: Nouns that one makes to somebody (faire peur à).
    """

    states: Forms
    nouns: Forms
    feels: Forms
    moves: Forms
    subordinate: tuple[str, ...]
    leading: tuple[str, ...]
    target: tuple[str, ...]
    chain: tuple[str, ...]
    light: tuple[str, ...]
    negators: tuple[str, ...]
    perfect: tuple[str, ...]
    clitics: tuple[str, ...]
    reflexives: tuple[str, ...]
    possessives: tuple[str, ...]
    determiners: tuple[str, ...]
    persons: tuple[str, ...]
    finite: tuple[str, ...]
    trailing: tuple[str, ...]
    conjunctions: tuple[str, ...]
    to_experiencer: tuple[str, ...]


@cache
def _all() -> dict[str, Grammar]:
    raw = (resources.files("affekt.catalog") / "roles.toml").read_bytes()
    try:
        return msgspec.toml.decode(raw, type=dict[str, Grammar])
    except (msgspec.DecodeError, msgspec.ValidationError) as err:
        raise CatalogError(f"The roles of emotions are not valid: {err}", where="roles.toml") from err


def grammars() -> tuple[str, ...]:
    """ISO 639-1 codes of the languages that there are words of."""
    return tuple(_all())


def grammar(language: str) -> Grammar:
    """The words of a language.

    Raises:
        UnknownNameError: There are none of it.
    """
    if language not in _all():
        raise UnknownNameError("language of semantic roles", language, _all())
    return _all()[language]
