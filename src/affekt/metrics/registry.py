"""Report keys: one short, fixed name for each metric, and a refusal of the names that mean several things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

from affekt.core.errors import InputError, UnknownNameError
from affekt.metrics import calibration as ca
from affekt.metrics import causes as cs
from affekt.metrics import classification as cl
from affekt.metrics import ranking as rk
from affekt.metrics import regression as rg
from affekt.metrics import setwise as sw
from affekt.metrics import tables as tb
from affekt.metrics import timeline as tl
from affekt.metrics.statistic import Statistic

__all__ = ["AMBIGUOUS", "METRICS", "Metric", "metric"]

Takes = Literal[
    "labels",
    "classes",
    "probabilities",
    "distributions",
    "dimension",
    "table",
    "timelines",
    "cause-questions",
    "cause-pairs",
    "words",
    "conflicts",
]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as tasks name it.

    Attributes:
        key: Name in reports.
        title: What it is, in a few words.
        takes: What it compares with the truth: 0/1 `labels` or `probabilities` of shape (rows, labels),
            `distributions` over labels, `classes` of shape (rows,) as codes (-1: no answer), one `dimension` of
            shape (rows,), or a `table` of values of shape (rows, names), which gives one score for all of them. Of
            `timelines` there is one for each recording, and recordings are the rows; of `cause-questions` and
            `cause-pairs` a list of links for each conversation, and conversations are the rows; of `words` a set of
            free words for each row; of `conflicts` as of `labels` and `probabilities`.
        statistic: Gives the score as sums over rows.
        higher_is_better: Direction.
        low: Lowest value that it can take.
        high: Highest value; infinite for errors in the unit of the ratings.
        groups: Of `words`, how they are grouped: by `form`, by the inner (`s1`) or middle ring (`s2`) of the wheels, or
            by both (`s1+s2`).
    """

    key: str
    title: str
    takes: Takes
    statistic: Callable[..., Statistic]
    higher_is_better: bool
    low: float
    high: float
    groups: str = ""


