"""Names and codes of languages: one code for each, whatever a reader calls it."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec

from affekt.core.errors import UnknownNameError

__all__ = ["language_code", "language_name"]


class _Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    codes: tuple[str, ...]
    names: tuple[str, ...]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    source: str
    languages: dict[str, _Language]


@cache
def _languages() -> dict[str, _Language]:
    file = resources.files("affekt.catalog") / "languages.toml"
    return msgspec.toml.decode(file.read_bytes(), type=_Table).languages


@cache
def _by_any_name() -> dict[str, str]:
    found = {code: code for code in _languages()}
    for code, language in _languages().items():
        for other in (*language.codes, *language.names):
            found.setdefault(other.casefold(), code)
    return found


@cache
def language_code(name: str) -> str:
    """The code that a language has throughout: that of ISO 639-1, of ISO 639-3 where it has none.

    Args:
        name: A code of two or three letters, a tag such as `pt-BR` (the language counts), or an English name.

    Raises:
        UnknownNameError: There is no such language; the nearest names are given.

    Example:
        >>> language_code("deu"), language_code("pt-BR"), language_code("Hausa")
        ('de', 'pt', 'ha')
    """
    known = _by_any_name()
    asked = name.strip().casefold()
    found = known.get(asked) or known.get(asked.replace("_", "-").partition("-")[0])
    if found is None:
        names = [n for language in _languages().values() for n in language.names]
        raise UnknownNameError("language", name.strip(), names if len(asked) > 3 else (*_languages(), *names))
    return found


def language_name(code: str) -> str:
    """The English name of a language by its code; the code itself where there is none."""
    found = _languages().get(code)
    return found.names[0] if found else code
