"""Tests of the record of calls."""