_INF = float("inf")
_TOP_2, _TOP_3 = (partial(rk.top_k_accuracy_statistic, k=k) for k in (2, 3))
_ALL = (
    Metric("macro_f1", "F1, mean over labels", "labels", cl.macro_f1_statistic, True, 0, 1),
    Metric("micro_f1", "F1 of all decisions pooled", "labels", cl.micro_f1_statistic, True, 0, 1),
    Metric("weighted_f1", "F1, mean weighted by label frequency", "labels", cl.weighted_f1_statistic, True, 0, 1),
    Metric("exact_match", "rows with the whole label set right", "labels", cl.exact_match_statistic, True, 0, 1),
    Metric("jaccard", "overlap of label sets, mean over rows", "labels", cl.jaccard_statistic, True, 0, 1),
    Metric("accuracy", "rows with the one class right", "classes", cl.accuracy_statistic, True, 0, 1),
    Metric("uar", "recall, mean over labels", "labels", cl.unweighted_average_recall_statistic, True, 0, 1),
    Metric(
        "ece", "calibration error, all decisions", "probabilities", ca.expected_calibration_error_statistic, False, 0, 1
    ),
    Metric(
        "ece_label",
        "calibration error, mean over labels",
        "probabilities",
        ca.label_calibration_error_statistic,
        False,
        0,
        1,
    ),
    Metric("brier", "Brier score, all decisions", "probabilities", ca.brier_score_statistic, False, 0, 1),
    Metric(
        "auc", "area under the ROC curve, mean over labels", "probabilities", rk.area_under_roc_statistic, True, 0, 1
    ),
    Metric("map", "average precision, mean over labels", "probabilities", rk.average_precision_statistic, True, 0, 1),
    Metric("top2_accuracy", "the class is among the two most probable", "probabilities", _TOP_2, True, 0, 1),
    Metric("top3_accuracy", "the class is among the three most probable", "probabilities", _TOP_3, True, 0, 1),
    Metric("jsd", "Jensen-Shannon divergence, bits", "distributions", ca.jensen_shannon_statistic, False, 0, 1),
    Metric("pcc", "Pearson correlation", "dimension", rg.pearson_cc_statistic, True, -1, 1),
    Metric("ccc", "concordance correlation", "dimension", rg.concordance_cc_statistic, True, -1, 1),
    Metric("rmse", "root mean square error", "dimension", rg.root_mean_square_error_statistic, False, 0, _INF),
    Metric("mae", "mean absolute error", "dimension", rg.mean_absolute_error_statistic, False, 0, _INF),
    Metric("qwk", "quadratic weighted kappa of whole levels", "dimension", rg.quadratic_kappa_statistic, True, -1, 1),
    Metric("pcc_mean", "Pearson correlation, mean over names", "table", tb.mean_pearson_statistic, True, -1, 1),
    Metric("ccc_mean", "concordance correlation, mean over names", "table", tb.mean_concordance_statistic, True, -1, 1),
    Metric("qwk_mean", "quadratic weighted kappa, mean over names", "table", tb.mean_kappa_statistic, True, -1, 1),
    Metric("mae_mean", "mean absolute error, mean over names", "table", tb.mean_error_statistic, False, 0, _INF),
    Metric(
        "cross_entropy", "cross-entropy of shares, mean over names", "table", tb.cross_entropy_statistic, False, 0, _INF
    ),
    Metric("row_pcc", "Pearson correlation within a row, mean", "table", tb.row_pearson_statistic, True, -1, 1),
    Metric("eder", "emotion diarization error rate, by time", "timelines", tl.eder_statistic, False, 0, 1),
    Metric(
        "eder_mean", "emotion diarization error rate, mean over files", "timelines", tl.eder_mean_statistic, False, 0, 1
    ),
    Metric("uar_time", "recall in seconds, mean over labels", "timelines", tl.uar_in_time_statistic, True, 0, 1),
    Metric("boundary_f1", "F1 of begins and ends within 0.5 s", "timelines", tl.boundary_f1_statistic, True, 0, 1),
    Metric("cause_f1", "F1 of pairs that are cause and effect", "cause-questions", cs.cause_f1_statistic, True, 0, 1),
    Metric("no_cause_f1", "F1 of pairs that are not", "cause-questions", cs.no_cause_f1_statistic, True, 0, 1),
    Metric("cause_macro_f1", "mean of both", "cause-questions", cs.cause_macro_f1_statistic, True, 0, 1),
    Metric("span_em_pos", "causal spans found exactly", "cause-questions", cs.span_em_pos_statistic, True, 0, 1),
    Metric("span_f1_pos", "words of causal spans, F1", "cause-questions", cs.span_f1_pos_statistic, True, 0, 1),
    Metric("span_f1_neg", "F1 of questions without a cause", "cause-questions", cs.span_f1_neg_statistic, True, 0, 1),
    Metric("span_f1_all", "words of spans, all questions", "cause-questions", cs.span_f1_all_statistic, True, 0, 1),
    Metric(
        "pair_strict_f1",
        "F1 of pairs with the same span, weighted",
        "cause-pairs",
        cs.pair_strict_f1_statistic,
        True,
        0,
        1,
    ),
    Metric(
        "pair_proportional_f1",
        "F1 of tokens of pairs, weighted",
        "cause-pairs",
        cs.pair_proportional_f1_statistic,
        True,
        0,
        1,
    ),
    Metric("pair_f1", "F1 of pairs of turns, weighted", "cause-pairs", cs.pair_f1_statistic, True, 0, 1),
    Metric("conflict_auc", "conflict against agreement, AUC", "conflicts", rk.area_under_roc_statistic, True, 0, 1),
    Metric(
        "conflict_auc_voice",
        "the same, where the voice carries it",
        "conflicts",
        rk.area_under_roc_statistic,
        True,
        0,
        1,
    ),
    Metric(
        "conflict_auc_text", "the same, where the text carries it", "conflicts", rk.area_under_roc_statistic, True, 0, 1
    ),
    Metric("conflict_auc_both", "the same, where both do", "conflicts", rk.area_under_roc_statistic, True, 0, 1),
    *(
        Metric(f"{name}_uar", what, "conflicts", cl.unweighted_average_recall_statistic, True, 0, 1)
        for name, what in (
            ("fused", "recall of the reading with gates, mean over labels"),
            ("averaged", "recall of the plain average"),
            ("text", "recall of the text alone"),
            ("voice", "recall of the voice alone"),
        )
    ),
    Metric("ov_f1", "F1 of word sets, both rings of five wheels", "words", sw.set_f1_statistic, True, 0, 1, "s1+s2"),
    Metric("ov_f1_s1", "F1 of word sets by inner rings", "words", sw.set_f1_statistic, True, 0, 1, "s1"),
    Metric("ov_precision_s1", "precision by inner rings", "words", sw.set_precision_statistic, True, 0, 1, "s1"),
    Metric("ov_recall_s1", "recall by inner rings", "words", sw.set_recall_statistic, True, 0, 1, "s1"),
    Metric("ov_f1_s2", "F1 of word sets by middle rings", "words", sw.set_f1_statistic, True, 0, 1, "s2"),
    Metric("ov_precision_s2", "precision by middle rings", "words", sw.set_precision_statistic, True, 0, 1, "s2"),
    Metric("ov_recall_s2", "recall by middle rings", "words", sw.set_recall_statistic, True, 0, 1, "s2"),
    Metric("ov_f1_form", "F1 of word sets, forms joined only", "words", sw.set_f1_statistic, True, 0, 1, "form"),
    Metric("hit_rate", "the true emotion is among the words", "words", sw.hit_rate_statistic, True, 0, 1, "s1"),
)

