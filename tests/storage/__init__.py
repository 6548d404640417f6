"""Tests of aeflow.storage."""
