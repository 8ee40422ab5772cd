"""One file for each library that a switch has to tell, or for a family with a few lines each.

`Follower` in `follower.py` describes the parts of a record, and `INDEX` there names the files.
"""
