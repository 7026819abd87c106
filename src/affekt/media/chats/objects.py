"""Conversations as JSON: lists of turns, and what Telegram, Slack, Discord and Messenger export.

A turn is `{"speaker": ..., "text": ..., "start": ..., "end": ..., "id": ...}` under these or the usual other names, a
pair `[speaker, text]`, or a string. A file holds a list of turns; an object with such a list (`turns`, `messages`,
`conversation`, ...); or several of these, in a list or under their names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from affekt.core.errors import InputError
from affekt.media.chats.turn import LARGEST, MEDIA, SYSTEM, Turn, said, seconds

__all__ = ["decoded", "holds_turns", "read_lines", "read_objects"]

_LISTS = (
    *("turns", "messages", "conversation", "conversations", "dialogue", "dialog", "utterances", "chat"),
    *("dialogues", "dialogs", "chats", "data", "list"),
)
_TEXT = ("text", "content", "utterance", "message", "body", "value", "words", "transcript", "sentence", "msg")
_SPEAKER = (
    *("speaker", "speaker_name", "sender", "sender_name", "author", "user", "username", "from", "role", "name"),
    *("participant", "speaker_id", "user_id", "author_id"),
)
_START, _END = ("start", "start_time", "begin"), ("end", "end_time", "stop")
_TIME = ("time", "timestamp", "date", "datetime", "created_at", "sent_at", "ts")
_ID = ("id", "turn_id", "utterance_id", "message_id", "uid", "clip_id")
_DIALOGUE_ID = ("id", "dialogue_id", "dialog_id", "conversation_id", "name", "title")
_NAMED = ("name", "display_name", "nickname", "username", "id")
_DEEPEST = 6


def decoded(raw: bytes, where: str) -> Any:
    """The value that a JSON file holds.

    Raises:
        InputError: It is not JSON (line and column are named), not UTF-8, or larger than `LARGEST`.
    """
    if len(raw) > LARGEST:
        raise InputError(
            f"A JSON file of more than {LARGEST:,} bytes is not read",
            where=where,
            hint="Write it as JSON Lines (.jsonl), one turn a line, with a column of the dialogue.",
        )
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        if not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    # The standard library also reads NaN and other encodings, and tells the line.
    try:
        text = raw.decode("utf-16") if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else raw.decode()
        return json.loads(text)
    except UnicodeDecodeError as err:
        raise InputError(f"It is not UTF-8 from byte {err.start} on", where=where, hint="Save it as UTF-8.") from err
    except json.JSONDecodeError as err:
        end = " The file ends there: was it copied whole?" if err.pos >= len(text.rstrip()) else ""
        raise InputError(
            f"This is not JSON: {said(err)} at column {err.colno}",
            where=f"{where}:{err.lineno}",
            hint=f"Mend the file there.{end}",
        ) from err
    except RecursionError as err:
        raise InputError("The JSON is nested too deep", where=where) from err


def read_objects(value: Any, where: str, *, path: Path | None = None) -> tuple[str, Iterator[Turn]]:
    """What a JSON file is an export of, and its turns.

    Args:
        value: The decoded file.
        where: The file, for messages.
        path: The file; one of a Slack export has its channel and the names of users in the folders above it.

    Returns:
        `a Telegram export` and the like, or `a list of turns`; the turns in order.

    Raises:
        InputError: No list of turns is in it; what was found instead is said.
    """
    if isinstance(value, Mapping):
        chats = value.get("chats")
        if isinstance(chats, Mapping) and isinstance(chats.get("list"), list):
            return "a Telegram export", _telegrams(chats["list"])
        if isinstance(messages := value.get("messages"), list) and messages:
            first = next((m for m in messages if isinstance(m, Mapping)), {})
            if "from_id" in first or "actor" in first or "text_entities" in first:
                return "a Telegram export", _telegram(value, "messages", dialogue=None)
            if "author" in first and "content" in first and isinstance(value.get("channel"), Mapping):
                return "a Discord export", _discord(value)
            if "sender_name" in first and "timestamp_ms" in first:
                return "a Messenger export", _messenger(messages)
    if isinstance(value, list) and value:
        known = [m for m in value if isinstance(m, Mapping)]
        if known and all("ts" in m and m.get("type") == "message" for m in known):
            return "a Slack export", _slack(value, path)
    found = list(_dialogues(value, "", None, 0))
    if not found:
        what = f"an object with {', '.join(list(value)[:8])}" if isinstance(value, Mapping) else type(value).__name__
        raise InputError(
            f"There is no list of turns in it, but {what if value else 'nothing'}",
            where=where,
            hint='A list such as [{"speaker": "Anna", "text": "Hi!"}], or an object with it as "turns".',
        )
    several = len(found) > 1
    return "a list of turns", (
        turn for path, name, turns in found for turn in _generic(turns, path, name if several else None)
    )


def holds_turns(value: Mapping[str, Any]) -> bool:
    """Whether a line of JSON Lines is a whole dialogue: an object with a list of turns."""
    lists = [value[key] for key in _LISTS if isinstance(value.get(key), list)]
    return any(any(_is_turn(item) for item in found) for found in lists)


def read_lines(lines: Iterable[tuple[int, dict[str, Any] | str]]) -> Iterator[Turn]:
    """Turns of JSON Lines that hold a dialogue each.

    Args:
        lines: Number of each line, and its object or what is wrong with it.
    """
    for number, value in lines:
        if isinstance(value, str):
            yield Turn(str(number), dialogue=str(number), problem=value)
            continue
        name = _label(value, _DIALOGUE_ID) or str(number)
        found = list(_dialogues(value, "", name, 0))
        if not found:
            yield Turn(str(number), dialogue=name, problem="no list of turns")
        for path, _, turns in found[:1]:
            yield from _generic(turns, f"{number}:{path}", name)


# --- Lists of turns ---------------------------------------------------------------------------------------


def _is_turn(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(isinstance(value.get(key), str) for key in _TEXT) or (
            any(key in value for key in _TEXT) and any(key in value for key in _SPEAKER)
        )
    return _is_pair(value)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)


def _dialogues(value: Any, path: str, name: str | None, depth: int) -> Iterator[tuple[str, str | None, list[Any]]]:
    """Lists of turns with the place where they stand and their name."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        if any(_is_turn(item) for item in value) or (name is not None and value and isinstance(value[0], str)):
            yield path, name, value
            return
        for i, item in enumerate(value):
            own = _label(item, _DIALOGUE_ID) if _is_map(item) else None
            yield from _dialogues(item, f"{path}[{i}]", own or (f"{name}.{i}" if name else str(i)), depth + 1)
    elif isinstance(value, Mapping):
        keys = [key for key in _LISTS if isinstance(value.get(key), list | Mapping)][:1] or [
            key for key, item in value.items() if isinstance(item, list | Mapping)
        ]
        only = len(keys) == 1
        for key in keys:
            yield from _dialogues(
                value[key], f"{path}.{key}" if path else key, (name or "") if only else key, depth + 1
            )


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def _label(item: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """The first of these that holds a name: a string, a number, or an object with a name."""
    for key in keys:
        value = item.get(key)
        if isinstance(value, Mapping):
            value = next((value[k] for k in _NAMED if value.get(k)), None)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return None


def _generic(turns: list[Any], path: str, dialogue: str | None) -> Iterator[Turn]:
    for i, item in enumerate(turns):
        place = f"{path}[{i}]"
        if isinstance(item, str) or item is None:
            yield Turn(place, item, dialogue=dialogue)
            continue
        if _is_pair(item):
            yield Turn(place, item[1], item[0].strip() or None, dialogue=dialogue)
            continue
        if not isinstance(item, Mapping):
            yield Turn(place, dialogue=dialogue, problem=f"not a turn: {type(item).__name__}")
            continue
        key = next((k for k in _TEXT if isinstance(item.get(k), str)), None) or next(
            (k for k in _TEXT if k in item), ""
        )
        speaker = _label(item, tuple(k for k in _SPEAKER if k != key))
        yield Turn(
            place,
            item.get(key),
            speaker,
            dialogue,
            _label(item, _ID),
            start=next((s for k in _START if (s := seconds(item.get(k))) is not None), None),
            end=next((s for k in _END if (s := seconds(item.get(k))) is not None), None),
            time=_label(item, _TIME),
            aside=SYSTEM if item.get("role") == "system" else None,
        )


# --- Exports ----------------------------------------------------------------------------------------------


def _telegrams(chats: list[Any]) -> Iterator[Turn]:
    for i, chat in enumerate(chats):
        if isinstance(chat, Mapping):
            name = _label(chat, ("name", "id")) or str(i)
            yield from _telegram(chat, f"chats.list[{i}].messages", dialogue=name)


def _telegram(chat: Mapping[str, Any], path: str, *, dialogue: str | None) -> Iterator[Turn]:
    messages = chat.get("messages")
    for i, m in enumerate(messages if isinstance(messages, list) else []):
        place = f"{path}[{i}]"
        if not isinstance(m, Mapping):
            yield Turn(place, dialogue=dialogue, problem=f"not a message: {type(m).__name__}")
            continue
        # Text is a string, or a list of strings and of marked pieces such as links.
        text = m.get("text")
        if isinstance(text, list):
            text = "".join(
                p if isinstance(p, str) else str(p.get("text", "")) for p in text if isinstance(p, str | dict)
            )
        aside = None
        if m.get("type") == "service":
            aside = f"{SYSTEM}: {str(m.get('action', 'service')).replace('_', ' ')}"
        elif not text:
            kind = m.get("media_type") or next(
                (k for k in ("photo", "file", "poll", "location_information") if k in m), ""
            )
            aside = f"{MEDIA}: {str(kind).replace('_', ' ')}" if kind else None
        yield Turn(
            place,
            text,
            _label(m, ("from", "actor", "from_id")),
            dialogue,
            _label(m, ("id",)),
            time=_label(m, ("date",)),
            aside=aside,
        )


_MENTION = re.compile(r"<([@#!])([^<>|]+)(?:\|([^<>]*))?>")
_LINK = re.compile(r"<((?:https?|mailto):[^<>|]+)(?:\|([^<>]*))?>")


def _users(path: Path) -> dict[str, str]:
    """Id -> name, of the list of users of the Slack export that a file is of; empty where there is none."""
    listed = path.parent.parent / "users.json"
    if not listed.is_file() or listed.stat().st_size > LARGEST:
        return {}
    users = decoded(listed.read_bytes(), str(listed))
    known: dict[str, str] = {}
    for user in users if isinstance(users, list) else []:
        if isinstance(user, Mapping) and isinstance(user.get("id"), str):
            profile = user.get("profile")
            own = _label(profile, ("display_name", "real_name")) if isinstance(profile, Mapping) else None
            known[user["id"]] = own or _label(user, ("real_name", "name")) or user["id"]
    return known


def _slack(messages: list[Any], path: Path | None) -> Iterator[Turn]:
    """Turns of one file of a Slack export: a day of a channel."""
    named = {} if path is None else _users(path)
    dialogue = path.parent.name if named and path is not None else None

    def name_of(m: Mapping[str, Any]) -> str | None:
        profile = m.get("user_profile")
        found = _label(profile, ("display_name", "real_name", "name")) if isinstance(profile, Mapping) else None
        user = _label(m, ("user", "bot_id", "username"))
        if user is not None and found is not None:
            named.setdefault(user, found)
        return named.get(user or "") or found or _label(m, ("username",)) or user

    for i, m in enumerate(messages):
        place = f"[{i}]"
        if not isinstance(m, Mapping):
            yield Turn(place, dialogue=dialogue, problem=f"not a message: {type(m).__name__}")
            continue
        who, text, aside = name_of(m), m.get("text"), None
        kind = m.get("subtype")
        if isinstance(kind, str) and kind not in ("bot_message", "thread_broadcast", "me_message", "file_share"):
            aside = f"{SYSTEM}: {kind.replace('_', ' ')}"
        elif not text and m.get("files"):
            aside = f"{MEDIA}: file"
        if isinstance(text, str):
            text = _LINK.sub(lambda f: f[2] or f[1], text)
            text = _MENTION.sub(lambda f: f"{f[1]}{f[3] or named.get(f[2], f[2])}", text)
            text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        ts = _label(m, ("ts",))
        yield Turn(place, text, who, dialogue, ts, time=_from_unix(ts, 1.0), aside=aside)


def _discord(value: Mapping[str, Any]) -> Iterator[Turn]:
    """Turns of an export by DiscordChatExporter."""
    for i, m in enumerate(value["messages"]):
        place = f"messages[{i}]"
        if not isinstance(m, Mapping):
            yield Turn(place, problem=f"not a message: {type(m).__name__}")
            continue
        author = m.get("author")
        who = _label(author, ("nickname", "name", "id")) if isinstance(author, Mapping) else None
        kind, text, aside = str(m.get("type", "Default")), m.get("content"), None
        if kind not in ("Default", "Reply", "0", "19"):
            aside = f"{SYSTEM}: {kind}"
        elif not text and (m.get("attachments") or m.get("stickers") or m.get("embeds")):
            aside = f"{MEDIA}: attachment"
        yield Turn(place, text, who, id=_label(m, ("id",)), time=_label(m, ("timestamp",)), aside=aside)


def _messenger(messages: list[Any]) -> Iterator[Turn]:
    """Turns of an export of Messenger or Instagram, which begins with the last message."""

    def mended(value: Any) -> Any:
        # UTF-8 is written there as if its bytes were Latin-1.
        try:
            return value.encode("latin-1").decode() if isinstance(value, str) else value
        except UnicodeError:
            return value

    for i, m in sorted(enumerate(messages), key=_when_sent):
        place = f"messages[{i}]"
        if not isinstance(m, Mapping):
            yield Turn(place, problem=f"not a message: {type(m).__name__}")
            continue
        text, aside = mended(m.get("content")), None
        if not text:
            kind = next((k for k in ("photos", "videos", "audio_files", "gifs", "sticker", "files") if k in m), "")
            aside = f"{MEDIA}: {kind.replace('_', ' ')}" if kind else None
        when = _from_unix(m.get("timestamp_ms"), 1000.0)
        yield Turn(place, text, mended(_label(m, ("sender_name",))), time=when, aside=aside)


def _when_sent(numbered: tuple[int, Any]) -> tuple[float, int]:
    i, m = numbered
    sent = m.get("timestamp_ms") if isinstance(m, Mapping) else None
    return (float(sent) if isinstance(sent, int | float) else 0.0, -i)


def _from_unix(value: object, unit: float) -> str | None:
    try:
        return datetime.fromtimestamp(float(str(value)) / unit, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None if value is None else str(value)
