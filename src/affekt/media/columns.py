"""Which column of a table holds what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from affekt.core.errors import InputError, UnknownNameError

__all__ = ["MISSING", "Columns", "choose_columns", "looks_textual"]

_TEXT_NAMES = (
    *("text", "comment", "message", "review", "body", "content", "sentence", "utterance", "tweet", "post"),
    *("document", "response", "answer", "feedback", "comment_text", "review_text", "full_text", "selftext"),
)
_ID_NAMES = (
    *("id", "clip_id", "row_id", "text_id", "comment_id", "message_id", "review_id", "post_id", "tweet_id"),
    *("utterance_id", "doc_id", "uid", "uuid"),
)
_SPEAKER_NAMES = ("speaker", "author", "user", "username", "user_name", "sender", "participant")
_TIME_NAMES = ("time", "timestamp", "datetime", "date", "created_at", "created_utc", "created", "sent_at", "posted_at")

# What tables write where a value is missing. "None" and "NA" are left out: people answer with them.
MISSING = frozenset({"nan", "NaN", "NAN", "<NA>", "#N/A", "null", "NULL"})


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns to read; `None` finds a well-known name, or for the text the only column of strings.

    The column of languages is never guessed: a column of that name is often one of programs or of interfaces.
    """

    text: str | None = None
    id: str | None = None
    speaker: str | None = None
    time: str | None = None
    language: str | None = None


def looks_textual(values: Iterable[object]) -> bool:
    """Whether a column's sample holds strings that are not all numbers."""
    for value in values:
        if isinstance(value, str) and (cell := value.strip()) and cell not in MISSING:
            try:
                float(cell)
            except ValueError:
                return True
    return False


def choose_columns(names: list[str], asked: Columns, *, where: str, textual: Callable[[int], bool]) -> dict[str, int]:
    """Find the columns to read.

    Args:
        names: The columns that are there, in order.
        asked: The columns that the caller named.
        where: File, for messages.
        textual: Whether the column at an index holds texts; asked only where no name decides.

    Returns:
        `text` and, where found, `id`, `speaker`, `time`, `language` -> index.

    Raises:
        UnknownNameError: A named column is not there.
        InputError: No column, or more than one, can be the text; or the column's name occurs twice.
    """
    folded = [name.strip().casefold() for name in names]
    found: dict[str, int] = {}

    def take(role: str, name: str) -> None:
        at = [i for i, n in enumerate(names) if n == name]
        if len(at) > 1:
            raise InputError(
                f"Column {name!r} occurs {len(at)} times",
                where=where,
                hint="Rename all but one of them, then run again.",
            )
        found[role] = at[0]

    for role, name, known in (
        ("text", asked.text, _TEXT_NAMES),
        ("id", asked.id, _ID_NAMES),
        ("speaker", asked.speaker, _SPEAKER_NAMES),
        ("time", asked.time, _TIME_NAMES),
        ("language", asked.language, ()),
    ):
        if name is not None:
            if name not in names:
                raise UnknownNameError("column", name, names, where=where)
            take(role, name)
        elif hit := next((k for k in known if k in folded), None):
            take(role, names[folded.index(hit)])
    if "text" not in found:
        taken = set(found.values())
        candidates = [i for i in range(len(names)) if i not in taken and (len(names) == 1 or textual(i))]
        if len(candidates) != 1:
            shown = ", ".join(names[i] for i in (candidates or range(len(names)))[:20])
            why = "More than one column could hold the text" if candidates else "No column holds text"
            raise InputError(why, where=where, hint=f"Name it with --column (column= in Python): {shown}.")
        found["text"] = candidates[0]
    return found
