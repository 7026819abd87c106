"""From a recipe of dimensions to a model folder, calibrated on texts that it did not learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt._version import __version__
from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import DimensionsRecipe, HeadPlan
from affekt.catalog.spaces import space
from affekt.core.errors import CatalogError, DataError, ModelError
from affekt.extras import need
from affekt.metrics import bootstrap, pearson_cc
from affekt.metrics.regression import pearson_cc_statistic
from affekt.models.card import Abstention, Card, Dimensions
from affekt.train.card import about_data, about_recipe, licence_note, versions
from affekt.train.dimensions.net import Entered, train_net, weights_of
from affekt.train.dimensions.teacher import Teacher, layer_means
from affekt.train.families import as_bert
from affekt.train.fusion.loop import parameters
from affekt.train.graph import LAYER_MEANS, build_graph
from affekt.train.loop import scale_of
from affekt.train.package import calibrated_dimensions, infer, measure_ranges, session_of
from affekt.train.start import Start, start_folder, texts_of
from affekt.train.targets import Rows, rows_of, token_rows
from affekt.train.vocabulary import add_emoji

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
else:
    torch = need("torch", extra="train")

__all__ = ["make_dimensions"]

Progress = Callable[[str, int, int], None]

_HEAD = "dimensions"
_RANGED = 1000  # rated texts on which activation ranges are measured; of the others, as many again
_TEXTS_A_CALL = 4096


def make_dimensions(
    recipe: DimensionsRecipe,
    name: str,
    out: Path,
    *,
    data: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Let the teacher answer, train the net on the rounded lower layers, calibrate on dev, and write the model folder.

    Args:
        recipe: What to do.
        name: Id of the model.
        out: Folder of the model.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most texts of each corpus; for a trial run.
        progress: Called with (what is done, steps done, steps).

    Returns:
        What was measured on dev.

    Raises:
        CatalogError: The encoder is not there, or has fewer layers than are to be kept.
        DataError: A corpus is missing.
        ModelError: The graph does not say what the net says.
    """
    tell = progress or (lambda *_: None)
    given = HeadPlan(space=corpus(recipe.corpus).space, of="dimensions")
    rated, dev = (
        rows_of(recipe.corpus, given, split=split, data=data, limit=limit, spread=True) for split in ("train", "dev")
    )
    if not rated.ids or not dev.ids:
        raise DataError("The corpus has no texts to train or to calibrate on", where=recipe.corpus)
    others = _other_texts(recipe, seen={*rated.texts, *dev.texts}, data=data, limit=limit)
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as work:
        folder = as_bert(start_folder(recipe.encoder), Path(work))
        emoji = add_emoji(folder / "tokenizer.json", [*rated.texts, *others], out / "tokenizer.json")
        start = Start(folder, out / "tokenizer.json", emoji)
        config = start.config
        if recipe.layers > config["num_hidden_layers"]:
            raise CatalogError(
                f"The encoder has {config['num_hidden_layers']} layers, and {recipe.layers} are to be kept",
                where=recipe.encoder,
            )
        encoder = start.model({}, seed=recipe.seed).eval().enc
    # The order of the rows from here on: rated texts, what else the teacher answers, dev.
    texts = [*rated.texts, *others, *dev.texts]
    tokens = token_rows(out / "tokenizer.json", texts, recipe.max_tokens)
    n, m = len(rated.texts), len(rated.texts) + len(others)

    means = layer_means(encoder, tokens, progress=lambda done, total: tell("vectors of every layer", done, total))
    tell("teacher", 0, 1)
    teacher = Teacher(recipe.teacher, means[:n], rated.values, seed=recipe.seed)
    answers = np.concatenate([teacher.unseen(), teacher.answers(means[n:])])
    tell("teacher", 1, 1)
    del means

    shape = {"n_heads": config["num_attention_heads"], "eps": config.get("layer_norm_eps", 1e-12)}
    weights = _lower(encoder.state_dict(), recipe.layers, positions=2 * recipe.max_tokens)
    rng = np.random.default_rng(recipe.seed)
    some = [*rng.permutation(n)[:_RANGED], *(n + rng.permutation(m - n)[:_RANGED])]
    probe, places = build_graph(weights, heads={}, layer_means=True, **shape)
    ranges = measure_ranges(probe, places, [tokens[i] for i in some])
    coarse = {"ranges": ranges, "step": recipe.step, "word_step": recipe.word_step, **shape}
    rounded = session_of(build_graph(weights, heads={}, layer_means=True, **coarse)[0])
    vectors = np.zeros((len(texts), (recipe.layers + 1) * config["hidden_size"]), np.float32)
    for k in range(0, len(texts), _TEXTS_A_CALL):
        part = slice(k, k + _TEXTS_A_CALL)
        vectors[part] = infer(rounded, tokens[part], [LAYER_MEANS])[LAYER_MEANS]
        tell("vectors of the kept layers", min(k + _TEXTS_A_CALL, len(texts)), len(texts))

    tell("net", 0, 1)
    middle, spread = scale_of(given, "dimensions", [rated], standard=False)
    variances = np.full_like(rated.values, np.nan) if rated.variances is None else rated.variances / spread**2
    net = train_net(
        recipe.net,
        vectors[:m],
        taught=(answers[:m] - middle) / spread,
        gold=(rated.values - middle) / spread,
        variances=variances,
        seed=recipe.seed,
    )
    tell("net", 1, 1)
    output = given.space
    model, _ = build_graph(weights | weights_of(net, _HEAD), heads={_HEAD: output}, **coarse)
    raw = infer(session_of(model), tokens[m:], [output])[output]
    _assert_alike(net, vectors[m:], raw)

    need("onnx", extra="train").save(model, str(out / "model.onnx"))
    dimensions, figures = calibrated_dimensions(
        raw, space=output, output=output, scale=(middle, spread), corpus=recipe.corpus, dev=dev, data=data
    )
    said = raw[:, : len(middle)] * spread + middle
    figures |= {
        "teacher": _correlations(dev.values, answers[m:]),
        "with_teacher": _correlations(answers[m:], said),
        "texts": m,
    }
    card = _card(recipe, name, out, msgspec.convert(dimensions, Dimensions), net, figures)
    (out / "affekt.json").write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")
    (out / "README.md").write_text(_described(card, recipe, dev, said), encoding="utf-8")
    return {output: figures}


