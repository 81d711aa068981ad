"""Engines in a cluster: without Ray as far as that goes, and with it on one machine."""
