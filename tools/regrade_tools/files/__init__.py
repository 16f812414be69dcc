"""The repository of the user, and the files of ``evals/`` in it."""