def _other_texts(recipe: DimensionsRecipe, *, seen: set[str], data: Path | None, limit: int | None) -> list[str]:
    """What else the teacher answers: each text once, and none that stands in the rated corpus."""
    rng = np.random.default_rng(recipe.seed)
    out: dict[str, None] = {}
    for part in recipe.texts:
        there = [text for text in dict.fromkeys(t for _, t in texts_of([part.corpus], data=data)) if text not in seen]
        most = min(n for n in (part.rows, limit, len(there)) if n is not None)
        out |= dict.fromkeys(there[i] for i in sorted(rng.permutation(len(there))[:most]))
    return list(out)


def _lower(state: Mapping[str, Any], layers: int, *, positions: int) -> dict[str, NDArray[np.float32]]:
    """The state of an encoder without its upper layers and late positions, named as in a whole model."""
    kept = {k: v for k, v in state.items() if not k.startswith("layers.") or int(k.split(".")[1]) < layers}
    kept["pos.weight"] = kept["pos.weight"][:positions]
    return {f"enc.{k}": v.detach().numpy() for k, v in kept.items()}


def _assert_alike(net: Entered, vectors: NDArray[np.float32], raw: NDArray[np.float64]) -> None:
    """Refuse a graph that says something else than the net; its one matrix in int8 may move an answer a little."""
    with torch.inference_mode():
        apart = float(np.abs(net(torch.from_numpy(vectors)).numpy() - raw).max())
    if not apart < 0.1:
        raise ModelError(
            f"The exported graph does not say what the net says: they differ by {apart:.2g}",
            hint="Other versions of onnxruntime or torch may agree; please report it.",
        )


def _correlations(truth: NDArray[np.float64], said: NDArray[np.float64]) -> list[float | None]:
    """Pearson's r of each dimension; `None` where one of both does not vary."""
    each = (pearson_cc(truth=truth[:, j], prediction=said[:, j]) for j in range(truth.shape[1]))
    return [None if r != r else round(r, 4) for r in each]


def _card(
    recipe: DimensionsRecipe, name: str, out: Path, dimensions: Dimensions, net: Entered, figures: Mapping[str, Any]
) -> Card:
    used = [recipe.corpus, *dict.fromkeys(part.corpus for part in recipe.texts)]
    return Card(
        id=name,
        version=recipe.version,
        title=recipe.title,
        licence=recipe.licence,
        licence_note=licence_note(used),
        languages=recipe.languages,
        works=recipe.works,
        main=dimensions.space,
        heads={},
        dimensions=dimensions,
        policy=Abstention(min_confidence=0.0, coverage=1.0, risk_all=0.0, risk_answered=0.0, measured_on=""),
        max_tokens=recipe.max_tokens,
        window_tokens=recipe.max_tokens * 3 // 4,
        files={f: hashlib.sha256((out / f).read_bytes()).hexdigest() for f in ("model.onnx", "tokenizer.json")},
        facts={
            "not_for": recipe.not_for,
            "data": {source: corpus(source).licence for source in used},
            "parameters": parameters(net),
            "measured": figures,
            "recipe": msgspec.to_builtins(recipe),
            "versions": versions("torch", "onnxruntime", "numpy", "tokenizers"),
        },
    )


def _described(card: Card, recipe: DimensionsRecipe, dev: Rows, said: NDArray[np.float64]) -> str:
    """The model's card for people."""
    names: Sequence[str] = [d.name for d in space(card.main).dimensions]
    statistics = {
        name: pearson_cc_statistic(truth=dev.values[:, j], prediction=said[:, j]) for j, name in enumerate(names)
    }
    note = f" ({card.licence_note})" if card.licence_note else ""
    out = [
        f"# {card.title}\n",
        f"`{card.id}@{card.version}`, made by Affekt {__version__}. Licence of the weights: {card.licence}{note}. "
        f"Languages: {', '.join(card.languages)}.\n",
        *about_data(card.facts["data"]),
        "## On the development split\n",
        f"{len(dev.ids):,} texts, Pearson's r with 95 % intervals. Intervals of the dimensions were fitted here and "
        "nothing else; measure on a test split with `affekt bench run`.\n",
        *(f"- {key}: {s.value:.3f} [{s.low:.3f}, {s.high:.3f}]" for key, s in bootstrap(statistics).items()),
        *about_recipe(recipe),
    ]
    return "\n".join(out)
