"""Linear models on character n-grams: a floor that is a model.

Logistic regression for labels, one against the rest where a text has one; ridge regression for strengths and
dimensions. Many languages share one table, since their n-grams hardly meet.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import Part, Recipe
from affekt.core.errors import CatalogError, DataError
from affekt.extras import need
from affekt.train.loop import Progress, Scale, scale_of
from affekt.train.ngrams.characters import character_tokenizer
from affekt.train.ngrams.graph import table_graph
from affekt.train.ngrams.table import Table, choose
from affekt.train.objectives import Objective, objective
from affekt.train.targets import Rows, rows_as_read, token_rows
from affekt.train.vocabulary import SPECIAL, UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Counted", "count"]

Fit = tuple[Any, float]  # weights of the n-grams and offset

_FITTED = ("multi_label", "one_label", "strengths", "squared_error")
# Fields of a part that say how it is passed over in training; here nothing is passed over.
_PASSES = ("settings", "beside", "repeats", "rare_below", "rare_repeats")
_OTHER = ("pretraining", "asks", "polarity", "tandem", "teachers")


@dataclass(frozen=True)
class Counted:
    """A fitted model, with what packaging needs of it; see `affekt.train.loop.Trained`.

    Attributes:
        tokenizer: File of its tokenizer.
        table: Its n-grams.
        weights: Head -> weight of each n-gram (slots, columns) and offset (columns,).
        objectives: Head -> the objective of its parts.
        scales: Head -> mean and standard deviation that carry its outputs to the native range.
        corpora: Head -> the corpus of its first part, where it is calibrated.
        history: What was tried for each head, and the loss on dev.
        measured: Nothing; see `Trained`.
    """

    tokenizer: Path
    table: Table
    weights: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
    objectives: dict[str, Objective]
    scales: dict[str, Scale]
    corpora: dict[str, str]
    history: list[dict[str, Any]]
    measured: dict[str, Any] = field(default_factory=dict)

    def graph(self, outputs: Mapping[str, str], *, bits: int) -> Any:
        """The ONNX graph; head -> name of the graph's output. `bits` of 32 keeps the weights in float."""
        return table_graph(self.table, {name: self.weights[head] for head, name in outputs.items()}, bits=bits)

    def answers(self, rows: Sequence[NDArray[np.int64]]) -> dict[str, NDArray[np.float64]]:
        """Outputs of all heads on token rows, as they were fitted: head -> (rows, columns)."""
        features = self.table.features(rows)
        return {head: features @ weight + offset for head, (weight, offset) in self.weights.items()}


