"""Which column of a table holds what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from affekt.core.errors import InputError, UnknownNameError

__all__ = ["MISSING", "Columns", "choose_columns", "conversation_columns", "looks_textual"]

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

_DIALOGUE_NAMES = ("dialogue", "dialogue_id", "dialog", "dialog_id", "dialogueid", "dialogid")
_THREAD_NAMES = ("conversation", "conversation_id", "conv_id", "conversationid", "thread_id", "chat_id", "channel")
_START_NAMES, _END_NAMES = ("start", "start_time", "starttime"), ("end", "end_time", "endtime")
_DISCORD = {"authorid", "author", "date", "content"}

# What tables write where a value is missing. "None" and "NA" are left out: people answer with them.
MISSING = frozenset({"nan", "NaN", "NAN", "<NA>", "#N/A", "null", "NULL"})


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns to read; `None` finds a well-known name, or for the text the only column of strings.

    The columns of languages and of targets are never guessed: a column of that name is often one of programs or of
    interfaces, or the gold.
    """

    text: str | None = None
    id: str | None = None
    speaker: str | None = None
    time: str | None = None
    language: str | None = None
    target: str | None = None
    dialogue: str | None = None


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
        `text` and, where found, `id`, `speaker`, `time`, `language`, `target`, `dialogue` -> index.

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
        ("target", asked.target, ()),
        ("dialogue", asked.dialogue, ()),
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


def conversation_columns(
    names: list[str], roles: dict[str, int], *, wanted: bool | None, filled: Callable[[int], bool]
) -> tuple[dict[str, int], str | None]:
    """Whether the rows of a table are turns of conversations, and the columns that only these have.

    They are where that is said, where a column of dialogues is named or called so, where a column called `speaker`
    holds names, and where the columns are those of a Discord export. A column such as `author` alone says nothing:
    reviews have authors too.

    Args:
        names: The columns that are there, in order.
        roles: What `choose_columns` found.
        wanted: Whether they are said to be; `None` finds it out.
        filled: Whether the column at an index holds anything.

    Returns:
        The roles with, where found, `dialogue`, `start` and `end`; and what tells that they are turns, else `None`.
    """
    folded = [name.strip().casefold() for name in names]

    def find(known: tuple[str, ...]) -> int | None:
        free = set(roles.values())
        return next((folded.index(name) for name in known if name in folded and folded.index(name) not in free), None)

    told: str | None = None
    dialogue = roles.get("dialogue", find(_DIALOGUE_NAMES))
    speaker = roles.get("speaker")
    if wanted is False:
        return {role: i for role, i in roles.items() if role != "dialogue"}, None
    if dialogue is not None and filled(dialogue):
        told = f"column {names[dialogue]!r}"
    elif speaker is not None and folded[speaker] == "speaker" and filled(speaker):
        told = f"column {names[speaker]!r}"
    elif set(folded) >= _DISCORD:
        told = "the columns of a Discord export"
    elif wanted:
        told = "as it was said"
    if told is None:
        return roles, None
    if dialogue is None:
        dialogue = find(_THREAD_NAMES)
    found = dict(roles)
    for role, index in (("dialogue", dialogue), ("start", find(_START_NAMES)), ("end", find(_END_NAMES))):
        if index is not None:
            found[role] = index
    return found, told
