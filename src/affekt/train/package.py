"""From trained weights to a model folder: int8 graph, calibration, thresholds, machine-readable card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt.catalog.recipes import HeadPlan, Recipe
from affekt.catalog.spaces import space
from affekt.core.errors import DataError, ModelError
from affekt.extras import need
from affekt.metrics import pearson_cc
from affekt.models.card import Head
from affekt.models.questions import ANSWER
from affekt.train.asking import every_question
from affekt.train.calibrate import (
    abstention,
    choose_thresholds,
    fit_platt,
    fit_temperature,
    halves_score,
    interval_width,
    policy_point,
    sigmoid,
)
from affekt.train.encoder import bert_names
from affekt.train.families import RELATIVE, as_mpnet
from affekt.train.graph import LAYER_MEANS, Ranges, build_graph
from affekt.train.loop import Scale, Trained
from affekt.train.ngrams import Counted
from affekt.train.objectives import Objective
from affekt.train.readout import mix_in_layers
from affekt.train.targets import Rows, rows_as_read, single_ratings, token_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["calibrated_dimensions", "infer", "measure_ranges", "package", "session_of"]

LEVEL = 0.8
"""Share of single annotators' ratings that intervals of dimensions hold on dev."""

# What is tried for the thresholds on halves of the dev split: (bootstrap resamples, weight of the common cut).
_WAYS = ((0, 0.0), (30, 0.0), (30, 10.0), (30, 30.0), (30, 100.0), (30, 300.0))


