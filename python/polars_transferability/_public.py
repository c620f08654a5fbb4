"""Everything that the package offers, by the names under which it does.

Type checkers read no `__all__` that is put together of others. So there is none here: what is
imported as itself, or with a star from where the names are listed, is what they see.
"""

from polars_transferability._consensus import consensus as consensus
from polars_transferability._moments import merge_moments as merge_moments
from polars_transferability._moments import moments as moments
from polars_transferability._report import Report as Report
from polars_transferability._report import report as report
from polars_transferability._scores.one_table import *  # noqa: F403
from polars_transferability._scores.several import *  # noqa: F403
from polars_transferability._scores.two_tasks import *  # noqa: F403
from polars_transferability._sql import QueryError as QueryError
from polars_transferability._sql import sql as sql
from polars_transferability._styled import styled as styled
from polars_transferability._task import Task as Task
from polars_transferability._task import task as task
from polars_transferability._verdict import verdict as verdict
from polars_transferability._version import __version__ as __version__
from polars_transferability.bound import transfer_bound as transfer_bound
from polars_transferability.bound import transfer_bounds as transfer_bounds
from polars_transferability.compute.bounds import compute_bounds as compute_bounds
from polars_transferability.compute.curve import compute_curve as compute_curve
from polars_transferability.compute.rank_confidence import rank_confidence as rank_confidence
from polars_transferability.compute.scores import compute_scores as compute_scores
from polars_transferability.compute.summaries import scan_summaries as scan_summaries
from polars_transferability.labels import argmax_labels as argmax_labels
from polars_transferability.labels import pseudo_labels as pseudo_labels
from polars_transferability.labels import softmax as softmax
from polars_transferability.leaderboard.compare import compare as compare
from polars_transferability.leaderboard.join import LeaderboardJoin as LeaderboardJoin
from polars_transferability.leaderboard.join import join_leaderboard as join_leaderboard
from polars_transferability.leaderboard.read import read_leaderboard as read_leaderboard
from polars_transferability.leaderboard.slices import slice_summary as slice_summary
from polars_transferability.pool import combine_pool as combine_pool
from polars_transferability.ranking import Rank as Rank
from polars_transferability.ranking import kendall_tau as kendall_tau
from polars_transferability.ranking import pearson as pearson
from polars_transferability.ranking import regret_at_k as regret_at_k
from polars_transferability.ranking import selection_quality as selection_quality
from polars_transferability.ranking import spearman as spearman
from polars_transferability.ranking import top_k_recall as top_k_recall
from polars_transferability.ranking import weighted_tau as weighted_tau
from polars_transferability.settings import GroundCost as GroundCost
from polars_transferability.settings import Lipschitz as Lipschitz
from polars_transferability.settings import SourceRows as SourceRows
from polars_transferability.settings import Transform as Transform
from polars_transferability.transport import class_wasserstein as class_wasserstein
from polars_transferability.transport import gaussian_wasserstein as gaussian_wasserstein
from polars_transferability.transport import sinkhorn_divergence as sinkhorn_divergence
from polars_transferability.transport import sliced_wasserstein as sliced_wasserstein
from polars_transferability.transport import wasserstein as wasserstein
from polars_transferability.transport import wasserstein_interval as wasserstein_interval

NAMES = sorted(["__version__", *(name for name in globals() if not name.startswith("_"))])
