"""Names that writing and reading share: namespaces, vocabularies, dimensions."""

from __future__ import annotations

from functools import cache

from affekt.catalog.spaces import space

__all__ = ["AFFEKT", "CATEGORIES", "DIMENSIONS", "NAMESPACE", "NATIVE", "NO_ANSWER", "PAD", "W3C", "items_of"]

NAMESPACE = "http://www.w3.org/2009/10/emotionml"
AFFEKT = "urn:affekt:emotionml:1"
NATIVE = space("emobank").dimensions
"""Ranges where nothing else is said: those of EmoBank, which the bundled model gives its values on."""

W3C = "http://www.w3.org/TR/emotion-voc/xml#"
"""Where the W3C keeps its vocabularies; the names behind it are those of our spaces."""
CATEGORIES = ("big6", "everyday-categories", "occ-categories", "fsre-categories", "frijda-categories")
DIMENSIONS = ("pad-dimensions", "fsre-dimensions", "intensity-dimension")
PAD = {"valence": "pleasure", "arousal": "arousal", "dominance": "dominance"}
"""Our dimensions, and what `pad-dimensions` calls them."""
NO_ANSWER = "affekt-no-answer"
"""Id of the vocabulary that stands where no answer is given."""


@cache
def items_of(vocabulary: str) -> tuple[str, ...]:
    """The items of a W3C vocabulary, from the catalogue."""
    found = space(vocabulary)
    return found.labels or tuple(d.name for d in found.dimensions)