METRICS = MappingProxyType({m.key: m for m in _ALL})

# What papers and scripts call several different things. Each lists exact choices.
_F1 = ("macro_f1", "micro_f1", "weighted_f1")
_ACCURACY = ("accuracy (one class a row)", "exact_match (the whole label set)", "uar (mean recall over labels)")
AMBIGUOUS = MappingProxyType(
    {
        "f1": _F1,
        "f1_score": _F1,
        "f": _F1,
        "wa": ("accuracy (every row alike)", "uar (every label alike)", "weighted_f1"),
        "ua": ("uar (every label alike)", "accuracy (every row alike)"),
        "acc": _ACCURACY,
        "war": ("accuracy (every row alike)", "uar (every label alike)"),
        "acc2": ("accuracy on a task whose space has two classes, with the place of zero stated",),
        "acc-2": ("accuracy on a task whose space has two classes, with the place of zero stated",),
        "acc7": ("accuracy on a task whose space has seven classes",),
        "corr": ("pcc (one for each name)", "pcc_mean (their mean)", "ccc"),
        "r": ("pcc (one for each name)", "pcc_mean (their mean)", "ccc"),
        "pearson": ("pcc (one for each name)", "pcc_mean (their mean)", "row_pcc (over the names of a row)"),
        "mse": ("rmse (its root, in the unit of the ratings)",),
        "calibration": ("ece", "ece_label", "brier"),
        "kappa": (
            "qwk (quadratic weights, of ordered levels)",
            "affekt.metrics.cohen_kappa",
            "affekt.metrics.fleiss_kappa",
        ),
        "der": ("eder (all errors over all time)", "eder_mean (mean over recordings)"),
        "agreement": (
            "affekt.metrics.krippendorff_alpha",
            "affekt.metrics.cohen_kappa",
            "affekt.metrics.fleiss_kappa",
        ),
    }
)


def metric(key: str) -> Metric:
    """The metric with this report key.

    Raises:
        InputError: The name means different things in different places; the exact choices are listed.
        UnknownNameError: There is no such metric; the nearest keys are given.
    """
    if key.casefold() in AMBIGUOUS:
        raise InputError(
            f"Metric name {key!r} is ambiguous", hint=f"Say which: {'; '.join(AMBIGUOUS[key.casefold()])}."
        )
    if key not in METRICS:
        raise UnknownNameError("metric", key, METRICS)
    return METRICS[key]
