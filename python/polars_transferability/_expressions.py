"""Every public function that returns an expression: Python and SQL offer them by these names."""

import polars_transferability._scores.one_table as one_table
import polars_transferability._scores.two_tasks as two_tasks
from polars_transferability._consensus import consensus
from polars_transferability._moments import merge_moments, moments
from polars_transferability._scores.one_table import *  # noqa: F403
from polars_transferability._scores.several import scores
from polars_transferability._scores.two_tasks import *  # noqa: F403
from polars_transferability.bound import transfer_bound, transfer_bounds
from polars_transferability.labels import argmax_labels, pseudo_labels, softmax
from polars_transferability.ranking import (
    kendall_tau,
    pearson,
    regret_at_k,
    selection_quality,
    spearman,
    top_k_recall,
    weighted_tau,
)
from polars_transferability.transport import (
    class_wasserstein,
    gaussian_wasserstein,
    sinkhorn_divergence,
    sliced_wasserstein,
    wasserstein,
    wasserstein_interval,
)

__all__ = [
    "argmax_labels",
    "class_wasserstein",
    "consensus",
    "gaussian_wasserstein",
    "kendall_tau",
    "merge_moments",
    "moments",
    "pearson",
    "pseudo_labels",
    "regret_at_k",
    "scores",
    "selection_quality",
    "sinkhorn_divergence",
    "sliced_wasserstein",
    "softmax",
    "spearman",
    "top_k_recall",
    "transfer_bound",
    "transfer_bounds",
    "wasserstein",
    "wasserstein_interval",
    "weighted_tau",
]
__all__ += one_table.__all__
__all__ += two_tasks.__all__
