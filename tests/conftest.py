"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The same properties with fewer examples, where the tests run a second time.
settings.register_profile("again", max_examples=10)
if os.environ.get("REGRADE_TEST_AGAIN"):
    settings.load_profile("again")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the real data, which is not part of the project."""
    told = os.environ.get("REGRADE_TEST_DATA")
    above = [parent / "shared" / "data" for parent in Path(__file__).resolve().parents[2:]]
    for folder in [Path(told)] if told else above:
        if folder.is_dir():
            return folder
    pytest.skip("the real data is not here: set REGRADE_TEST_DATA")
