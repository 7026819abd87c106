"""Emoji for a word-piece vocabulary that has none.

BERT's vocabulary reads an emoji as unknown, and takes the word that it hangs on with it. Its unused places are
given to emoji; each starts as the mean of the word pieces of its Unicode name, so that one that never occurs in
training already means something.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from pathlib import Path

__all__ = ["add_emoji", "is_emoji"]

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
    free = sorted((i, token) for token, i in vocabulary.items() if token.startswith("[unused"))
    chosen = [c for c in wanted if unicodedata.name(c, "") and c not in vocabulary]
    given = {}
    for character, (i, token) in zip(chosen, free, strict=False):
        del vocabulary[token]
        vocabulary[character] = given[character] = i
        content["added_tokens"].append(
            {
                "id": i,
                "content": character,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": False,
            }
        )
    content["truncation"] = content["padding"] = None
    out.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return given
