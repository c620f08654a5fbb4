"""Parts of a syntax tree."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp


def own_nodes(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield a node and all within it but the queries within it."""

    def is_within(part: exp.Expr) -> bool:
        return part is not node and isinstance(part, (exp.Select, exp.SetOperation))

    return (part for part in node.dfs(prune=is_within) if not is_within(part))


def table(name: str) -> exp.Table:
    """Return a table by its exact name."""
    return exp.Table(this=exp.to_identifier(name, quoted=True))


def table_names(query: exp.Expr) -> set[str]:
    """Return the names of all tables that a query reads."""
    return {table.name for table in query.find_all(exp.Table)}
