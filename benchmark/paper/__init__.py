"""The paper's experiments: its numbers, presets of what it did, and ours beside theirs."""
