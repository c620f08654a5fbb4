"""The `transferability` command: one file per command, and what they share.

`main` puts the commands together and turns errors into an exit code, `options` holds the options
that several commands have, `output` writes and prints results. A command reads its options, calls
the public function that does the work, and prints what it returns. Nothing is computed here, and
nothing but `__main__` imports from here.
"""
