"""The platform with its demo target, and a world in it."""

import pytest

from kit.settings import settings
from tests.contract.world import World, make_world
from tests.support.platform import Platform
from tests.support.target import Target


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the sample project can be made."""
    monkeypatch.setenv("ROUNDS_DEMO", "1")
    settings.cache_clear()


@pytest.fixture
async def world(demo: None, platform: Platform, target: Target) -> World:
    """Real objects and a caller of every role."""
    return await make_world(platform, target)
