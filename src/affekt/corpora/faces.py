"""The pictures of a corpus of faces, decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.catalog.corpora import Corpus
from affekt.core.clip import Clip
from affekt.core.errors import DataError
from affekt.corpora.read import pictures
from affekt.media.picture import read_grey

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["faces_of"]


def faces_of(
    corpus: Corpus, clips: Iterable[Clip], *, split: str, data: str | Path | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Grey values of the picture of each clip, shape (height, width), in the order of the clips.

    Args:
        corpus: The corpus.
        clips: Rows of it, in its order.
        split: Their split.
        data: Folder of the corpora; default `AFFEKT_DATA`.

    Raises:
        InputError: Rows of the corpus are not pictures, or a picture is broken.
        DataError: A file is missing or broken, or a row has no picture.
    """
    stream = pictures(corpus, split=split, data=data)
    for clip in clips:
        jpeg = next((shown for name, shown in stream if name == clip.id), None)
        if jpeg is None:
            raise DataError("The row has no picture", where=clip.source)
        yield read_grey(jpeg, where=clip.source or clip.id)
