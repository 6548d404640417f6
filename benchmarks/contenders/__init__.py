"""What aeflow is measured beside, each in a process of its own; peers need nothing of ours."""
