"""Machines that learn to write like a corpus, so that there is something to tell from it."""

from affekt.train.imitate.corpus import imitate

__all__ = ["imitate"]
