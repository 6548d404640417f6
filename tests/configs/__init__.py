"""Tests of aeflow.configs."""
