"""Benchmarks that compare aeflow, in one interleaved run, with what a user would write instead."""
