"""Thresholds of each language, chosen on its development rows, where they help there.

A label's scores are not equally high in every language, so a common threshold gives too many labels in one and too
few in another. A language's own thresholds rest on few rows, though. They are therefore drawn towards the common
ones, and kept only where thresholds from one half of its development rows do better on the other half than the
common ones do, which were chosen on all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.core.errors import InputError
from affekt.train.calibrate import choose_thresholds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from affekt.core.clip import Clip
    from affekt.models.text import TextRecogniser

__all__ = ["Own", "calibrate_languages", "own_thresholds", "summary"]

# What is tried: how many positives the common thresholds count for.
_PRIORS = (10.0, 30.0, 100.0, 300.0)
_ROUNDS, _SAMPLES = 5, 30
_LEAST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Own:
    """What was found for one language on its development rows.

    Attributes:
        rows: Number of rows.
        common: Macro-F1 of the common thresholds on halves of the rows, mean over halves.
        own: The same of thresholds from the other half, with the pull that was best for all languages together.
        thresholds: The language's thresholds from all its rows; `None` where the common ones are to be used.
    """

    rows: int
    common: float
    own: float
    thresholds: tuple[float, ...] | None


def own_thresholds(
    *, truth: NDArray[np.float64], scores: NDArray[np.float64], languages: Sequence[str], common: NDArray[np.float64]
) -> dict[str, Own]:
    """Choose thresholds for each language.

    How strongly they are drawn to the common ones is one choice for all languages: the one with the highest mean
    over halves. A language keeps its own where, with that, its mean over halves is higher than that of the common
    ones by more than a standard error over the rounds.

    Args:
        truth: 0 or 1, NaN where nobody was asked; shape (rows, labels).
        scores: Probabilities, same shape.
        languages: The language of each row.
        common: The common thresholds, shape (labels,).

    Returns:
        Language -> what was found, in the order of first occurrence. Languages with fewer than 50 rows, or whose
        rows have no label, are left out.
    """
    named = np.array(languages)
    parts: dict[str, tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]] = {}
    for code in dict.fromkeys(languages):
        at = named == code
        # What nobody was asked in a language cannot be set there.
        asked = ~np.isnan(truth[at]).all(0)
        if at.sum() >= _LEAST_ROWS and np.nansum(truth[at]) > 0:
            parts[code] = (np.nan_to_num(truth[at]), scores[at], asked)
    found = {
        code: {prior: _gains(*part, common=common, prior=prior) for prior in _PRIORS} for code, part in parts.items()
    }
    if not found:
        return {}
    best = max(_PRIORS, key=lambda prior: float(np.mean([each[prior][1].mean() for each in found.values()])))
    out = {}
    for code, (gold, given, asked) in parts.items():
        plain, own = found[code][best]
        gain = own - plain
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        thresholds = None
        if gain.mean() > error:
            chosen = common.copy()
            chosen[asked] = choose_thresholds(
                truth=gold[:, asked], scores=given[:, asked], samples=100, prior=best, towards=common[asked]
            )
            thresholds = tuple(round(float(t), 6) for t in chosen)
        out[code] = Own(len(gold), float(plain.mean()), float(own.mean()), thresholds)
    return out


def _gains(
    truth: NDArray[np.float64],
    scores: NDArray[np.float64],
    asked: NDArray[np.bool_],
    *,
    common: NDArray[np.float64],
    prior: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Macro-F1 over whole rounds: of the common thresholds, and of those from the other half; shape (rounds,)."""
    rng = np.random.default_rng(0)
    truth, scores, common = truth[:, asked], scores[:, asked], common[asked]
    n = len(truth)
    plain, own = [], []
    for _ in range(_ROUNDS):
        mix = rng.permutation(n)
        halves = [(mix[: n // 2], mix[n // 2 :]), (mix[n // 2 :], mix[: n // 2])]
        plain.append(np.mean([_macro_f1(truth[b], scores[b] >= common) for _, b in halves]))
        own.append(
            np.mean(
                [
                    _macro_f1(
                        truth[b],
                        scores[b]
                        >= choose_thresholds(
                            truth=truth[a], scores=scores[a], samples=_SAMPLES, prior=prior, towards=common
                        ),
                    )
                    for a, b in halves
                ]
            )
        )
    return np.array(plain), np.array(own)


def _macro_f1(truth: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
    """Mean F1 of the labels that occur or were given."""
    both, total = (truth * chosen).sum(0), truth.sum(0) + chosen.sum(0)
    return float(np.mean(2 * both[total > 0] / total[total > 0])) if (total > 0).any() else 0.0


def calibrate_languages(
    folder: Path, corpora: Sequence[str], *, data: Path | None = None, limit: int | None = None
) -> dict[str, Own]:
    """Choose thresholds by language for the head of a model that has the corpora's space, and write them to its card.

    The card's field `thresholds_by_language` for that head is replaced; everything else stays.

    Args:
        folder: The model folder.
        corpora: Corpora with a dev split, all of one label space that the model has a head for. Rows count to the
            language that the corpus names.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows of each corpus or part.

    Returns:
        Language -> what was found.

    Raises:
        InputError: The corpora have no common space, the model has no multi-label head for it, or the rows have no
            language.
        DataError: A corpus is missing.
        ModelError: The folder holds no usable model.
    """
    from affekt.models.text import TextRecogniser

    model = TextRecogniser(folder)
    name, labels = _head(model, corpora)
    clips: list[Clip] = []
    truth: list[list[float]] = []
    for clip, row in _dev(corpora, labels, data, limit):
        clips.append(clip)
        truth.append(row)
    if not clips:
        raise InputError("No row of the corpora says its language", where=", ".join(corpora))
    scores = np.zeros((len(clips), len(labels)))
    for k in range(0, len(clips), 1024):
        for i, prediction in enumerate(model.predict(clips[k : k + 1024], space=name), k):
            scores[i] = [prediction.scores.get(label, 0.0) for label in labels]
    head = model.card["heads"][name]
    found = own_thresholds(
        truth=np.array(truth),
        scores=scores,
        languages=[clip.language or "" for clip in clips],
        common=np.array(head["thresholds"]),
    )
    file = folder / "affekt.json"
    card = json.loads(file.read_text(encoding="utf-8"))
    card["thresholds_by_language"] = {
        **card.get("thresholds_by_language", {}),
        name: {code: list(own.thresholds) for code, own in found.items() if own.thresholds is not None},
    }
    file.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return found


def _head(model: TextRecogniser, corpora: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    from affekt.catalog.corpora import corpus

    spaces = sorted({corpus(name).space for name in corpora})
    heads: Mapping[str, Any] = model.card["heads"]
    if len(spaces) != 1:
        raise InputError(f"The corpora have {len(spaces)} label spaces: {', '.join(spaces)}", hint="Name those of one.")
    if spaces[0] not in heads or heads[spaces[0]]["reading"] == "single":
        several = [name for name, head in heads.items() if head["reading"] != "single"]
        raise InputError(
            f"{model.spec.name} has no head with thresholds for {spaces[0]}",
            hint=f"It has: {', '.join(several) or 'none'}.",
        )
    return spaces[0], model.space(spaces[0]).labels


def _dev(
    corpora: Sequence[str], labels: Sequence[str], data: Path | None, limit: int | None
) -> Iterator[tuple[Clip, list[float]]]:
    from itertools import islice

    from affekt.catalog.corpora import corpus
    from affekt.corpora.read import read

    for name in corpora:
        parts = [f"{name}:{part}" for part in corpus(name).matrix] if ":" not in name else []
        for part in parts or [name]:
            for clip, target in islice(read(part, split="dev", data=data), limit):
                if clip.language and clip.text and clip.text.strip():
                    given = set(target.labels)
                    yield clip, [np.nan if c in target.unrated else float(c in given) for c in labels]


def summary(found: Mapping[str, Own]) -> str:
    """What was found, in a sentence."""
    own = [code for code, each in found.items() if each.thresholds is not None]
    if not found:
        return "No language has enough rows."
    before = np.mean([each.common for each in found.values()])
    after = np.mean([each.own if each.thresholds else each.common for each in found.values()])
    return (
        f"{len(own)} of {len(found)} languages get thresholds of their own; mean macro-F1 over languages on halves "
        f"of dev {before:.4f} with the common ones, {after:.4f} so."
    )
