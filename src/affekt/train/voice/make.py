"""From a recipe of the voice to a model folder, measured on speakers that it never heard."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt.catalog.corpora import ALL, corpus
from affekt.catalog.recipes import VoiceRecipe
from affekt.catalog.spaces import space
from affekt.core.errors import InputError
from affekt.extras import need
from affekt.metrics import bootstrap
from affekt.metrics.classification import unweighted_average_recall_statistic
from affekt.models.card import Abstention, Card, Head, Moments, Voice
from affekt.models.registry import bundled, read_card
from affekt.models.session import read_graph
from affekt.models.voice import VoiceRecogniser
from affekt.train.calibrate import abstention, fit_platt, fit_temperature, policy_point
from affekt.train.card import versions
from affekt.train.voice.fit import Fitted, Heard, fit_head, folds_of, hear_corpus, held_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["make_voice", "open_ear"]

Progress = Callable[[str, int, int], None]

_RESAMPLES = 2000
_COVERAGE = 0.95
# As in the study emotion-over-time, whose folds chose costs of a change from 0 to 8.
_COST, _MOMENTS_STRENGTH = 4.0, 0.001


def open_ear(recipe: VoiceRecipe, folder: Path, *, name: str = "voice", encoder: Path | None = None) -> VoiceRecogniser:
    """What hears as the recipe says and cannot judge yet.

    Args:
        recipe: The recipe.
        folder: An empty folder, for its files.
        name: Id of the model.
        encoder: Folder of the recipe's encoder in the layout of Hugging Face. Where it is not given, the graph of a
            bundled model that was made from the same layers of the same encoder is taken.

    Raises:
        InputError: The encoder is needed and not given.
        CatalogError: The folder holds another kind of encoder, or one with fewer layers.
    """
    if not recipe.functionals and encoder is not None:
        from affekt.train.voice.trunk import trunk  # needs torch, which the graph of a bundled model does not

        graph = trunk(encoder, layers=recipe.layers, longest=recipe.longest)
        need("onnx", extra="train").save(graph, str(folder / "model.onnx"))
    elif not recipe.functionals:
        (folder / "model.onnx").write_bytes(_bundled_graph(recipe))
    blank = Head(space=recipe.space, output="alone", scale=(), offset=(), thresholds=(), confidence=(1.0, 0.0))
    card = Card(
        id=name,
        version=recipe.version,
        title=recipe.title,
        licence=recipe.licence,
        languages=recipe.languages,
        works=recipe.works,
        main=recipe.space,
        heads={recipe.space: blank},
        dimensions=None,
        policy=Abstention(min_confidence=0.0, coverage=1.0, risk_all=0.0, risk_answered=0.0, measured_on=""),
        max_tokens=0,
        window_tokens=0,
        voice=Voice(
            least=recipe.least,
            longest=recipe.longest,
            stretches=recipe.stretches,
            least_silence=recipe.least_silence,
            padding=recipe.padding,
            functionals=recipe.functionals,
            beside=blank,
            places=recipe.places or None,
            learned=recipe.corpora,
        ),
        files={},
        facts={},
    )
    (folder / "affekt.json").write_bytes(msgspec.json.encode(card))
    return VoiceRecogniser(folder, jobs=1)


def _bundled_graph(recipe: VoiceRecipe) -> bytes:
    for folder in bundled().values():
        card = read_card(folder)
        made = (card.facts.get("encoder"), card.facts.get("layers"))
        if card.voice is not None and made == (recipe.encoder, recipe.layers) and card.voice.longest == recipe.longest:
            return read_graph(folder / "model.onnx")
    raise InputError(
        f"The encoder {recipe.encoder!r} is not there",
        where="--encoder",
        hint="Name its folder, as scripts/lay_out_whisper.py or transformers saves it.",
    )


def make_voice(
    recipe: VoiceRecipe,
    name: str,
    out: Path,
    *,
    data: Path | None = None,
    encoder: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Hear the corpora, fit the heads, calibrate them on speakers held out, and write the model with its card.

    Args:
        recipe: What to do.
        name: Id of the model.
        out: Folder of the model; made where it is not there.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        encoder: As for `open_ear`.
        progress: Called with what is done, how much of it, and of how much.

    Returns:
        Unweighted average recall with its interval, by way of reading and by what it was measured on.

    Raises:
        InputError: The encoder is needed and not given, or rows of a corpus are not recordings.
        DataError: A corpus is missing.
    """
    from affekt.train.voice.heads import heads_graph

    out.mkdir(parents=True, exist_ok=True)
    order = list(space(recipe.space).labels)
    ear = open_ear(recipe, out, name=name, encoder=encoder)
    heard: dict[str, Heard] = {}
    for each in recipe.corpora:
        done, total = 0, corpus(each).rows_in(ALL)

        def told(number: int, what: str = f"hear {each}", total: int = total) -> None:
            nonlocal done
            done += number
            if progress:
                progress(what, done, total)

        heard[each] = hear_corpus(each, ear.hear_utterance, labels=recipe.space, whole=True, data=data, progress=told)
    figures: dict[str, dict[str, tuple[float, float, float]]] = {}
    heads: dict[str, Fitted] = {}
    read: dict[str, Head] = {}
    policy: tuple[float, ...] = ()
    steps = 2 * sum(len(folds_of(h.speakers, corpus(each))) for each, h in heard.items())
    at = 0

    def fold_done(number: int) -> None:
        nonlocal at
        at += number
        if progress:
            progress("folds of speakers", at, steps)

    for way, of in (("alone", lambda h: h), ("beside", Heard.beside_speakers)):
        sides = {each: of(h) for each, h in heard.items()}
        everything = _joined(sides.values())
        left: list[NDArray[np.float64]] = []
        figures[way] = {}
        for each, own in sides.items():
            others = [h for other, h in sides.items() if other != each]
            folds = folds_of(own.speakers, corpus(each))
            logits, _ = held_out(
                own,
                folds,
                order,
                beside=_joined(others) if others else None,
                strengths=recipe.strengths,
                progress=fold_done,
            )
            left.append(logits)
            figures[way][f"{each}, {len(folds)} folds of speakers, {len(set(own.labels))} labels"] = interval(
                own, logits, order
            )
            if others:
                what = f"{each}, learned from {' and '.join(n for n in sides if n != each)} alone"
                asked, logits = across(_joined(others), own, order, recipe.strengths)
                figures[way][f"{what}, {len(set(asked.labels))} labels"] = interval(asked, logits, order)
        heads[way] = fit_head(everything, order, strengths=recipe.strengths)
        held = np.concatenate(left)
        read[way] = calibrated(way, recipe.space, everything, held, order)
        if way == "alone":
            truth = _truth(everything, order)
            scores = read[way].scores(held)
            confidence = read[way].sure(scores)
            right = truth[np.arange(len(truth)), scores.argmax(1)] > 0
            policy = policy_point(right=right, confidence=confidence, coverage=_COVERAGE)
    moments = None
    if recipe.joined in recipe.corpora:
        from affekt.train.voice.changes import fit_moments, follow
        from affekt.train.voice.joined import joined

        moments = Moments(output="moments", window=1.0, hop=0.1, cost=_COST)
        pieces = joined(recipe.joined, data=data)
        followed = follow(pieces, ear.frames, window=moments.window, hop=moments.hop)
        everybody = np.full(len(followed.speakers), True)
        heads[moments.output] = fit_moments(followed, everybody, order, strength=_MOMENTS_STRENGTH)
    need("onnx", extra="train").save(heads_graph(heads), str(out / "heads.onnx"))
    entries = [corpus(each) for each in recipe.corpora]
    sources = [f"- {e.title}: {e.citation.authors} {e.citation.year}, {e.licence}, {e.home}" for e in entries]
    sources += [f"- {source}" for source in recipe.sources]
    files = [f for f in ("model.onnx", "heads.onnx") if (out / f).is_file()]
    card = msgspec.structs.replace(
        ear.card,
        heads={recipe.space: read["alone"]},
        voice=msgspec.structs.replace(ear.voice, beside=read["beside"], moments=moments),
        policy=abstention(policy, measured_on="speakers held out"),
        files={f: hashlib.sha256((out / f).read_bytes()).hexdigest() for f in files},
        facts={
            "not_for": recipe.not_for,
            "data": {e.id: e.licence for e in entries},
            "rows": {each: len(h.ids) for each, h in heard.items()},
            "figures": figures,
            "encoder": recipe.encoder,
            "layers": recipe.layers,
            "strengths": {way: h.strength for way, h in heads.items()},
            "versions": versions("scikit-learn", "onnxruntime", "numpy"),
        },
    )
    content = msgspec.json.format(msgspec.json.encode(card), indent=1)
    (out / "affekt.json").write_bytes(content + b"\n")
    (out / "LICENSE").write_text("\n".join([recipe.terms, "\nSources:\n", *sources]) + "\n", encoding="utf-8")
    size = sum((out / f).stat().st_size for f in files)
    (out / "README.md").write_text(described(card, recipe, name, sources, size), encoding="utf-8")
    return figures


