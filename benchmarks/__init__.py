"""Speed, measured in one interleaved run beside what a user would write instead."""
