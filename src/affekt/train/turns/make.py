"""From a recipe of turns to a model folder, calibrated on conversations that it did not learn from."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from affekt._version import __version__
from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import TurnsRecipe
from affekt.catalog.spaces import space
from affekt.core.errors import CatalogError
from affekt.corpora.read import read
from affekt.extras import need
from affekt.metrics import Interval, bootstrap
from affekt.metrics.classification import macro_f1_statistic, weighted_f1_statistic
from affekt.models.card import Abstention, Card, Head, Turns
from affekt.models.registry import bundled, encoder_folder, read_card
from affekt.models.session import read_graph
from affekt.models.turns import ENCODER, GRAPH, OUTPUT, TurnRecogniser
from affekt.train.calibrate import abstention, calibrated_softmax
from affekt.train.card import about_data, about_recipe, licence_note, versions
from affekt.train.fusion.loop import parameters
from affekt.train.turns.fit import adjustment, code_of, log_shares, train_nets, turns_of
from affekt.train.turns.graph import turn_graph

__all__ = ["make_turns"]

Progress = Callable[[str, int, int], None]

_COVERAGE = 0.95


def make_turns(
    recipe: TurnsRecipe,
    name: str,
    out: Path,
    *,
    data: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train the nets, calibrate what they say on dev, and write the model with its card.

    Args:
        recipe: What to do.
        name: Id of the model.
        out: Folder of the model.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows of each split; for a trial run.
        progress: Called with (what is done, steps done, steps).

    Returns:
        What was measured on dev.

    Raises:
        CatalogError: The recipe asks for what a model cannot know: turns to come, or its encoder gives no vectors.
        DataError: The corpus is missing.
    """
    net, labels, first = recipe.net, space(recipe.space).labels, recipe.parts[0]
    if net.around == "both" or net.speakers or net.dealt_out or net.layers != "every":
        raise CatalogError(
            "A model of turns reads every layer, those before a turn and not those after it, whoever speaks",
            hint='Set around = "before" (or "none"), and leave out `speakers`, `layers` and `dealt_out`.',
        )
    encoder = encoder_folder(net.encoder)
    own = read_card(encoder)
    if not recipe.carries_encoder and encoder not in bundled().values():
        raise CatalogError(
            "Only an encoder that is bundled can be left out of a model",
            where=net.encoder,
            hint="Let it carry its own.",
        )
    tell = progress or (lambda *_: None)
    steps = ("vectors", "share of the frequencies", "nets", "calibration")
    tell(steps[0], 0, len(steps))
    train, standard = turns_of(net, recipe.parts, wanted=recipe.space, seed=recipe.seed, data=data, limit=limit)
    tell(steps[1], 1, len(steps))
    share = adjustment(net, train, len(labels), recipe.seed) if net.adjusted else 0.0
    tell(steps[2], 2, len(steps))
    nets = train_nets(net, train, len(labels), recipe.seed)
    tell(steps[3], 3, len(steps))

    out.mkdir(parents=True, exist_ok=True)
    if recipe.carries_encoder:
        graph, tokenizer = ENCODER
        (out / graph).write_bytes(read_graph(encoder / graph))
        shutil.copyfile(encoder / tokenizer, out / tokenizer)
    need("onnx", extra="train").save(turn_graph(nets, standard), str(out / GRAPH))
    head = Head(
        space=recipe.space,
        output=OUTPUT,
        reading="single",
        scale=(1.0,) * len(labels),
        offset=tuple((-share * log_shares(train, len(labels))).tolist()),
        thresholds=(0.5,) * len(labels),
        confidence=(1.0, 0.0),
    )
    card = Card(
        id=name,
        version=recipe.version,
        title=recipe.title,
        licence=recipe.licence,
        licence_note=licence_note([part.corpus for part in recipe.parts]),
        languages=recipe.languages,
        works=recipe.works,
        main=recipe.space,
        heads={recipe.space: head},
        dimensions=own.dimensions,
        policy=Abstention(min_confidence=0.0, coverage=1.0, risk_all=0.0, risk_answered=0.0, measured_on=""),
        max_tokens=recipe.max_tokens,
        window_tokens=min(recipe.max_tokens, own.window_tokens),
        context=recipe.context,
        turns=Turns(encoder=f"{own.id}@{own.version}"),
        files={
            name: hashlib.sha256((out / name).read_bytes()).hexdigest()
            for name in (GRAPH, *(ENCODER if recipe.carries_encoder else ()))
        },
        facts={},
    )
    (out / "affekt.json").write_bytes(msgspec.json.encode(card))
    rows = list(islice(read(first.corpus, split="dev", data=data), limit))
    code = code_of(first, recipe.space)
    said = [
        (clip.dialogue or clip.id, code(gold), [prediction.scores[label] for label in labels])
        for (clip, gold), prediction in zip(rows, TurnRecogniser(out).predict([c for c, _ in rows]), strict=True)
        if prediction.abstained is None and code(gold) >= 0
    ]
    whose, truth, scores = np.array([w for w, _, _ in said]), np.array([t for _, t, _ in said]), [s for *_, s in said]
    table = np.array(scores)
    head, policy = calibrated_softmax(head, scores=table, gold=truth, coverage=_COVERAGE)
    codes = np.arange(len(labels))
    figures = bootstrap(
        {
            "weighted_f1": weighted_f1_statistic(truth=truth, prediction=table.argmax(1), labels=codes).by(whose),
            "macro_f1": macro_f1_statistic(truth=truth, prediction=table.argmax(1), labels=codes).by(whose),
        }
    )
    card = msgspec.structs.replace(
        card,
        heads={recipe.space: head},
        policy=abstention(policy, measured_on=f"{first.corpus} dev"),
        facts={
            "not_for": recipe.not_for,
            "data": {part.corpus: corpus(part.corpus).licence for part in recipe.parts},
            "encoder": {"licence": own.licence, "files": own.files},
            "parameters": sum(map(parameters, nets)),
            "share_of_log_frequencies": share,
            "recipe": msgspec.to_builtins(recipe),
            "versions": versions("torch", "onnxruntime", "numpy", "tokenizers"),
        },
    )
    (out / "affekt.json").write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")
    (out / "README.md").write_text(_described(card, recipe, figures, len(truth)), encoding="utf-8")
    return {key: [round(float(v), 4) for v in (s.value, s.low, s.high)] for key, s in figures.items()}


def _described(card: Card, recipe: TurnsRecipe, figures: dict[str, Interval], rows: int) -> str:
    """The model's card for people."""
    facts = card.facts
    note = f" ({card.licence_note})" if card.licence_note else ""
    assert card.turns is not None
    out = [
        f"# {card.title}\n",
        f"`{card.id}@{card.version}`, made by Affekt {__version__}. Licence of the weights: {card.licence}{note}; "
        f"those of the encoder, that of `{card.turns.encoder}` as it is: {facts['encoder']['licence']}. "
        f"Languages: {', '.join(card.languages)}. {facts['parameters']:,} numbers were trained.\n",
        *about_data(facts["data"]),
        "## On the development split\n",
        f"{rows:,} turns, with 95 % intervals from drawing conversations anew. The temperature was fitted here and "
        "nothing else; measure on a test split with `affekt bench run`.\n",
        *(f"- {key.replace('_', ' ')}: {s.value:.3f} [{s.low:.3f}, {s.high:.3f}]" for key, s in figures.items()),
        *about_recipe(recipe),
    ]
    return "\n".join(out)
