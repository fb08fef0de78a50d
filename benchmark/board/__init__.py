"""The open board: results that others add to, checked from their confusions without running a network."""
