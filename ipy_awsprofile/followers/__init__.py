"""Describe the libraries that a switch must update, with one file for each library or family.

`Follower` in `follower.py` describes the parts of a library's record, and `INDEX` in the same file
maps libraries to files.
"""
