"""Metrics in pure numpy. Truth comes before prediction; NaN means undefined."""

from __future__ import annotations

from affekt.metrics.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha
from affekt.metrics.bootstrap import Difference, Interval, bootstrap, paired_bootstrap
from affekt.metrics.calibration import (
    Coverage,
    RiskCoverage,
    brier_score,
    expected_calibration_error,
    interval_coverage,
    jensen_shannon,
    label_calibration_error,
    risk_coverage,
)
from affekt.metrics.classification import (
    accuracy,
    exact_match,
    f1_per_label,
    jaccard,
    macro_f1,
    micro_f1,
    precision_per_label,
    recall_per_label,
    unweighted_average_recall,
    weighted_f1,
)
from affekt.metrics.ranking import area_under_roc, top_k_accuracy
from affekt.metrics.registry import METRICS, Metric, metric
from affekt.metrics.regression import (
    concordance_cc,
    mean_absolute_error,
    pearson_cc,
    quadratic_kappa,
    root_mean_square_error,
)
from affekt.metrics.setwise import hit_rate, set_f1, set_precision, set_recall
from affekt.metrics.significance import holm
from affekt.metrics.statistic import Statistic
from affekt.metrics.tables import cross_entropy, mean_concordance, mean_error, mean_kappa, mean_pearson, row_pearson
from affekt.metrics.timeline import boundary_f1, eder, error_times, uar_in_time

__all__ = [
    "METRICS",
    "Coverage",
    "Difference",
    "Interval",
    "Metric",
    "RiskCoverage",
    "Statistic",
    "accuracy",
    "area_under_roc",
    "bootstrap",
    "boundary_f1",
    "brier_score",
    "cohen_kappa",
    "concordance_cc",
    "cross_entropy",
    "eder",
    "error_times",
    "exact_match",
    "expected_calibration_error",
    "f1_per_label",
    "fleiss_kappa",
    "hit_rate",
    "holm",
    "interval_coverage",
    "jaccard",
    "jensen_shannon",
    "krippendorff_alpha",
    "label_calibration_error",
    "macro_f1",
    "mean_absolute_error",
    "mean_concordance",
    "mean_error",
    "mean_kappa",
    "mean_pearson",
    "metric",
    "micro_f1",
    "paired_bootstrap",
    "pearson_cc",
    "precision_per_label",
    "quadratic_kappa",
    "recall_per_label",
    "risk_coverage",
    "root_mean_square_error",
    "row_pearson",
    "set_f1",
    "set_precision",
    "set_recall",
    "top_k_accuracy",
    "uar_in_time",
    "unweighted_average_recall",
    "weighted_f1",
]
