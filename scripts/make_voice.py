"""Make the bundled voice model, measure it on speakers that it never heard, and write its card.

    AFFEKT_DATA=... python scripts/make_voice.py encoders/whisper-base --out src/affekt/weights/voice

The encoder is laid out by `scripts/lay_out_whisper.py`. Heads learn from RAVDESS and from the labels of Emo-DB that
RAVDESS has too. What is measured: RAVDESS over the six speaker-independent folds of EmoBox, where each head learns from
the other folds and Emo-DB; Emo-DB with each speaker left out; each corpus by heads that learned from the other alone.
Everything in the card comes from these; nothing is typed. Needs the extras `train` and `speech`.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import sys
from importlib import metadata
from pathlib import Path

import msgspec
import numpy as np
import onnx
from rich.progress import Progress

from affekt._version import __version__
from affekt.catalog.corpora import corpus
from affekt.catalog.spaces import space
from affekt.metrics import unweighted_average_recall
from affekt.models.card import Abstention, Card, Head, Voice
from affekt.models.voice import VoiceRecogniser
from affekt.train.calibrate import fit_platt, fit_temperature, policy_point, sigmoid
from affekt.train.voice.fit import Fitted, Heard, fit_head, hear_corpus, held_out
from affekt.train.voice.heads import heads_graph
from affekt.train.voice.trunk import trunk

SPACE, PLACES = "ravdess", "warriner"
LAYERS = 3
LEAST, LONGEST, STRETCHES = 0.5, 15.0, 16
RESAMPLES = 2000
TITLE = "Voice: eight acted expressions, alone and beside the speaker's own manner"
CAVEATS = [
    "All it learned from is acted: 24 actors of American English speaking two sentences, and ten of German speaking "
    "ten. On calls, meetings and interviews, where feeling is faint and mixed, it will be worse than these figures.",
    "On a corpus that it did not learn from it is right far less often, as the figures say; treat its labels as "
    "expressions that actors would have played like this, not as what somebody feels.",
    "A speaker's own manner is taken from the recording itself. Where nearly all of it is of one kind, that kind "
    "becomes the manner, and what is read is how stretches depart from it.",
    "Valence, arousal and dominance are not heard: they are where people placed the words for the labels (Warriner et "
    "al. 2013), weighted by the scores. A label that is heard wrongly takes them along.",
]
NOT_FOR = [
    "Decisions about a person: hiring, credit, policing, grading, insurance, custody, or access to care.",
    "Diagnosis or triage of mental health, and detection of lies.",
    "Covert surveillance of employees, pupils or customers.",
    "Commercial use: RAVDESS is licensed for non-commercial use, and so are these weights.",
]
LICENCE = """\
The weights in this folder are licensed under the Creative Commons Attribution-NonCommercial-ShareAlike 4.0
International License (CC BY-NC-SA 4.0): https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode

You may use and share them, and build on them, for purposes that are not commercial, if you name their sources below
and put what you build from the weights under the same licence. The code of Affekt is not touched by this.

