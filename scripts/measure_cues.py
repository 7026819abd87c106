"""Measure how far the properties of one neutral voice spread, and what pitch and tempo alone do to them.

Usage:
    AFFEKT_DATA=... python scripts/measure_cues.py           # print what comes out
    AFFEKT_DATA=... python scripts/measure_cues.py --write   # and put it into src/affekt/catalog/cues.toml

Neutral recordings of Emo-DB (ten sentences) and RAVDESS (two), speaker by speaker, whole and in halves. Pauses are the
exception: neutral sentences have none, so their spread is that over a fifth of all recordings of RAVDESS, a wide one.
For the effects of pitch and tempo, each neutral recording is resynthesised by Praat's overlap-add, 3 semitones up and
down, and 1.25 times as fast and slow. Only standard deviations and slopes are stored; slopes differ a
little from run to run, since overlap-add does. Needs the extra `speech`, scipy
and praat-parselmouth.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import parselmouth
from parselmouth.praat import call
from scipy.optimize import brentq
from scipy.special import polygamma
from scipy.stats import chi2

from affekt.catalog.corpora import corpus
from affekt.corpora import read
from affekt.corpora.files import data_folder
from affekt.features import RATE, descriptors
from affekt.features.cues import CUES, cue_values
from affekt.media.sound import sound_of
from affekt.media.speech import trimmed

CATALOGUE = Path(__file__).parent.parent / "src" / "affekt" / "catalog" / "cues.toml"
LINE = "# ---- Written by scripts/measure_cues.py. ----\n"
CORPORA = ("emodb", "ravdess")
SEMITONES, FASTER = 3.0, 1.25


def values(samples: np.ndarray) -> np.ndarray:
    return cue_values(descriptors(np.asarray(samples, dtype=np.float32)))


def recordings(name: str) -> Iterator[tuple[str, str, np.ndarray]]:
    """Speaker, label and the sound from the first to the last speech of the recordings of a corpus that are used."""
    entry = corpus(name)
    rows = [row for split in entry.splits for row in read(entry, split=split)]
    for number, (clip, gold) in enumerate(rows):
        if gold.labels == ("neutral",) or (name == "ravdess" and number % 5 == 0):
            recorded = parselmouth.Sound(str(data_folder() / entry.folder / clip.facts["file"]))
            sound = trimmed(sound_of(recorded.values, rate=int(recorded.sampling_frequency)))
            yield f"{name} {clip.speaker}", gold.labels[0], sound.samples


def resynthesised(samples: np.ndarray, *, semitones: float = 0.0, faster: float = 1.0) -> np.ndarray:
    manipulation = call(parselmouth.Sound(samples.astype(float), RATE), "To Manipulation", 0.01, 75, 600)
    if semitones:
        tier = call(manipulation, "Extract pitch tier")
        call(tier, "Multiply frequencies", 0, 1000, 2 ** (semitones / 12))
        call([manipulation, tier], "Replace pitch tier")
    if faster != 1:
        duration = call(manipulation, "Extract duration tier")
        call(duration, "Add point", 0, 1 / faster)
        call([manipulation, duration], "Replace duration tier")
    return call(manipulation, "Get resynthesis (overlap-add)").values[0]


def within(groups: dict[str, list[np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variance within speakers, then that of each speaker and its degrees of freedom, shape (speakers, cues)."""
    tables = [np.stack(rows) for rows in groups.values()]
    freedom = np.array([np.isfinite(t).sum(0) - 1 for t in tables])
    sums = np.array([np.nansum((t - np.nanmean(t, 0)) ** 2, 0) for t in tables])
    freedom = np.where(freedom > 0, freedom, 0)
    return sums.sum(0) / freedom.sum(0), sums / np.maximum(freedom, 1), freedom


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    whole, halves, played = defaultdict(list), defaultdict(list), defaultdict(list)
    lengths, slopes = [], {"pitch": [], "rate": []}
    for name in CORPORA:
        for speaker, label, samples in recordings(name):
            found = values(samples)
            if name == "ravdess":
                played[speaker].append(found)
            if label != "neutral":
                continue
            whole[speaker].append(found)
            lengths.append(len(samples) / RATE)
            middle = len(samples) // 2
            halves[speaker] += [values(samples[:middle]), values(samples[middle:])]
            up, down = (values(resynthesised(samples, semitones=s)) for s in (SEMITONES, -SEMITONES))
            slopes["pitch"].append((up - down) / (2 * SEMITONES))
            fast, slow = (values(resynthesised(samples, faster=f)) for f in (FASTER, 1 / FASTER))
            slopes["rate"].append((fast - slow) / (2 * math.log(FASTER)))
    # Sentences are what differs between stretches; RAVDESS has only two, and tells what halves add.
    variance, each, freedom = within({s: rows for s, rows in whole.items() if s.startswith("emodb")})
    silent = [cue.name for cue in CUES].index("pauses")
    variance[silent] = within(played)[0][silent]
    seconds = float(np.mean(lengths))
    half = np.nan_to_num(within(halves)[0] / within(whole)[0], nan=1.0, posinf=1.0)
    half[silent] = 1.0
    # v(T) = sd^2 (1 + t / T), so v(T/2) / v(T) = (1 + 2 t/T) / (1 + t/T). The halves of a sentence also differ because
    # one is its end, so no more than half of the variance of whole ones is laid to their being short.
    extra = np.clip((half - 1) / (2 - np.minimum(half, 1.9)), 0, 1) * seconds
    sd = np.sqrt(variance / (1 + extra / seconds))
    # Speakers' log variances spread by chance and because speakers differ. Of the latter, as much is allowed for as the
    # upper end of the 95 % interval does not rule out.
    enough = (freedom >= 4).all(1)
    logs = np.log(np.delete(each, silent, 1)[enough])
    chance = float(np.mean(polygamma(1, freedom[enough] / 2)))
    degrees = (len(logs) - 1) * logs.shape[1]
    found = float(np.var(logs, axis=0, ddof=1).mean())
    between = found * degrees / chi2.ppf(0.025, degrees) - chance
    print(f"log variances: {found:.2f}, by chance {chance:.2f}, at most {between:.2f} more")
    # Half of it, since these speakers are actors in two studios, and voices and rooms elsewhere differ more.
    worth = float(brentq(lambda k: polygamma(1, k / 2) - between, 0.5, 200)) / 2
    print(f"{len(lengths)} recordings of {len(whole)} speakers, mean {seconds:.2f} s; worth {worth:.1f} stretches")
    lines = [LINE]
    for i, cue in enumerate(CUES):
        effect = {}
        for name, found in slopes.items():
            rows = np.array(found)[:, i]
            middle = float(np.nanmedian(rows))
            effect[name] = middle, 1.4826 * float(np.nanmedian(np.abs(rows - middle)))
        for name in effect:
            if cue.name == name:
                effect[name] = 0.0, 0.0
        print(f"{cue.name:12s} sd {sd[i]:.3f} whole {math.sqrt(variance[i]):.3f} seconds {extra[i]:.2f}", effect)
        lines.append(
            f"\n[measured.{cue.name}]\nsd = {sd[i]:.4g}\nseconds = {extra[i]:.3g}\nworth = {worth:.3g}\n"
            + "".join(f"{name} = [{a:.3g}, {b:.3g}]\n" for name, (a, b) in effect.items())
        )
    if args.write:
        written = CATALOGUE.read_text(encoding="utf-8").partition(LINE)[0].rstrip("\n")
        CATALOGUE.write_text(f"{written}\n\n{''.join(lines)}", encoding="utf-8")


if __name__ == "__main__":
    main()
