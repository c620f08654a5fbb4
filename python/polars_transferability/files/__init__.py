"""Files as wholes: texts that are read, and tables and pages that are written all or not at all.

What a file means is not decided here: `tables` knows what embedding tables hold, `leaderboard` what
leaderboards hold.
"""
