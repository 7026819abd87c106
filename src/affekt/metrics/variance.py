"""Where the variance of ratings comes from: items, annotators, what is known of the annotators, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affekt.core.ratings import Ratings
from affekt.core.works import implements
from affekt.metrics.bootstrap import resample_counts
from affekt.metrics.statistic import Array

__all__ = ["VarianceShares", "variance_shares"]

Attributes = Mapping[str, Mapping[str, str | float]]


@dataclass(frozen=True, slots=True, eq=False)
class VarianceShares:
    """Variance of the ratings of one channel by where it comes from, in squared units of the channel.

    Attributes:
        channel: Label or dimension.
        ratings: Number of ratings.
        items: Number of items.
        annotators: Number of annotators.
        attributes: Variance of what the attributes of the annotators predict; 0 without attributes.
        item: Variance between items.
        annotator: Variance between annotators beyond their attributes; NaN where the model has no such term.
        residual: What is left: one annotator's answer to one item, and noise.
        coefficients: Term -> estimate. Numbers are in standard deviations of the attribute; words are compared
            with the first word of the attribute in alphabetical order, and are called `attribute=word`.
        errors: Term -> standard error.
        dropped: Terms that others determine already, so that they were left out.
        log_likelihood: Restricted log-likelihood at the estimate.
        low: Lower end of the interval of `marginal_r2` over annotators; NaN where it was not asked for.
        high: Upper end.
    """

    channel: str
    ratings: int
    items: int
    annotators: int
    attributes: float
    item: float
    annotator: float
    residual: float
    coefficients: Mapping[str, float]
    errors: Mapping[str, float]
    dropped: tuple[str, ...]
    log_likelihood: float
    low: float = float("nan")
    high: float = float("nan")

    @property
    def total(self) -> float:
        """Sum of the parts."""
        return self.attributes + self.item + float(np.nan_to_num(self.annotator)) + self.residual

    @property
    def marginal_r2(self) -> float:
        """Share of the variance that the attributes explain, given the items (Nakagawa and Schielzeth 2013, eq. 26)."""
        return self.attributes / self.total if self.total > 0 else float("nan")

    @property
    def conditional_r2(self) -> float:
        """Share that attributes, items and annotators explain together (Nakagawa and Schielzeth 2013, eq. 30)."""
        return 1.0 - self.residual / self.total if self.total > 0 else float("nan")

    def share(self, part: str) -> float:
        """Share of the total of `attributes`, `item`, `annotator` or `residual`, in 0..1."""
        return float(getattr(self, part)) / self.total if self.total > 0 else float("nan")


@implements(works=["inews"])
def variance_shares(
    ratings: Ratings,
    *,
    channel: str | None = None,
    attributes: Attributes | None = None,
    annotator_effect: bool = True,
    samples: int = 0,
    seed: int = 0,
    level: float = 0.95,
) -> VarianceShares:
    """Part the variance of ratings into items, annotators, attributes of annotators, and the rest.

    The model of the rating of item i by annotator j is y_ij = x_j b + u_i + v_j + e_ij, with u, v and e normal and
    independent: two crossed random effects, for any pattern of who rated what. Variances are estimated by
    restricted maximum likelihood; where they come out at 0, they are 0. The shares of attributes are the R2 of
    Nakagawa and Schielzeth (2013), "A general and simple method for obtaining R2 from generalized linear
    mixed-effects models", Methods in Ecology and Evolution 4(2).

    With `annotator_effect=False` there is no v_j, and `marginal_r2` is the share of persona variables as Hu and
    Collier (2024), "Quantifying the Persona Effect in LLM Simulations" (ACL, arXiv:2402.10811), and iNews
    (arXiv:2503.03335) report it. With few annotators and many attributes that share is too high, since attributes
    then tell annotators apart: ask for an interval, or for `annotator_effect=True`.

    Args:
        ratings: The judgements.
        channel: Label or dimension; default the only one there is.
        attributes: Annotator -> attribute -> a word or a number. Every annotator with a rating needs every attribute.
        annotator_effect: Whether annotators differ in level beyond their attributes.
        samples: Resamples of annotators for the interval of `marginal_r2`; 0 for none. Each refits the model.
        seed: Seed of the resamples.
        level: Share of resamples between the ends.

    Raises:
        ValueError: It is not known who gave which judgement, an attribute is missing, or there is too little data.
        KeyError: There is no such channel.
    """
    if np.any(ratings.annotator < 0):
        raise ValueError("the variance between annotators needs to know who gave which judgement")
    if channel is None:
        if len(ratings.channels) != 1:
            raise ValueError(f"{ratings.space.id!r} has several channels: name one of {', '.join(ratings.channels)}")
        channel = ratings.channels[0]
    if channel not in ratings.channels:
        raise KeyError(channel)
    values = ratings.values[:, ratings.channels.index(channel)]
    rated = ~np.isnan(values)
    y = values[rated]
    item = np.unique(ratings.item[rated], return_inverse=True)[1]
    who, annotator = np.unique(ratings.annotator[rated], return_inverse=True)
    people = [ratings.annotators[k] for k in who]
    table, terms, dropped = _design(people, attributes or {})
    fit = _fit(y, item, annotator, table, annotator_effect=annotator_effect)
    low = high = float("nan")
    if samples:
        drawn = []
        rows_of = [np.flatnonzero(annotator == k) for k in range(len(people))]
        for block in resample_counts(rows=len(people), samples=samples, seed=seed):
            for counts in block:
                # An annotator drawn twice is two annotators of the same kind.
                copies = np.repeat(np.arange(len(people)), counts.astype(np.intp))
                rows = np.concatenate([rows_of[k] for k in copies])
                new = np.repeat(np.arange(len(copies)), [len(rows_of[k]) for k in copies])
                there = np.unique(item[rows], return_inverse=True)[1]
                kept = _independent(table[copies])
                try:
                    again = _fit(
                        y[rows], there, new, table[copies][:, kept], annotator_effect=annotator_effect, tolerance=1e-3
                    )
                except ValueError:
                    continue  # a draw of a single annotator, say; it leaves nothing to estimate
                total = again.attributes + again.item + again.annotator + again.residual
                drawn.append(again.attributes / total if total > 0 else float("nan"))
        if defined := [d for d in drawn if d == d]:
            tail = (1.0 - level) / 2.0
            low, high = (float(q) for q in np.quantile(defined, [tail, 1.0 - tail]))
    return VarianceShares(
        channel=channel,
        ratings=len(y),
        items=int(item.max()) + 1,
        annotators=len(people),
        attributes=fit.attributes,
        item=fit.item,
        annotator=fit.annotator if annotator_effect else float("nan"),
        residual=fit.residual,
        coefficients=dict(zip(terms, fit.beta.tolist(), strict=True)),
        errors=dict(zip(terms, fit.error.tolist(), strict=True)),
        dropped=dropped,
        log_likelihood=fit.log_likelihood,
        low=low,
        high=high,
    )


def _design(people: Sequence[str], attributes: Attributes) -> tuple[Array, list[str], tuple[str, ...]]:
    """Columns of the attributes for each annotator, first the intercept; names of the terms; what was left out."""
    columns, terms = [np.ones(len(people))], ["intercept"]
    names = sorted({name for person in people for name in attributes.get(person, {})})
    for name in names:
        lacking = [p for p in people if name not in attributes.get(p, {})]
        if lacking:
            raise ValueError(
                f"{len(lacking)} annotators have no {name!r}, such as {lacking[0]!r}; leave them out first"
            )
        given = [attributes[p][name] for p in people]
        if all(isinstance(g, int | float) and not isinstance(g, bool) for g in given):
            numbers = np.array(given, dtype=np.float64)
            if np.isnan(numbers).any():
                raise ValueError(f"{name!r} of annotator {people[int(np.isnan(numbers).argmax())]!r} is not a number")
            spread = numbers.std()
            columns.append((numbers - numbers.mean()) / spread if spread > 0 else numbers * 0.0)
            terms.append(name)
        else:
            words = [str(g) for g in given]
            for word in sorted(set(words))[1:]:
                columns.append(np.array([w == word for w in words], dtype=np.float64))
                terms.append(f"{name}={word}")
    table = np.stack(columns, axis=1)
    kept = _independent(table)
    return table[:, kept], [terms[i] for i in kept], tuple(t for i, t in enumerate(terms) if i not in kept)


def _independent(table: Array) -> list[int]:
    """The columns that those before them do not determine."""
    kept: list[int] = []
    basis = np.zeros((len(table), 0))
    for c in range(table.shape[1]):
        rest = table[:, c] - basis @ (basis.T @ table[:, c])
        rest = rest - basis @ (basis.T @ rest)
        size = float(np.linalg.norm(rest))
        if size > 1e-9 * max(1.0, float(np.linalg.norm(table[:, c]))):
            kept.append(c)
            basis = np.column_stack([basis, rest / size])
    return kept


@dataclass(frozen=True, slots=True)
class _Fit:
    attributes: float
    item: float
    annotator: float
    residual: float
    beta: Array
    error: Array
    log_likelihood: float


def _fit(
    y: Array,
    item: np.ndarray,
    annotator: np.ndarray,
    table: Array,
    *,
    annotator_effect: bool,
    tolerance: float = 1e-7,
) -> _Fit:
    """Restricted maximum likelihood of two crossed factors, by Henderson's equations.

    The factor with more levels is diagonal in them and is eliminated first, so that a step costs no more than
    (its levels) x (levels of the other)^2. The ratios sd_u / sd_e and sd_v / sd_e are what is searched over; the
    residual variance and the coefficients follow in closed form (Bates, Maechler, Bolker and Walker (2015), "Fitting
    Linear Mixed-Effects Models Using lme4", Journal of Statistical Software 67(1), section 3).
    """
    n, p = len(y), table.shape[1]
    items, people = int(item.max()) + 1, int(annotator.max()) + 1
    free = n - p
    if free < 3 or items < 2 or (annotator_effect and people < 2):
        raise ValueError(f"{n} ratings of {items} items by {people} annotators are too few for this model")
    centre = y.mean()
    moved = y - centre
    if float(moved @ moved) == 0.0:
        raise ValueError("all ratings are the same, so there is no variance to part")
    # `big` is eliminated, `small` stays in the dense system beside the coefficients.
    big, small = (item, annotator) if items >= people or not annotator_effect else (annotator, item)
    bigs, smalls = int(big.max()) + 1, int(small.max()) + 1 if annotator_effect else 0
    x = table[annotator]

    def summed(index: np.ndarray, rows: Array, size: int) -> Array:
        return np.stack([np.bincount(index, weights=c, minlength=size) for c in rows.T], axis=1)

    n_big = np.bincount(big, minlength=bigs).astype(np.float64)
    big_y = np.bincount(big, weights=moved, minlength=bigs)
    cross = summed(big, x, bigs)
    dense = x.T @ x
    right = x.T @ moved
    if smalls:
        met = np.bincount(big * smalls + small, minlength=bigs * smalls).reshape(bigs, smalls).astype(np.float64)
        cross = np.concatenate([cross, met], axis=1)
        small_x = summed(small, x, smalls)
        dense = np.block([[dense, small_x.T], [small_x, np.diag(met.sum(0))]])
        right = np.concatenate([right, np.bincount(small, weights=moved, minlength=smalls)])
    square = float(moved @ moved)

    def solve(theta: Array) -> tuple[float, Array, float, Array]:
        ratio, other = float(theta[0]), float(theta[1]) if smalls else 0.0
        scale = np.concatenate([np.ones(p), np.full(smalls, other)])
        inverse = ratio**2 / (ratio**2 * n_big + 1.0)
        between = cross * scale
        system = dense * scale[:, None] * scale[None, :] - (between * inverse[:, None]).T @ between
        system[np.arange(p, p + smalls), np.arange(p, p + smalls)] += 1.0
        target = right * scale - between.T @ (inverse * big_y)
        factor = np.linalg.cholesky(system)
        half = np.linalg.solve(factor, target)
        rest = max(square - float(inverse @ big_y**2) - float(half @ half), 1e-300)
        logs = float(np.log1p(ratio**2 * n_big).sum()) + 2.0 * float(np.log(np.diag(factor)).sum())
        return free * float(np.log(rest / free)) + logs, np.linalg.solve(factor.T, half), rest / free, factor

    theta = np.abs(_minimise(lambda t: solve(np.abs(t))[0], np.full(2 if smalls else 1, 0.7), tolerance))
    # A ratio this small is 0: the likelihood is flat there, and the search stops a little beside it.
    theta = np.where(theta < max(1e-4, 2.0 * tolerance), 0.0, theta)
    deviance, solution, residual, factor = solve(theta)
    beta = solution[:p]
    inverse = np.linalg.inv(factor)
    error = np.sqrt(residual * (inverse.T @ inverse).diagonal()[:p])
    predicted = x @ beta
    beta = beta.copy()
    beta[0] += centre
    by_big, by_small = residual * theta[0] ** 2, residual * theta[1] ** 2 if smalls else 0.0
    by_item, by_annotator = (by_big, by_small) if big is item else (by_small, by_big)
    return _Fit(
        attributes=float(predicted.var()) if p > 1 else 0.0,
        item=float(by_item),
        annotator=float(by_annotator),
        residual=float(residual),
        beta=beta,
        error=error,
        log_likelihood=-0.5 * (deviance + free * (1.0 + float(np.log(2.0 * np.pi)))),
    )


def _minimise(function: Callable[[Array], float], start: Array, tolerance: float, *, most: int = 500) -> Array:
    """The simplex search of Nelder and Mead (1965), "A Simplex Method for Function Minimization"."""
    points = [start, *(start + 0.5 * unit for unit in np.eye(len(start)))]
    values = [function(point) for point in points]
    for _ in range(most):
        order = np.argsort(values, kind="stable")
        points, values = [points[i] for i in order], [values[i] for i in order]
        if max(float(np.abs(point - points[0]).max()) for point in points) < tolerance:
            break
        middle = np.mean(points[:-1], axis=0)
        reflected = 2.0 * middle - points[-1]
        value = function(reflected)
        if value < values[0]:
            further = 3.0 * middle - 2.0 * points[-1]
            beyond = function(further)
            points[-1], values[-1] = (further, beyond) if beyond < value else (reflected, value)
        elif value < values[-2]:
            points[-1], values[-1] = reflected, value
        else:
            inside = 0.5 * (middle + (reflected if value < values[-1] else points[-1]))
            between = function(inside)
            if between < min(value, values[-1]):
                points[-1], values[-1] = inside, between
            else:
                points = [points[0], *(0.5 * (points[0] + point) for point in points[1:])]
                values = [values[0], *(function(point) for point in points[1:])]
    return points[int(np.argmin(values))]