def count(
    recipe: Recipe,
    out: Path,
    *,
    data: Path | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Counted:
    """Run a recipe whose model counts n-grams.

    Args:
        recipe: What to do; of its one stage the parts are read.
        out: Folder for the tokenizer.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows taken of each split of each corpus; for a trial run.
        progress: Called with (what is fitted, step, steps, loss on dev) after each step.

    Raises:
        CatalogError: The recipe asks for what such a model does not have.
        DataError: A corpus is missing.
        MissingExtraError: The `train` extra is not installed.
    """
    parts, plan = _parts(recipe), recipe.ngrams
    assert plan is not None

    def rows_in(part: Part, split: str) -> Rows:
        head = recipe.heads[part.head]
        return rows_as_read(recipe, part.corpus, head, split=split, data=data, limit=limit, mapped=part.mapped)

    rng = np.random.default_rng(recipe.stages[0].seed)
    learned = [_drawn(rows_in(part, "train"), part.rows, rng) for part in parts]
    if empty := [p.corpus for p, r in zip(parts, learned, strict=True) if not r.ids]:
        raise DataError(f"The corpus {empty[0]} has no train split with text in it")
    tokenizer = character_tokenizer((t for r in learned for t in r.texts), out / "tokenizer.json")
    # The texts of a corpus that trains two heads are counted once.
    texts = list(dict.fromkeys(t for r in learned for t in r.texts))
    place = {text: i for i, text in enumerate(texts)}
    tokens = token_rows(tokenizer, texts, recipe.max_tokens)
    at = [np.array([place[t] for t in r.texts]) for r in learned]
    targets, objectives, scales, corpora = [], {}, {}, {}
    for part, rows in zip(parts, learned, strict=True):
        if part.head not in scales:
            objectives[part.head] = objective(part.objective, rows.values)
            reading = objectives[part.head].reading
            scales[part.head] = scale_of(recipe.heads[part.head], reading, [rows], standard=True)
            corpora[part.head] = part.corpus
        mean, sd = scales[part.head]
        targets.append((rows.values - mean) / sd)
    table = choose(
        tokens,
        list(zip(at, targets, strict=True)),
        alias=_alias(tokenizer),
        longest=plan.longest,
        least=plan.least,
        slots=plan.slots,
    )
    every = table.features(tokens)
    weights, history = {}, []
    columns = {head: len(mean) for head, (mean, _) in scales.items()}
    done, steps = 0, len(plan.strengths) * sum(columns.values())
    for head, (mean, sd) in scales.items():
        mine = [i for i, part in enumerate(parts) if part.head == head]
        dev = rows_in(parts[mine[0]], "dev")
        fit = _Head(
            valued=recipe.heads[head].of != "labels",
            single=objectives[head].reading == "single",
            x=every[np.concatenate([at[i] for i in mine])],
            y=np.concatenate([targets[i] for i in mine]),
            weight=np.concatenate([np.full(len(at[i]), parts[i].weight) for i in mine]),
            x_dev=table.features(token_rows(tokenizer, dev.texts, recipe.max_tokens)),
            y_dev=(dev.values - mean) / sd,
            seed=recipe.stages[0].seed,
        )
        for strength in plan.strengths:
            for k in range(columns[head]):
                loss = fit.try_column(k, strength)
                done += 1
                if progress:
                    progress(f"{head}, strength {strength:g}", done, steps, loss)
            now = {f"{corpora[head]}:{head}": float(fit.losses.mean())}
            history.append({"trained": f"strengths to {strength:g}", "epoch": 1, "dev_loss": now})
        weights[head] = (fit.weights, fit.offsets)
    return Counted(tokenizer, table, weights, objectives, scales, corpora, history)


class _Head:
    """One head in the making: for each column the best fit so far by its loss on dev."""

    def __init__(
        self,
        *,
        valued: bool,
        single: bool,
        x: Any,
        y: NDArray[np.float64],
        weight: NDArray[np.float64],
        x_dev: Any,
        y_dev: NDArray[np.float64],
        seed: int,
    ) -> None:
        self.valued, self.seed = valued, seed
        self.x, self.weight, self.x_dev = x, weight, x_dev
        self.y, self.y_dev = (_one_each(y), _one_each(y_dev)) if single else (y, y_dev)
        self.losses = np.full(y.shape[1], np.inf)
        self.weights = np.zeros((x.shape[1], y.shape[1]), np.float32)
        self.offsets = np.zeros(y.shape[1], np.float32)

    def try_column(self, k: int, strength: float) -> float:
        """Fit a column, and keep it where it is the best; gives its loss on dev."""
        known, watched = ~np.isnan(self.y[:, k]), ~np.isnan(self.y_dev[:, k])
        fitted = (_value if self.valued else _label)(
            self.x[known], self.y[known, k], self.weight[known], strength, seed=self.seed
        )
        said, wanted = self.x_dev[watched] @ fitted[0] + fitted[1], self.y_dev[watched, k]
        each = (said - wanted) ** 2 if self.valued else np.logaddexp(0, said) - (wanted > 0) * said
        loss = float(each.mean()) if len(each) else 0.0
        if loss < self.losses[k]:
            self.losses[k] = loss
            self.weights[:, k], self.offsets[k] = fitted
        return loss


def _parts(recipe: Recipe) -> tuple[Part, ...]:
    if recipe.encoder or recipe.fresh or recipe.emoji or (other := [name for name in _OTHER if getattr(recipe, name)]):
        raise CatalogError(
            "A recipe with [ngrams] has no encoder, and nothing that stands beside one",
            hint=f"Leave out: {', '.join(['encoder', 'fresh', 'emoji', *_OTHER])}.",
        )
    plan = recipe.ngrams
    assert plan is not None
    if plan.longest < 1 or plan.slots < 1 or not plan.strengths or min(plan.strengths) <= 0:
        raise CatalogError(
            "[ngrams] needs a `longest` and `slots` of at least 1, and `strengths` above 0",
            hint=f"It has {plan.longest}, {plan.slots} and {list(plan.strengths)}.",
        )
    if len(recipe.stages) != 1:
        raise CatalogError("A recipe with [ngrams] has one stage")
    plain = {name: getattr(Part(corpus="", head="", objective=""), name) for name in _PASSES}
    for part in recipe.stages[0].parts:
        if part.head not in recipe.heads:
            raise CatalogError(f"The recipe has no head {part.head}", hint=f"It has: {', '.join(recipe.heads)}.")
        if part.objective not in _FITTED:
            raise CatalogError(
                f"The objective {part.objective} is not one that counts of n-grams are fitted to",
                hint=f"These are: {', '.join(_FITTED)}.",
            )
        if other := [name for name in _PASSES if getattr(part, name) != plain[name]]:
            raise CatalogError(f"A part of a recipe with [ngrams] has no {other[0]}")
        if "dev" not in corpus(part.corpus).splits:
            raise CatalogError(f"The corpus {part.corpus} has no dev split, on which the strength is chosen")
    if unread := [name for name in recipe.heads if name not in {p.head for p in recipe.stages[0].parts}]:
        raise CatalogError(f"No part of the recipe trains the head {unread[0]}")
    return recipe.stages[0].parts


def _drawn(rows: Rows, most: int | None, rng: np.random.Generator) -> Rows:
    if most is None or most >= len(rows.ids):
        return rows
    at = np.sort(rng.choice(len(rows.ids), most, replace=False))
    return Rows([rows.ids[i] for i in at], [rows.texts[i] for i in at], rows.values[at])


def _alias(tokenizer: Path) -> NDArray[np.int64]:
    from tokenizers import Tokenizer

    vocabulary = Tokenizer.from_file(str(tokenizer)).get_vocab()
    alias = np.arange(1, len(vocabulary) + 1)
    for sign in set(SPECIAL) - {UNKNOWN}:
        alias[vocabulary[sign]] = alias[vocabulary[" "]]
    return alias


def _one_each(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The strongest label of each row as 1 and all others as 0; NaN for a row that has none."""
    filled = np.nan_to_num(values)
    out: NDArray[np.float64] = (np.arange(values.shape[1]) == filled.argmax(1)[:, None]).astype(float)
    out[filled.max(1) <= 0] = np.nan
    return out


def _label(x: Any, y: NDArray[np.float64], weight: NDArray[np.float64], strength: float, *, seed: int) -> Fit:
    """Logistic regression (Fan et al. 2008, LIBLINEAR, the dual problem)."""
    given = y > 0
    if given.all() or not given.any():  # nothing to tell apart
        return np.zeros(x.shape[1]), 8.0 if given.any() else -8.0
    linear = need("sklearn.linear_model", extra="train")
    fit = linear.LogisticRegression(
        C=strength, solver="liblinear", dual=True, max_iter=200, tol=1e-2, random_state=seed
    )
    with warnings.catch_warnings():
        # A few steps short of the tolerance changes no answer; dev chooses among the fits as they are.
        warnings.simplefilter("ignore", need("sklearn.exceptions", extra="train").ConvergenceWarning)
        fit.fit(x, given, sample_weight=weight)
    return fit.coef_[0], float(fit.intercept_[0])


def _value(x: Any, y: NDArray[np.float64], weight: NDArray[np.float64], strength: float, *, seed: int) -> Fit:
    """Ridge regression (Hoerl and Kennard 1970)."""
    linear = need("sklearn.linear_model", extra="train")
    fit = linear.Ridge(alpha=1 / strength, solver="sparse_cg", random_state=seed).fit(x, y, sample_weight=weight)
    return fit.coef_, float(fit.intercept_)
