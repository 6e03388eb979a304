"""The commands: each takes what was parsed, calls one function, and prints.

Nothing heavy is imported before a command runs, so that ``--help`` and ``list`` answer at once.
"""
