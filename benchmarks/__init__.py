"""Longer computations, run by hand; their results are stored beside them."""
