"""The names of the bindings, in a separate file: loading the extension must not import bindings."""

#: In the order in which they are entered.
BINDINGS = ("namespace", "default_session", "environment", "filesystems")
