"""Subsets of the DejaVu fonts (see LICENSE) for pictures that are the same everywhere."""
