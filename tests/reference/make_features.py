"""Writes features.json: what Praat and openSMILE hear in 123 clips of RAVDESS and Emo-DB.

Run `python tests/reference/make_features.py` from the root of the repository, with AFFEKT_DATA set, in an environment
of its own that has praat-parselmouth, opensmile and soundfile. Neither of the first two may be a dependency of Affekt
(GPL; free for research only), so only what they measured is stored, by file name. No sound is.

Stored for each clip: the 88 functionals of eGeMAPS v02; Praat's pitch contour (autocorrelation, 75 to 600 Hz, 10 ms) in
tenths of a hertz, 0 where unvoiced, with the time of its first frame; and Praat's means over the clip of
harmonics-to-noise ratio (at that pitch), jitter, shimmer and of three formants where there is voice.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import opensmile
import parselmouth
import soundfile
from parselmouth.praat import call

FLOOR, CEILING = 75.0, 600.0
# Every 23rd of RAVDESS (60 clips an actor) and every ninth of Emo-DB: all speakers, all emotions.
STRIDES = {"ravdess": 23, "emodb/wav": 9}


def clips(root: Path, offset: int) -> list[Path]:
    """The clips looked at, in order of their names."""
    return [
        path
        for folder, stride in STRIDES.items()
        for path in sorted((root / folder).rglob("*.flac"), key=lambda p: p.as_posix())[offset::stride]
    ]


def by_praat(samples: np.ndarray, rate: int) -> dict[str, Any]:
    """Pitch and voice quality as Praat measures them with its standard settings."""
    sound = parselmouth.Sound(samples.astype(float), sampling_frequency=rate)
    pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=FLOOR, pitch_ceiling=CEILING)
    f0 = pitch.selected_array["frequency"]
    pulses = call([sound, pitch], "To PointProcess (cc)")
    span = (0, 0, 0.0001, 0.02, 1.3)
    formants = sound.to_formant_burg(time_step=0.01, max_number_of_formants=5, maximum_formant=5500)
    voiced = pitch.xs()[f0 > 0]
    # From the strength of the pitch: Praat's "To Harmonicity" has no ceiling, so that a formant may be its period.
    strength = np.clip(pitch.selected_array["strength"][f0 > 0], 1e-4, 1 - 1e-4)
    ratio = 10 * np.log10(strength / (1 - strength))
    found = {
        "hnr_db": float(ratio.mean()) if len(ratio) else math.nan,
        "jitter_local": call(pulses, "Get jitter (local)", *span),
        "shimmer_db": call([sound, pulses], "Get shimmer (local_dB)", *span, 1.6),
    }
    for n in (1, 2, 3):
        values = np.array([formants.get_value_at_time(n, t) for t in voiced])
        found[f"f{n}_hz"] = float(np.nanmean(values)) if np.isfinite(values).any() else math.nan
    return {
        "first": round(float(pitch.x1), 5),
        "f0": np.round(f0 * 10).astype(int).tolist(),
        **{key: None if math.isnan(value) else float(f"{value:.6g}") for key, value in found.items()},
    }


def main(offset: int, out: Path) -> None:
    """Measure every clip and write the file."""
    root = Path(os.environ["AFFEKT_DATA"])
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    found: dict[str, Any] = {}
    for path in clips(root, offset):
        samples, rate = soundfile.read(path, dtype="float32")
        row = smile.process_signal(samples, rate)
        found[path.relative_to(root).as_posix()] = {
            "seconds": len(samples) / rate,
            "opensmile": [float(f"{value:.6g}") for value in row.to_numpy()[0]],
            "praat": by_praat(samples, rate),
        }
        names = list(row.columns)
    head = {
        "made_by": f"opensmile {opensmile.__version__} (eGeMAPSv02), Praat {parselmouth.PRAAT_VERSION}",
        "floor_hz": FLOOR,
        "ceiling_hz": CEILING,
        "names": names,
    }
    lines = [f"{json.dumps(name)}: {json.dumps(clip, separators=(',', ':'))}" for name, clip in found.items()]
    text = json.dumps(head, indent=1)[:-2] + ',\n "clips": {\n' + ",\n".join(lines) + "\n}}\n"
    json.loads(text)
    out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    # Another offset and another file: clips to develop on, so that those of the stored file stay unseen.
    if len(sys.argv) == 3:
        main(int(sys.argv[1]), Path(sys.argv[2]))
    else:
        main(0, Path(__file__).with_name("features.json"))