def infer(session: Any, rows: Sequence[NDArray[np.int64]], names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """What a graph says of token rows: output -> array (rows, units)."""
    by_length: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        by_length.setdefault(len(row), []).append(i)
    out: dict[str, NDArray[np.float64]] = {}
    for length, at in by_length.items():
        size = max(1, 1024 // length)
        for k in range(0, len(at), size):
            some = at[k : k + size]
            ids = np.stack([rows[i] for i in some])
            for name, value in zip(
                names, session.run(list(names), {"input_ids": ids, "attention_mask": np.ones_like(ids)}), strict=True
            ):
                if name not in out:
                    out[name] = np.zeros((len(rows), value.shape[1]))
                out[name][some] = value
    return out


def session_of(model: Any, threads: int = 0) -> Any:
    """A graph that can be run."""
    ort = need("onnxruntime", extra="train")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def measure_ranges(model: Any, places: Sequence[str], rows: Sequence[NDArray[np.int64]]) -> Ranges:
    """Lowest and highest value at each place over texts, one at a time."""
    onnx = need("onnx", extra="train")
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    for place in places:
        watched.graph.output.append(onnx.helper.make_tensor_value_info(place, 1, None))
    session = session_of(watched)
    ranges = Ranges(dict.fromkeys(places, 0.0), dict.fromkeys(places, 0.0))
    for row in rows:
        found = session.run(list(places), {"input_ids": row[None], "attention_mask": np.ones_like(row)[None]})
        for place, value in zip(places, found, strict=True):
            ranges.low[place] = min(ranges.low[place], float(value.min()))
            ranges.high[place] = max(ranges.high[place], float(value.max()))
    return ranges


@dataclass(frozen=True)
class _Head:
    """An exported head with the split that it is calibrated on.

    Its `output` is that of the recogniser: of the graph, or what is asked of a model that is asked by name.
    """

    name: str
    plan: HeadPlan
    objective: Objective
    scale: Scale
    corpus: str
    dev: Rows
    output: str

    @property
    def truth(self) -> NDArray[np.float64]:
        """Gold of the dev split as 0/1, shape (rows, labels); a label that nobody was asked about counts as absent."""
        return (np.nan_to_num(self.dev.values) > 0.5 * (self.plan.of == "labels")).astype(float)

    @property
    def shares(self) -> NDArray[np.float64]:
        """What probabilities are fitted to: shares of annotators where the head learned these, else 0/1."""
        return np.nan_to_num(self.dev.values) if self.plan.gold == "soft-label" else self.truth


def _calibrated_labels(head: _Head, logits: NDArray[np.float64]) -> tuple[Head, dict[str, Any]]:
    """The head as the model's card holds it, and figures of it on dev."""
    truth, reading = head.truth, head.objective.reading
    units = logits.shape[1]
    scale, offset = np.ones(units), np.zeros(units)
    if reading == "multi":
        platt = np.array([fit_platt(truth=head.shares[:, j], logits=logits[:, j]) for j in range(units)])
        scale, offset = platt[:, 0], platt[:, 1]
    elif reading == "single":
        scale[:] = 1 / fit_temperature(truth=head.shares, logits=logits)
    elif reading == "strengths":
        mean, sd = head.scale
        top = space(head.plan.space).intensity or 1.0
        scale[:], offset[:] = sd / top, mean / top
    made = Head(
        space=head.plan.space,
        output=head.output,
        scale=tuple(round(float(v), 6) for v in scale),
        offset=tuple(round(float(v), 6) for v in offset),
        thresholds=(0.5,) * truth.shape[1],
        confidence=(1.0, 0.0),
        reading=reading,  # type: ignore[arg-type]
        columns=head.objective.units,
    )
    scores = made.scores(logits)
    figures: dict[str, Any] = {"rows": len(truth)}
    if reading != "single":
        tried = {way: halves_score(truth=truth, scores=scores, samples=way[0], prior=way[1]) for way in _WAYS}
        way = max(tried, key=tried.__getitem__)
        cuts = choose_thresholds(truth=truth, scores=scores, samples=way[0] * 10, prior=way[1])
        made = msgspec.structs.replace(made, thresholds=tuple(round(float(t), 6) for t in cuts))
        figures["threshold_way"] = list(way)
        figures["halves"] = {str(k): round(v, 5) for k, v in tried.items()}
    chosen = np.zeros_like(truth)
    for i, found in enumerate(made.reached(scores)):
        chosen[i, found] = 1
    figures["dev_macro_f1"] = float(
        np.mean(2 * (truth * chosen).sum(0) / np.maximum(truth.sum(0) + chosen.sum(0), 1e-12))
    )
    best = np.clip(scores.max(1), 1e-6, 1 - 1e-6)
    a, b = fit_platt(truth=_right(truth, scores).astype(float), logits=np.log(best / (1 - best)))
    return msgspec.structs.replace(made, confidence=(round(a, 6), round(b, 6))), figures


def _right(truth: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the top label is among those given."""
    right: NDArray[np.bool_] = truth[np.arange(len(truth)), scores.argmax(1)] > 0
    return right


def _policy(head: _Head, made: Head, scores: NDArray[np.float64], coverage: float) -> dict[str, Any]:
    best = np.clip(scores.max(1), 1e-6, 1 - 1e-6)
    a, b = made.confidence
    confidence = sigmoid(a * np.log(best / (1 - best)) + b)
    point = policy_point(right=_right(head.truth, scores), confidence=confidence, coverage=coverage)
    found: dict[str, Any] = msgspec.to_builtins(abstention(point, measured_on=f"{head.corpus} dev"))
    return found


def calibrated_dimensions(
    raw: NDArray[np.float64],
    *,
    space: str,
    output: str,
    scale: Scale,
    corpus: str,
    dev: Rows,
    level: float = LEVEL,
    data: Path | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The dimensional head as the model's card holds it, and figures of it on dev.

    Args:
        raw: What the graph says of the dev rows: means, and logarithms of spreads where it gives them.
        space: Space of the dimensions.
        output: The graph's output.
        scale: Mean and standard deviation that the head's units are carried back with.
        corpus: Where the dev rows are from; intervals hold a share of its single ratings.
        dev: The dev rows.
        level: That share.
        data: Folder of the corpora; default `AFFEKT_DATA`.
    """
    mean, sd = scale
    k = len(mean)
    centre = raw[:, :k] * sd + mean
    width: NDArray[np.float64] = np.zeros(0)
    if raw.shape[1] == 2 * k:
        sigma = np.exp(np.clip(raw[:, k:], -5, 3)) * sd
        single = single_ratings(corpus, dev.ids, data=data)
        width = interval_width(centre=centre, sigma=sigma, ratings=single, level=level)
    each = (pearson_cc(truth=dev.values[:, j], prediction=centre[:, j], ignore_nan=True) for j in range(k))
    figures = {
        "rows": len(raw),
        "dev_pcc": [None if r != r else r for r in each],
        "width": width.tolist(),
    }
    return {
        "space": space,
        "output": output,
        "mean": mean.tolist(),
        "sd": sd.tolist(),
        "width": [round(float(w), 6) for w in width],
        "level": level,
    }, figures


def _exported(name: str, plan: HeadPlan, trained: Trained | Counted, dev: Rows, *, asked: bool) -> _Head:
    objective, (mean, sd) = trained.objectives[name], trained.scales[name]
    output: str = plan.space
    if asked:
        # One answer is asked for each name, in one unit for all names of a space.
        output, k = plan.of, dev.values.shape[1]
        mean, sd = np.repeat(mean, k), np.repeat(sd, k)
        if plan.of == "labels" and space(plan.space).kind == "single":
            objective = replace(objective, reading="single")
    return _Head(name, plan, objective, (mean, sd), trained.corpora[name], dev, output)


def _shape_of(trained: Trained) -> dict[str, Any]:
    config = json.loads((trained.start.folder / "config.json").read_text(encoding="utf-8"))
    return {
        "n_heads": config["num_attention_heads"],
        "eps": config.get("layer_norm_eps", 1e-12),
        "separator": trained.start.separator,
        "onwards": trained.start.onwards,
    }


def _with_layers_mixed_in(
    weights: Mapping[str, NDArray[np.float32]],
    heads: Sequence[_Head],
    learned: Mapping[str, Rows],
    outputs: Mapping[str, str],
    *,
    tokens: Callable[[Sequence[str]], list[NDArray[np.int64]]],
    shape: Mapping[str, Any],
) -> tuple[dict[str, NDArray[np.float32]], dict[str, list[dict[str, Any]]]]:
    """The weights with the lower layers read too by the heads that want it, and what that came to for each.

    Args:
        weights: State of the trained module.
        heads: The exported heads.
        learned: Training rows of those that want it.
        outputs: Head -> output of the graph.
        tokens: Texts -> token rows.
        shape: As for `build_graph`.
    """
    out, mixed = dict(weights), {}
    for h in heads:
        if h.name not in learned:
            continue
        probe = session_of(build_graph(out, heads=outputs, layer_means=True, **shape)[0])
        mean, sd = h.scale
        rows = learned[h.name]
        out, mixed[h.name] = mix_in_layers(
            out,
            head=h.name,
            means=lambda texts, probe=probe: infer(probe, tokens(texts), [LAYER_MEANS])[LAYER_MEANS],  # type: ignore[misc]
            train=(rows.texts, (rows.values - mean) / sd),
            dev=(h.dev.texts, (h.dev.values - mean) / sd),
        )
    return out, mixed


def package(
    trained: Trained | Counted,
    recipe: Recipe,
    out: Path,
    *,
    identity: Mapping[str, Any],
    data: Path | None = None,
    limit: int | None = None,
    floats: bool = False,
    calibration_texts: int = 1000,
    level: float = LEVEL,
    coverage: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Write a model folder.

    Args:
        trained: What `train` made, or `count`.
        recipe: By which recipe.
        out: Folder to write.
        identity: `id, version, title, licence, languages, works, facts` of the card.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows of each split.
        floats: Whether to write every answer to the dev splits (`dev-SPACE.parquet`) and, of a model with an encoder,
            the weights beside the graph, in the layout of Hugging Face (`config.json`, `model.safetensors`,
            `tokenizer_config.json`).
        calibration_texts: Training texts of the main corpus on which activation ranges are measured; of every
            other, a fifth as many dev texts.
        level: Share of single annotators' ratings that the intervals of dimensions hold on dev.
        coverage: Share of dev rows that the recommended policy answers.
        seed: Seed of the choice of texts.

    Returns:
        Figures on dev by space: macro-F1 or Pearson's r, how thresholds were chosen, and what int8 costs.

    Raises:
        DataError: A corpus that a head is calibrated on has no dev split.
        ModelError: The graph does not say what the module says.
    """
    from tokenizers import Tokenizer

    onnx = need("onnx", extra="train")

    carried = {(p.corpus, p.head) for stage in recipe.stages for p in stage.parts if p.mapped}

    def rows_in(split: str, head: str) -> Rows:
        """Rows of the corpus that the head was trained on first, its labels carried to the head's space as there."""
        name = trained.corpora[head]
        mapped = (name, head) in carried
        return rows_as_read(recipe, name, recipe.heads[head], split=split, data=data, limit=limit, mapped=mapped)

    heads = [
        _exported(
            name,
            plan,
            trained,
            rows_in("dev", name),
            asked=bool(recipe.asks),
        )
        for name, plan in recipe.heads.items()
        if plan.export
    ]
    if any(not h.dev.ids for h in heads):
        raise DataError("A head is calibrated on dev, and its corpus has no rows there")
    outputs = {ANSWER: ANSWER} if recipe.asks else {h.name: h.plan.space for h in heads}

    def tokens(texts: Sequence[str]) -> list[NDArray[np.int64]]:
        return token_rows(trained.tokenizer, texts, recipe.max_tokens)

    def rows_for(texts: Sequence[str], h: _Head) -> list[NDArray[np.int64]]:
        if not recipe.asks:
            return tokens(texts)
        return every_question(tokens(texts), h.plan, tokenizer=Tokenizer.from_file(str(trained.tokenizer)))

    def outputs_of(session: Any, h: _Head) -> NDArray[np.float64]:
        name = ANSWER if recipe.asks else h.plan.space
        said = infer(session, rows_for(h.dev.texts, h), [name])[name]
        return said.reshape(len(h.dev.texts), -1)

    main = heads[0]
    if isinstance(trained, Counted):
        weights: dict[str, NDArray[np.float32]] = {}
        mixed: dict[str, list[dict[str, Any]]] = {}
        plain, graph = (trained.graph(outputs, bits=bits) for bits in (32, recipe.bits))
    else:
        first = rows_in("train", main.name)
        rng = np.random.default_rng(seed)
        some = rows_for([first.texts[i] for i in rng.permutation(len(first.texts))[:calibration_texts]], main)
        for h in heads[1:]:
            some += rows_for([h.dev.texts[i] for i in rng.permutation(len(h.dev.texts))[: calibration_texts // 5]], h)
        learned = {h.name: rows_in("train", h.name) for h in heads if h.plan.mix_layers}
        shape = _shape_of(trained)
        weights, mixed = _with_layers_mixed_in(trained.weights, heads, learned, outputs, tokens=tokens, shape=shape)
        plain, places = build_graph(weights, heads=outputs, **shape)
        graph = plain
        if recipe.bits < 32:
            ranges = measure_ranges(plain, places, some)
            graph, _ = build_graph(weights, heads=outputs, ranges=ranges, bits=recipe.bits, **shape)
    onnx.checker.check_model(plain)
    sessions = {"float": session_of(plain), "shipped": session_of(graph)}
    alike = {name: output for name, output in outputs.items() if name not in mixed}
    _assert_parity(trained, alike, sessions["float"], [t for h in heads for t in rows_for(h.dev.texts[:8], h)])

    out.mkdir(parents=True, exist_ok=True)
    card_heads: dict[str, Any] = {}
    dimensions: dict[str, Any] | None = None
    each_dimensions: dict[str, Any] = {}
    policy = {"min_confidence": 0.0, "coverage": 1.0, "risk_all": 0.0, "risk_answered": 0.0, "measured_on": ""}
    figures: dict[str, Any] = {}
    for h in heads:
        z = outputs_of(sessions["shipped"], h)
        if not np.isfinite(z).all():
            raise ModelError("The graph gives values that are not finite", where=str(out))
        if h.plan.of == "dimensions":
            dimensions, figures[h.plan.space] = calibrated_dimensions(
                z,
                space=h.plan.space,
                output=h.output,
                scale=h.scale,
                corpus=h.corpus,
                dev=h.dev,
                level=level,
                data=data,
            )
            each_dimensions[h.plan.space] = dimensions
            if h.name in mixed:
                figures[h.plan.space]["mixed"] = mixed[h.name]
            if floats:
                mean, sd = h.scale
                _keep_answers(h, z[:, : len(mean)] * sd + mean, out)
            continue
        made, figures[h.plan.space] = _calibrated_labels(h, z)
        if floats:
            _keep_answers(h, made.scores(z), out)
        card_heads[h.plan.space] = msgspec.to_builtins(made)
        if h is main and not recipe.asks:
            policy = _policy(h, made, made.scores(z), coverage)
            if recipe.bits < 32:
                float_z = outputs_of(sessions["float"], h)
                figures[h.plan.space] |= _price_of_int8(h.truth, made, float_z, z)

    onnx.save(graph, str(out / "model.onnx"))
    (out / "tokenizer.json").write_bytes(trained.tokenizer.read_bytes())
    if floats and not isinstance(trained, Counted):
        _save_floats(weights, trained.start.folder, out)
    card = {
        **identity,
        "main": main.plan.space,
        "heads": card_heads,
        "dimensions": None if recipe.asks else dimensions,
        "policy": policy,
        "max_tokens": recipe.max_tokens,
        "window_tokens": recipe.max_tokens * 3 // 4,
        "context": recipe.context,
        "speakers": recipe.speakers,
        "target": recipe.target,
        "asks": {"of": {h.plan.space: h.plan.of for h in heads}, "dimensions": each_dimensions}
        if recipe.asks
        else None,
        "fields": recipe.fields,
        "files": {f: hashlib.sha256((out / f).read_bytes()).hexdigest() for f in ("model.onnx", "tokenizer.json")},
    }
    (out / "affekt.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return figures


def _assert_parity(
    trained: Trained | Counted, outputs: Mapping[str, str], session: Any, rows: Sequence[NDArray[np.int64]]
) -> None:
    """Refuse a float graph that says something else than what was trained.

    Args:
        trained: What was trained, with all its heads.
        outputs: Head -> output of the graph, of those that are still as they were trained.
        session: The graph.
        rows: Texts to compare on.

    Raises:
        ModelError: They differ by more than rounding.
    """
    said = trained.answers(rows)
    found = infer(session, rows, list(outputs.values())) if outputs else {}
    for head, name in outputs.items():
        apart = float(np.abs(said[head] - found[name]).max())
        if not apart <= 1e-3 * max(1.0, float(np.abs(said[head]).max())):
            raise ModelError(
                f"The exported graph does not say what was trained: the head {head} differs by {apart:.2g}",
                hint="Other versions of onnxruntime or torch may agree; please report it.",
            )


def _keep_answers(head: _Head, said: NDArray[np.float64], out: Path) -> None:
    """Gold and answers of the split that the head was calibrated on; texts stay with the corpus."""
    import pyarrow as pa
    from pyarrow import parquet

    found = space(head.plan.space)
    names = [d.name for d in found.dimensions] if head.plan.of == "dimensions" else list(found.labels)

    def columns(values: NDArray[np.float64]) -> Any:
        return pa.StructArray.from_arrays([pa.array(v, from_pandas=True) for v in values.T], names)

    table = pa.table({"id": head.dev.ids, "gold": columns(head.dev.values), "said": columns(said)})
    parquet.write_table(table, out / f"dev-{head.plan.space}.parquet", compression="zstd")


def _save_floats(weights: Mapping[str, NDArray[np.float32]], start: Path, out: Path) -> None:
    """The encoder for `transformers.AutoModel`, with the heads beside it in the same file."""
    state = bert_names(weights)
    config = json.loads((start / "config.json").read_text(encoding="utf-8"))
    config |= {"architectures": ["BertModel"], "torch_dtype": "float32"}
    if RELATIVE in state:
        state, config = as_mpnet(state, config)
    need("safetensors.numpy", extra="train").save_file(state, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config["max_position_embeddings"],
        **{f"{name}_token": f"[{name.upper()}]" for name in ("unk", "sep", "pad", "cls", "mask")},
    }
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def _price_of_int8(
    truth: NDArray[np.float64], made: Head, float_z: NDArray[np.float64], z: NDArray[np.float64]
) -> dict[str, Any]:
    """How far the scores of the int8 graph are from those of the float one, and macro-F1 of both at .3."""
    scores = {"float": made.scores(float_z), "int8": made.scores(z)}
    f1 = {}
    for name, p in scores.items():
        chosen = p >= 0.3
        f1[name] = float(np.mean(2 * (truth * chosen).sum(0) / np.maximum(truth.sum(0) + chosen.sum(0), 1e-12)))
    return {
        "float_int8_mean_difference": float(np.abs(scores["int8"] - scores["float"]).mean()),
        "dev_macro_f1_at_.3": f1,
    }
