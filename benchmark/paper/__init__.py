"""The paper's experiments: published scores, presets, and comparison with ours."""
