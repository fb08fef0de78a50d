"""What the scores of runs say: ranks, comparisons, gates and their tables."""
