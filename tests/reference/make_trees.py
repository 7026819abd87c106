"""Writes trees.json: distances between random trees by the library zss.

Run `python tests/reference/make_trees.py` from the root of the repository where zss is installed (stored values: zss
1.2.0). Trees are drawn here from a seed, and the tests draw them again with `trees(seed)`; a tree is a list of its
label and its children.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

PAIRS = 120


def _tree(draw: random.Random, nodes: int) -> list[Any]:
    """A tree of so many nodes: each hangs, as the last child so far, below one that was drawn."""
    made: list[list[Any]] = [[draw.choice("abcd")]]
    for _ in range(nodes - 1):
        child = [draw.choice("abcd")]
        draw.choice(made).append(child)
        made.append(child)
    return made[0]


def trees(seed: int) -> list[tuple[list[Any], list[Any]]]:
    """Pairs of trees of 1 to 14 nodes; every fourth pair is of the same tree."""
    draw = random.Random(seed)
    out = []
    for k in range(PAIRS):
        one = _tree(draw, draw.randint(1, 14))
        out.append((one, one if k % 4 == 0 else _tree(draw, draw.randint(1, 14))))
    return out


def main() -> None:
    """Ask the library and store what it says."""
    import zss

    def node(tree: list[Any]) -> Any:
        return zss.Node(tree[0], [node(child) for child in tree[1:]])

    found = [int(zss.simple_distance(node(one), node(other))) for one, other in trees(0)]
    path = Path(__file__).with_name("trees.json")
    path.write_text(json.dumps({"seed": 0, "library": "zss 1.2.0", "distances": found}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
