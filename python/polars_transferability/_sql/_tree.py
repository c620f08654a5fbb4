"""Parts of a syntax tree."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp


def parts(node: exp.Expr) -> Iterator[exp.Query]:
    """Yield the queries that stand directly within a query, not those within them."""
    for child in node.iter_expressions():
        if isinstance(child, (exp.Select, exp.SetOperation)):
            yield child
        else:
            yield from parts(child)


def own_nodes(node: exp.Expr) -> Iterator[exp.Expr]:
    """Yield a node and all within it but the queries within it."""
    yield node
    for child in node.iter_expressions():
        if not isinstance(child, (exp.Select, exp.SetOperation)):
            yield from own_nodes(child)


def table(name: str) -> exp.Table:
    """Return a table by its exact name."""
    return exp.Table(this=exp.to_identifier(name, quoted=True))


def table_names(query: exp.Expr) -> set[str]:
    """Return the names of all tables that a query reads."""
    return {table.name for table in query.find_all(exp.Table)}
