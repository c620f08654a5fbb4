"""The `transferability` command.

Results go to standard output, progress and messages to standard error. Exit code 0: done; 1: bad
input, one line; 2: wrong usage; 130: interrupted.
"""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from pathlib import Path

import cyclopts
import polars as pl
from cyclopts import App
from cyclopts.completion import ShellDetectionError

from polars_transferability._door import COMMAND, through
from polars_transferability._version import __version__
from polars_transferability._visible import visible
from polars_transferability.cli.bound import bound
from polars_transferability.cli.check import check
from polars_transferability.cli.curve import curve
from polars_transferability.cli.report import report
from polars_transferability.cli.score import score
from polars_transferability.compute.bounds import compute_bounds
from polars_transferability.compute.curve import compute_curve
from polars_transferability.compute.scores import compute_scores
from polars_transferability.settings import BoundOptions
from polars_transferability.tables.problems import reason

app = App(
    name="transferability",
    help="Which pretrained model transfers to which task, why, and with what guarantee. An option "
    "of several values takes them as --target a b, as --target a,b and as --target a --target b.",
    version=__version__,
)
for command in (bound, score, curve, report, check):
    app.command(command)
app.register_install_completion_command(
    help="Let the Tab key complete commands and options in your shell: writes a file beside the "
    "settings of bash, zsh, fish or PowerShell, and a line that loads it into its start file."
)

# What input can lead to. Polars panics at some damaged files; its panic is no Exception.
_BAD_INPUT = (
    *(pl.exceptions.PolarsError, pl.exceptions.PanicException, RecursionError, MemoryError),
    *(OSError, ValueError, TypeError, ImportError, ShellDetectionError),
)


# The arguments that messages of the computations begin with.
_ARGUMENTS = {
    *inspect.signature(compute_bounds).parameters,
    *inspect.signature(compute_scores).parameters,
    *inspect.signature(compute_curve).parameters,
    *BoundOptions.__annotations__,
}


# Another argument of which a message speaks: no word of a sentence has an underscore.
_OTHER_ARGUMENT = re.compile(rf"(?<![\w'])({'|'.join(n for n in _ARGUMENTS if '_' in n)})(?![\w'])")


def main() -> None:
    """Run the command; turn errors of the input into one line and an exit code."""
    try:
        # Of a bucket that cannot be reached, the error says more.
        warnings.filterwarnings("ignore", message=r"'\(default_\)region' not set")
        with through(COMMAND):
            app(exit_on_error=False, print_error=True)
    except cyclopts.CycloptsError as error:
        if isinstance(error, cyclopts.MissingArgumentError):
            print(_files_after_option(sys.argv[1:]), end="", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("transferability: interrupted", file=sys.stderr)
        sys.exit(130)
    except _BAD_INPUT as error:
        print(f"transferability: {_one_line(error)}", file=sys.stderr)
        sys.exit(1)


def _files_after_option(arguments: list[str]) -> str:
    """Return what to say where an option has taken the files for its values, or nothing."""
    option = ""
    for argument in arguments:
        if argument.startswith("--"):
            option = argument
        elif option and (argument.endswith(".parquet") or Path(argument).exists()):
            return (
                f"transferability: {option} takes all values up to the next option, so "
                f"'{visible(argument)}' was taken for one; write the files before the options\n"
            )
    return ""


def _one_line(error: BaseException) -> str:
    message = reason(error)
    argument, colon, what = message.partition(":")
    if argument in _ARGUMENTS:
        message = f"{_option(argument)}{colon}{_OTHER_ARGUMENT.sub(_named_option, what)}"
    return visible(message)


def _option(argument: str) -> str:
    """Return the option of the command that stands for an argument of Python."""
    return COMMAND.arguments.get(argument, f"--{argument.replace('_', '-')}")


def _named_option(found: re.Match[str]) -> str:
    return _option(found[0])
