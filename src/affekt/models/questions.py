"""Labels and dimensions as questions, for a model that is asked by name.

Such a model reads a question and then the text ("How much fear does this show? [SEP] ..."), and has one answer for
everything: the trunk and the answer are shared, and what is asked stands in words. So it can also be asked for what
it was never trained on. After Liu et al., "EmoLLMs", KDD 2024 (arXiv:2401.08508), who cast affect sets of many
kinds into instructions; the wordings are ours, and the answer is a number and not text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from affekt.core.works import implements

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from affekt.core.space import LabelSpace

__all__ = ["ANSWER", "Kind", "asked", "columns_of", "plain_name", "question_tokens", "wordings"]

ANSWER = "answer"
"""Name of the one output of a model that is asked."""

Kind = Literal["labels", "intensities", "dimensions"]

# The first of each is what a trained model is asked; training mixes them all.
_WORDINGS: dict[Kind, tuple[str, ...]] = {
    "labels": ("Is this {x}?", "Does this show {x}?", "Is there {x} in this?", "{x}: yes or no?"),
    "intensities": (
        "How much {x} does this show?",
        "How strong is the {x} in this?",
        "How much {x} is there in this?",
        "{x}: how much?",
    ),
    "dimensions": (
        "How high is the {x}{ends}?",
        "Where does this stand in {x}{ends}?",
        "Rate the {x} of this{ends}.",
        "{x}{ends}: how high?",
    ),
}


def columns_of(space: LabelSpace, of: Kind) -> tuple[str, ...]:
    """Names that are asked for, in the order of the space."""
    return tuple(d.name for d in space.dimensions) if of == "dimensions" else space.labels


def plain_name(space: LabelSpace, name: str) -> str:
    """A name in words: its English meaning where the space states one, in small letters."""
    return space.glosses.get(name, name).replace("_", " ").replace("-", " ").lower()


def wordings(space: LabelSpace, name: str, of: Kind) -> tuple[str, ...]:
    """All ways to ask for a label, its strength, or a dimension; the first is the one to ask when nothing is learned.

    A label that is a code or in another language is asked for by its English meaning, and a dimension with what the
    ends of its range mean, where the space says so.
    """
    ends = ""
    if of == "dimensions":
        found = space.dimension(name)
        ends = f", from {found.low_means} to {found.high_means}" if found.low_means and found.high_means else ""
    return tuple(w.format(x=plain_name(space, name), ends=ends) for w in _WORDINGS[of])


@implements(works=["emollms"])
def question_tokens(tokenizer: Any, space: LabelSpace, of: Kind) -> list[list[NDArray[np.int64]]]:
    """Tokens of every wording for each name, with the opening token and the separator: names x wordings.

    Args:
        tokenizer: A `tokenizers.Tokenizer` that puts an opening token before a text and a separator after it.
        space: What is asked about.
        of: What of it.
    """
    return [
        [np.asarray(tokenizer.encode(w).ids, np.int64) for w in wordings(space, name, of)]
        for name in columns_of(space, of)
    ]


def asked(question: NDArray[np.int64], text: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tokens of a question and then of a text, whose own opening token is left out."""
    return np.concatenate([question, text[1:]])
