"""Whether a change may be merged."""
