"""Queries and expressions within each other: how deep Polars follows, and what is done beyond.

Polars walks expressions and queries by recursion, at a cost that grows faster than their depth,
and a deep chain ends the process. So long chains of AND, OR and || are folded into balanced ones,
queries are evaluated a few levels at a time, and what is still too deep is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import Token, TokenType, exp

from polars_transferability._sql._errors import QueryError
from polars_transferability._sql._functions import is_call
from polars_transferability._sql._text import Text, span_of
from polars_transferability._sql._tree import own_nodes

# Operators for which (a o b) o c is a o (b o c), and how many operands of them stay in a chain.
_ASSOCIATIVE = (exp.And, exp.Or, exp.DPipe)
_CHAIN = 64
# How deep an expression may be: from 256 levels on, Polars runs out of a stack of 512 kB, which
# threads have on some systems.
_DEEPEST = 200
# How far the parser of Polars goes down, which takes chains of operators in its stride. Beyond, it
# fails at some syntax, and at some its time doubles with each level. These nodes are no levels.
_PARSED = 48
_FLAT = (exp.Alias, exp.Where, exp.From, exp.Join, exp.If, exp.Order, exp.Ordered, exp.Filter)
# How many branches of CASE weigh as much as one level.
_BRANCHES = 4
# How many queries within each other, or common table expressions, one run of Polars SQL gets.
_LEVELS = 8
_APART = "apart"


def prepare(tree: exp.Query, text: Text) -> bool:
    """Bring a query to a depth that Polars follows, in place.

    Queries within it that are to be evaluated on their own are marked for `is_apart`.

    Returns
    -------
    bool
        Whether anything was changed or marked.
    """
    folded = _fold_chains(tree)
    marked = _mark_apart(tree)
    _check_depth(tree, text)
    return folded or marked


def is_apart(query: exp.Expr) -> bool:
    """Say whether a query within another is evaluated on its own."""
    return bool(query.meta.get(_APART))


def too_deep(text: Text, tokens: Sequence[Token]) -> QueryError:
    """Return the error for a query that is nested too deeply; it points at the innermost place."""
    depth, deepest, place = 0, 0, tokens[0]
    for token in tokens:
        if token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.CASE):
            depth += 1
            if depth > deepest:
                deepest, place = depth, token
        elif token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.END):
            depth -= 1
    return text.error(TOO_DEEP, place.start, place.end)


TOO_DEEP = (
    "the query is nested too deeply here; give parts of it a name before: "
    "WITH part AS (SELECT ... AS value FROM ...) SELECT ... value ..."
)


def _fold_chains(tree: exp.Query) -> bool:
    chains = [
        (node, operands)
        for node in tree.find_all(*_ASSOCIATIVE)
        if not (type(node.parent) is type(node) and node.arg_key == "this")
        and len(operands := _operands(node)) > _CHAIN
    ]
    for node, operands in chains:
        # The innermost come last, and replace nodes that stand in the operands of others.
        node.replace(_balanced(node, operands))
    return bool(chains)


def _operands(node: exp.Expr) -> list[exp.Expr]:
    found = []
    part = node
    while type(part) is type(node):
        found.append(part.expression)
        part = part.this
    return [part, *reversed(found)]


def _balanced(node: exp.Expr, operands: list[exp.Expr]) -> exp.Expr:
    if len(operands) == 1:
        return operands[0]
    middle = len(operands) // 2
    sides = (_balanced(node, operands[:middle]), _balanced(node, operands[middle:]))
    this, expression = (exp.Paren(this=s) if type(s) is type(node) else s for s in sides)
    return type(node)(**{**node.args, "this": this, "expression": expression})


def _check_depth(tree: exp.Query, text: Text) -> None:
    stack: list[tuple[exp.Expr, int, int]] = [(tree, 0, 0)]
    while stack:
        node, depth, parsed = stack.pop()
        if depth > _DEEPEST or parsed > _PARSED:
            raise text.error_at(TOO_DEEP, node if span_of(node) else tree)
        below = 0 if isinstance(node, exp.Query) else depth + _levels_of(node)
        for child in node.iter_expressions():
            in_chain = isinstance(node, exp.Binary) and child.arg_key == "this"
            level = 0 if in_chain or isinstance(child, _FLAT) else 1
            stack.append((child, below, 0 if is_apart(child) else parsed + level))


def _levels_of(node: exp.Expr) -> int:
    """Return how many levels Polars makes of a node."""
    if isinstance(node, exp.Case):
        return 1 + len(node.args["ifs"]) // _BRANCHES
    if isinstance(node, exp.In) and not all(isinstance(e, exp.Literal) for e in node.expressions):
        return len(node.expressions)
    return 1


def _mark_apart(tree: exp.Query) -> bool:
    """Mark queries with calls of our own or tables of their own, and every so many levels."""
    levels: dict[int, int] = {}
    marked = len(tree.ctes) > _LEVELS
    for node in reversed(list(tree.dfs())):
        below = levels.get(id(node), 0)
        if isinstance(node, (exp.Select, exp.SetOperation)):
            below += 1
            if node is not tree and (
                "with_" in node.args
                or (below >= _LEVELS and _stands_alone(node))
                or (isinstance(node, exp.Select) and any(map(is_call, own_nodes(node))))
            ):
                node.meta[_APART] = marked = True
                below = 0
        if node.parent is not None:
            above = id(node.parent)
            levels[above] = max(levels.get(above, 0), below)
    return marked


def _stands_alone(query: exp.Expr) -> bool:
    """Say whether a query cannot read columns of the queries around it."""
    holder = query.parent
    if isinstance(holder, exp.SetOperation):
        return True
    return isinstance(holder, exp.Subquery) and isinstance(holder.parent, (exp.From, exp.Join))
