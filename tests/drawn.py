"""Faces drawn with a few strokes, and small corpora of them in the layout of FER2013."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

EXPRESSIONS = ("happy", "sad", "surprise")


def face(expression: str, rng: np.random.Generator, *, size: int = 48) -> NDArray[np.uint8]:
    """A face whose mouth and brows show an expression, each time with other proportions, light and noise."""
    big = np.full((192, 192), rng.integers(20, 80), np.uint8)
    x, y = (96 + int(v) for v in rng.integers(-8, 9, 2))
    skin, dark = int(rng.integers(150, 230)), int(rng.integers(10, 60))
    cv2.ellipse(big, (x, y), (70, 88), 0, 0, 360, skin, -1)
    for side in (-1, 1):
        eye = (x + side * 28, y - 18)
        cv2.circle(big, eye, 12 if expression == "surprise" else 7, dark, -1)
        tilt = {"happy": 0, "sad": 10 * side, "surprise": 0}[expression]
        lift = 34 if expression == "surprise" else 24
        cv2.line(big, (eye[0] - 16, eye[1] - lift - tilt), (eye[0] + 16, eye[1] - lift + tilt), dark, 5)
    mouth = (x, y + 42)
    if expression == "surprise":
        cv2.ellipse(big, mouth, (12, 18), 0, 0, 360, dark, -1)
    else:
        arc = (0, 180) if expression == "happy" else (180, 360)
        cv2.ellipse(big, mouth, (30, 14), 0, *arc, dark, 6)
    small = cv2.resize(big, (size, size), interpolation=cv2.INTER_AREA).astype(float)
    return np.clip(small + rng.normal(0, 4, small.shape), 0, 255).astype(np.uint8)


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """The picture as a JPEG file."""
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def write_fer2013(
    data: Path, *, rows: int = 30, seed: int = 0, more: dict[str, list[tuple[bytes, str]]] | None = None
) -> None:
    """A corpus of drawn faces below `data`, so many of each expression in a split, with `more` rows at its end."""
    rng = np.random.default_rng(seed)
    folder = data / "fer2013"
    folder.mkdir(parents=True, exist_ok=True)
    for split, file in {"train": "train", "dev": "validation", "test": "test"}.items():
        made = [(jpeg(face(name, rng)), name) for _ in range(rows) for name in EXPRESSIONS]
        made += (more or {}).get(split, [])
        table = pa.table(
            {
                "image": [{"bytes": shown, "path": f"{split}_{k}.jpg"} for k, (shown, _) in enumerate(made)],
                "label": [EXPRESSIONS.index(name) if name in EXPRESSIONS else -1 for _, name in made],
                "label_name": [name for _, name in made],
            }
        )
        pq.write_table(table, folder / f"{file}.parquet")
