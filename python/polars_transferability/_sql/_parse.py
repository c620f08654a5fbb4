"""From the text of a query to its syntax tree.

One statement that asks for rows is a query; every other statement is refused. Queries in
parentheses are parsed from the inside out, each on its own, so that any number of them may stand
within each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import sqlglot
from sqlglot import Token, TokenType, exp

from polars_transferability._sql._dialect import PolarsSQL
from polars_transferability._sql._errors import QueryError
from polars_transferability._sql._functions import near
from polars_transferability._sql._text import Text

_QUERY_STARTS = {
    TokenType.SELECT: "SELECT",
    TokenType.WITH: "WITH",
    TokenType.FROM: "FROM",
    TokenType.VALUES: "VALUES",
    TokenType.L_PAREN: "(",
}
# How sqlglot writes a word of a query in what it says.
_TOKEN = re.compile(r"<Token token_type: TokenType\.(?P<kind>\w+), text: (?P<text>.*?), line: .*?>")
# How it says that a clause lacks what it is about.
_LACKING = re.compile(r"Required keyword: '\w+' missing for <class '.*'>")
# What Polars SQL answers with rows without being a query.
_SHOWN = re.compile(r"SHOW\s+TABLES|EXPLAIN\s+(SELECT|WITH|FROM|VALUES)\b.*", re.I | re.S)


def query_tokens(text: Text) -> list[Token]:
    """Return the words of the one query that a text has; raise QueryError for what is no query."""
    try:
        tokens = sqlglot.tokenize(text.query, read=PolarsSQL)
    except sqlglot.errors.TokenError as error:
        raise _unfinished(error, text) from error
    statements = _statements(tokens)
    if not statements:
        msg = "the query is empty"
        raise QueryError(msg)
    if len(statements) > 1:
        second = statements[1][0]
        reason = f"expected one query, found {len(statements)}; run each of them alone"
        raise text.error(reason, second.start, second.end)
    first = statements[0][0]
    word = first.text.upper()
    shown = text.query[first.start : statements[0][-1].end + 1]
    if not is_query(statements[0]) and not _SHOWN.fullmatch(shown):
        reason = (
            f"{word} is no query: a query begins with SELECT, WITH, FROM or VALUES, and only reads"
        )
        # What is no word of SQL may be one with a slip.
        hint = near(word, _QUERY_STARTS.values()) if first.token_type == TokenType.VAR else ""
        raise text.error(f"{reason}{hint}", first.start, first.end)
    return statements[0]


def is_query(tokens: Sequence[Token]) -> bool:
    """Say whether a statement is a query, not SHOW or EXPLAIN."""
    return tokens[0].token_type in _QUERY_STARTS


def parse(tokens: Sequence[Token], text: Text) -> exp.Query:
    """Return the syntax tree of a query."""
    levels: list[list[Token]] = [[]]
    inner: list[exp.Query] = []
    opened: list[bool] = []
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.token_type == TokenType.R_PAREN and opened and opened.pop():
            inner.append(_parse_level(levels.pop(), inner, text))
            levels[-1] += _placeholder(len(inner) - 1, token)
        levels[-1].append(token)
        if token.token_type == TokenType.L_PAREN:
            begins_query = after is not None and after.token_type in (
                TokenType.SELECT,
                TokenType.WITH,
            )
            opened.append(begins_query)
            if begins_query:
                levels.append([])
    # What is not closed stays where it is, and the parser says so.
    return _parse_level([token for level in levels for token in level], inner, text)


def _parse_level(tokens: list[Token], inner: list[exp.Query], text: Text) -> exp.Query:
    if tokens and tokens[-1].token_type == TokenType.GROUP_BY:
        # sqlglot takes it for no GROUP BY.
        raise text.error("GROUP BY names no column", tokens[-1].start, tokens[-1].end)
    try:
        trees = PolarsSQL().parser().parse(tokens, text.query)
    except sqlglot.errors.ParseError as error:
        raise _syntax_error(error, text) from error
    tree = trees[0] if trees else None
    if not isinstance(tree, exp.Query):
        start, end = (tokens[0].start, tokens[0].end) if tokens else (0, 0)
        raise text.error("the syntax is not understood: expected a query", start, end)
    for name in list(tree.find_all(exp.Identifier)):
        if name.meta.get("start", 0) < 0:
            stands_for = name.find_ancestor(exp.Select)
            assert stands_for is not None
            stands_for.replace(inner[-1 - name.meta["start"]])
    return tree


def _placeholder(place: int, token: Token) -> list[Token]:
    """Return `SELECT name`, which stands for a query that is parsed; no name starts below 0."""
    kinds = {TokenType.SELECT: "SELECT", TokenType.VAR: "query"}
    start = -1 - place
    return [Token(kind, text, token.line, token.col, start, start) for kind, text in kinds.items()]


def _statements(tokens: list[Token]) -> list[list[Token]]:
    statements: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            statements.append([])
        else:
            statements[-1].append(token)
    return [statement for statement in statements if statement]


def _unfinished(error: sqlglot.errors.TokenError, text: Text) -> QueryError:
    match = re.fullmatch(r"Missing (.+) from (\d+):(\d+)", str(error.__cause__))
    if match is None:
        return QueryError(f"the syntax is not understood: {error}")
    start = text.offset(int(match[2]), int(match[3])) + 1
    return text.error(f"what begins here lacks its closing {match[1]}", start, start)


def _as_read(token: re.Match[str]) -> str:
    return "the end of the query" if token["kind"] == "SENTINEL" else repr(token["text"])


def _syntax_error(error: sqlglot.errors.ParseError, text: Text) -> QueryError:
    first = error.errors[0] if error.errors else {}
    word = first.get("highlight") or " "
    if not first.get("line") or not first.get("col"):
        return QueryError(str(error).partition("\n")[0])
    # sqlglot gives the column in which the word ends.
    end = text.offset(first["line"], first["col"])
    described = _TOKEN.sub(_as_read, _LACKING.sub("something is missing", first["description"]))
    reason = f"the syntax is not understood: {described}"
    return text.error(reason, max(0, end - len(word) + 1), end)
