"""Affekt's descriptors against Praat and openSMILE, on real speech: errors, correlations, bias, speed.

What Praat and openSMILE measured in 123 clips of RAVDESS and Emo-DB is stored in `tests/reference/features.json`
(`tests/reference/make_features.py` made it), so only the clips are needed: AFFEKT_DATA names the folder that holds
them. Pitch is compared frame by frame; functionals over clips, by Pearson's r, Spearman's rho (which a ratio with a
mean near 0 cannot upset) and bias in standard deviations of the reference.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from affekt.features import FUNCTIONALS, RATE, Descriptors, descriptors, functionals
from affekt.media.sound import read_sound

REFERENCE = Path(__file__).parent.parent / "tests" / "reference" / "features.json"
PRAAT = {
    "hnr_db": "HNRdBACF_sma3nz_amean",
    "jitter_local": "jitterLocal_sma3nz_amean",
    "shimmer_db": "shimmerLocaldB_sma3nz_amean",
    "f1_hz": "F1frequency_sma3nz_amean",
    "f2_hz": "F2frequency_sma3nz_amean",
    "f3_hz": "F3frequency_sma3nz_amean",
}


def pitch_errors(found: Descriptors, praat: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Absolute differences in Hz where both hear a voice, and whether they agree on it, frame by frame."""
    truth = np.array(praat["f0"]) / 10
    at = np.rint((praat["first"] + 0.01 * np.arange(len(truth)) - 0.01) / 0.01).astype(int)
    inside = (at >= 0) & (at < len(found))
    ours, truth = found["f0_hz"][at[inside]], truth[inside]
    voiced = ~np.isnan(ours)
    both = voiced & (truth > 0)
    return np.abs(ours[both] - truth[both]), voiced == (truth > 0)


def agreement(ours: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Correlations over clips, and bias in standard deviations of the reference."""
    both = np.isfinite(ours) & np.isfinite(truth)
    a, b = ours[both], truth[both]
    rank_a, rank_b = a.argsort().argsort(), b.argsort().argsort()
    return {
        "r": float(np.corrcoef(a, b)[0, 1]),
        "rho": float(np.corrcoef(rank_a, rank_b)[0, 1]),
        "bias": float((a - b).mean() / b.std()),
        "ours": float(a.mean()),
        "theirs": float(b.mean()),
    }


def measure(root: Path, clips: dict[str, Any]) -> dict[str, Any]:
    """Everything there is to print."""
    rows, errors, agree, seconds, spent = [], [], [], 0.0, 0.0
    for name, clip in clips.items():
        sound = read_sound(root / name).samples
        begun = time.process_time()
        found = descriptors(sound)
        rows.append(functionals(found))
        spent += time.process_time() - begun
        seconds += len(sound) / RATE
        error, same = pitch_errors(found, clip["praat"])
        errors.append(error)
        agree.append(same)
    ours = np.array(rows)
    smile = np.array([clip["opensmile"] for clip in clips.values()])
    praat = {key: np.array([clip["praat"][key] for clip in clips.values()], dtype=float) for key in PRAAT}
    flat = np.concatenate(errors)
    return {
        "clips": len(clips),
        "real_time_factor": spent / seconds,
        "pitch_median_error_hz": float(np.median(flat)),
        "pitch_errors_above_20_hz": float((flat > 20).mean()),
        "voicing_agreement": float(np.concatenate(agree).mean()),
        "praat": {key: agreement(ours[:, FUNCTIONALS.index(name)], praat[key]) for key, name in PRAAT.items()},
        "opensmile": {name: agreement(ours[:, i], smile[:, i]) for i, name in enumerate(FUNCTIONALS)},
        "opensmile_against_praat": {
            key: agreement(smile[:, FUNCTIONALS.index(name)], praat[key]) for key, name in PRAAT.items()
        },
    }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--every", type=int, default=1, help="look at every n-th clip only")
    chosen = parser.parse_args()
    if "AFFEKT_DATA" not in os.environ:
        sys.exit("AFFEKT_DATA is not set; it names the folder that holds ravdess/ and emodb/.")
    clips = json.loads(REFERENCE.read_text(encoding="utf-8"))["clips"]
    found = measure(Path(os.environ["AFFEKT_DATA"]), dict(list(clips.items())[:: chosen.every]))
    if chosen.json:
        print(json.dumps(found, indent=1))
        return
    for key in ("clips", "real_time_factor", "pitch_median_error_hz", "pitch_errors_above_20_hz", "voicing_agreement"):
        print(f"{key:48s} {found[key]:.4g}")
    for table in ("praat", "opensmile_against_praat", "opensmile"):
        print(f"\n{table:48s} {'r':>6s} {'rho':>6s} {'bias/sd':>8s} {'first':>10s} {'second':>10s}")
        for name, row in found[table].items():
            numbers = f"{row['r']:6.3f} {row['rho']:6.3f} {row['bias']:8.2f} {row['ours']:10.4g} {row['theirs']:10.4g}"
            print(f"{name:48s} {numbers}")


if __name__ == "__main__":
    main()
