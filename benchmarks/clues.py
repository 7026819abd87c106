"""Overlap of clues and of labels, and coverage of triggers: whether the scores fall as answers get worse.

`emer`: descriptions of scenes (EMER, version 2) are answers to themselves of which clues are left out, or exchanged
for those of another scene. Coverage and groundedness of clues, by a judge, and overlap of the emotion words that they
name must fall step by step. The judge's threshold is the one that best tells two descriptions of one scene (version 1
and 2) from those of two; these 39 scenes are left out of the rest.

`eibench`: triggers of emotions in pictures. Without the pictures nobody answers well; the triggers of the picture with
the most similar question are what words alone can do, those of any picture with the same emotion are the floor.

`statements`: true and false statements about the words of OV-MER, told by the words that are drawn from the
description, by those of a table of answers (`--predictions`), and by polarity alone.

Needs AFFEKT_DATA. Intervals of 95 % draw rows anew.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from affekt.bench.judges import EncoderJudge, Judge, WordJudge, clues_of, listed_triggers
from affekt.bench.statements import KINDS, Claim, accuracies, claims, told_by, told_by_polarity
from affekt.bench.tasks import task
from affekt.bench.words import words_from
from affekt.catalog.emotion_words import wheel_groupings
from affekt.corpora import read
from affekt.explain.open_words import named
from affekt.metrics.bootstrap import bootstrap
from affekt.metrics.classification import accuracy_statistic
from affekt.metrics.setwise import coverage, coverage_statistic, groundedness_statistic, set_f1_statistic

STEPS = (0, 1, 2, 3, 4)


def texts(name: str) -> dict[str, str]:
    return {clip.id: clip.text or "" for clip, _ in read(name, split="test")}


def threshold_of(judge: Judge, one: dict[str, str], other: dict[str, str]) -> float:
    """The similarity that best tells descriptions of the same scene from those of others."""
    names = sorted(one.keys() & other.keys())
    first, second = ({name: clues_of(side[name]) for name in names} for side in (one, other))
    pairs = {(a, b): judge.compare(first[a], second[b]) for a in names for b in names}

    def gap(at: float) -> float:
        same = coverage(similarities=[pairs[a, a] for a in names], at_least=at)
        return same - coverage(similarities=[s for (a, b), s in pairs.items() if a != b], at_least=at)

    return float(max(np.arange(0.05, 0.96, 0.05).round(2), key=gap))


def emer(samples: int) -> dict[str, object]:
    descriptions, first = texts("emer:reasons"), texts_of_version_1()
    rng = np.random.default_rng(0)
    rest = {name: clues_of(text) for name, text in descriptions.items() if name not in first}
    names = sorted(rest)
    out: dict[str, object] = {"rows": len(names)}
    spare = {name: rest[names[(i + 1) % len(names)]] for i, name in enumerate(names)}
    answers: dict[tuple[str, int], list[list[str]]] = defaultdict(list)
    for name in names:
        clues, order = rest[name], rng.permutation(len(rest[name]))
        for step in STEPS:
            gone = set(order[:step].tolist())
            answers["left out", step].append([c for i, c in enumerate(clues) if i not in gone])
            put = [spare[name][i % len(spare[name])] for i in range(len(clues))]
            answers["exchanged", step].append([put[i] if i in gone else c for i, c in enumerate(clues)])
    words = [named(" ".join(rest[name])) for name in names]
    for judge in (EncoderJudge(), WordJudge()):
        at = threshold_of(judge, first, descriptions)
        table: dict[str, object] = {"threshold": at}
        for (way, step), said in answers.items():
            sims = [judge.compare(rest[name], s) for name, s in zip(names, said, strict=True)]
            parts = {
                "coverage": coverage_statistic(similarities=sims, at_least=at),
                "groundedness": groundedness_statistic(similarities=sims, at_least=at),
                "labels": set_f1_statistic(
                    truth=words, prediction=[named(" ".join(s)) for s in said], groupings=wheel_groupings(1)
                ),
            }
            table[f"{way} {step}"] = shown(parts, samples)
        out[judge.name] = table
    return out


def texts_of_version_1() -> dict[str, str]:
    return {clip.id: clip.facts.get("reason", "") for clip, _ in read("emer:en", split="test")}


def shown(parts: dict[str, object], samples: int) -> dict[str, list[float]]:
    found = bootstrap(parts, samples=samples, seed=0)  # type: ignore[arg-type]
    return {key: [round(float(v), 3) for v in (i.value, i.low, i.high)] for key, i in found.items()}


def nearest(questions: Sequence[str], judge: EncoderJudge) -> np.ndarray:
    """The most similar other question of each."""
    table = judge.compare(questions, questions)
    np.fill_diagonal(table, -1)
    return table.argmax(1)


def eibench(samples: int, most: int) -> dict[str, object]:
    rows = [clip for clip, _ in read("eibench", split="test")]
    every = {name: listed_triggers(text) for name, text in texts("eibench:triggers").items()}
    rng, judge = np.random.default_rng(0), EncoderJudge()
    rows = [rows[i] for i in sorted(rng.choice(len(rows), min(most, len(rows)), replace=False))]
    truth = [every[clip.id] for clip in rows]
    near = nearest([clip.text or "" for clip in rows], judge)
    same: dict[str, list[int]] = defaultdict(list)
    for i, clip in enumerate(rows):
        same[clip.facts["emotion"]].append(i)
    answers = {
        "the truth": truth,
        "half of it": [t[: max(1, len(t) // 2)] for t in truth],
        "triggers of the nearest question": [truth[i] for i in near],
        "triggers of any picture of the emotion": [
            truth[int(rng.choice([j for j in same[clip.facts["emotion"]] if j != i]))] for i, clip in enumerate(rows)
        ],
    }
    out: dict[str, object] = {"rows": len(rows), "threshold": judge.at_least}
    for name, said in answers.items():
        sims = [judge.compare(t, s) for t, s in zip(truth, said, strict=True)]
        out[name] = shown({"coverage": coverage_statistic(similarities=sims, at_least=judge.at_least)}, samples)
    return out


def statements(samples: int, predictions: str | None) -> dict[str, object]:
    rows = list(read("ov-mer", split="test"))
    gold = {clip.id: tuple(target.words) for clip, target in rows}
    made = claims(gold)
    answers = {"words of the description": {clip.id: named(clip.text or "") for clip, _ in rows}}
    if predictions is not None:
        said = words_from(task("open-vocabulary"), Path(predictions), split="test")
        answers["table"] = dict(zip(said.ids, said.prediction, strict=True))
    tellers = {"the gold": partial(told, told_by, gold), "polarity of the gold": partial(told, told_by_polarity, gold)}
    tellers |= {name: partial(told, told_by, words) for name, words in answers.items()}
    out: dict[str, object] = {"statements": {kind: sum(c.kind == kind for c in made) for kind in KINDS}}
    for name, tell in tellers.items():
        found = {}
        for kind in KINDS:
            own = [c for c in made if c.kind == kind]
            sides = {"truth": np.array([c.true for c in own]), "prediction": np.array([tell(c) for c in own])}
            found[kind] = accuracy_statistic(**sides).by([c.id for c in own])
        assert {k: s.value for k, s in found.items()} == accuracies(made, tell)
        out[name] = shown(found, samples)  # type: ignore[arg-type]
    return out


def told(how: Callable[[Claim, Sequence[str]], bool], words: Mapping[str, Sequence[str]], claim: Claim) -> bool:
    return how(claim, words[claim.id])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("emer", "eibench", "statements"))
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=1615, help="Most questions of eibench.")
    parser.add_argument("--predictions", metavar="FILE", help="Answers to statements, a table as for the task.")
    given = parser.parse_args()
    if given.what == "statements":
        found = statements(given.samples, given.predictions)
    else:
        found = emer(given.samples) if given.what == "emer" else eibench(given.samples, given.rows)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
