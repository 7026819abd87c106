"""How far apart two ordered trees are: the fewest nodes to take out, put in and rename."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Tree", "tree_edit_distance", "tree_similarity"]


@dataclass(frozen=True, slots=True)
class Tree:
    """A node and what hangs below it, in order.

    Attributes:
        label: What the node says.
        children: The trees below it.
    """

    label: str
    children: tuple[Tree, ...] = ()

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(_postorder(self)[0])

    def __str__(self) -> str:
        inner = ", ".join(map(str, self.children))
        return f"{self.label}({inner})" if inner else self.label


def _postorder(tree: Tree) -> tuple[list[str], list[int], list[int]]:
    """Labels in postorder, the place of the leftmost leaf below each node, and the key roots."""
    labels: list[str] = []
    leftmost: list[int] = []
    # A stack of our own: a chain of a thousand nodes is no reason to fail.
    stack: list[tuple[Tree, int, int]] = [(tree, 0, 0)]
    while stack:
        node, at, first = stack.pop()
        if at == 0:
            first = len(labels)
        if at < len(node.children):
            stack.append((node, at + 1, first))
            stack.append((node.children[at], 0, 0))
        else:
            leftmost.append(first)
            labels.append(node.label)
    last = {first: place for place, first in enumerate(leftmost)}
    return labels, leftmost, sorted(last.values())


def tree_edit_distance(*, truth: Tree, prediction: Tree) -> int:
    """Edit distance of ordered, labelled trees, each edit at a cost of 1.

    Taking out a node leaves its children to the node above it; putting one in is the reverse; renaming changes a label.

    Args:
        truth: A tree.
        prediction: Another one.

    Returns:
        The fewest edits from one to the other: 0 where they are equal, at most the sum of their sizes.

    References:
        Zhang, K. and Shasha, D. (1989). Simple fast algorithms for the editing distance between trees and related
        problems. SIAM Journal on Computing 18(6), 1245-1262.

    Example:
        >>> a = Tree("fear", (Tree("brows", (Tree("long-hair"),)), Tree("eyes")))
        >>> b = Tree("surprise", (Tree("long-hair"), Tree("eyes")))
        >>> tree_edit_distance(truth=a, prediction=b)
        2
    """
    (ours, first, roots), (theirs, other_first, other_roots) = _postorder(truth), _postorder(prediction)
    between = [[0] * len(theirs) for _ in ours]
    for i in roots:
        for j in other_roots:
            # Distances of the forests from the leftmost leaves to each node; row and column 0 are the empty forest.
            a, b = first[i], other_first[j]
            table = [[0] * (j - b + 2) for _ in range(i - a + 2)]
            for x in range(1, i - a + 2):
                table[x][0] = x
            for y in range(1, j - b + 2):
                table[0][y] = y
            for x in range(1, i - a + 2):
                k = a + x - 1
                for y in range(1, j - b + 2):
                    m = b + y - 1
                    least = min(table[x - 1][y], table[x][y - 1]) + 1
                    if first[k] == a and other_first[m] == b:
                        least = min(least, table[x - 1][y - 1] + (ours[k] != theirs[m]))
                        between[k][m] = least
                    else:
                        least = min(least, table[first[k] - a][other_first[m] - b] + between[k][m])
                    table[x][y] = least
    return between[-1][-1]


def tree_similarity(*, truth: Tree, prediction: Tree) -> float:
    """How alike two trees are: 1 less their edit distance over the sum of their sizes.

    Returns:
        1 where they are equal; 0 where all of one would be taken out and all of the other put in.
    """
    return 1.0 - tree_edit_distance(truth=truth, prediction=prediction) / (truth.size + prediction.size)
