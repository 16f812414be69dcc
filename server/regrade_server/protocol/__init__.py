"""The Model Context Protocol: what clients see of Regrade, in both eras."""
