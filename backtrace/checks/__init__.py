"""The cross-check: backprop, SymPy and a measured slope are three independent witnesses.

symbolic   SymPy's derivative of the text, read a second time
numeric    the slope measured through the graph with 60 digits
crosscheck puts the three together
judge      the verdict: agree, disagree, kink or skipped
kinks      which variables have no derivative to compare
arrays     the same for arrays; arrayslopes, symbolicarrays, standin: its witnesses
rounding   how much of a difference 64-bit floats explain
culprit    which gate is wrong, when they disagree
"""
