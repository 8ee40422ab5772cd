"""Bindings: context managers that let one thing follow a switch, and restore it at the end."""
