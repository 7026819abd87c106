"""Emoji and markers for a word-piece vocabulary that has none.

BERT's vocabulary reads an emoji as unknown, and takes the word that it hangs on with it. Its unused places are
given to emoji; each starts as the mean of the word pieces of its Unicode name, so that one that never occurs in
training already means something.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from affekt.core.errors import CatalogError

__all__ = ["SPECIAL", "UNKNOWN", "add_emoji", "add_markers", "is_emoji"]

# The signs that every vocabulary of ours begins with.
UNKNOWN = "[UNK]"
SPECIAL = ("[PAD]", UNKNOWN, "[CLS]", "[SEP]", "[MASK]")

# Emoji that get a place whether or not the texts hold them: faces, gestures, hearts, festivities, skin tones.
_RANGES = (
    (0x1F600, 0x1F64F),
    (0x1F910, 0x1F93E),
    (0x1F970, 0x1F97F),
    (0x1F380, 0x1F393),
    (0x1F440, 0x1F450),
    (0x1F47B, 0x1F480),
    (0x1F48B, 0x1F4AF),
    (0x1F493, 0x1F49F),
    (0x1F3FB, 0x1F3FF),
    (0x1F90D, 0x1F90F),
    (0x1FAE0, 0x1FAE8),
)
_SINGLE = "❤♥☹☺✨⭐✌☠✅❌❗❓⚡☀☔☕"


def is_emoji(character: str) -> bool:
    """Whether a character is a pictograph."""
    code = ord(character)
    return (
        0x1F300 <= code <= 0x1FAFF
        or (0x2600 <= code <= 0x27BF and unicodedata.category(character) == "So")
        or character in "⭐♥"
    )


def add_emoji(tokenizer_file: Path, texts: Iterable[str], out: Path) -> dict[str, int]:
    """Write a copy of a tokenizer in which unused places of the vocabulary stand for emoji.

    Args:
        tokenizer_file: `tokenizer.json` of a BERT vocabulary with `[unusedN]` entries.
        texts: Texts whose emoji come first, the frequent ones before the rare.
        out: File to write.

    Returns:
        Emoji -> id, in the order of their places.
    """
    counts: dict[str, int] = {}
    for text in texts:
        for character in text:
            if is_emoji(character):
                counts[character] = counts.get(character, 0) + 1
    wanted = dict.fromkeys(sorted(counts, key=lambda c: -counts[c]))
    wanted.update(dict.fromkeys(chr(code) for first, last in _RANGES for code in range(first, last + 1)))
    wanted.update(dict.fromkeys(_SINGLE))
    content = json.loads(tokenizer_file.read_text(encoding="utf-8"))
    vocabulary = content["model"]["vocab"]
    chosen = [c for c in wanted if unicodedata.name(c, "") and c not in vocabulary]
    given = _placed(content, chosen, special=False)
    content["truncation"] = content["padding"] = None
    out.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return given


def add_markers(tokenizer_file: Path, markers: Sequence[str], out: Path) -> None:
    """Write a copy of a tokenizer in which unused places of the vocabulary stand for markers.

    Args:
        tokenizer_file: `tokenizer.json` of a BERT vocabulary with `[unusedN]` entries.
        markers: What is to be one token each, wherever it stands in a text.
        out: File to write; may be the same.

    Raises:
        CatalogError: The vocabulary has too few unused places.
    """
    content = json.loads(tokenizer_file.read_text(encoding="utf-8"))
    missing = [m for m in markers if m not in content["model"]["vocab"]]
    if len(_placed(content, missing, special=True)) < len(missing):
        raise CatalogError(
            f"The vocabulary has no unused place for {' and '.join(missing)}",
            where=str(tokenizer_file),
            hint='Take an encoder with [unused] entries, or target = "masked", which needs none.',
        )
    out.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _placed(content: dict[str, Any], tokens: Sequence[str], *, special: bool) -> dict[str, int]:
    """Give unused places of a vocabulary, as long as there are some, to new tokens: token -> id."""
    vocabulary = content["model"]["vocab"]
    free = sorted((i, token) for token, i in vocabulary.items() if token.startswith("[unused"))
    given: dict[str, int] = {}
    for new, (i, token) in zip(tokens, free, strict=False):
        del vocabulary[token]
        vocabulary[new] = given[new] = i
        content["added_tokens"].append(
            {
                "id": i,
                "content": new,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": special,
            }
        )
    return given
