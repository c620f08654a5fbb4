"""The command `transferability`, before anything that takes long is imported.

An interrupt is an exit code from the first moment on, and no traceback.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Import and run the command."""
    if sys.argv[1:] == ["--version"]:
        # It takes a tenth of the time without the command, and tells what the command would.
        from polars_transferability._version import __version__

        print(__version__)
        return
    try:
        _run()
    except KeyboardInterrupt:
        _leave()


def _run() -> None:
    import signal

    # Python prints and forgets an interrupt that comes within its import system.
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from polars_transferability.cli.main import main as run

    signal.signal(signal.SIGINT, interrupted)
    run()


def _leave(*_: object) -> None:
    """End at once; while modules are imported there is nothing to clean up."""
    os.write(2, b"transferability: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    main()
