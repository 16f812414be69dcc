"""Runs: started, answered, scored, kept, replayed and told."""
