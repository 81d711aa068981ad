"""The hubs of these tests."""

from tests.support.small_hub import cache, hub, pointed_at
from tests.support.tiny_hub import built, place

__all__ = ["built", "cache", "hub", "place", "pointed_at"]
