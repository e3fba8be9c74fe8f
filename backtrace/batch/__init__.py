"""One formula at many points: its rules are recorded once and run on whole columns.

program    the formula's forward and backward pass as a flat list of operations on columns
columns    points, read from CSV, JSONL or NPZ in pieces
results    values and gradients, written as CSV, JSONL or NPZ
run        a file in, a file out, in constant memory
"""
