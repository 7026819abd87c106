"""Training of models that find the causes of emotions in conversations.

One reading (`affekt.models.causes.Writer`) holds a turn with an emotion and all turns that may hold its cause. Three
losses are learned at once: whether each turn holds a cause, where in a turn with a cause its span starts and ends, and
of which kinds the causes are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import CausePlan, Recipe
from affekt.catalog.spaces import space
from affekt.core.errors import CatalogError, ModelError
from affekt.corpora.causes import CausedDialogue
from affekt.extras import need
from affekt.models.card import Head
from affekt.models.causes import KIND, LINK, SPAN, Layout, Writer, best_span
from affekt.train import checkpoint
from affekt.train.calibrate import abstention, best_cut, cause_f1s, choose_thresholds, fit_platt, policy_point, sigmoid
from affekt.train.card import identity_of, write_card
from affekt.train.cause_words import conversations
from affekt.train.graph import build_graph
from affekt.train.learner import Learner, pace
from affekt.train.loop import Progress, Trained, optimisers
from affekt.train.package import measure_ranges, session_of
from affekt.train.start import Start, start_of

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import functional

    from affekt.train.encoder import Dropout, TextModel
else:
    torch = need("torch", extra="train")
    functional = torch.nn.functional

__all__ = ["Case", "cases_of", "dev_figures", "make_causes", "train_causes"]


@dataclass(frozen=True)
class Case:
    """One reading with its gold.

    Attributes:
        layout: What is read.
        holds: Whether each turn of the layout holds a cause, shape (turns,) of 0 and 1.
        start: For each token of the layout, its share as the start of a span of its turn; 0 where there is none.
        end: Likewise for the last token of a span.
        kinds: Shape (kinds,) of 0 and 1; empty where the corpus names none.
        missed: Turns with a cause that the window does not hold.
    """

    layout: Layout
    holds: NDArray[np.float32]
    start: NDArray[np.float32]
    end: NDArray[np.float32]
    kinds: NDArray[np.float32]
    missed: int


def cases_of(dialogues: Sequence[CausedDialogue], writer: Writer, kinds: Sequence[str] = ()) -> list[Case]:
    """Every turn with an emotion as a reading with its gold."""
    out = []
    for d in dialogues:
        pieces = [writer.pieces(turn.text or "") for turn in d.dialogue]
        speakers = [turn.speaker for turn in d.dialogue]
        for index in d.asked:
            layout = writer.layout(pieces, speakers, index, str(d.labels[index]))
            holds = np.zeros(len(layout.turns), np.float32)
            ends = np.zeros((2, len(layout.ids)), np.float32)
            missed = set()
            for link in d.links:
                if link.turn != index:
                    continue
                if link.cause not in layout.turns:
                    missed.add(link.cause)
                    continue
                at = layout.turns.index(link.cause)
                holds[at] = 1.0
                first, last = layout.spans[at]
                offsets = pieces[link.cause].offsets[: last - first]
                inside = np.flatnonzero((offsets[:, 1] > (link.start or 0)) & (offsets[:, 0] < (link.end or 0)))
                if len(inside):
                    ends[0, first + inside[0]] += 1.0
                    ends[1, first + inside[-1]] += 1.0
            for first, last in layout.spans:
                ends[:, first:last] /= np.maximum(ends[:, first:last].sum(1, keepdims=True), 1.0)
            given = d.kinds.get(index, ())
            row = np.array([k in given for k in kinds], np.float32)
            out.append(Case(layout, holds, ends[0], ends[1], row, len(missed)))
    return out


def _outputs(model: TextModel, layouts: Sequence[Layout], dropout: Dropout | None = None) -> dict[str, Tensor]:
    """The three outputs at every token of packed layouts, shape (tokens, units)."""
    x, _ = model.enc(
        torch.from_numpy(np.concatenate([layout.ids for layout in layouts])),
        torch.tensor([len(layout.ids) for layout in layouts]),
        dropout,
    )
    if dropout:
        x = dropout(x)
    return {name: model.get_submodule(name)(x).float() for name in model.head_names}


def _loss(outputs: dict[str, Tensor], cases: Sequence[Case], plan: CausePlan) -> Tensor:
    """The mean loss of a batch."""
    begins = np.cumsum([0, *(len(c.layout.ids) for c in cases)])
    marks = np.concatenate([c.layout.marks + b for c, b in zip(cases, begins, strict=False)])
    holds = torch.from_numpy(np.concatenate([c.holds for c in cases]))
    loss = functional.binary_cross_entropy_with_logits(outputs[LINK][torch.from_numpy(marks), 0], holds)
    chosen, owner, count = [], [], 0
    for c, b in zip(cases, begins, strict=False):
        for has, (first, last) in zip(c.holds, c.layout.spans, strict=True):
            if has and last > first and c.start[first:last].any():
                chosen.append(np.arange(b + first, b + last))
                owner.append(np.full(last - first, count))
                count += 1
    if count and plan.span:
        at, of = torch.from_numpy(np.concatenate(chosen)), torch.from_numpy(np.concatenate(owner))
        for column, wanted in enumerate(
            (np.concatenate([c.start for c in cases]), np.concatenate([c.end for c in cases]))
        ):
            z = outputs[SPAN][at, column]
            top = torch.full((count,), -1e9).scatter_reduce(0, of, z.detach(), "amax")
            total = torch.zeros(count).index_add(0, of, torch.exp(z - top[of]))
            each = torch.from_numpy(wanted)[at] * (z - top[of] - torch.log(total)[of])
            loss = loss - plan.span * 0.5 * each.sum() / count
    if KIND in outputs and plan.kind:
        wanted_kinds = torch.from_numpy(np.stack([c.kinds for c in cases]))
        first_tokens = torch.from_numpy(begins[:-1])
        loss = loss + plan.kind * functional.binary_cross_entropy_with_logits(outputs[KIND][first_tokens], wanted_kinds)
    return loss


def answers_to(
    model: TextModel, cases: Sequence[Case], *, precision: str = "float32", batch: int = 32
) -> list[dict[str, NDArray[np.float32]]]:
    """The outputs at every token of each case, without dropout."""
    order = np.argsort([len(c.layout.ids) for c in cases], kind="stable")
    out: list[dict[str, NDArray[np.float32]]] = [{} for _ in cases]
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        for k in range(0, len(order), batch):
            some = [cases[i].layout for i in order[k : k + batch]]
            found = _outputs(model, some)
            begins = np.cumsum([0, *(len(layout.ids) for layout in some)])
            for n, i in enumerate(order[k : k + batch]):
                out[i] = {name: v[begins[n] : begins[n + 1]].numpy() for name, v in found.items()}
    model.train()
    return out


def link_table(
    cases: Sequence[Case], outputs: Sequence[dict[str, NDArray[np.float32]]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gold and logit of every candidate turn, each of shape (pairs,)."""
    truth = np.concatenate([c.holds for c in cases]).astype(np.float64)
    logits = np.concatenate([o[LINK][c.layout.marks, 0] for c, o in zip(cases, outputs, strict=True)])
    return truth, logits.astype(np.float64)


