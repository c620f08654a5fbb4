"""Everything that the package offers, by the names under which it does."""

from polars_transferability._bound import transfer_bound, transfer_bounds
from polars_transferability._compare import compare
from polars_transferability._compute_bounds import compute_bounds
from polars_transferability._compute_scores import compute_scores
from polars_transferability._labels import argmax_labels, pseudo_labels, softmax
from polars_transferability._leaderboard import LeaderboardJoin, join_leaderboard, read_leaderboard
from polars_transferability._moments import merge_moments, moments
from polars_transferability._pool import combine_pool
from polars_transferability._ranking import (
    Rank,
    kendall_tau,
    pearson,
    regret_at_k,
    selection_quality,
    spearman,
    top_k_recall,
    weighted_tau,
)
from polars_transferability._report import Report, report
from polars_transferability._scores import (
    etran,
    gbc,
    h_score,
    knn_accuracy,
    leep,
    linear_probe,
    logme,
    nce,
    ncti,
    nleep,
    pactran,
    parc,
    scores,
    sfda,
    shrinkage_h_score,
    transrate,
)
from polars_transferability._settings import GroundCost, Lipschitz, Transform
from polars_transferability._sql import QueryError, sql
from polars_transferability._task import Task, task
from polars_transferability._task_scores import ot_nce, otce, otdd
from polars_transferability._transport import (
    class_wasserstein,
    gaussian_wasserstein,
    sinkhorn_divergence,
    sliced_wasserstein,
    wasserstein,
)
from polars_transferability._version import __version__

__all__ = [
    "GroundCost",
    "LeaderboardJoin",
    "Lipschitz",
    "QueryError",
    "Rank",
    "Report",
    "Task",
    "Transform",
    "__version__",
    "argmax_labels",
    "class_wasserstein",
    "combine_pool",
    "compare",
    "compute_bounds",
    "compute_scores",
    "etran",
    "gaussian_wasserstein",
    "gbc",
    "h_score",
    "join_leaderboard",
    "kendall_tau",
    "knn_accuracy",
    "leep",
    "linear_probe",
    "logme",
    "merge_moments",
    "moments",
    "nce",
    "ncti",
    "nleep",
    "ot_nce",
    "otce",
    "otdd",
    "pactran",
    "parc",
    "pearson",
    "pseudo_labels",
    "read_leaderboard",
    "regret_at_k",
    "report",
    "scores",
    "selection_quality",
    "sfda",
    "shrinkage_h_score",
    "sinkhorn_divergence",
    "sliced_wasserstein",
    "softmax",
    "spearman",
    "sql",
    "task",
    "top_k_recall",
    "transfer_bound",
    "transfer_bounds",
    "transrate",
    "wasserstein",
    "weighted_tau",
]
