"""Polars SQL as a dialect of sqlglot: what is parsed is written out again as it was.

Functions are not interpreted: their names and arguments stay what they are, because only Polars
knows what its functions mean.
"""

from __future__ import annotations

from typing import Any

from sqlglot import ErrorLevel, TokenType, exp, generator, parser, tokens
from sqlglot.dialects.dialect import Dialect, trim_sql

# Names of types that sqlglot would take for others: to Polars, FLOAT has 64 bits,
# REAL 32, and INT8 has 8 bytes. DIV is a function there, not an operator.
_AS_WRITTEN = {"REAL", "FLOAT4", "INT8", "DIV"}


def _infix(operator: str) -> Any:
    return lambda self, expression: self.binary(expression, operator)


def _type(self: Any, type_: exp.DataType) -> str:
    if not type_.is_type(exp.DType.ARRAY):
        return str(self.datatype_sql(type_))
    width = ", ".join(self.sql(value) for value in type_.args.get("values") or ())
    return f"{self.expressions(type_, flat=True)}[{width}]"


class PolarsSQL(Dialect):
    """What Polars SQL accepts, as far as sqlglot's own dialect differs from it."""

    NULL_ORDERING = "nulls_are_large"
    SUPPORTS_FIXED_SIZE_ARRAYS = True

    def to_json_path(self, path: Any) -> Any:
        """Keep `field -> 'name'` as it is: here it reads a field of a struct."""
        return path

    class Tokenizer(tokens.Tokenizer):
        """Two kinds of quoted identifiers, and the integer division `//`."""

        IDENTIFIERS = ['"', "`"]  # noqa: RUF012
        KEYWORDS = {  # noqa: RUF012
            **{
                word: kind
                for word, kind in tokens.Tokenizer.KEYWORDS.items()
                if word not in _AS_WRITTEN
            },
            "//": TokenType.DIV,
            "REGEXP": TokenType.RLIKE,
        }

    class Parser(parser.Parser):
        """Only what is written with words between the arguments has a node of its own."""

        FUNCTIONS = {}  # noqa: RUF012
        FUNCTION_PARSERS = {  # noqa: RUF012
            name: parser.Parser.FUNCTION_PARSERS[name]
            for name in ("CAST", "TRY_CAST", "EXTRACT", "SUBSTRING", "TRIM")
        }
        NO_PAREN_FUNCTION_PARSERS = {  # noqa: RUF012
            name: parser.Parser.NO_PAREN_FUNCTION_PARSERS[name] for name in ("ANY", "CASE")
        }
        RANGE_PARSERS = {  # noqa: RUF012
            **parser.Parser.RANGE_PARSERS,
            TokenType.TILDE: parser.binary_range_parser(exp.RegexpLike),
        }

    class Generator(generator.Generator):
        """Operators as Polars writes them."""

        TRANSFORMS = {  # noqa: RUF012
            **generator.Generator.TRANSFORMS,
            exp.DataType: lambda self, type_: _type(self, type_),
            exp.Array: lambda self, array: f"[{self.expressions(array, flat=True)}]",
            exp.IntDiv: _infix("//"),
            exp.JSONExtract: _infix("->"),
            exp.JSONExtractScalar: _infix("->>"),
            exp.RegexpILike: _infix("~*"),
            exp.RegexpLike: _infix("~"),
            exp.Trim: trim_sql,
        }


def written(node: exp.Expr) -> str:
    """Return `node` as Polars SQL.

    Examples
    --------
    >>> import sqlglot
    >>> written(sqlglot.parse_one("SELECT Count(*), s->'f', x::REAL FROM t", dialect=PolarsSQL))
    "SELECT Count(*), s -> 'f', CAST(x AS REAL) FROM t"
    """
    return node.sql(
        dialect=PolarsSQL,
        normalize_functions=False,
        comments=False,
        # What cannot be written must not be left out.
        unsupported_level=ErrorLevel.RAISE,
    )
