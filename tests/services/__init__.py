"""Slow tests that need system packages or servers: `make services test-services`."""
