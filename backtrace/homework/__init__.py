"""Somebody's answers held against the trace: right or wrong, where it first went wrong, and why.

answers    NAME=VALUE, dNAME=VALUE and files, kept as they were typed
verdicts   right, rounded early, a sign convention, following from an earlier slip, or wrong
reach      how far rounding every step at so many digits can lead
mistakes   the table of slips, one row each
diagnosis  which slips fit a wrong answer
report     the result as a table, as JSON, as Markdown
"""
