"""What listeners feel at a story, moment by moment: a model for each listener, or one for all, on stories kept apart.

Stories and listeners are made: each listener follows the teller's affect with a gain, a delay and a level of their
own, and noise that is slow. After OMG-Empathy (Barros et al. 2019), whose stories are split 4, 1 and 3 and whose score
is the concordance correlation with what listeners marked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from affekt.bench.conversations import plan_of
from affekt.bench.voices import Scores
from affekt.catalog.studies import Study
from affekt.core.works import implements
from affekt.metrics.dynamics import response_lag
from affekt.metrics.regression import concordance_cc, pearson_cc
from affekt.metrics.statistic import Array, Statistic, divide

__all__ = ["listeners_of", "scores"]

_STORIES, _LEARNED, _CHOSEN, _LISTENERS, _STEPS = 8, 4, 1, 10, 1500
_MOST = 75  # steps that a listener may lag behind: three seconds at 25 a second
_NOISE = 0.35
_STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
_TAPS = 5  # values of the teller that are read, about the delay


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a listener is predicted.

    Attributes:
        fitted: To all listeners together, or to each.
        lag: Whether the delay is estimated, or taken to be none.
        stretched: What a prediction is multiplied by, about its mean; 1 leaves it.
        shifted: What is added to it.
    """

    fitted: Literal["all", "each"] = "each"
    lag: bool = True
    stretched: float = 1.0
    shifted: float = 0.0


class Listeners(msgspec.Struct, frozen=True):
    """Made stories with what was felt at them.

    Attributes:
        told: The teller's affect, shape (stories, steps).
        felt: What each listener felt, shape (listeners, stories, steps).
        lags: The delay of each listener, in steps, shape (listeners,).
    """

    told: NDArray[np.float64]
    felt: NDArray[np.float64]
    lags: NDArray[np.int64]


def _slow(rng: np.random.Generator, shape: tuple[int, ...], steps: float) -> NDArray[np.float64]:
    """Noise that changes over about so many steps, of standard deviation 1 along the last axis."""
    frequency = np.fft.rfftfreq(shape[-1])
    passed = np.exp(-((frequency * steps) ** 2) / 2)
    out = np.fft.irfft(np.fft.rfft(rng.normal(size=shape)) * passed, shape[-1])
    scaled: NDArray[np.float64] = out / out.std(-1, keepdims=True)
    return scaled


def listeners_of(seed: int) -> Listeners:
    """Stories and listeners of a seed."""
    rng = np.random.default_rng(seed)
    told = _slow(rng, (_STORIES, _STEPS + _MOST), 60)
    gains, levels = rng.uniform(0.2, 1.2, _LISTENERS), rng.normal(0, 0.4, _LISTENERS)
    gains[rng.integers(_LISTENERS)] *= -0.5  # one is amused by what saddens the teller
    lags = rng.integers(0, _MOST + 1, _LISTENERS)
    noise = _NOISE * _slow(rng, (_LISTENERS, _STORIES, _STEPS), 100)
    late = np.stack([told[:, _MOST - lag : _MOST - lag + _STEPS] for lag in lags])
    return Listeners(told[:, _MOST:], gains[:, None, None] * late + levels[:, None, None] + noise, lags)


def _rows(told: NDArray[np.float64], lag: int) -> NDArray[np.float64]:
    """What a moment is predicted from: the teller about `lag` steps before, shape (steps, taps + 1)."""
    at = np.arange(len(told))
    offsets = lag + 2 * (np.arange(_TAPS) - _TAPS // 2)
    columns = [told[np.clip(at - offset, 0, len(told) - 1)] for offset in offsets]
    return np.stack([*columns, np.ones(len(told))], 1)


@implements(works=["omg-empathy"])
def scores(entry: Study, *, data: str | Path | None, limit: int | None, progress: Callable[..., None]) -> list[Scores]:
    """Predict every listener on stories that nothing was learned from; listeners are what intervals draw."""
    found: dict[str, dict[str, list[Statistic]]] = {"ccc": {}, "pcc": {}, "lag_error": {}}
    for k, variant in enumerate(entry.ways):
        plan = plan_of(_Plan, entry, variant.conversation)
        for seed in entry.seeds:
            made = listeners_of(seed)
            each = np.array([_scored(made, listener, plan) for listener in range(_LISTENERS)])
            for j, key in enumerate(found):
                if key == "lag_error" and not plan.lag:
                    continue
                table = np.stack([each[:, j], np.ones(_LISTENERS)])
                found[key].setdefault(variant.name, []).append(Statistic(table, _mean))
        progress(variant.name, "scored", k + 1, len(entry.ways), 0.0)
    return [Scores(key, key != "lag_error", of) for key, of in found.items()]


def _mean(sums: Array) -> Array:
    return divide(sums[..., 0], sums[..., 1])


def _scored(made: Listeners, listener: int, plan: _Plan) -> tuple[float, float, float]:
    """Concordance and correlation with one listener on new stories, and by how many steps the delay is missed."""
    who = range(_LISTENERS) if plan.fitted == "all" else [listener]
    lag = _lag(made, who) if plan.lag else 0

    def stacked(stories: range) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x = np.concatenate([_rows(made.told[s], lag) for _ in who for s in stories])
        return x, np.concatenate([made.felt[w, s] for w in who for s in stories])

    x, y = stacked(range(_LEARNED))
    x_dev, y_dev = stacked(range(_LEARNED, _LEARNED + _CHOSEN))
    fits = [np.linalg.solve(x.T @ x + s * np.eye(x.shape[1]), x.T @ y) for s in _STRENGTHS]
    fit = min(fits, key=lambda b: float(((x_dev @ b - y_dev) ** 2).mean()))
    asked = range(_LEARNED + _CHOSEN, _STORIES)
    said = np.concatenate([_rows(made.told[s], lag) @ fit for s in asked])
    said = (said - said.mean()) * plan.stretched + said.mean() + plan.shifted
    truth = np.concatenate([made.felt[listener, s] for s in asked])
    both = {"truth": truth, "prediction": said}
    return concordance_cc(**both), pearson_cc(**both), float(abs(lag - made.lags[listener]))


def _lag(made: Listeners, who: range | list[int]) -> int:
    """The delay at which listeners go with the teller most, the median over them and the stories learned from."""
    found = [response_lag(made.told[s], made.felt[w, s], most=_MOST).steps for w in who for s in range(_LEARNED)]
    return int(np.median(found))
