"""Fixtures that several test modules share."""

import os
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import settings

# Where every test has been run a moment ago, and this run shows that the command for it works.
AGAIN = bool(os.environ.get("REGRADE_TEST_AGAIN"))
settings.register_profile("again", max_examples=10)
if AGAIN:
    settings.load_profile("again")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run a quarter, the same each time, where all have been run already."""
    if AGAIN:
        quarters: tuple[list[pytest.Item], ...] = ([], [], [], [])
        for item in items:
            quarters[crc32(item.nodeid.encode()) % 4].append(item)
        items[:], *left = quarters
        config.hook.pytest_deselected(items=[item for quarter in left for item in quarter])


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
