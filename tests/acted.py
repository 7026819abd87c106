"""Small corpora of made voices, laid out as RAVDESS and Emo-DB are."""

from __future__ import annotations

import re
import wave
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16_000

# How an expression departs from its speaker: semitones of pitch, dB of level, wavers of pitch a second.
RAVDESS = {
    "01": (0.0, 0.0, 2.0), "02": (-1.5, -4.0, 1.0), "03": (3.0, 3.0, 5.0), "04": (-3.0, -8.0, 1.5),
    "05": (2.0, 8.0, 3.0), "06": (6.0, 0.0, 8.0), "07": (-4.0, 2.0, 3.5), "08": (8.0, 5.0, 6.0),
}  # fmt: skip
EMODB = {"N": "01", "F": "03", "T": "04", "W": "05", "A": "06", "E": "07"}


def spoken(speaker: int, expression: str, take: int) -> NDArray[np.float32]:
    """A made voice: harmonics of a wavering pitch; speakers lie further apart than expressions do."""
    rng = np.random.default_rng([speaker, int(expression), take])
    own = np.random.default_rng(speaker)
    semitones, level, wavers = RAVDESS[expression]
    pitch = 110 * 2 ** ((own.uniform(0, 16) + semitones + rng.normal(0, 0.3)) / 12)
    n = int(RATE * 0.55)
    track = pitch * 2 ** (np.sin(2 * np.pi * wavers * np.arange(n) / RATE + rng.uniform(0, 6)) / 12)
    phase = 2 * np.pi * np.cumsum(track) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 20)) + rng.normal(0, 0.02, n)
    loud = 10 ** ((own.uniform(-36, -20) + level + rng.normal(0, 0.5)) / 20)
    return np.asarray(loud * tone / 2, dtype=np.float32)


def _write(file: Path, samples: NDArray[np.float32]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def small_catalog(root: Path) -> Path:
    """Entries of the two corpora that expect as many recordings as there are."""
    for name in ("ravdess", "emodb"):
        entry = (resources.files("affekt.catalog") / "corpora" / f"{name}.toml").read_text("utf-8")
        count = len(list((root / name).rglob("*.wav")))
        file = root / "catalog" / "corpora" / f"{name}.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(re.sub(r"(?m)^count = \d+", f"count = {count}", entry), "utf-8")
    return root / "catalog"


def write_ravdess(root: Path, actors: tuple[int, ...], *, swapped: int | None = None) -> Path:
    """16 recordings of each actor, two of each expression; those of one actor may bear each other's labels."""
    for actor in actors:
        for name in RAVDESS:
            for take in (1, 2):
                said = f"{9 - int(name):02d}" if actor == swapped else name
                file = f"03-01-{name}-01-{take:02d}-01-{actor:02d}.wav"
                _write(root / "ravdess" / f"Actor_{actor:02d}" / file, spoken(actor, said, take))
    return root


def write_emodb(root: Path, speakers: tuple[int, ...]) -> Path:
    """12 recordings of each speaker, two of each emotion that RAVDESS has too."""
    for speaker in speakers:
        for letter, name in EMODB.items():
            for take, version in enumerate("ab"):
                file = root / "emodb" / "wav" / f"{speaker:02d}a0{take + 1}{letter}{version}.wav"
                _write(file, spoken(100 + speaker, name, take))
    return root
