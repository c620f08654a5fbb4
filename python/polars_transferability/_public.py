"""Everything that the package offers, by the names under which it does."""

from polars_transferability import _expressions
from polars_transferability._expressions import *  # noqa: F403
from polars_transferability._report import Report, report
from polars_transferability._sql import QueryError, sql
from polars_transferability._task import Task, task
from polars_transferability._verdict import verdict
from polars_transferability._version import __version__
from polars_transferability.compute.bounds import compute_bounds
from polars_transferability.compute.scores import compute_scores
from polars_transferability.leaderboard.compare import compare
from polars_transferability.leaderboard.join import LeaderboardJoin, join_leaderboard
from polars_transferability.leaderboard.read import read_leaderboard
from polars_transferability.pool import combine_pool
from polars_transferability.ranking import Rank
from polars_transferability.settings import GroundCost, Lipschitz, Transform

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
    "combine_pool",
    "compare",
    "compute_bounds",
    "compute_scores",
    "join_leaderboard",
    "read_leaderboard",
    "report",
    "sql",
    "task",
    "verdict",
]
__all__ += _expressions.__all__
