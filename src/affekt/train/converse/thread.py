"""Whether turns hang together, by signs on their surface that are weighed as people's conversations teach.

The weights tell conversations of people from the same ones with turns dealt out among them, much as Barzilay and Lapata
(2008) permute sentences. No vectors of sentences are used, so that a measure that does use them is blind to this one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from affekt.catalog.dialogues import talk
from affekt.train.converse.speakers import content_words

__all__ = ["SIGNS", "held_together", "signs"]

SIGNS = ("last", "earlier", "again", "answers")
"""Names of the signs, in their order."""

_ASKED = ("what", "why", "who", "where", "when", "how", "do", "did", "is", "are", "can", "will", "would", "have")
_ANSWERS = ("yes", "no", "yeah", "well", "because", "i", "it", "sure", "of", "not", "oh", "okay", "ok", "that")


def signs(turns: Sequence[str]) -> NDArray[np.float64]:
    """What can be seen of a thread, as means over the turns after the first.

    Args:
        turns: Texts of a conversation, two or more.

    Returns:
        `last`: share of a turn's content words that the last turn has; `earlier`: that any turn before that one has;
        `again`: whether a turn stood there before, word for word; `answers`: whether a turn after a question begins as
        answers do, less how often any turn does. Shape (4,).
    """
    own = [set(content_words(turn)) for turn in turns]
    first = [turn.lower().split()[:1] for turn in turns]
    opens = [bool(f) and f[0].strip(".,!?") in _ANSWERS for f in first]
    asked = [turn.rstrip().endswith("?") for turn in turns]
    rows = []
    for k in range(1, len(turns)):
        size = max(len(own[k]), 1)
        before: set[str] = set().union(*own[: k - 1])
        rows.append(
            (
                len(own[k] & own[k - 1]) / size,
                len(own[k] & before) / size,
                float(turns[k] in turns[:k]),
                float(asked[k - 1]) * (float(opens[k]) - float(np.mean(opens))),
            )
        )
    out: NDArray[np.float64] = np.mean(np.array(rows), 0)
    return out


def held_together(turns: Sequence[str]) -> float:
    """How probably a conversation is one that people had and not one of turns dealt out, 0 to 1."""
    weighed = talk().filter
    logit = weighed.bias + float(sum(weighed.weights[name] * x for name, x in zip(SIGNS, signs(turns), strict=True)))
    return float(1 / (1 + np.exp(-logit)))
