"""The transcript in examples/ is what its session still says."""

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "examples" / "transcript"


def test_the_transcript_is_what_the_session_says_today(tmp_path: Path) -> None:
    """Run with UPDATE=1 to write it; then the diff is the review."""
    kept = FOLDER / "transcript.md"
    path = kept if os.environ.get("UPDATE") else tmp_path / "transcript.md"
    subprocess.run([sys.executable, FOLDER / "session.py", path], check=True)
    assert path.read_text(encoding="utf-8") == kept.read_text(encoding="utf-8")
