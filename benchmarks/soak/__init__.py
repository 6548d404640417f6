"""The soak: tests for faults that appear only in many runs."""
