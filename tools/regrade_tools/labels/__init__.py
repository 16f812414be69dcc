"""Labels: drawn, given by people, signed and kept."""
