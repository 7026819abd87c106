"""Corpora of pictures: Parquet in, grey values out, and rows that other splits have too left out."""

from __future__ import annotations

import os
import struct

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs the test extra")
pytest.importorskip("av", reason="needs the video extra")

import cv2
from drawn import face, jpeg, write_fer2013

from affekt.bench import run_task
from affekt.bench.tasks import task
from affekt.catalog.corpora import corpus
from affekt.core.errors import DataError, InputError
from affekt.corpora import read
from affekt.corpora.faces import faces_of
from affekt.corpora.read import pictures
from affekt.media.picture import read_grey
from affekt.models.registry import load


def test_rows_and_pictures_go_together_and_repeated_ones_can_be_left_out(tmp_path):
    rng = np.random.default_rng(5)
    again, alone = face("sad", rng), face("happy", rng)
    write_fer2013(
        tmp_path,
        rows=3,
        more={
            "train": [(jpeg(again), "sad")],
            "test": [(jpeg(again), "happy"), (jpeg(alone), "happy")],
        },
    )
    rows = list(read("fer2013", split="test", data=tmp_path))
    assert [gold.labels for _, gold in rows[:3]] == [("happy",), ("sad",), ("surprise",)]
    assert len(rows) == 11 and len({clip.id for clip, _ in rows}) == 11
    assert all(clip.text is None and clip.language is None for clip, _ in rows)
    kept = [clip for clip, _ in read("fer2013:unseen", split="test", data=tmp_path)]
    assert [clip.id for clip in kept] == [clip.id for k, (clip, _) in enumerate(rows) if k != 9]
    assert len(list(read("fer2013:unseen", split="train", data=tmp_path))) == 10
    shown = list(faces_of(corpus("fer2013:unseen"), kept, split="test", data=tmp_path))
    assert len(shown) == 10
    assert np.abs(shown[-1].astype(int) - alone).mean() < 4
    assert [name for name, _ in pictures("fer2013", split="test", data=tmp_path)] == [clip.id for clip, _ in rows]


def test_a_broken_file_and_a_missing_column_are_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_fer2013(tmp_path, rows=1)
    file = tmp_path / "fer2013" / "test.parquet"
    pq.write_table(pa.table({"image": [{"bytes": b"x", "path": "a"}]}), file)
    with pytest.raises(DataError, match=r"no column 'label_name'") as caught:
        list(read("fer2013", split="test", data=tmp_path))
    assert "test.parquet" in str(caught.value)
    file.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match="not a Parquet file"):
        list(read("fer2013", split="test", data=tmp_path))


def test_grey_values_are_those_that_opencv_decodes():
    rng = np.random.default_rng(1)
    for side in (48, 17, 100):
        shown = jpeg(face("surprise", rng, size=side))
        wanted = cv2.imdecode(np.frombuffer(shown, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert np.abs(read_grey(shown).astype(int) - wanted).max() <= 1
    coloured = cv2.imencode(".jpg", np.dstack([face("sad", rng)] * 3))[1].tobytes()
    assert read_grey(coloured).shape == (48, 48)


def test_what_is_no_small_jpeg_is_refused_before_it_is_decoded():
    shown = jpeg(face("happy", np.random.default_rng(2)))
    with pytest.raises(InputError, match="not a JPEG"):
        read_grey(b"GIF89a" + bytes(40))
    at = shown.index(b"\xff\xc0")
    huge = shown[: at + 5] + struct.pack(">HH", 60000, 60000) + shown[at + 9 :]
    with pytest.raises(InputError, match="60000 by 60000"):
        read_grey(huge)
    for cut in (3, 25, at + 12):
        with pytest.raises(InputError, match=r"not a JPEG|broken"):
            read_grey(shown[:cut])


def test_a_model_of_texts_is_not_asked_about_pictures(tmp_path):
    write_fer2013(tmp_path, rows=1)
    with pytest.raises(InputError, match="no text") as caught:
        run_task("fer2013", load(), out=tmp_path / "run", data=tmp_path)
    assert "faces" in str(caught.value.hint)


@pytest.mark.skipif("AFFEKT_DATA" not in os.environ, reason="AFFEKT_DATA is not set")
def test_the_release_has_314_test_pictures_in_other_splits():
    assert sum(1 for _ in read("fer2013", split="test")) == task("fer2013-official").corpus.splits["test"].rows == 3589
    assert sum(1 for _ in read("fer2013:unseen", split="test")) == task("fer2013").corpus.splits["test"].rows == 3275
