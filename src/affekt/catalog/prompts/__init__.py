"""Prompts as data: what a language model is told before it names the emotion of a turn."""

from __future__ import annotations

import string

from affekt.catalog.load import Entry, entry, names
from affekt.core.errors import CatalogError

__all__ = ["FIELDS", "Prompt", "prompt", "prompts"]

FIELDS = ("labels", "examples", "conversation", "speaker", "turn", "explicit", "shift", "profile")
"""What a template may ask for."""


class Prompt(Entry, frozen=True, kw_only=True):
    """A prompt. Its templates hold `{fields}`; a part whose field is empty is left out.

    Attributes:
        title: Name for people.
        description: What it tells, and after whom.
        works: Ids of the works whose prompts it follows.
        system: What the model is told before all else; it may ask for `labels`.
        parts: What it is asked, one part after another.
        example: One labelled turn, with `conversation`, `speaker`, `turn` and `answer`.
        before: Most turns before that are shown.
        examples: Most labelled turns that are shown.
    """

    title: str
    description: str
    works: tuple[str, ...] = ()
    system: str
    parts: tuple[str, ...]
    example: str = ""
    before: int = 8
    examples: int = 4

    def check(self) -> None:
        """Refuse templates that ask for what there is not.

        Raises:
            CatalogError: Says what is wrong.
        """
        allowed = {"example": ("conversation", "speaker", "turn", "answer")}
        each = [("system", self.system), ("example", self.example), *(("parts", part) for part in self.parts)]
        for name, template in each:
            for field in fields_of(template):
                if field not in allowed.get(name, FIELDS):
                    raise CatalogError(f"A template of {name!r} asks for {field!r}, which there is not")
        if not any("turn" in fields_of(part) for part in self.parts):
            raise CatalogError("No part shows the turn that is asked about")


def fields_of(template: str) -> list[str]:
    """Names of the fields of a template.

    Raises:
        CatalogError: It is no template.
    """
    try:
        return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as err:
        raise CatalogError(f"A template is not one: {err}") from err


def prompts() -> tuple[str, ...]:
    """Ids of all prompts, sorted."""
    return names("prompts")


def prompt(name: str) -> Prompt:
    """The prompt of that name.

    Raises:
        UnknownNameError: There is no such prompt; the nearest names are given.
        CatalogError: The entry is not valid.
    """
    found: Prompt = entry("prompts", name, Prompt)
    found.check()
    return found
