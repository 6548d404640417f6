"""The contenders, each a separate process; peers import nothing of aeflow."""
