"""The model of Dawid and Skene: true labels, and how each annotator mistakes them, from the answers alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affekt.core.ratings.judgements import Floats, Ratings
from affekt.core.ratings.rules import ROUNDING, Gold

__all__ = ["DawidSkene", "dawid_skene"]

# Lowest probability in the model, so that one answer that was never seen before does not rule a label out for good.
_FLOOR = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class DawidSkene:
    """What the model found.

    Attributes:
        gold: The label of each item with the highest posterior; a tie for first place is NaN.
        posterior: Probability of each label, shape (items, labels); rows sum to 1. NaN for items without judgement.
        priors: Probability of each label over all items, shape (labels,).
        confusion: Probability that an annotator answers the label of the last axis where the label of the axis
            before it is true, shape (annotators, labels, labels). NaN where no item that the annotator judged is
            likely to have that true label, so that nothing is known.
        log_likelihood: Natural logarithm of the probability of all answers under the model.
        iterations: Rounds that were made.
        converged: Whether the last round gained less than the tolerance.
    """

    gold: Gold
    posterior: Floats
    priors: Floats
    confusion: Floats
    log_likelihood: float
    iterations: int
    converged: bool

    @property
    def accuracy(self) -> Floats:
        """Probability that an annotator answers the true label, shape (annotators,), over the labels they met."""
        right = np.diagonal(self.confusion, axis1=1, axis2=2)
        weight = np.where(np.isnan(right), 0.0, self.priors)
        with np.errstate(invalid="ignore"):
            share: Floats = (weight * np.nan_to_num(right)).sum(1) / weight.sum(1)
        return share


def dawid_skene(ratings: Ratings, *, tolerance: float = 1e-8, max_iterations: int = 1000) -> DawidSkene:
    """Estimate true labels and the confusion matrix of each annotator by expectation maximisation.

    An item has one true label, drawn with probability p_j. Annotator k answers l on an item of true label j with
    probability pi^k_jl, independently of all other answers. Starting from the shares of the votes, the two steps
    of Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", Applied
    Statistics 28(1), 1979, take turns: pi and p from the posteriors (their equations 2.3 and 2.4), the posteriors
    from pi and p (2.5).

    It finds a maximum near the vote of the majority, which need not be the highest. With a handful of answers for
    each annotator the matrices are guesses, and `plurality` is the safer rule.

    Args:
        ratings: Judgements in a single-label space. More than one judgement of an annotator on an item count
            each, as in the original.
        tolerance: The rounds end when one gains less log-likelihood than this for each judgement.
        max_iterations: The rounds end after this many at the latest.

    Raises:
        ValueError: The space has other than single labels, it is not known who gave which judgement, there is no
            judgement, or an option is out of range.
    """
    if ratings.space.kind != "single":
        raise ValueError(f"dawid_skene needs one label for each judgement; {ratings.space.id!r} is of another kind")
    if np.any(ratings.annotator < 0):
        raise ValueError("dawid_skene models annotators, and it is not known who gave which judgement")
    if tolerance <= 0 or max_iterations < 1:
        raise ValueError(f"tolerance {tolerance} and max_iterations {max_iterations} must be above 0")
    rated = ~np.isnan(ratings.votes[:, 0])
    if not rated.any():
        raise ValueError("there is no judgement")
    labels, annotators = len(ratings.space.labels), len(ratings.annotators)
    item, annotator = ratings.item[rated], ratings.annotator[rated]
    # One cell for each annotator and answer; most of what follows is a sum into such cells or into items.
    cell = annotator * labels + ratings.votes[rated].argmax(1)

    def into(index: np.ndarray, rows: Floats, size: int) -> Floats:
        return np.stack([np.bincount(index, weights=column, minlength=size) for column in rows.T], axis=1)

    seen = np.bincount(item, minlength=len(ratings.items)) > 0
    posterior = into(item, ratings.votes[rated], len(ratings.items))
    posterior[seen] /= posterior[seen].sum(1, keepdims=True)
    before, gained, iterations = -np.inf, np.inf, 0
    while gained >= tolerance and iterations < max_iterations:
        iterations += 1
        priors = posterior[seen].mean(0)
        mass = into(cell, posterior[item], annotators * labels).reshape(annotators, labels, labels)
        known = mass.sum(1, keepdims=True)
        chance = np.maximum(np.divide(mass, known, out=np.full_like(mass, 1.0 / labels), where=known > 0), _FLOOR)
        chance /= chance.sum(1, keepdims=True)
        joint = into(item, np.log(chance).reshape(-1, labels)[cell], len(ratings.items))
        joint += np.log(np.maximum(priors, _FLOOR))
        top = joint.max(1, keepdims=True)
        posterior = np.exp(joint - top)
        total = posterior.sum(1, keepdims=True)
        posterior /= total
        now = float((top + np.log(total))[seen].sum())
        gained, before = (now - before) / len(item), now
    posterior[~seen] = np.nan
    first = posterior >= posterior.max(1, keepdims=True) - ROUNDING
    alone = first.sum(1, keepdims=True) == 1
    tied = first & ~alone
    values = np.where(alone, first.astype(np.float64), np.nan)
    # A thousandth of an item says nothing about how an annotator treats a label.
    confusion = np.where(known > 1e-3, chance, np.nan).transpose(0, 2, 1)
    return DawidSkene(
        gold=Gold(ratings.space, ratings.items, values, "dawid_skene", tied),
        posterior=posterior,
        priors=priors,
        confusion=confusion,
        log_likelihood=before,
        iterations=iterations,
        converged=bool(gained < tolerance),
    )
