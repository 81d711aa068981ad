"""The hub of these tests."""

from tests.support.small_hub import cache, hub, pointed_at

__all__ = ["cache", "hub", "pointed_at"]
