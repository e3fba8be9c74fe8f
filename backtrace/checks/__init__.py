"""The cross-check: backprop, SymPy and a measured slope are three independent witnesses.

symbolic   SymPy's derivative of the text, read a second time
numeric    the slope measured through the graph with 60 digits
crosscheck puts the three together
judge      the verdict: agree, lost digits, disagree, wrong at kink, kink or skipped
precise    the same trace with many digits; accuracy: which gate lost them
kinks      which variables pass a kink; whether its two sides have one slope
arrays     the same for arrays; arrayslopes, arraykinks, symbolicarrays, small_copy: its witnesses
           (arrayquestions, arrayanswers: SymPy asked; sharedsymbols, evaluated: its numbers)
rounding   how much of a difference 64-bit floats explain
culprit    which gate is wrong, when they disagree
"""