def dev_figures(cases: Sequence[Case], outputs: Sequence[dict[str, NDArray[np.float32]]]) -> dict[str, float]:
    """How well causes are told on cases: F1 of turns at the best cut, and how often a span is that of the gold."""
    truth, logits = link_table(cases, outputs)
    missed, scores = sum(c.missed for c in cases), sigmoid(logits)
    yes, no = cause_f1s(truth, scores >= best_cut(truth, scores, missed=missed), missed=missed)
    right = whole = count = 0
    for c, o in zip(cases, outputs, strict=True):
        for has, (first, last) in zip(c.holds, c.layout.spans, strict=True):
            if has and last > first:
                start, end = best_span(o[SPAN][first:last, 0], o[SPAN][first:last, 1])
                count += 1
                right += bool(c.start[first + start] and c.end[first + end - 1])
                whole += bool(c.start[first] and c.end[last - 1])
    return {
        "cause_f1": yes,
        "no_cause_f1": no,
        "span_exact": right / max(count, 1),
        "whole_turns": whole / max(count, 1),
    }


def train_causes(
    recipe: Recipe, out: Path, *, data: Path | None = None, limit: int | None = None, progress: Progress | None = None
) -> tuple[Trained, dict[str, list[Case]]]:
    """Run a recipe for a model of causes.

    Args:
        recipe: What to do.
        out: Folder for checkpoints; a run that was broken off goes on after its last whole epoch.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most turns with an emotion of each split; for a trial run.
        progress: Called with (what is trained, step, steps, loss) after each step.

    Returns:
        What was trained, and the cases of `train` and `dev`.

    Raises:
        CatalogError: The recipe does not hold together, or its encoder cannot be used.
        DataError: The corpus is missing.
    """
    from tokenizers import Tokenizer

    plan = recipe.causes
    if plan is None or len(recipe.stages) != 1 or len(recipe.heads) > 1:
        raise CatalogError("A recipe for a model of causes has [causes], one stage, and at most one head, for kinds")
    out.mkdir(parents=True, exist_ok=True)
    (stage,) = recipe.stages
    folder = start_of(recipe, out, data=data, limit=limit)
    start = Start(folder, folder / "tokenizer.json", {})
    tokenizer = Tokenizer.from_file(str(start.tokenizer))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    writer = Writer(tokenizer, back=plan.back, ahead=plan.ahead, most=recipe.max_tokens)
    kinds = space(next(iter(recipe.heads.values())).space).labels if recipe.heads else ()
    read = conversations(plan, data=data, limit=limit)
    cases = {name: cases_of(some, writer, kinds) for name, some in read.items()}
    model = start.model({LINK: 1, SPAN: 2, **({KIND: len(kinds)} if kinds else {})}, seed=stage.seed)
    learner = Learner(model, optimisers(model, stage), dropout=stage.dropout, seed=stage.seed)
    if checkpoint.mark_of(out):
        learner.load(out)
    train, mask = cases["train"], tokenizer.token_to_id("[MASK]") or 0
    per_epoch = max(1, len(train) // stage.batch)
    steps = per_epoch * stage.epochs
    dense = [p for name, p in model.named_parameters() if name != "enc.word.weight"]
    model.train()
    while learner.epochs < stage.epochs:
        order = learner.rng.permutation(len(train))
        for k in range(per_epoch):
            some = [train[i] for i in order[k * stage.batch : (k + 1) * stage.batch]]
            some.sort(key=lambda c: len(c.layout.ids))
            layouts = [_hidden(c.layout, plan, stage.masked, mask, learner.rng) for c in some]
            with torch.autocast("cpu", torch.bfloat16, enabled=stage.precision == "bfloat16"):
                outputs = _outputs(model, layouts, learner.dropout)
            loss = _loss(outputs, some, plan)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(dense, stage.clip)
            learner.update(pace(learner.step, steps, stage.warm_up))
            if progress:
                progress("causes", learner.step, steps, float(loss.detach()))
        learner.epochs += 1
        found = answers_to(model, cases["dev"], precision=stage.precision)
        learner.history.append(
            {"trained": "causes", "epoch": learner.epochs, "dev_loss": {}, "dev": dev_figures(cases["dev"], found)}
        )
        learner.save(out, {})
    trained = Trained(
        weights={k: v.detach().numpy() for k, v in model.state_dict().items()},
        start=start,
        objectives={},
        scales={},
        corpora={},
        history=learner.history,
        measured={},
    )
    return trained, cases


def _hidden(layout: Layout, plan: CausePlan, masked: float, mask: int, rng: np.random.Generator) -> Layout:
    """The same reading with some words, or the emotion, behind the mask token."""
    ids: NDArray[np.int64] | Any = layout.ids
    if masked:
        hide = np.zeros(len(ids), bool)
        for first, last in layout.spans:
            hide[first:last] = rng.random(last - first) < masked
        ids = np.where(hide, mask, ids)
    if plan.hidden_emotion and rng.random() < plan.hidden_emotion:
        ids = ids.copy()
        ids[1 : layout.marks[0] - 1] = mask
    return Layout(ids, layout.turns, layout.marks, layout.spans)


# --- the model folder


def make_causes(
    recipe: Recipe,
    name: str,
    out: Path,
    *,
    data: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train, calibrate on dev, and write the model folder; arguments are those of `make_model`.

    Returns:
        Figures on dev.
    """
    trained, cases = train_causes(recipe, out / "training", data=data, limit=limit, progress=progress)
    identity = identity_of(name, recipe, history=trained.history, measured=trained.measured)
    figures = _package(trained, cases, recipe, out, identity=identity)
    (out / "README.md").write_text(write_card(identity, figures), encoding="utf-8")
    return figures


def _package(
    trained: Trained,
    cases: Mapping[str, Sequence[Case]],
    recipe: Recipe,
    out: Path,
    *,
    identity: Mapping[str, Any],
    watched: int = 300,
    coverage: float = 0.95,
) -> dict[str, Any]:
    """Write graph, tokenizer and card; everything is fitted on dev with the outputs of the graph that is shipped.

    Args:
        trained: What was trained.
        cases: Those of `train`, on which activation ranges are measured, and of `dev`.
        recipe: By which recipe.
        out: Folder to write.
        identity: As for `affekt.train.package.package`.
        watched: Cases on which ranges are measured.
        coverage: Share of dev pairs that the recommended policy answers.

    Raises:
        ModelError: The graph does not say what was trained.
    """
    onnx = need("onnx", extra="train")
    assert recipe.causes is not None
    config = trained.start.config
    each = {head: head for head in (LINK, SPAN, KIND) if f"{head}.weight" in trained.weights}
    shape = {"n_heads": config["num_attention_heads"], "eps": config.get("layer_norm_eps", 1e-12)}
    plain, places = build_graph(trained.weights, heads={}, each=each, **shape)
    probes = [c.layout.ids for c in cases["dev"][:8]]
    said = answers_to(trained.start.trained(trained.weights), cases["dev"][:8])
    for row, one in zip(read_tokens(plain, probes, list(each)), said, strict=True):
        apart = max(float(np.abs(row[name] - one[name]).max()) for name in each)
        if not apart <= 1e-2:
            raise ModelError(
                f"The exported graph does not say what was trained: it differs by {apart:.2g}",
                hint="Other versions of onnxruntime or torch may agree; please report it.",
            )
    graph = plain
    if recipe.bits < 32:
        some = np.random.default_rng(0).permutation(len(cases["train"]))[:watched]
        ranges = measure_ranges(plain, places, [cases["train"][i].layout.ids for i in some])
        graph, _ = build_graph(trained.weights, heads={}, each=each, ranges=ranges, bits=recipe.bits, **shape)
    dev = cases["dev"]
    outputs = read_tokens(graph, [c.layout.ids for c in dev], list(each))
    truth, logits = link_table(dev, outputs)
    a, b = fit_platt(truth=truth, logits=logits)
    scores = sigmoid(a * logits + b)
    threshold = best_cut(truth, scores, missed=sum(c.missed for c in dev))
    kinds = _kinds(recipe, dev, outputs) if KIND in each else None
    right = (scores >= threshold) == (truth > 0)
    sure = np.where(scores >= threshold, scores, 1 - scores)
    point = policy_point(right=right, confidence=sure, coverage=coverage)
    card = {
        **identity,
        "main": corpus(recipe.causes.corpus.partition(":")[0]).space,
        "heads": {},
        "dimensions": None,
        "policy": msgspec.to_builtins(abstention(point, measured_on=f"{recipe.causes.corpus} dev")),
        "max_tokens": recipe.max_tokens,
        "window_tokens": recipe.max_tokens,
        "causes": {
            "back": recipe.causes.back,
            "ahead": recipe.causes.ahead,
            "scale": [round(a, 6), round(b, 6)],
            "threshold": round(threshold, 6),
            "kinds": msgspec.to_builtins(kinds) if kinds else None,
        },
    }
    onnx.save(graph, str(out / "model.onnx"))
    (out / "tokenizer.json").write_bytes(trained.tokenizer.read_bytes())
    files = {f: hashlib.sha256((out / f).read_bytes()).hexdigest() for f in ("model.onnx", "tokenizer.json")}
    (out / "affekt.json").write_text(
        json.dumps(card | {"files": files}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    said_f1 = cause_f1s(truth, scores >= threshold, missed=sum(c.missed for c in dev))
    return {"causes": {"rows": len(truth), "dev_macro_f1": float(np.mean(said_f1)), **dev_figures(dev, outputs)}}


def read_tokens(
    graph: Any, rows: Sequence[NDArray[np.int64]], names: Sequence[str]
) -> list[dict[str, NDArray[np.float32]]]:
    """Outputs of a graph at every token of each row."""
    run = session_of(graph)
    out = []
    for row in rows:
        found = run.run(list(names), {"input_ids": row[None], "attention_mask": np.ones_like(row)[None]})
        out.append({name: value[0] for name, value in zip(names, found, strict=True)})
    return out


def _kinds(recipe: Recipe, dev: Sequence[Case], outputs: Sequence[dict[str, NDArray[np.float32]]]) -> Head:
    """How kinds of causes are read."""
    truth = np.stack([c.kinds for c in dev]).astype(np.float64)
    logits = np.stack([o[KIND][0] for o in outputs]).astype(np.float64)
    platt = [fit_platt(truth=truth[:, j], logits=logits[:, j]) for j in range(truth.shape[1])]
    scale, offset = zip(*platt, strict=True)
    scores = sigmoid(logits * np.array(scale) + np.array(offset))
    cuts = choose_thresholds(truth=truth, scores=scores, samples=300, prior=30.0)
    return Head(
        space=next(iter(recipe.heads.values())).space,
        output=KIND,
        scale=tuple(round(float(x), 6) for x in scale),
        offset=tuple(round(float(x), 6) for x in offset),
        thresholds=tuple(round(float(x), 6) for x in cuts),
        confidence=(1.0, 0.0),
    )
