"""Measure where the landmarks of neutral faces lie, how far those lie apart, and what the cues tell of expressions.

Usage:
    AFFEKT_DATA=... python scripts/measure_face_cues.py           # print what comes out
    AFFEKT_DATA=... python scripts/measure_face_cues.py --write   # and put it into src/affekt/catalog/face_cues.toml

Neutral faces are every other neutral picture of FER2013's train split, 48 pixels wide. `sd` is their spread (of the
median absolute deviation, over people), `frame` that of one face in eight views that differ by a shift, a turn, a size
and a light. Which emotions a side of a cue may name was chosen on the validation split; what is printed of the test
split stands in docs/faces.md. Only medians, spreads and the places of eleven points are stored. Needs the
extras `video` and `landmarks`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from affekt.catalog.corpora import corpus
from affekt.corpora import read
from affekt.corpora.faces import faces_of
from affekt.features.landmarks import FACE_CUES, cue_table, face_cue_values, frontal
from affekt.media.landmarks import LandmarkFinder

CATALOGUE = Path(__file__).parent.parent / "src" / "affekt" / "catalog" / "face_cues.toml"
LINE = "# ---- Written by scripts/measure_face_cues.py. ----\n"
EKMAN = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "joy",
    "sad": "sadness",
    "surprise": "surprise",
}


def framed(grey: np.ndarray) -> np.ndarray:
    """A crop of 48 pixels with room around it, as a face is cut out of a larger picture."""
    large = cv2.resize(grey, (192, 192), interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(cv2.copyMakeBorder(large, 48, 48, 48, 48, cv2.BORDER_REPLICATE), cv2.COLOR_GRAY2RGB)


def views(picture: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """One face eight times, as it stands in frames of a video in which it does not move."""
    side, out = len(picture), []
    for _ in range(8):
        matrix = cv2.getRotationMatrix2D((side / 2, side / 2), rng.normal(0, 2), rng.normal(1, 0.03))
        matrix[:, 2] += rng.normal(0, 4, 2)
        moved = cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
        lit = rng.normal(1, 0.05) * moved + rng.normal(0, 6) + rng.normal(0, 2, moved.shape)
        out.append(np.clip(lit, 0, 255).astype(np.uint8))
    return out


def spread(values: np.ndarray) -> np.ndarray:
    return 1.4826 * np.nanmedian(np.abs(values - np.nanmedian(values, 0)), 0)


def area(of: np.ndarray, rest: np.ndarray) -> tuple[float, float, float]:
    """Chance that a face of an emotion has more of a cue than one of another emotion.

    With its 95 % interval after DeLong, DeLong and Clarke-Pearson (1988, Biometrics 44).
    """
    below = np.searchsorted(np.sort(rest), of) / len(rest)
    above = 1 - np.searchsorted(np.sort(of), rest, side="right") / len(of)
    value, reach = float(below.mean()), 1.96 * np.sqrt(below.var(ddof=1) / len(of) + above.var(ddof=1) / len(rest))
    return value, value - float(reach), value + float(reach)


def places(points: list[np.ndarray]) -> np.ndarray:
    """The median places of the points that no expression moves, faces turned to the front by what is found so far."""
    fixed, known = list(cue_table().frame.still), np.array(cue_table().still.places)
    for _ in range(4):
        known = np.median(np.stack([frontal(p, still=known)[0] for p in points])[:, fixed], 0)
    return np.round(known, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the catalogue")
    write = parser.parse_args().write
    finder, entry, rng = LandmarkFinder(), corpus("fer2013:unseen"), np.random.default_rng(0)

    def look(split: str, step: int, only: str | None = None) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
        rows = [(c, g.labels[0]) for c, g in read(entry, split=split) if only is None or g.labels[0] == only][::step]
        pictures = [framed(face) for face in faces_of(entry, [clip for clip, _ in rows], split=split)]
        found = [finder.fit(picture) for picture in pictures]
        print(f"{split}: {sum(f is not None for f in found)} of {len(found)} faces have landmarks")
        kept = [k for k, f in enumerate(found) if f is not None]
        return [found[k] for k in kept], [pictures[k] for k in kept], [rows[k][1] for k in kept]

    neutral, pictures, _ = look("train", 2, "neutral")
    still = places(neutral)
    values = np.stack([face_cue_values(points, still=still) for points in neutral])
    poses = [frontal(points, still=still)[1] for points in neutral]
    print(
        f"measured: {np.isfinite(values[:, 0]).mean():.3f}; "
        f"yaw {np.std([p.yaw for p in poses]):.1f}, pitch {np.std([p.pitch for p in poses]):.1f} degrees"
    )
    medians, sds = np.nanmedian(values, 0), spread(values)
    apart = []
    for picture in pictures[::10]:
        seen = [face_cue_values(p, still=still) for view in views(picture, rng) if (p := finder.fit(view)) is not None]
        seen = [values for values in seen if np.isfinite(values[0])]
        if len(seen) > 4:
            apart.append(np.var(np.stack(seen), 0, ddof=1))
    frame = np.sqrt(np.median(apart, 0))
    for cue, median, sd, one in zip(FACE_CUES, medians, sds, frame, strict=True):
        print(f"{cue.name:12} median {median:+.4f} sd {sd:.4f} frame {one:.4f}")
    if write:
        rows = ", ".join("[" + ", ".join(f"{x:.4g}" for x in place) + "]" for place in still)
        parts = [f"[still]\nplaces = [{rows}]\n"]
        parts += [
            f"[measured.{cue.name}]\nmedian = {median:.4f}\nsd = {sd:.4f}\nframe = {one:.4f}\n"
            for cue, median, sd, one in zip(FACE_CUES, medians, sds, frame, strict=True)
        ]
        head = CATALOGUE.read_text().partition(LINE)[0]
        CATALOGUE.write_text(head + LINE + "\n" + "\n".join(parts))
    for split in ("dev", "test"):
        points, _, labels = look(split, 1)
        table, gold = np.stack([face_cue_values(p, still=still) for p in points]), np.array(labels)
        known = np.isfinite(table[:, 0])
        table, gold = table[known], gold[known]
        print(f"{split}: {len(gold)} faces within the limits of pose; area under the curve, 95 % interval")
        for j, cue in enumerate(FACE_CUES):
            for sign, side in ((1, cue.more), (-1, cue.less)):
                for label, name in EKMAN.items():
                    value, low, high = area(sign * table[gold == label, j], sign * table[gold != label, j])
                    mark = "*" if name in side.emotions else " "
                    if low > 0.5:
                        print(f"{mark} {side.said:24} {side.units:14} {name:9} {value:.3f} [{low:.3f}, {high:.3f}]")
                    elif mark == "*":
                        print(
                            f"! {side.said:24} {side.units:14} {name:9} {value:.3f} [{low:.3f}, {high:.3f}] not shown"
                        )


if __name__ == "__main__":
    main()
