"""Fixtures that several test modules share."""

import os
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings

from regrade_server.sqlite import SqliteStore

# Where every test is run beside this run, which shows that the command for it works.
AGAIN = bool(os.environ.get("REGRADE_TEST_AGAIN"))
# How long an example takes says more of the machine than of what is tested.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("once", UNTIMED)
settings.register_profile("again", UNTIMED, max_examples=10)
settings.load_profile("again" if AGAIN else "once")

if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers are measured, as processes of the run; what tests start would take twice as long
    # for the few lines that no test reaches in its own process.
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run a tenth, the same each time, where all of them are run anyway."""
    if AGAIN:
        left = [item for item in items if crc32(item.nodeid.encode()) % 10]
        items[:] = [item for item in items if not crc32(item.nodeid.encode()) % 10]
        config.hook.pytest_deselected(items=left)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a store that is not there yet."""
    return tmp_path / ".regrade" / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """The store in ``path``."""
    kept = SqliteStore(path)
    yield kept
    kept.close()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the real data, which is not part of the project."""
    told = os.environ.get("REGRADE_TEST_DATA")
    above = [parent / "shared" / "data" for parent in Path(__file__).resolve().parents[2:]]
    for folder in [Path(told)] if told else above:
        if folder.is_dir():
            return folder
    pytest.skip("the real data is not here: set REGRADE_TEST_DATA")
