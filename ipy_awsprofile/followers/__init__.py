"""Describe the libraries that a switch must update: one file for each library or family.

`Follower` in `follower.py` describes the parts of a record, and `INDEX` there names the files.
"""