Sources:
"""


def recall(truth: np.ndarray, logits: np.ndarray, order: list[str]) -> float:
    ids = [order.index(label) for label in truth]
    return float(unweighted_average_recall(truth=np.array(ids), prediction=logits.argmax(1)))


def interval(heard: Heard, logits: np.ndarray, order: list[str]) -> tuple[float, float, float]:
    """Recall with its 95 % interval from drawing speakers anew."""
    rng = np.random.default_rng(0)
    by = [np.flatnonzero(heard.speakers == s) for s in np.unique(heard.speakers)]
    drawn = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([by[k] for k in rng.integers(0, len(by), len(by))])
        drawn.append(recall(heard.labels[rows], logits[rows], order))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return recall(heard.labels, logits, order), float(low), float(high)


def across(here: Heard, there: Heard, order: list[str]) -> tuple[float, float, float]:
    """From one corpus to the other, on the labels of both."""
    shared = np.intersect1d(here.labels, there.labels)
    learned, asked = here[np.isin(here.labels, shared)], there[np.isin(there.labels, shared)]
    return interval(asked, fit_head(learned, order).logits(asked.vectors), order)


def calibrated(name: str, heard: Heard, logits: np.ndarray, order: list[str]) -> Head:
    """How logits are read, by what they came to on speakers that were held out."""
    truth = np.array([[label == own for own in order] for label in heard.labels], float)
    scale = 1 / fit_temperature(truth=truth, logits=logits)
    head = Head(
        space=SPACE,
        output=name,
        reading="single",
        scale=(round(scale, 6),) * len(order),
        offset=(0.0,) * len(order),
        thresholds=(0.5,) * len(order),
        confidence=(1.0, 0.0),
    )
    a, b = fit_platt(truth=right(truth, head.scores(logits)).astype(float), logits=logit(head.scores(logits)))
    return msgspec.structs.replace(head, confidence=(round(a, 6), round(b, 6)))


def right(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return truth[np.arange(len(truth)), scores.argmax(1)] > 0


def logit(scores: np.ndarray) -> np.ndarray:
    best = np.clip(scores.max(1), 1e-6, 1 - 1e-6)
    return np.log(best / (1 - best))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    out: Path = args.out
    out.mkdir(parents=True, exist_ok=True)
    order = list(space(SPACE).labels)
    onnx.save(trunk(args.encoder, layers=LAYERS, longest=LONGEST), str(out / "model.onnx"))
    blank = Head(space=SPACE, output="alone", scale=(), offset=(), thresholds=(), confidence=(1.0, 0.0))
    card = Card(
        id="voice",
        version="1.0",
        title=TITLE,
        licence="CC-BY-NC-SA-4.0",
        languages=("en", "de"),
        works=(),
        main=SPACE,
        heads={SPACE: blank},
        dimensions=None,
        policy=Abstention(min_confidence=0.0, coverage=1.0, risk_all=0.0, risk_answered=0.0, measured_on=""),
        max_tokens=0,
        window_tokens=0,
        voice=Voice(least=LEAST, longest=LONGEST, stretches=STRETCHES, beside=blank, places=PLACES),
        files={},
        facts={},
    )
    (out / "affekt.json").write_bytes(msgspec.json.encode(card))
    ear = VoiceRecogniser(out, jobs=1)
    heard: dict[str, Heard] = {}
    with Progress() as bar:
        for name in ("ravdess", "emodb"):
            rows = sum(s.rows for s in corpus(name).splits.values())
            task = bar.add_task(name, total=rows)
            heard[name] = hear_corpus(name, ear.hear, labels=SPACE, progress=lambda n, t=task: bar.advance(t, n))
    acted, berlin = heard["ravdess"], heard["emodb"]
    folds = [np.isin(acted.speakers, [f"ravdess {s}" for s in fold]) for fold in corpus("ravdess").speaker_folds]
    assert (np.sum(folds, 0) == 1).all()
    each = [berlin.speakers == s for s in np.unique(berlin.speakers)]
    figures: dict[str, dict] = {}
    heads: dict[str, Fitted] = {}
    read: dict[str, Head] = {}
    for way, of in (("alone", lambda h: h), ("beside", Heard.beside_speakers)):
        a, b = of(acted), of(berlin)
        left, strengths = held_out(a, folds, order, beside=b)
        other, _ = held_out(b, each, order, beside=a)
        both = a.and_(b)
        figures[way] = {
            "ravdess, six folds, eight labels": interval(a, left, order),
            "emodb, each speaker left out, six labels": interval(b, other, order),
            "emodb, learned from ravdess alone, six labels": across(a, b, order),
            "ravdess, learned from emodb alone, six labels": across(b, a, order),
        }
        heads[way] = fit_head(both, order)
        read[way] = calibrated(way, both, np.concatenate([left, other]), order)
        print(way, strengths, heads[way].strength, figures[way], flush=True)
        if way == "alone":
            truth = np.array([[label == own for own in order] for label in both.labels], float)
            scores = read[way].scores(np.concatenate([left, other]))
            p, q = read[way].confidence
            confidence = sigmoid(p * logit(scores) + q)
            point = policy_point(right=right(truth, scores), confidence=confidence, coverage=0.95)
    onnx.save(heads_graph(heads), str(out / "heads.onnx"))
    entries = [corpus(name) for name in heard]
    sources = [f"- {e.title}: {e.citation.authors} {e.citation.year}, {e.licence}, {e.home}" for e in entries]
    sources.append("- Whisper base, the encoder: Radford et al. 2022, MIT, https://github.com/openai/whisper")
    names = ("min_confidence", "coverage", "risk_all", "risk_answered")
    values = {k: round(float(v), 4) for k, v in zip(names, point, strict=True)}
    card = msgspec.structs.replace(
        card,
        heads={SPACE: read["alone"]},
        voice=Voice(least=LEAST, longest=LONGEST, stretches=STRETCHES, beside=read["beside"], places=PLACES),
        policy=Abstention(**values, measured_on="speakers held out"),
        files={f: hashlib.sha256((out / f).read_bytes()).hexdigest() for f in ("model.onnx", "heads.onnx")},
        facts={
            "not_for": NOT_FOR,
            "data": {e.id: e.licence for e in entries},
            "rows": {name: len(h.ids) for name, h in heard.items()},
            "figures": figures,
            "layers": LAYERS,
            "strengths": {way: h.strength for way, h in heads.items()},
            "versions": {
                "affekt": __version__,
                "python": platform.python_version(),
                **{p: metadata.version(p) for p in ("scikit-learn", "onnxruntime", "numpy")},
            },
        },
    )
    content = msgspec.json.format(msgspec.json.encode(card), indent=1)
    (out / "affekt.json").write_bytes(content + b"\n")
    (out / "LICENSE").write_text(LICENCE + "\n".join(sources) + "\n", encoding="utf-8")
    (out / "README.md").write_text(described(card, sources), encoding="utf-8")
    sys.stdout.write(described(card, sources))


def described(card: Card, sources: list[str]) -> str:
    facts = card.facts

    def shown(way: str, what: str) -> str:
        return "{:.3f} [{:.3f}, {:.3f}]".format(*facts["figures"][way][what])

    rows = [f"| {what} | {shown('alone', what)} | {shown('beside', what)} |" for what in facts["figures"]["alone"]]
    return "\n".join(
        [
            f"# {card.title}\n",
            "<!-- short:begin -->",
            f"`{card.id}@{card.version}`: 15 MB, int8 ONNX, runs on a processor without torch. Licence of the weights: "
            f"{card.licence}. Reads how something is said, not the words.\n",
            "Unweighted average recall on speakers that were not learned from, with 95 % intervals from drawing "
            "speakers anew. *Alone*: a stretch by itself. *Beside*: as it departs from the speaker's own manner over "
            f"the recording, which counts from {card.voice.stretches} stretches on.\n",
            "| measured on | alone | beside the speaker's manner |",
            "|---|---|---|",
            *rows,
            "",
            "Not for: " + " ".join(NOT_FOR),
            "<!-- short:end -->\n",
            "Made by `python scripts/make_voice.py encoders/whisper-base --out DIR`; the strength of each head was "
            "chosen on speakers left out of what it learned from.\n",
            "## Sources\n",
            *sources,
            "\n## Limits\n",
            *(f"- {c}" for c in CAVEATS),
            "\n## Not for\n",
            *(f"- {n}" for n in NOT_FOR),
            "",
        ]
    )


if __name__ == "__main__":
    main()
