"""Two measurements of a suite side by side: runs, baselines, and what is declared."""