def _joined(parts: Iterable[Heard]) -> Heard:
    first, *rest = parts
    for each in rest:
        first = first.and_(each)
    return first


def _truth(heard: Heard, order: Sequence[str]) -> NDArray[np.float64]:
    return np.array([[label == own for own in order] for label in heard.labels], float)


def interval(heard: Heard, logits: NDArray[np.float64], order: Sequence[str]) -> tuple[float, float, float]:
    """Unweighted average recall with its 95 % interval from drawing speakers anew."""
    truth = np.array([order.index(label) for label in heard.labels])
    found = unweighted_average_recall_statistic(
        truth=truth, prediction=logits.argmax(1), labels=np.arange(len(order))
    ).by(heard.speakers)
    drawn = bootstrap({"uar": found}, samples=_RESAMPLES)["uar"]
    return float(drawn.value), float(drawn.low), float(drawn.high)


def across(
    here: Heard, there: Heard, order: Sequence[str], strengths: Sequence[float]
) -> tuple[Heard, NDArray[np.float64]]:
    """Rows of one corpus with the labels of both, and their logits from a head that learned from the other alone."""
    shared = np.intersect1d(here.labels, there.labels)
    learned, asked = here[np.isin(here.labels, shared)], there[np.isin(there.labels, shared)]
    return asked, fit_head(learned, order, strengths=strengths).logits(asked.vectors)


