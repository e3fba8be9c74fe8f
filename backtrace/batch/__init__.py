"""One formula at many points: its rules are recorded once and run on whole columns.

program    the formula's forward and backward pass as a flat list of operations on columns
plan       operations on columns, laid out in few buffers
pieces     some rows
columns    points, read from CSV, JSONL or NPZ in pieces
arrow      points and results as Parquet and Arrow
results    values and gradients, written as CSV, JSONL or NPZ
run        a file in, a file out, in constant memory
"""
