"""From a recipe of faces to a model folder, measured on pictures that it never saw."""

from __future__ import annotations

import hashlib
import shutil
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import FaceRecipe
from affekt.catalog.spaces import space
from affekt.core.errors import InputError
from affekt.corpora.faces import faces_of
from affekt.corpora.read import read
from affekt.extras import need
from affekt.metrics import bootstrap
from affekt.metrics.classification import accuracy_statistic, unweighted_average_recall_statistic
from affekt.models.card import Abstention, Card, Face, Head
from affekt.models.face import FaceRecogniser, grey_square
from affekt.train.calibrate import abstention, calibrated_softmax
from affekt.train.card import licence_note, versions
from affekt.train.face.alike import learnable
from affekt.train.face.fit import Progress, fit
from affekt.train.face.graph import OUTPUT, face_graph, in_int8

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["make_face", "pictures_of"]

_RESAMPLES = 2000
_COVERAGE = 0.95
_RANGES = 1024  # faces from which the ranges of int8 are taken

Labelled = tuple["NDArray[np.uint8]", "NDArray[np.int64]"]


def pictures_of(name: str, split: str, *, size: int, data: Path | None = None, limit: int | None = None) -> Labelled:
    """The pictures of a split, shape (rows, size, size), and the number of the label of each, shape (rows,)."""
    entry = corpus(name)
    rows = list(islice(read(entry, split=split, data=data), limit))
    order = space(entry.space).labels
    faces = faces_of(entry, [clip for clip, _ in rows], split=split, data=data)
    table = np.stack([grey_square(face, size) for face in faces])
    return table, np.array([order.index(gold.labels[0]) for _, gold in rows])