def calibrated(output: str, into: str, heard: Heard, logits: NDArray[np.float64], order: Sequence[str]) -> Head:
    """How logits are read, by what they came to on speakers that were held out."""
    truth = _truth(heard, order)
    scale = 1 / fit_temperature(truth=truth, logits=logits)
    head = Head(
        space=into,
        output=output,
        reading="single",
        scale=(round(scale, 6),) * len(order),
        offset=(0.0,) * len(order),
        thresholds=(0.5,) * len(order),
        confidence=(1.0, 0.0),
    )
    scores = head.scores(logits)
    best = np.clip(scores.max(1), 1e-6, 1 - 1e-6)
    right = truth[np.arange(len(truth)), scores.argmax(1)]
    a, b = fit_platt(truth=right, logits=np.log(best / (1 - best)))
    return msgspec.structs.replace(head, confidence=(round(a, 6), round(b, 6)))


def described(card: Card, recipe: VoiceRecipe, name: str, sources: Sequence[str], size: int) -> str:
    """The model's card for people."""
    facts = card.facts
    kind = f"{size / 1e6:.0f} MB, int8 ONNX" if size > 1e6 else "a linear model on functionals"

    def shown(way: str, what: str) -> str:
        return "{:.3f} [{:.3f}, {:.3f}]".format(*facts["figures"][way][what])

    rows = [f"| {what} | {shown('alone', what)} | {shown('beside', what)} |" for what in facts["figures"]["alone"]]
    given = " --encoder DIR" if recipe.encoder else ""
    return "\n".join(
        [
            f"# {card.title}\n",
            "<!-- short:begin -->",
            f"`{card.id}@{card.version}`: {kind}, runs on a processor without torch. Licence of the weights: "
            f"{card.licence}. Reads how something is said, not the words.\n",
            "Unweighted average recall on speakers that were not learned from, with 95 % intervals from drawing "
            "speakers anew. *Alone*: a stretch by itself. *Beside*: as it departs from the speaker's own manner over "
            f"the recording, which counts from {recipe.stretches} stretches on.\n",
            "| measured on | alone | beside the speaker's manner |",
            "|---|---|---|",
            *rows,
            "",
            "Not for: " + " ".join(recipe.not_for),
            "<!-- short:end -->\n",
            f"Made by `affekt train {name}{given} --out DIR`; the strength of each head was chosen on speakers left "
            "out of what it learned from.\n",
            "## Sources\n",
            *sources,
            "\n## Limits\n",
            *(f"- {c}" for c in recipe.caveats),
            "\n## Not for\n",
            *(f"- {n}" for n in recipe.not_for),
            "",
        ]
    )
