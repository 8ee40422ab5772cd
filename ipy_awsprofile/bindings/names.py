"""The names of the bindings, alone in a file: loading the extension imports no binding."""

#: In the order in which they are entered.
BINDINGS = ("namespace", "default_session", "environment", "filesystems")