def make_face(
    recipe: FaceRecipe,
    name: str,
    out: Path,
    *,
    data: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train, make the int8 graph, calibrate it on dev, and write the model with its card.

    Args:
        recipe: What to do.
        name: Id of the model.
        out: Folder of the model. Checkpoints are in `training` below it until the model is whole, so that a run that
            was broken off goes on.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows of each split; for a trial run.
        progress: As for `fit`.

    Returns:
        Accuracy and unweighted average recall with their intervals, by what they were measured on.

    Raises:
        InputError: Rows of the corpus are not pictures, or too few are left to learn from.
        DataError: The corpus is missing.
    """
    entry = corpus(recipe.corpus)
    train, dev, test = (
        pictures_of(recipe.corpus, split, size=recipe.size, data=data, limit=limit)
        for split in ("train", "dev", "test")
    )
    rows = learnable(*train, np.concatenate([dev[0], test[0]]), alike=recipe.alike)
    if len(rows) < recipe.batch:
        raise InputError(
            f"{len(rows)} pictures are left to learn from, fewer than a step takes ({recipe.batch})",
            where=recipe.corpus,
            hint="Copies and pictures of the other splits are not learned from; give more pictures.",
        )
    labels = space(recipe.space).labels
    net, history = fit(
        recipe,
        train[0][rows],
        train[1][rows],
        dev,
        out / "training",
        labels=len(labels),
        progress=progress,
    )
    model = face_graph(net, size=recipe.size, views=recipe.views)
    floats = out / "training" / "floats"
    floats.mkdir(exist_ok=True)
    need("onnx", extra="train").save(model, str(floats / "model.onnx"))
    spread = np.random.default_rng(recipe.seed).permutation(rows)[:_RANGES]
    in_int8(model, train[0][spread], out / "model.onnx")
    blank = Head(
        space=recipe.space,
        output=OUTPUT,
        reading="single",
        scale=(1.0,) * len(labels),
        offset=(0.0,) * len(labels),
        thresholds=(0.5,) * len(labels),
        confidence=(1.0, 0.0),
    )
    card = Card(
        id=name,
        version=recipe.version,
        title=recipe.title,
        licence=recipe.licence,
        licence_note=licence_note([recipe.corpus]),
        languages=(),
        works=recipe.works,
        main=recipe.space,
        heads={recipe.space: blank},
        dimensions=None,
        policy=Abstention(min_confidence=0.0, coverage=1.0, risk_all=0.0, risk_answered=0.0, measured_on=""),
        max_tokens=0,
        window_tokens=0,
        face=Face(size=recipe.size, places=recipe.places or None, learned=(recipe.corpus,)),
        files={},
        facts={},
    )
    for folder in (out, floats):
        (folder / "affekt.json").write_bytes(msgspec.json.encode(card))
    scores = FaceRecogniser(out, jobs=1).scores(dev[0])
    head, policy = calibrated_softmax(blank, scores=scores, gold=dev[1], coverage=_COVERAGE)
    figures: dict[str, dict[str, tuple[float, float, float]]] = {}
    asked = {"dev": dev, f"test, {entry.id}:unseen": _unseen(test, train, dev), "test, all of it": test}
    for what, (faces, gold) in asked.items():
        figures[what] = _measured(FaceRecogniser(out, jobs=1).scores(faces), gold, len(labels))
    figures["dev, in float32"] = _measured(FaceRecogniser(floats, jobs=1).scores(dev[0]), dev[1], len(labels))
    card = msgspec.structs.replace(
        card,
        heads={recipe.space: head},
        policy=abstention(policy, measured_on=f"{recipe.corpus}, dev"),
        files={"model.onnx": hashlib.sha256((out / "model.onnx").read_bytes()).hexdigest()},
        facts={
            "not_for": recipe.not_for,
            "data": {entry.id: entry.licence},
            "rows": {"train": len(train[0]), "learned from": len(rows), "dev": len(dev[0]), "test": len(test[0])},
            "figures": figures,
            "parameters": sum(p.numel() for p in net.parameters()),
            "recipe": msgspec.to_builtins(recipe),
            "history": history,
            "versions": versions("torch", "onnxruntime", "numpy", "av"),
        },
    )
    content = msgspec.json.format(msgspec.json.encode(card), indent=1)
    (out / "affekt.json").write_bytes(content + b"\n")
    source = f"- {entry.title}: {entry.citation.authors} {entry.citation.year}, {entry.licence}, {entry.home}"
    (out / "LICENSE").write_text("\n".join([recipe.terms, "\nSources:\n", source]) + "\n", encoding="utf-8")
    size = (out / "model.onnx").stat().st_size
    (out / "README.md").write_text(_described(card, recipe, name, source, size), encoding="utf-8")
    shutil.rmtree(out / "training")
    return figures


def _unseen(test: Labelled, *others: Labelled) -> Labelled:
    """The pictures of test that are in no other split."""
    known = {picture.tobytes() for faces, _ in others for picture in faces}
    new = np.array([picture.tobytes() not in known for picture in test[0]])
    return test[0][new], test[1][new]


def _measured(
    scores: NDArray[np.float64], gold: NDArray[np.int64], labels: int
) -> dict[str, tuple[float, float, float]]:
    """Accuracy and unweighted average recall with 95 % intervals from drawing pictures anew."""
    said = scores.argmax(1)
    drawn = bootstrap(
        {
            "accuracy": accuracy_statistic(truth=gold, prediction=said),
            "uar": unweighted_average_recall_statistic(truth=gold, prediction=said, labels=np.arange(labels)),
        },
        samples=_RESAMPLES,
    )
    return {key: (float(s.value), float(s.low), float(s.high)) for key, s in drawn.items()}


def _described(card: Card, recipe: FaceRecipe, name: str, source: str, size: int) -> str:
    """The model's card for people."""
    rows = [
        "| {} | {} | {} |".format(what, *("{:.3f} [{:.3f}, {:.3f}]".format(*found[key]) for key in ("accuracy", "uar")))
        for what, found in card.facts["figures"].items()
    ]
    note = f" ({card.licence_note})" if card.licence_note else ""
    counts = card.facts["rows"]
    return "\n".join(
        [
            f"# {card.title}\n",
            "<!-- short:begin -->",
            f"`{card.id}@{card.version}`: {size / 1e6:.1f} MB, int8 ONNX, {card.facts['parameters'] / 1e6:.2f} million "
            f"parameters, runs on a processor without torch. Licence of the weights: {card.licence}{note}. Reads a "
            "face that was found and cut out; which of seven expressions it shows, not what somebody feels.\n",
            "With 95 % intervals from drawing pictures anew:\n",
            "| measured on | accuracy | unweighted average recall |",
            "|---|---|---|",
            *rows,
            "",
            "Not for: " + " ".join(recipe.not_for),
            "<!-- short:end -->\n",
            f"Made by `affekt train {name} --out DIR` from {counts['learned from']:,} of {counts['train']:,} pictures: "
            "one of each photograph, none with two labels, none that is in dev or test. Temperature and confidence "
            "were fitted on dev.\n",
            "## Source\n",
            source,
            "\n## Limits\n",
            *(f"- {c}" for c in recipe.caveats),
            "\n## Not for\n",
            *(f"- {n}" for n in recipe.not_for),
            "",
        ]
    )
