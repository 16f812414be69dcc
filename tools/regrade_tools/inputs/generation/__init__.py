"""Synthetic inputs: combinations of values, texts for them, and which of those are kept."""
