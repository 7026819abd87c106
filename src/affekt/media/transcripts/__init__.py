"""Transcripts that lie beside a recording: who said what, when.

One module for each family of formats; each gives `Turn`s. `read_turns` finds the format by the file's extension.
"""

from affekt.media.transcripts.read import KINDS, beside, read_turns

__all__ = ["KINDS", "beside", "read_turns"]
