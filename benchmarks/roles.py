"""Semantic roles of emotions on sentences written for it, beside the nearest clause.

    python benchmarks/roles.py [--json]

Sentences are in `benchmarks/roles/LANGUAGE.txt`, their spans marked. The first half of each was measured while the
rules were written, the second once they stood. Scores count characters that spans share: precision, recall and F1 of
each role, over the sentences of a half. `stimulus` is target and cause as one. The baseline marks the same words of
emotion, the first word as the one who feels, and all words behind the emotion as what it is about.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path

from affekt.explain.roles import roles

HERE = Path(__file__).parent / "roles"
ROLES = {"E": "emotion", "X": "experiencer", "T": "target", "C": "cause"}
Spans = dict[str, set[int]]


def sentences(language: str) -> list[list[tuple[str, Spans]]]:
    """Both halves: sentences with the characters of each role."""
    halves: list[list[tuple[str, Spans]]] = []
    for line in (HERE / f"{language}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            halves.append([])
            continue
        text, spans = "", {name: set[int]() for name in ROLES.values()}
        for part in re.split(r"(\[[EXTC]:[^\]]*\])", line):
            marked = re.fullmatch(r"\[([EXTC]):([^\]]*)\]", part)
            said = marked[2] if marked else part
            if marked:
                spans[ROLES[marked[1]]] |= set(range(len(text), len(text) + len(said)))
            text += said
        halves[-1].append((text, spans))
    return halves


def ours(text: str, language: str) -> Spans:
    """Characters of each role, by rule."""
    out: Spans = {name: set() for name in ROLES.values()}
    for found in roles(text, language=language):
        for name in out:
            if (span := getattr(found, name)) is not None:
                out[name] |= set(range(span.start, span.end))
    return out


def nearest(text: str, language: str) -> Spans:
    """The same words of emotion; the first word as who feels, and the clause behind the emotion as what it is about."""
    out: Spans = {name: set() for name in ROLES.values()}
    for found in roles(text, language=language)[:1]:
        e = found.emotion
        out["emotion"] |= set(range(e.start, e.end))
        words = list(re.finditer(r"\w+", text[: e.start]))
        if words:
            out["experiencer"] |= set(range(*words[0].span()))
        behind = re.match(r"\s*(?:\w+'?\s+)?(.*?)[,.]?$", text[e.end :])
        if behind:
            for name in ("target", "cause"):
                out[name] |= set(range(e.end + behind.start(1), e.end + behind.end(1)))
    return out


def scores(half: list[tuple[str, Spans]], find: Callable[[str, str], Spans], language: str) -> dict[str, list[float]]:
    """Role -> precision, recall and F1 of characters."""
    sums = {name: [0, 0, 0] for name in (*ROLES.values(), "stimulus")}
    for text, gold in half:
        said = find(text, language)
        for table in (gold, said):
            table["stimulus"] = table["target"] | table["cause"]
        for name, each in sums.items():
            each[0] += len(gold[name] & said[name])
            each[1] += len(said[name])
            each[2] += len(gold[name])
    return {
        name: [round(v, 3) for v in (right / max(given, 1), right / max(there, 1), 2 * right / max(given + there, 1))]
        for name, (right, given, there) in sums.items()
    }


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", action="store_true")
    found = {
        language: {
            half: {way.__name__: scores(rows, way, language) for way in (ours, nearest)}
            for half, rows in zip(("written with", "held out"), sentences(language), strict=True)
        }
        for language in ("en", "fr")
    }
    if arguments.parse_args().json:
        print(json.dumps(found, indent=1))
        return
    for language, halves in found.items():
        for half, ways in halves.items():
            for role in (*ROLES.values(), "stimulus"):
                shown = "   ".join(f"{name} {' '.join(f'{v:.3f}' for v in ways[name][role])}" for name in ways)
                print(f"{language}  {half:13}{role:12} {shown}")


if __name__ == "__main__":
    main()
