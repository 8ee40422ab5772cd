"""Describe the libraries that a switch updates, with one file for each library or group.

Each file defines `Follower` records. The `follower` module describes the fields of a record, and
`INDEX` in that module maps libraries to files.
"""
