"""What a model writes about a face: attributes that it sees, action units, and the emotion that follows from them.

The text has a block for each level, from what is seen to what it means:
`<attributes> short-hair glasses gaze-ahead </attributes> <units> AU6 AU12 </units> <emotion> happiness </emotion>`;
the first block is there where attributes are asked for. The levels make a tree: the emotion is its root, below it
stands what each part of the face does, and below that the attributes which are seen there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from affekt.catalog.face_units import face_units
from affekt.core.errors import InputError, UnknownNameError
from affekt.metrics.trees import Tree

__all__ = ["BLOCKS", "FaceReason", "read_reason"]

BLOCKS = ("attributes", "units", "emotion")
"""Names of the blocks, in their order."""
_STILL = "still"


@dataclass(frozen=True, slots=True)
class FaceReason:
    """An emotion with its reasons.

    Attributes:
        units: Ids of the action units that are shown, each once.
        emotion: An emotion or `neutral`.
        attributes: Ids of the attributes that are seen, each once; `None` where none were asked for.
    """

    units: frozenset[str]
    emotion: str
    attributes: frozenset[str] | None = None

    @property
    def consistent(self) -> bool:
        """Whether the units stand for the emotion."""
        return face_units().implied(self.units) == self.emotion

    def words(self) -> tuple[str, ...]:
        """The text as words, names in the order of the catalogue."""
        known = face_units()
        levels = {
            "attributes": _in_order(self.attributes, known.attributes),
            "units": _in_order(self.units, known.units),
            "emotion": [self.emotion],
        }
        blocks = BLOCKS if self.attributes is not None else BLOCKS[1:]
        return tuple(word for block in blocks for word in (f"<{block}>", *levels[block], f"</{block}>"))

    def __str__(self) -> str:
        return " ".join(self.words())

    def tree(self) -> Tree:
        """The affective tree: emotion, what each part of the face does, attributes seen there.

        Example:
            >>> print(FaceReason(frozenset({"AU12"}), "happiness", frozenset({"glasses"})).tree())
            happiness(brows: still, eyes: still(glasses), nose: still, mouth: AU12, jaw: still)
        """
        known = face_units()
        nodes = []
        for part in known.parts:
            shown = [name for name, unit in known.units.items() if unit.part == part and name in self.units]
            seen = [
                Tree(name)
                for name, attribute in known.attributes.items()
                if attribute.part == part and name in (self.attributes or ())
            ]
            nodes.append(Tree(f"{part}: {'+'.join(shown) or _STILL}", tuple(seen)))
        return Tree(self.emotion, tuple(nodes))


def _in_order(names: frozenset[str] | None, known: Iterable[str]) -> list[str]:
    return [name for name in known if names and name in names]


def read_reason(text: str | Sequence[str], *, attributes: bool = False) -> FaceReason:
    """Read what was written, strictly.

    Args:
        text: The text, or its words.
        attributes: Whether there must be a block of attributes; without it there must be none.

    Raises:
        InputError: A block is missing, twice, or not where it belongs; words stand outside of blocks; a name stands
            twice; there is not exactly one emotion; or two attributes exclude one another.
        UnknownNameError: A name is not known; the nearest is given.
    """
    words = text.split() if isinstance(text, str) else list(text)
    known = face_units()
    names = {"attributes": tuple(known.attributes), "units": tuple(known.units), "emotion": known.labels}
    held: dict[str, list[str]] = {}
    at = 0
    for block in BLOCKS if attributes else BLOCKS[1:]:
        if at >= len(words):
            raise InputError(f"The text ends where <{block}> should begin")
        if words[at] != f"<{block}>":
            raise InputError(f"Word {at + 1} is {words[at]!r} where <{block}> should begin")
        try:
            end = words.index(f"</{block}>", at)
        except ValueError:
            raise InputError(f"<{block}> is not closed", hint=f"Close it with </{block}>.") from None
        held[block] = words[at + 1 : end]
        for word in held[block]:
            if word not in names[block]:
                raise UnknownNameError(f"word in <{block}>", word, names[block])
        if twice := [word for word in held[block] if held[block].count(word) > 1]:
            raise InputError(f"{twice[0]} stands twice in <{block}>")
        at = end + 1
    if at < len(words):
        raise InputError(f"Words follow after </emotion>, the first of them {words[at]!r}")
    if len(held["emotion"]) != 1:
        raise InputError(f"There are {len(held['emotion'])} emotions, and there must be one")
    groups = [known.attributes[name].of for name in held.get("attributes", ()) if known.attributes[name].of]
    if clash := [group for group in groups if groups.count(group) > 1]:
        raise InputError(f"A face has one {clash[0]}, and the text gives it several")
    seen = frozenset(held["attributes"]) if attributes else None
    return FaceReason(frozenset(held["units"]), held["emotion"][0], seen)
