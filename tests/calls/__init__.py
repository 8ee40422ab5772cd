"""Tests for the record of calls."""
